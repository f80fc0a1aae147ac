package dir

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// FS is what a store needs of a file system. Names are full paths.
type FS interface {
	// Create makes an empty file for reading and writing.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenWrite opens a file for reading and writing.
	OpenWrite(name string) (File, error)
	// Rename gives a file another name, in the place of one that has it.
	Rename(from, to string) error
	Remove(name string) error
	MkdirAll(name string) error
	Stat(name string) (fs.FileInfo, error)
	// List returns the names in a folder.
	List(name string) ([]string, error)
	// SyncFolder makes durable which files a folder has.
	SyncFolder(name string) error
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	// Sync makes durable what the file holds.
	Sync() error
	Stat() (fs.FileInfo, error)
}

// Machine is the file system of the machine.
type Machine struct{}

func opened(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Create makes an empty file for reading and writing.
func (Machine) Create(name string) (File, error) {
	return opened(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600))
}

// Open opens a file for reading.
func (Machine) Open(name string) (File, error) { return opened(os.Open(name)) }

// OpenWrite opens a file for reading and writing.
func (Machine) OpenWrite(name string) (File, error) { return opened(os.OpenFile(name, os.O_RDWR, 0)) }

// Rename gives a file another name.
func (Machine) Rename(from, to string) error { return os.Rename(from, to) }

// Remove removes a file.
func (Machine) Remove(name string) error { return os.Remove(name) }

// MkdirAll makes a folder and those above it.
func (Machine) MkdirAll(name string) error { return os.MkdirAll(name, 0o700) }

// Stat describes a file.
func (Machine) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// List returns the names in a folder.
func (Machine) List(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// SyncFolder makes durable which files a folder has.
func (Machine) SyncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
