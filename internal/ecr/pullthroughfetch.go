package ecr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// fetchKey names a blob of a repository.
type fetchKey struct {
	id     uint64
	digest blob.Digest
}

// fetch is a blob on its way from upstream into an upload of its repository. There is one
// for all who want the blob; they read what has come, as it comes. The last bytes are
// given out only when the digest of all is verified: who has read to the end has the
// blob.
//
// A store of blobs whose uploads cannot be read lets all wait for the end.
type fetch struct {
	size int64

	mu      sync.Mutex
	changed chan struct{} // closed when anything below changes
	have    int64         // bytes that have come
	tail    io.ReaderAt   // where they are read, nil if they cannot be
	over    bool
	err     error // why it failed, when over
}

// heldBack is how many bytes wait for the verification, or all if the blob is short.
const heldBack = 32 << 10

func (f *fetch) note(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
	close(f.changed)
	f.changed = make(chan struct{})
}

// wantedLayer returns a blob that is wanted, LayersNotFoundException if it is not.
func (s *Service) wantedLayer(ctx context.Context, r *Repository, d blob.Digest) (w *wanted, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		b, err := tx.Get(ctx, key(wantedPrefix, r.ID, string(d)))
		if err != nil {
			return err
		}
		if w, err = decode[wanted](b); err == nil && w == nil {
			err = layersNotFound(r, d)
		}
		return err
	})
	return w, err
}

// BlobSize returns the size of a blob that a repository has, without a lease, or that is on
// its way from upstream. Both are asked of one snapshot: a blob that comes is never in
// neither. The error is LayersNotFoundException.
func (s *Service) BlobSize(ctx context.Context, r *Repository, d blob.Digest) (size int64, coming bool, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		l, err := readLayer(ctx, tx, r.ID, d)
		if err != nil {
			return err
		}
		if l != nil {
			size = l.Size
			return nil
		}
		b, err := tx.Get(ctx, key(wantedPrefix, r.ID, string(d)))
		if err != nil {
			return err
		}
		w, err := decode[wanted](b)
		if err != nil {
			return err
		}
		if w == nil {
			return layersNotFound(r, d)
		}
		size, coming = w.Size, true
		return nil
	})
	return size, coming, err
}

// OpenWanted reads length bytes of a blob that is on its way from upstream, from offset
// on, as they come. The errors, also of the reader, are LayersNotFoundException and
// UnableToGetUpstreamLayerException.
func (s *Service) OpenWanted(ctx context.Context, r *Repository, d blob.Digest, offset, length int64) (io.ReadCloser, error) {
	f, err := s.fetch(ctx, r, d)
	if err != nil {
		return nil, err
	}
	if f == nil { // it has come in the meantime
		return s.OpenLayer(ctx, d, offset, length)
	}
	// What fails at once is told in the answer.
	f.mu.Lock()
	over, ferr := f.over, f.err
	f.mu.Unlock()
	if over && ferr != nil {
		return nil, ferr
	}
	return &follower{s: s, ctx: ctx, f: f, digest: d, at: offset, end: offset + length}, nil
}

// follower reads a blob as it comes.
type follower struct {
	s      *Service
	ctx    context.Context
	f      *fetch
	digest blob.Digest
	at     int64
	end    int64
	whole  io.ReadCloser // the blob, when it has come
}

func (w *follower) Read(p []byte) (int, error) {
	if w.at >= w.end {
		return 0, io.EOF
	}
	if int64(len(p)) > w.end-w.at {
		p = p[:w.end-w.at]
	}
	for w.whole == nil {
		w.f.mu.Lock()
		if w.f.over {
			err := w.f.err
			w.f.mu.Unlock()
			if err != nil {
				return 0, err
			}
			if w.whole, err = w.s.OpenLayer(w.ctx, w.digest, w.at, w.end-w.at); err != nil {
				return 0, err
			}
			break
		}
		if readable := min(w.f.have, w.f.size-heldBack); w.f.tail != nil && w.at < readable {
			// Under the lock, so that the upload stays open; it is in the page cache.
			n, err := w.f.tail.ReadAt(p[:min(int64(len(p)), readable-w.at)], w.at)
			w.f.mu.Unlock()
			w.at += int64(n)
			if n > 0 {
				err = nil
			}
			return n, err
		}
		changed := w.f.changed
		w.f.mu.Unlock()
		select {
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		case <-changed:
		}
	}
	n, err := w.whole.Read(p)
	w.at += int64(n)
	return n, err
}

func (w *follower) Close() error {
	if w.whole != nil {
		return w.whole.Close()
	}
	return nil
}

// awaitLayer returns when a repository has a blob, which is fetched if it has not.
func (s *Service) awaitLayer(ctx context.Context, r *Repository, d blob.Digest) error {
	f, err := s.fetch(ctx, r, d)
	for err == nil && f != nil {
		f.mu.Lock()
		over, changed := f.over, f.changed
		err = f.err
		f.mu.Unlock()
		if over {
			break
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-changed:
		}
	}
	return err
}

