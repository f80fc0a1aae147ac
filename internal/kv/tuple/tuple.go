// Package tuple encodes keys. The bytes of two tuples compare as the tuples do,
// element by element, whatever the elements contain.
//
// An element is written as a tag and its content. A string or byte element ends
// with 0x00, and a 0x00 inside is written 0x00 0xFF; a number is 8 bytes,
// big-endian. Bytes sort before strings, and strings before numbers. A tuple that
// is a prefix of another sorts before it. Every key of the store is a tuple whose
// first element is the name of the room that it belongs to.
//
// A content of n bytes takes n+2, and one more for each 0x00 in it: at worst 2n+2.
package tuple

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
)

const (
	tagBytes  = 0x02
	tagString = 0x03
	tagUint   = 0x05 // a fixed-width, big-endian uint64

	terminator = 0x00
	escaped    = 0xFF // after a terminator that is content; above every tag
)

// ErrMalformed says that bytes are not an encoded tuple of the expected form.
var ErrMalformed = errors.New("tuple: malformed key")

// Of returns the encoded tuple of the given strings.
func Of(elems ...string) []byte {
	n := 0
	for _, e := range elems {
		n += len(e) + 2
	}
	dst := make([]byte, 0, n)
	for _, e := range elems {
		dst = AppendString(dst, e)
	}
	return dst
}

// AppendString appends a string element to the tuple dst.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, tagString)
	return appendEscaped(dst, s)
}

// AppendBytes appends a byte element to the tuple dst.
func AppendBytes(dst, b []byte) []byte {
	dst = append(dst, tagBytes)
	return appendEscaped(dst, b)
}

// AppendUint appends a number to the tuple dst.
func AppendUint(dst []byte, u uint64) []byte {
	dst = append(dst, tagUint)
	return binary.BigEndian.AppendUint64(dst, u)
}

// AppendUintTag begins a number whose 8 bytes are added by others. With it as the
// prefix, kv's PutStamped writes a key that is a tuple with the stamp as a number.
func AppendUintTag(dst []byte) []byte { return append(dst, tagUint) }

// String reads a string element off the front of b and returns the rest, which
// shares b's array.
func String(b []byte) (string, []byte, error) {
	content, rest, err := cut(b, tagString)
	return string(content), rest, err
}

// Bytes reads a byte element off the front of b and returns the rest. The element
// is the caller's; the rest shares b's array.
func Bytes(b []byte) ([]byte, []byte, error) {
	content, rest, err := cut(b, tagBytes)
	return bytes.Clone(content), rest, err
}

// Uint reads a number off the front of b and returns the rest, which shares b's
// array.
func Uint(b []byte) (uint64, []byte, error) {
	if len(b) < 9 || b[0] != tagUint {
		return 0, nil, ErrMalformed
	}
	return binary.BigEndian.Uint64(b[1:9]), b[9:], nil
}

// Below returns the end of the range of keys that are below the tuple prefix: the
// range [prefix, Below(prefix)) holds the prefix itself and every tuple that extends
// it. It has an array of its own.
func Below(prefix []byte) []byte {
	return append(slices.Clip(prefix), escaped)
}

func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	for i := range len(s) {
		dst = append(dst, s[i])
		if s[i] == terminator {
			dst = append(dst, escaped)
		}
	}
	return append(dst, terminator)
}

// cut cuts an element off the front of b. The content shares b's array if nothing
// in it was escaped.
func cut(b []byte, tag byte) (content, rest []byte, err error) {
	if len(b) == 0 || b[0] != tag {
		return nil, nil, ErrMalformed
	}
	b = b[1:]
	whole := true // the content is one piece of b so far
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], terminator)
		if i < 0 {
			return nil, nil, ErrMalformed
		}
		end := from + i
		last := end+1 == len(b) || b[end+1] != escaped
		switch {
		case last && whole:
			content = b[:end:end]
		case last:
			content = append(content, b[from:end]...)
		default:
			content = append(content, b[from:end+1]...)
		}
		if last {
			return content, b[end+1:], nil
		}
		whole = false
		from = end + 2
	}
}
