// Package tuple encodes keys. The bytes of two tuples compare as the tuples do,
// element by element, whatever the elements contain.
//
// An element is written as a tag and its content; a string or byte element ends
// with 0x00, and a 0x00 inside is written 0x00 0xFF. A tuple that is a prefix of
// another sorts before it. Every key of the store is a tuple whose first element
// is the name of the room that it belongs to.
package tuple

import (
	"encoding/binary"
	"errors"
	"slices"
)

const (
	tagBytes  = 0x02
	tagString = 0x03
	tagUint   = 0x05 // a fixed-width, big-endian uint64

	terminator = 0x00
	escaped    = 0xFF
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

// String reads a string element off the front of b and returns the rest.
func String(b []byte) (string, []byte, error) {
	content, rest, err := cut(b, tagString)
	return string(content), rest, err
}

// Bytes reads a byte element off the front of b and returns the rest.
func Bytes(b []byte) ([]byte, []byte, error) { return cut(b, tagBytes) }

// Uint reads a number off the front of b and returns the rest.
func Uint(b []byte) (uint64, []byte, error) {
	if len(b) < 9 || b[0] != tagUint {
		return 0, nil, ErrMalformed
	}
	return binary.BigEndian.Uint64(b[1:9]), b[9:], nil
}

// Below returns the end of the range of all keys that extend the tuple prefix by
// at least one element: [prefix, Below(prefix)). It may share prefix's array.
func Below(prefix []byte) []byte {
	return append(slices.Clip(prefix), 0xFF)
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

func cut(b []byte, tag byte) (content, rest []byte, err error) {
	if len(b) == 0 || b[0] != tag {
		return nil, nil, ErrMalformed
	}
	content = make([]byte, 0, len(b)-2)
	for i := 1; i < len(b); i++ {
		if b[i] != terminator {
			content = append(content, b[i])
			continue
		}
		if i+1 == len(b) || b[i+1] != escaped {
			return content, b[i+1:], nil
		}
		content = append(content, terminator)
		i++
	}
	return nil, nil, ErrMalformed
}
