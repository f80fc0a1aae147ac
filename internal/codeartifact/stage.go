package codeartifact

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// MaxAsset is how large an asset may be, in bytes, unless a quota says otherwise.
const MaxAsset = 5 << 30

// Staged is bytes that are in the store and belong to no version yet. They stay for some
// hours.
type Staged struct {
	Size int64
	Hashes
}

// Stage keeps what r has, up to max bytes, durably. It needs no more memory than a buffer,
// whatever the size. The error is ServiceQuotaExceededException if there is more, or that of
// r; then nothing stays.
func (s *Service) Stage(ctx context.Context, r io.Reader, max int64) (*Staged, error) {
	u, err := s.blobs.Create(ctx, "asset", digest.SHA256, digest.SHA512)
	if err != nil {
		return nil, err
	}
	sum5, sum1 := md5.New(), sha1.New()
	others := newAside(io.MultiWriter(sum5, sum1))
	size, err := func() (int64, error) {
		defer others.wait() // whatever becomes of r
		return u.ReadFrom(io.TeeReader(io.LimitReader(r, max+1), others))
	}()
	if err == nil && size > max {
		err = quotaExceeded(anAsset, "asset", "The asset has more than %d bytes. The server's operator can raise the limit: --quota %s=…", max, assetBytesQuota.Name)
	}
	if err != nil {
		return nil, errors.Join(err, u.Cancel(context.WithoutCancel(ctx)))
	}
	d256, _ := u.Digest(digest.SHA256)
	d512, _ := u.Digest(digest.SHA512)
	if err := s.ledger.Publish(ctx, u, d256); err != nil {
		return nil, errors.Join(err, u.Cancel(context.WithoutCancel(ctx)))
	}
	return &Staged{Size: size, Hashes: Hashes{
		MD5: hex.EncodeToString(sum5.Sum(nil)), SHA1: hex.EncodeToString(sum1.Sum(nil)),
		SHA256: d256.Encoded(), SHA512: d512.Encoded(),
	}}, nil
}

// aside writes in a goroutine of its own what is written to it: of four hashes two are made
// while the store makes the others and writes the bytes.
type aside struct {
	full, empty chan []byte
	done        chan struct{}
}

// asideLen is how much of what is written is copied at once, in bytes.
const asideLen = 128 << 10

// newAside makes one that writes to w, which never fails. It has to be waited for.
func newAside(w io.Writer) *aside {
	a := &aside{make(chan []byte, 2), make(chan []byte, 2), make(chan struct{})}
	for range cap(a.empty) {
		a.empty <- nil // made when there is something
	}
	go func() {
		defer close(a.done)
		for b := range a.full {
			_, _ = w.Write(b)
			a.empty <- b
		}
	}()
	return a
}

func (a *aside) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		b := append((<-a.empty)[:0], rest[:min(len(rest), asideLen)]...)
		rest = rest[len(b):]
		a.full <- b
	}
	return len(p), nil
}

// wait waits until all is written. Nothing may be written after that.
func (a *aside) wait() {
	close(a.full)
	<-a.done
}

// Open reads length bytes of what was staged, or is an asset, from offset on; to the end if
// length is negative.
func (s *Service) Open(ctx context.Context, h Hashes, offset, length int64) (io.ReadCloser, error) {
	return s.blobs.Open(ctx, h.Digest(), offset, length)
}

// ReaderAt reads what was staged, or is an asset, at any place: for archives, whose directory
// is at their end. It is good while ctx is.
func (s *Service) ReaderAt(ctx context.Context, h Hashes, size int64) io.ReaderAt {
	return &readerAt{ctx: ctx, blobs: s.blobs, digest: h.Digest(), size: size}
}

// pageLen is how much a readerAt reads at once: readers of archives take a few bytes at a
// time.
const pageLen = 64 << 10

// readerAt keeps the pages that it read last.
type readerAt struct {
	ctx    context.Context
	blobs  blob.Store
	digest blob.Digest
	size   int64

	mu    sync.Mutex
	pages [4]struct {
		number int64 // from 1; 0 for none
		bytes  []byte
	}
	next int
}

func (r *readerAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("codeartifact: a read before the beginning")
	}
	if off >= r.size {
		return 0, io.EOF
	}
	if int64(len(p)) > r.size-off {
		p, err = p[:r.size-off], io.EOF
	}
	if len(p) > pageLen {
		n, rerr := r.read(p, off)
		if rerr != nil {
			err = rerr
		}
		return n, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(p) {
		at := off + int64(n)
		page, perr := r.page(at / pageLen)
		if perr != nil {
			return n, perr
		}
		n += copy(p[n:], page[at%pageLen:])
	}
	return n, err
}

func (r *readerAt) page(number int64) ([]byte, error) {
	for i := range r.pages {
		if r.pages[i].number == number+1 {
			return r.pages[i].bytes, nil
		}
	}
	b := make([]byte, min(pageLen, r.size-number*pageLen))
	if _, err := r.read(b, number*pageLen); err != nil {
		return nil, err
	}
	r.pages[r.next].number, r.pages[r.next].bytes = number+1, b
	r.next = (r.next + 1) % len(r.pages)
	return b, nil
}

func (r *readerAt) read(p []byte, off int64) (int, error) {
	f, err := r.blobs.Open(r.ctx, r.digest, off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.ReadFull(f, p)
}
