// Package intake reads the objects that tables are imported from: items as lines of JSON
// or of CSV, plain or compressed.
//
// What it reads comes from strangers. It needs no more memory than a record may be long,
// and a compressed object that expands beyond reason is given up.
package intake

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// Options say how objects are to be read.
type Options struct {
	// Compression is NONE, GZIP or ZSTD.
	Compression string
	// CSV is how to read CSV; without it, objects are lines of JSON.
	CSV *CSV
}

// Limits of what is read.
const (
	// MaxRecord is how long a record may be, in bytes: an item of the greatest size, in
	// the longest way to write it, is about half of that.
	MaxRecord = 8 << 20
	// maxRatio is how many bytes one compressed byte may become, beyond the first
	// freeBytes. Deflate cannot make more than 1,032; what is far above no table exports.
	maxRatio  = 2000
	freeBytes = 64 << 20
	// maxWindow is what a decoder of zstd may keep in memory.
	maxWindow = 64 << 20
)

// ErrUnreadable is what errors are after which nothing more of an object can be read.
var ErrUnreadable = errors.New("the rest of the object cannot be read")

// Unreadable makes an error one that Is ErrUnreadable.
func unreadable(err error) error { return fmt.Errorf("%w: %w", ErrUnreadable, err) }

// Reader reads the items of one object.
type Reader struct {
	records interface {
		// next returns the next item; skip passes over it instead.
		next() (dynamodb.Attributes, error)
		skip() error
	}
	plain *counter // the bytes as they are when they are decompressed
	close func()
}

// counter counts what was read, and stops a reader of records that finds no end of one.
type counter struct {
	io.Reader
	packed *packed // nil if it is not compressed
	total  int64
	record int64 // since the last record began
	failed error // of what is read, not of its form
}

// packed counts what was read of a compressed object.
type packed struct {
	io.Reader
	total  int64
	failed error
}

var (
	errLong      = fmt.Errorf("a record is longer than %d bytes", MaxRecord)
	errInflating = errors.New("the object expands to more than it can reasonably hold")
)

func (p *packed) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.total += int64(n)
	if err != nil && err != io.EOF {
		p.failed = err
	}
	return n, err
}

func (c *counter) Read(b []byte) (int, error) {
	switch {
	case c.record > MaxRecord:
		return 0, errLong
	case c.packed != nil && c.total > freeBytes && c.total/maxRatio > c.packed.total:
		return 0, errInflating
	}
	n, err := c.Reader.Read(b)
	c.total += int64(n)
	c.record += int64(n)
	switch {
	case c.packed != nil:
		c.failed = c.packed.failed
	case err != nil && err != io.EOF:
		c.failed = err
	}
	return n, err
}

// Open begins to read an object. An error Is ErrUnreadable if it is one of the object's
// form; another is one of r.
func Open(r io.Reader, o Options) (*Reader, error) {
	in := &Reader{plain: &counter{Reader: r}, close: func() {}}
	var err error
	switch o.Compression {
	case "GZIP":
		in.plain.packed = &packed{Reader: r}
		in.plain.Reader = &lazyGzip{from: in.plain.packed}
	case "ZSTD":
		in.plain.packed = &packed{Reader: r}
		var z *zstd.Decoder
		z, err = zstd.NewReader(in.plain.packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			in.plain.Reader, in.close = z, z.Close
		}
	}
	if err == nil && o.CSV != nil {
		in.records, err = o.CSV.open(in.plain)
	} else if err == nil {
		in.records = newLines(in.plain)
	}
	if err != nil {
		in.close()
		return nil, in.kind(err)
	}
	return in, nil
}

// lazyGzip opens gzip at the first read. An object without any bytes has no records.
type lazyGzip struct {
	from io.Reader
	z    *gzip.Reader
}

func (l *lazyGzip) Read(b []byte) (n int, err error) {
	if l.z == nil {
		if l.z, err = gzip.NewReader(l.from); err != nil {
			return 0, err
		}
	}
	return l.z.Read(b)
}

// Next returns the next item as it is written, or io.EOF. After an error that Is
// ErrUnreadable there is nothing more. One that is neither that nor of the reader that was
// opened is an api.Error of the record, and the next one can be read.
func (r *Reader) Next() (dynamodb.Attributes, error) {
	r.plain.record = 0
	a, err := r.records.next()
	return a, r.kind(err)
}

// Skip passes over n records, as Next would return them.
func (r *Reader) Skip(n int64) error {
	for range n {
		r.plain.record = 0
		if err := r.records.skip(); err != nil {
			return r.kind(err)
		}
	}
	return nil
}

// Size is how many bytes were read, uncompressed.
func (r *Reader) Size() int64 { return r.plain.total }

// Close gives up what the reader holds. It does not close what was opened.
func (r *Reader) Close() { r.close() }

// kind returns the error of the reader below, if it failed.
func (r *Reader) kind(err error) error {
	if err != nil && r.plain.failed != nil {
		return r.plain.failed
	}
	return err
}
