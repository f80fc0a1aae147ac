package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
	"github.com/modelwharf/modelwharf/internal/server/folder"
)

// Restore makes the data folder dir, which must hold no store yet, of a backup.
// The secret key is copied from keyFile: what is sealed in the backup cannot be
// opened with another.
func Restore(ctx context.Context, dir, keyFile string, backup io.Reader) (info kv.BackupInfo, err error) {
	f, err := folder.Open(dir)
	if err != nil {
		return info, err
	}
	defer f.Close()
	if _, err := os.Stat(f.Store()); err == nil {
		return info, fmt.Errorf("%s has a store already: restore into a new folder", f.Dir())
	}
	if err := f.AdoptSecretKey(keyFile); err != nil {
		return info, err
	}
	engine, err := pebble.Open(f.Store(), pebble.Options{Logger: slog.Default()})
	if err != nil {
		return info, err
	}
	defer func() {
		err = errors.Join(err, engine.Close())
		if err != nil { // half a store is of no use, and in the way of the next try
			err = errors.Join(err, os.RemoveAll(f.Store()))
		}
	}()
	return kv.Restore(ctx, engine, backup)
}
