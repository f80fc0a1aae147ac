package folder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const secretSize = 32

// SecretKey returns the 32 bytes under which secrets are sealed, from the file at
// path, or from the folder's own if path is empty. The folder's own is made if
// there is no store yet; one that is lost with a store in place is an error, since
// a new key could open nothing of what is in it.
func (f *Folder) SecretKey(path string) ([]byte, error) {
	own := path == ""
	if own {
		path = f.path("secret.key")
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && own:
		if _, err := os.Stat(f.Store()); err == nil {
			return nil, fmt.Errorf("%s is gone, and the secrets in %s cannot be opened without it: put it back, or name the key's file with --secret-key-file", path, f.Store())
		}
		key := make([]byte, secretSize)
		rand.Read(key)
		return key, writeFile(path, key)
	case err != nil:
		return nil, fmt.Errorf("read the secret key: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("the secret key %s has mode %#o, so that others may read it: chmod 600 it", path, info.Mode().Perm())
	}
	key, err := os.ReadFile(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the secret key: %w", err)
	case len(key) != secretSize:
		return nil, fmt.Errorf("the secret key %s has %d bytes; it must have %d random ones (head -c %d /dev/urandom)", path, len(key), secretSize, secretSize)
	}
	return key, nil
}

// AdoptSecretKey makes the key in the file at path the folder's own.
func (f *Folder) AdoptSecretKey(path string) error {
	key, err := f.SecretKey(path)
	if err != nil {
		return err
	}
	return writeFile(f.path("secret.key"), key)
}
