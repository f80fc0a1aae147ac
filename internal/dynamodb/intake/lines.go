package intake

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// lines reads lines of JSON, {"Item": {"id": {"S": "…"}}}, as exports write them. Lines
// without anything but blanks do not count.
type lines struct {
	from *bufio.Reader
	json *jx.Decoder
	line []byte
}

func newLines(r io.Reader) *lines {
	return &lines{from: bufio.NewReaderSize(r, 64<<10), json: jx.DecodeBytes(nil)}
}

var (
	errNoItem = errors.New(`a line is not of the form {"Item": {…}}`)
	errUTF8   = errors.New("a record is not text in UTF-8")
)

// read reads the next line that has something.
func (l *lines) read() error {
	for {
		l.line = l.line[:0]
		for {
			part, err := l.from.ReadSlice('\n')
			l.line = append(l.line, part...)
			if len(l.line) > MaxRecord {
				return unreadable(errLong)
			}
			if err == nil {
				break
			}
			if err == io.EOF && len(bytes.TrimSpace(l.line)) > 0 {
				break
			}
			if err == io.EOF {
				return io.EOF
			}
			if err != bufio.ErrBufferFull {
				return unreadable(err)
			}
		}
		if l.line = bytes.TrimSpace(l.line); len(l.line) > 0 {
			return nil
		}
	}
}

func (l *lines) skip() error { return l.read() }

func (l *lines) next() (a dynamodb.Attributes, err error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	if !utf8.Valid(l.line) {
		return nil, unreadable(errUTF8)
	}
	l.json.ResetBytes(l.line)
	found := false
	if l.json.Next() != jx.Object {
		return nil, unreadable(errNoItem)
	}
	err = l.json.Obj(func(d *jx.Decoder, name string) error {
		if name != "Item" || d.Next() != jx.Object {
			return d.Skip()
		}
		found = true
		a = nil
		return a.DecodeJSON(d)
	})
	if err == nil && !found {
		err = errNoItem
	}
	if err == nil && l.json.Skip() != io.EOF {
		err = errNoItem
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return a, nil
}