// fetch returns the fetch of a blob, which begins if there is none, and nil if the
// repository has the blob. A fetch lives as long as the service, not as its first reader.
func (s *Service) fetch(ctx context.Context, r *Repository, d blob.Digest) (*fetch, error) {
	k := fetchKey{r.ID, d}
	s.pulls.mu.Lock()
	defer s.pulls.mu.Unlock()
	if f := s.pulls.fetches[k]; f != nil {
		return f, nil
	}
	// Under the lock: a fetch that ends writes the layer before it leaves the list.
	if _, err := s.LayerSize(ctx, r, d); err == nil {
		return nil, nil
	} else if !errors.Is(err, &api.Error{Code: "LayersNotFoundException"}) {
		return nil, err
	}
	flight := fmt.Sprint(r.ID, " ", d)
	if err := s.pulls.failures.get(flight, s.now()); err != nil {
		return nil, err
	}
	w, err := s.wantedLayer(ctx, r, d)
	if err != nil {
		return nil, err
	}
	if s.pulls.life.Err() != nil {
		return nil, s.pulls.life.Err()
	}
	f := &fetch{size: w.Size, changed: make(chan struct{})}
	s.pulls.fetches[k] = f
	s.pulls.running.Go(func() {
		ctx := s.pullThroughContext(s.pulls.life, r.Name)
		err := guarded(func() error { return s.runFetch(ctx, r, d, *w, f) })
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "ecr: a layer cannot be fetched", "repository", r.Name.ARN(), "digest", d, "error", err)
			err = layerFailed(err)
			s.pulls.failures.set(flight, err, s.now().Add(failedFor))
		}
		s.pulls.mu.Lock()
		delete(s.pulls.fetches, k)
		s.pulls.mu.Unlock()
		f.note(func() { f.over, f.err, f.tail = true, err, nil })
	})
	return f, nil
}

// layerFailed is the error of a layer that an upstream does not give.
func layerFailed(cause error) error {
	if e, ok := errors.AsType[*api.Error](cause); ok && e.Code != "UnableToGetUpstreamImageException" {
		return e
	}
	e := api.Errorf("UnableToGetUpstreamLayerException", 502, "%s", told(cause))
	return e.Because(cause)
}

// Bounds of one fetch: how often an upstream that breaks off is asked to go on, as long as
// something comes each time, and how much comes at once.
const (
	maxBreaks = 5
	fetchPart = 256 << 10
)

// runFetch brings a blob, from where an earlier fetch ended.
func (s *Service) runFetch(ctx context.Context, r *Repository, d blob.Digest, w wanted, f *fetch) (err error) {
	var rule *cacheRule
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		if r, err = r.still(ctx, tx); err == nil {
			rule, err = ruleFor(ctx, tx, r.Name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if rule == nil {
		return layersNotFound(r, d)
	}
	up, err := s.upstreamOf(rule)
	if err != nil {
		return err
	}
	u, err := s.uploadOf(ctx, r, d, w)
	if err != nil {
		return err
	}
	defer func() {
		f.note(func() { f.tail = nil })
		err = errors.Join(err, u.Close())
	}()
	tail, _ := u.Upload.(io.ReaderAt)
	f.note(func() { f.have, f.tail = u.Size(), tail })
	for breaks := 0; u.Size() < w.Size || w.Size == 0; breaks++ {
		before := u.Size()
		err := s.fetchPart(ctx, up, rule.upstreamName(r.Name.Name), d, w.Size, u, f)
		if err == nil {
			break
		}
		if serr := u.Sync(context.WithoutCancel(ctx)); serr != nil {
			return serr
		}
		if _, refused := errors.AsType[*api.Error](err); refused || errors.Is(err, errUpstreamMissing) || errors.Is(err, blob.ErrDigest) || errors.Is(err, blob.ErrFull) ||
			ctx.Err() != nil || u.Size() == before || breaks >= maxBreaks {
			return err
		}
	}
	f.note(func() { f.tail = nil }) // the upload ends with what follows
	if err := u.Finish(ctx, d); err != nil {
		if errors.Is(err, blob.ErrDigest) { // there is nothing to go on with
			err = errors.Join(err, u.Cancel(context.WithoutCancel(ctx)))
		}
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		tx.Delete(key(wantedPrefix, r.ID, string(d)))
		return nil
	})
}

// fetchPart appends what the upstream has beyond the end of the upload.
func (s *Service) fetchPart(ctx context.Context, up *upstream, name string, d blob.Digest, size int64, u *Upload, f *fetch) error {
	body, err := up.layer(ctx, name, d, u.Size(), size)
	if err != nil {
		return err
	}
	defer body.Close()
	for u.Size() < size {
		n, err := u.ReadFrom(io.LimitReader(body, min(fetchPart, size-u.Size())))
		f.note(func() { f.have = u.Size() })
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
	}
	return nil // what more there may be is not read: the digest decides
}

// uploadOf takes the upload to which a wanted blob comes, and begins it if there is none.
func (s *Service) uploadOf(ctx context.Context, r *Repository, d blob.Digest, w wanted) (*Upload, error) {
	if w.Upload != "" {
		u, err := s.TakeUpload(ctx, r, w.Upload)
		if err == nil && u.Size() <= w.Size {
			return u, nil
		}
		if err == nil {
			err = u.Close()
		}
		if err != nil && !errors.Is(err, &api.Error{Code: "UploadNotFoundException"}) {
			return nil, err
		}
	}
	u, err := s.BeginUpload(ctx, r, d.Algorithm())
	if err != nil {
		return nil, err
	}
	w.Upload = u.ID()
	err = s.update(ctx, func(tx kv.Txn) error {
		tx.Put(key(wantedPrefix, r.ID, string(d)), encode(w))
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, u.Cancel(ctx))
	}
	return u, nil
}
