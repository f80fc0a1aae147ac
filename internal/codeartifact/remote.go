package codeartifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/egress"
)

// maxBesideFile is how large a file beside an asset can be, maxPeek how much of an asset is
// read that is not brought, in bytes.
const (
	maxBesideFile = 4 << 20
	maxPeek       = 40 << 20
)

// errPeek says that the external repository lets nobody read parts of an asset, or that
// those do not fit together.
var errPeek = errors.New("codeartifact: the external repository gives no parts of the asset")

// Beside returns a small file that an external repository has beside an asset whose bytes
// are not here: at the asset's URL, with an ending after it. It has the given SHA-256, or is
// not returned. What was read is kept in memory. The errors are those of the external
// connection; whoever gets one can still bring the asset.
func (v *View) Beside(ctx context.Context, version, asset, ending, sha256Hex string) ([]byte, error) {
	return v.remotely(ctx, version, asset, ending+"\x00"+sha256Hex, func(ctx context.Context, a *Asset) ([]byte, error) {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Remote+ending, nil)
		if err != nil {
			return nil, err
		}
		q.Header.Set("User-Agent", "modelwharf")
		answer, err := v.s.outside.egress.Do(q, maxBesideFile)
		switch {
		case err != nil:
			return nil, err
		case answer.Status == http.StatusNotFound || answer.Status == http.StatusGone:
			return nil, errMissing
		case answer.Status != http.StatusOK:
			return nil, fmt.Errorf("codeartifact: the external repository answered %d", answer.Status)
		}
		sum := sha256.Sum256(answer.Body)
		return answer.Body, promised(Hashes{SHA256: sha256Hex}, Hashes{SHA256: hex.EncodeToString(sum[:])})
	})
}

// Peek reads a little of an asset whose bytes are not here where it is, and brings nothing.
// What read returns, a piece of the asset as kind calls it, is kept in memory. Whether the
// parts are those of the asset that the index promises, nobody knows before all of it has
// come. The errors are those of Beside, and of read.
func (v *View) Peek(ctx context.Context, version, asset, kind string, read func(r io.ReaderAt, size int64) ([]byte, error)) ([]byte, error) {
	return v.remotely(ctx, version, asset, kind, func(ctx context.Context, a *Asset) ([]byte, error) {
		r := &remoteAt{ctx: ctx, egress: v.s.outside.egress, url: a.Remote, size: a.Size, left: maxPeek}
		if err := r.open(); err != nil {
			return nil, err
		}
		return read(r, r.size)
	})
}

// remotely runs fn for all who want the same of a remote asset at once, and keeps in memory
// what it returns.
func (v *View) remotely(ctx context.Context, version, asset, kind string, fn func(context.Context, *Asset) ([]byte, error)) ([]byte, error) {
	one, in, err := v.find(ctx, version)
	if err != nil {
		return nil, err
	}
	a := one.Asset(asset)
	if a == nil || a.Remote == "" || !one.Status.Downloadable() {
		return nil, AssetNotFound(version, asset)
	}
	var c *asked
	o := v.s.outside
	for _, p := range in {
		if p.external {
			if c, err = o.connectionOf(p.repository, v.Name.Format); err != nil {
				return nil, err
			}
			break
		}
	}
	if c == nil {
		return nil, AssetNotFound(version, asset)
	}
	name, tag := "remote\x00"+a.Remote+"\x00"+kind, a.SHA256
	if b, ok := v.s.rendered.get(name, tag); ok {
		return b, nil
	}
	if err, ok := o.recent.get(name, v.s.now()); ok {
		return nil, err
	}
	err = o.once(ctx, name+"\x00"+tag, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, indexTime)
		defer cancel()
		b, err := fn(ctx, a)
		v.s.metrics.question(v.Name.Format, "metadata", err)
		if err != nil {
			err = unavailable(c.connection, err)
			o.recent.put(name, err, v.s.now().Add(outageFor))
			return err
		}
		v.s.rendered.put(name, tag, b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	b, ok := v.s.rendered.get(name, tag)
	if !ok {
		return nil, errPeek // crowded out at once: the asset is brought instead
	}
	return b, nil
}

// remoteAt reads an asset in parts where it is. It is not safe for concurrent use.
type remoteAt struct {
	ctx    context.Context
	egress *egress.Client
	url    string
	size   int64
	left   int64 // bytes that may still be read

	window []byte // what was read last
	from   int64  // where it begins
	ahead  int64  // how much is read at once, more each time
}

// Where the directory of an archive is read from its end, the first part has all of a small
// one.
const (
	firstPart = 128 << 10
	maxPart   = 2 << 20
)

// open reads the asset's end, and learns its size.
func (r *remoteAt) open() error {
	r.ahead = firstPart
	from, to := r.size-firstPart, r.size-1
	if r.size > 0 {
		return r.read(max(0, from), to)
	}
	answer, err := r.ask(fmt.Sprintf("bytes=-%d", firstPart))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var first, last, size int64
	if n, _ := fmt.Sscanf(answer.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size); n != 3 || last != size-1 || size > MaxAsset {
		return errPeek
	}
	r.size = size
	return r.take(answer, first, last)
}

func (r *remoteAt) ask(ranges string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(r.ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", "modelwharf")
	q.Header.Set("Accept-Encoding", "identity")
	q.Header.Set("Range", ranges)
	answer, err := r.egress.Open(q)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusPartialContent {
		answer.Body.Close()
		return nil, errPeek
	}
	return answer, nil
}

// read fills the window with the bytes from first to last.
func (r *remoteAt) read(first, last int64) error {
	answer, err := r.ask(fmt.Sprintf("bytes=%d-%d", first, last))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", first, last, r.size) {
		return errPeek
	}
	return r.take(answer, first, last)
}

func (r *remoteAt) take(answer *http.Response, first, last int64) error {
	n := last - first + 1
	if r.left -= n; first < 0 || n <= 0 || n > max(maxPart, firstPart) || r.left < 0 {
		return errPeek
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(answer.Body, b); err != nil {
		return err
	}
	r.window, r.from = b, first
	return nil
}

func (r *remoteAt) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		if at < 0 || at >= r.size {
			return n, io.EOF
		}
		if at < r.from || at >= r.from+int64(len(r.window)) {
			want := min(max(int64(len(p)-n), r.ahead), maxPart)
			r.ahead = min(2*r.ahead, maxPart)
			if err := r.read(at, min(at+want, r.size)-1); err != nil {
				return n, err
			}
		}
		n += copy(p[n:], r.window[at-r.from:])
	}
	return n, nil
}
