package npm

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// maxDocument is how many bytes a published document may have beside its attachments.
const maxDocument = 16 << 20

// split reads a JSON document and returns it without the texts of
// _attachments.*.data, each of which goes through base64 to attachment instead, as it
// comes: a tarball of gigabytes takes no memory. In the document an empty text stands in
// its place. That the rest is JSON, who parses it sees.
func split(r io.Reader, attachment func(name string, body io.Reader) error) ([]byte, error) {
	s := splitter{in: bufio.NewReaderSize(r, 64<<10), attachment: attachment}
	err := s.run()
	return s.out.Bytes(), err
}

type splitter struct {
	in         *bufio.Reader
	out        bytes.Buffer
	attachment func(string, io.Reader) error
	path       []level // the objects and arrays that are open
}

// level is an object or an array; of an object, the key of the member that is read.
type level struct {
	object  bool
	key     string
	waiting bool // of an object: a key comes next
}

var (
	errLarge = fmt.Errorf("the document has more than %d bytes beside its attachments", maxDocument)
	errDeep  = errors.New("the document is nested too deeply")
	errEnd   = errors.New("the document ends too early")
)

const maxLevels = 1000

func (s *splitter) run() error {
	for {
		c, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.out.Len() >= maxDocument {
			return errLarge
		}
		switch c {
		case '"':
			if err := s.text(); err != nil {
				return err
			}
			continue
		case '{', '[':
			if len(s.path) >= maxLevels {
				return errDeep
			}
			s.path = append(s.path, level{object: c == '{', waiting: c == '{'})
		case '}', ']':
			if len(s.path) > 0 {
				s.path = s.path[:len(s.path)-1]
			}
		case ',':
			if top := s.top(); top != nil && top.object {
				top.waiting = true
			}
		}
		s.out.WriteByte(c)
	}
}

func (s *splitter) top() *level {
	if len(s.path) == 0 {
		return nil
	}
	return &s.path[len(s.path)-1]
}

// text reads a text whose quote was read: a key, an attachment, or another.
func (s *splitter) text() error {
	top := s.top()
	if top != nil && !top.waiting && len(s.path) == 3 && s.path[0].key == "_attachments" && top.object && top.key == "data" {
		name := s.path[1].key
		body := &quoted{in: s.in}
		if err := s.attachment(name, base64.NewDecoder(base64.StdEncoding, body)); err != nil {
			return err
		}
		// What the attachment's reader left is not wanted.
		if _, err := io.Copy(io.Discard, body); err != nil {
			return err
		}
		s.out.WriteString(`""`)
		return nil
	}
	begin := s.out.Len()
	s.out.WriteByte('"')
	for escaped := false; ; {
		c, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return errEnd
		}
		if err != nil {
			return err
		}
		if s.out.Len() >= maxDocument {
			return errLarge
		}
		s.out.WriteByte(c)
		if c == '"' && !escaped {
			break
		}
		escaped = c == '\\' && !escaped
	}
	if top != nil && top.waiting {
		// A key with escapes is not one of the two that matter, in any document that a
		// client writes.
		top.key, top.waiting = string(s.out.Bytes()[begin+1:s.out.Len()-1]), false
	}
	return nil
}

// quoted is what a JSON text has, up to its closing quote. Base64 has nothing that JSON
// must escape; but some writers escape '/'.
type quoted struct {
	in    *bufio.Reader
	ended bool
}

func (q *quoted) Read(p []byte) (int, error) {
	if q.ended {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) {
		if n > 0 && q.in.Buffered() == 0 {
			break
		}
		c, err := q.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return n, errEnd
		}
		if err != nil {
			return n, err
		}
		switch c {
		case '"':
			q.ended = true
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		case '\\':
			// What follows stands for itself: '/' in base64; in other texts, which nobody
			// reads, a quote above all.
			if c, err = q.in.ReadByte(); errors.Is(err, io.EOF) {
				return n, errEnd
			} else if err != nil {
				return n, err
			}
		}
		p[n] = c
		n++
	}
	return n, nil
}
