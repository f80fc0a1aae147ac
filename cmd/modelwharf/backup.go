package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/control"
)

type backup struct {
	dataFolder
	File string `arg:"" help:"Where to write it; it must not exist. '-' is the standard output." placeholder:"FILE"`
}

// Help tells what flags cannot.
func (backup) Help() string {
	return `The secret key of the data folder is not in a backup: keep it elsewhere, since the access keys in the backup cannot be opened without it.
The bytes of images and packages are in it, unless they are in a bucket.`
}

func (c *backup) Run(ctx context.Context) error {
	client := control.NewClient(c.Data)
	if c.File == "-" {
		_, err := client.Backup(ctx, os.Stdout)
		return err
	}
	var taken control.Backup
	err := createWhole(c.File, func(out io.Writer) (err error) {
		taken, err = client.Backup(ctx, out)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s holds everything up to commit %d of %s, %d keys, %d blobs of %d bytes\n",
		c.File, taken.Commit, taken.Time.Format(time.RFC3339), taken.Pairs, taken.Blobs, taken.Bytes)
	return nil
}

// createWhole makes a new file that is there wholly or not at all.
func createWhole(path string, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists already", path)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := write(tmp); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	// Unlike a rename, a link does not replace what somebody else made meanwhile.
	return os.Link(tmp.Name(), path)
}

type restore struct {
	dataFolder
	blobFlags
	File          string `arg:"" help:"The backup. '-' is the standard input." placeholder:"FILE"`
	SecretKeyFile string `help:"The secret key of the server that the backup is of." required:"" env:"MODELWHARF_SECRET_KEY_FILE" placeholder:"FILE"`
}

func (c *restore) Run(ctx context.Context) error {
	in := os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	info, err := server.Restore(ctx, c.Data, c.SecretKeyFile, c.blobs(), in)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s holds everything up to commit %d of %s, %d keys, %d blobs; now run: modelwharf serve --data %s\n",
		c.Data, info.Stamp, info.Time.Format(time.RFC3339), info.Pairs, info.Blobs, c.Data)
	return nil
}
