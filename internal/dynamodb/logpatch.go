package dynamodb

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// patch is an item in a form that says how it differs from the one that it took the
// place of. Most changes leave most of an item as it is, and its JSON has the
// attributes in one order: so it begins and ends like the other one, and what lies
// between is small. A log of both images has thereby half the size.
//
//	how many bytes are alike at the beginning | at the end | the item's header | what is between
type patch struct {
	head, tail int
	header     item.Stored // of the item: enough of it to tell its size
	between    []byte
}

// patchOf is what new differs by from old.
func patchOf(old, new item.Stored) patch {
	was, is := old.JSON(), new.JSON()
	p := patch{header: new[:len(new)-len(is)]}
	p.head = alike(was, is)
	was, is = was[p.head:], is[p.head:]
	for p.tail < min(len(was), len(is)) && was[len(was)-1-p.tail] == is[len(is)-1-p.tail] {
		p.tail++
	}
	p.between = is[:len(is)-p.tail]
	return p
}

// alike returns how many bytes a and b begin with in common.
func alike(a, b []byte) (n int) {
	most := min(len(a), len(b))
	for ; n+8 <= most; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}

// append adds the stored form of p to b.
func (p patch) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(p.head))
	b = binary.AppendUvarint(b, uint64(p.tail))
	b = append(b, p.header...)
	return append(b, p.between...)
}

// decodePatch is the reverse of append, for a patch of old. What it returns shares the
// bytes of b.
func decodePatch(old item.Stored, b []byte) (p patch, err error) {
	if old == nil {
		return p, errMalformedLog
	}
	for _, n := range []*int{&p.head, &p.tail} {
		u, read := binary.Uvarint(b)
		if read <= 0 || u > uint64(len(old.JSON())) {
			return p, errMalformedLog
		}
		*n, b = int(u), b[read:]
	}
	header := len(old) - len(old.JSON())
	if p.head+p.tail > len(old.JSON()) || len(b) < header {
		return p, errMalformedLog
	}
	p.header, p.between = b[:header], b[header:]
	_, err = item.Open(p.header)
	return p, err
}

// size is the size of the item that p makes of old, and json its JSON, which it appends
// to dst.
func (p patch) size() int { return p.header.Size() }

func (p patch) json(dst []byte, old item.Stored) []byte {
	was := old.JSON()
	dst = append(append(dst, was[:p.head]...), p.between...)
	return append(dst, was[len(was)-p.tail:]...)
}

// An item of the largest size has up to nine times as much JSON, if it is made of
// control characters or of the smallest values. An entry with two such images is too
// large for a value of the store; but it repeats itself so much that it is a fraction of
// that when packed. No entry of plain text is as large as maxUnpacked.
const (
	maxUnpacked = 2 << 20
	maxPacked   = 32 << 20 // what is more, unpacked, is no entry
)

// pack compresses an entry.
func pack(b []byte) ([]byte, error) {
	packed := bytes.NewBuffer([]byte{loggedPacked})
	w, err := flate.NewWriter(packed, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}

// unpack is the reverse of pack.
func unpack(b []byte) ([]byte, error) {
	whole, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b[1:])), maxPacked))
	if err != nil || len(whole) < 2 || whole[0] == loggedPacked {
		return nil, errMalformedLog
	}
	return whole, nil
}
