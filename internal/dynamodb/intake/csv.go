package intake

import (
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// CSV says how CSV is to be read.
type CSV struct {
	Delimiter rune // ',' if zero
	// Header are the names of the columns. If there are none, the first line of each
	// object has them.
	Header []string
	// Types are those of attributes of keys: all other columns are strings.
	Types map[string]dynamodb.Type
}

// rows reads the rows of one object.
type rows struct {
	*CSV
	from    *csv.Reader
	columns []string
}

// open reads the header of an object, if that has one.
func (c *CSV) open(r io.Reader) (*rows, error) {
	rows := &rows{c, csv.NewReader(r), c.Header}
	rows.from.ReuseRecord = true
	if c.Delimiter != 0 {
		rows.from.Comma = c.Delimiter
	}
	rows.from.FieldsPerRecord = len(c.Header)
	if c.Header == nil {
		header, err := rows.from.Read()
		switch {
		case err == io.EOF: // an object without anything has no rows
			return rows, nil
		case err != nil:
			return nil, unreadable(err)
		}
		rows.columns = append([]string(nil), header...)
	}
	seen := map[string]bool{}
	for _, name := range rows.columns {
		if name == "" || seen[name] || !utf8.ValidString(name) {
			return nil, unreadable(fmt.Errorf("the header has no name, or one twice: %.100q", name))
		}
		seen[name] = true
	}
	return rows, nil
}

// read reads a row. One of another number of columns is an error of its own; what is not
// CSV at all ends the object.
func (r *rows) read() ([]string, error) {
	record, err := r.from.Read()
	switch {
	case err == nil || err == io.EOF:
		return record, err
	case errors.Is(err, csv.ErrFieldCount):
		return nil, api.ValidationException("The row has %d columns, the header %d", len(record), len(r.columns))
	}
	return nil, unreadable(err)
}

func (r *rows) skip() error {
	_, err := r.read()
	if _, ok := errors.AsType[*api.Error](err); ok {
		return nil
	}
	return err
}

// next makes an item of a row. An attribute of a key without a value is left out.
func (r *rows) next() (dynamodb.Attributes, error) {
	record, err := r.read()
	if err != nil {
		return nil, err
	}
	var a dynamodb.Attributes
	for i, name := range r.columns {
		text := record[i]
		if !utf8.ValidString(text) {
			return nil, unreadable(errUTF8)
		}
		v := dynamodb.AttributeValue{Type: dynamodb.TypeS, S: text}
		if t, ok := r.Types[name]; ok {
			if v.Type = t; text == "" {
				continue
			}
		}
		if v.Type == dynamodb.TypeB {
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, api.ValidationException("The column %s is a key of type B and has no base64", name)
			}
			v.S = string(b)
		}
		a = a.Set(name, v)
	}
	return a, nil
}
