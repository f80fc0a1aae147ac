package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
	"github.com/modelwharf/modelwharf/internal/server/archive"
	"github.com/modelwharf/modelwharf/internal/server/folder"
)

// Restore makes the data folder dir, which must hold no store yet, of a backup. The bytes
// of images, packages and objects come to where blobs says. The secret key is copied from keyFile: what is sealed
// in the backup cannot be opened with another.
func Restore(ctx context.Context, dir, keyFile string, blobs Blobs, backup io.Reader) (r Restored, err error) {
	f, err := folder.Open(dir)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if _, err := os.Stat(f.Store()); err == nil {
		return r, fmt.Errorf("%s has a store already: restore into a new folder", f.Dir())
	}
	to := map[string]blob.Store{}
	for _, of := range archive.Kinds {
		if to[of], err = blobs.open(ctx, f, of); err != nil {
			return r, err
		}
	}
	if err := f.AdoptSecretKey(keyFile); err != nil {
		return r, err
	}
	engine, err := pebble.Open(f.Store(), pebble.Options{Logger: slog.Default()})
	if err != nil {
		return r, err
	}
	defer func() {
		err = errors.Join(err, engine.Close())
		if err != nil { // half a store is of no use, and in the way of the next try
			err = errors.Join(err, os.RemoveAll(f.Store()))
		}
	}()
	err = archive.Read(backup, func(store io.Reader) (err error) {
		r.BackupInfo, err = kv.Restore(ctx, engine, store)
		return err
	}, func(b archive.Blob, content io.Reader) error {
		r.Blobs++
		return restoreBlob(ctx, to[b.Of], b.Digest, content)
	})
	return r, err
}
