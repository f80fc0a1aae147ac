// Package folder is the data folder: what is where on disk, and who may use it.
//
//	format        "modelwharf data 1": how the folder is laid out
//	lock          held by the process that uses the folder; its process id
//	store/        the kv store, which has a format version of its own
//	secret.key    32 random bytes, under which secrets in the store are sealed
//	credentials   the administrator's access key, in AWS's format
//	models/       what models need while they run; nothing of it is kept
//	control.sock  while a server runs: where its own commands reach it
//
// The folder has mode 0700 and its files 0600. Without secret.key the secrets in
// the store cannot be opened; a backup does not include it.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// format is what the format file holds.
const format = "modelwharf data 1\n"

// ErrInUse says that another process uses a data folder.
var ErrInUse = errors.New("the data folder is in use")

// Folder is a data folder that this process alone uses.
type Folder struct {
	dir  string
	lock *os.File
}

// Open takes a data folder, which is made if it is not there. The error is
// ErrInUse if another process has it.
func Open(dir string) (*Folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := acquire(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{dir, lock}
	if err := f.checkFormat(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// acquire locks a folder for as long as the file that it returns is open; the
// lock of a process that was killed is free at once.
func acquire(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the data folder: flock %s: %w", path, err)
		}
		holder, _ := os.ReadFile(path)
		return nil, fmt.Errorf("%w: %s is held by process %s; stop that one, or choose another folder with --data",
			ErrInUse, dir, strings.TrimSpace(string(holder)))
	}
	// Whose lock it is helps a reader only: a failure here does not matter.
	if err := lock.Truncate(0); err == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return lock, nil
}

// checkFormat refuses a folder of another layout, and marks a new one.
func (f *Folder) checkFormat() error {
	path := f.path("format")
	found, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(f.Store()); err == nil {
			return fmt.Errorf("%s has a store but no format file: it is not a data folder of this program", f.dir)
		}
		return writeFile(path, []byte(format))
	case err != nil:
		return err
	case string(found) != format:
		return fmt.Errorf("%s has the format %q and this program knows %q: run the program that wrote it, or a newer one",
			f.dir, strings.TrimSpace(string(found)), strings.TrimSpace(format))
	}
	return nil
}

// Dir is the folder's absolute path.
func (f *Folder) Dir() string { return f.dir }

// Store is where the kv store is.
func (f *Folder) Store() string { return f.path("store") }

// Credentials is where the administrator's keys are.
func (f *Folder) Credentials() string { return f.path("credentials") }

// Close gives the folder up.
func (f *Folder) Close() error { return f.lock.Close() }

// Models is a folder for what models need while they run, made anew at each start.
func (f *Folder) Models(name string) string { return filepath.Join(f.path("models"), name) }

func (f *Folder) path(name string) string { return filepath.Join(f.dir, name) }

// writeFile writes a file of mode 0600 that is there wholly or not at all, and
// that outlives a loss of power.
func writeFile(path string, content []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		tmp.Close()
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	if _, err := tmp.Write(content); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
