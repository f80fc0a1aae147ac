package login

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a settings file that a login changes.
type File struct {
	Path   string   // where it is, behind symbolic links
	Others []string // settings in it that lead the tool to other places as well, and stay

	before, after []byte
	secret        string
}

// read reads a file that need not be there. Who keeps settings behind a symbolic link keeps
// the link.
func read(path string) (File, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return File{}, err
	}
	return File{Path: path, before: b}, nil
}

// Added are the lines that the file has after the login and has not before, without the token.
func (f File) Added() []string {
	old := strings.Split(string(f.before), "\n")
	var added []string
	for line := range strings.Lines(string(f.after)) {
		line = strings.TrimRight(line, "\r\n")
		if i := slices.Index(old, line); i >= 0 {
			old = slices.Delete(old, i, i+1)
		} else if line != "" {
			added = append(added, strings.ReplaceAll(line, f.secret, "TOKEN"))
		}
	}
	return added
}

// Write writes the file, readable by its owner alone since it has a token: a reader sees it as
// it was or as it is, whole.
func (f File) Write() (err error) {
	folder := filepath.Dir(f.Path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(folder, "."+filepath.Base(f.Path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(f.after)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), f.Path)
}
