package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/ledger"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/server/archive"
	"github.com/modelwharf/modelwharf/internal/server/control"
)

// backup writes a backup: the store as of one moment, then the blobs. Bytes that the store
// names at that moment stay until they are written, since the collector deletes none
// meanwhile; what is pushed meanwhile may be in it, too, and is collected after a restore.
// Bytes in a bucket stay there.
func (s *Server) backup(ctx context.Context, out io.Writer) (b control.Backup, err error) {
	bytes := map[string]*ledger.Ledger{archive.Images: s.images.Bytes(), archive.Packages: s.packages.Bytes(), archive.Objects: s.objects.Bytes()}
	for _, of := range bytes {
		defer of.KeepBytes()()
	}
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
		for _, of := range slices.Sorted(maps.Keys(bytes)) {
			if err := s.backUpBytes(ctx, w, of, bytes[of], &b); err != nil {
				return b, err
			}
		}
	}
	return b, w.Close()
}

// backUpBytes writes all blobs of a ledger.
func (s *Server) backUpBytes(ctx context.Context, w *archive.Writer, of string, from *ledger.Ledger, b *control.Backup) error {
	for d, err := range from.Digests(ctx) {
		if err != nil {
			return err
		}
		size, err := backUpBlob(ctx, w, archive.Blob{Of: of, Digest: d}, from)
		switch {
		case errors.Is(err, blob.ErrNotFound):
			// Somebody is about to bring it; or it is lost, which is no reason to lose the rest.
			if from.Needed(ctx, d) {
				s.log.Error("a blob that is needed is missing", "of", of, "digest", d)
			}
		case err != nil:
			return fmt.Errorf("blob %s of %s: %w", d, of, err)
		default:
			b.Blobs++
			b.Bytes += size
		}
	}
	return nil
}

func backUpBlob(ctx context.Context, w *archive.Writer, b archive.Blob, from *ledger.Ledger) (int64, error) {
	r, err := from.Open(ctx, b.Digest)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n := &counted{Reader: r}
	err = w.Blob(b, n)
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
