package server

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/server/archive"
	"github.com/modelwharf/modelwharf/internal/server/control"
)

// backup writes a backup: the store as of one moment, then the blobs. Bytes that the store
// names at that moment stay until they are written, since the collector deletes none
// meanwhile; what is pushed meanwhile may be in it, too, and is collected after a restore.
// Bytes in a bucket stay there.
func (s *Server) backup(ctx context.Context, out io.Writer) (b control.Backup, err error) {
	defer s.images.KeepBytes()()
	w := archive.NewWriter(out)
	err = w.Store(func(w io.Writer) error {
		info, err := s.store.Backup(ctx, w)
		b.Commit, b.Time, b.Pairs = uint64(info.Stamp), info.Time, info.Pairs
		return err
	})
	if err != nil {
		return b, err
	}
	if s.config.Blobs.URL == "" {
		for held, err := range s.images.HeldBytes(ctx) {
			if err != nil {
				return b, err
			}
			size, err := s.backUpBlob(ctx, w, held)
			switch {
			case errors.Is(err, blob.ErrNotFound):
				// A push is about to bring it; or it is lost, which is no reason to lose the rest.
				if s.images.Needed(ctx, held) {
					s.log.Error("a blob that a repository has is missing", "digest", held)
				}
			case err != nil:
				return b, fmt.Errorf("blob %s: %w", held, err)
			default:
				b.Blobs++
				b.Bytes += size
			}
		}
	}
	return b, w.Close()
}

func (s *Server) backUpBlob(ctx context.Context, w *archive.Writer, d blob.Digest) (int64, error) {
	r, err := s.images.OpenLayer(ctx, d, 0, -1)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n := &counted{Reader: r}
	err = w.Blob(d, n)
	return n.n, err
}

// counted counts what is read.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// restoreBlob publishes a blob of a backup, which verifies its digest.
func restoreBlob(ctx context.Context, to blob.Store, d blob.Digest, content io.Reader) error {
	u, err := to.Create(ctx, "restore", d.Algorithm())
	if err != nil {
		return err
	}
	defer u.Close()
	if _, err := u.ReadFrom(content); err != nil {
		return errors.Join(err, u.Cancel(ctx))
	}
	if err := u.Publish(ctx, d); err != nil {
		return errors.Join(fmt.Errorf("blob %s of the backup: %w", d, err), u.Cancel(ctx))
	}
	return nil
}

// Restored says what a restore brought.
type Restored struct {
	kv.BackupInfo
	Blobs int
}
