package deps

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
)

// readPylock reads a lock file of Python's own form (PEP 751).
func (f *file) readPylock() error {
	var lock struct {
		Version  string `toml:"lock-version"`
		Packages []struct {
			Name      string         `toml:"name"`
			Version   string         `toml:"version"`
			VCS       map[string]any `toml:"vcs"`
			Directory map[string]any `toml:"directory"`
			Archive   map[string]any `toml:"archive"`
			Sdist     pylockFile     `toml:"sdist"`
			Wheels    []pylockFile   `toml:"wheels"`
		} `toml:"packages"`
	}
	if err := toml.Unmarshal(f.text, &lock); err != nil {
		return err
	}
	if !strings.HasPrefix(lock.Version, "1.") {
		return fmt.Errorf("its lock-version is %q, and 1.0 is known here", lock.Version)
	}
	f.hashed = true
	for _, p := range lock.Packages {
		if p.VCS != nil || p.Directory != nil || p.Archive != nil {
			return fmt.Errorf("%s is no version of a package: publish it to the repository", p.Name)
		}
		w, err := f.python(p.Name, p.Version)
		if err != nil {
			return err
		}
		for _, file := range append(p.Wheels, p.Sdist) {
			for algorithm, sum := range file.Hashes {
				d, err := parseHash(algorithm + ":" + sum)
				if err != nil {
					return fmt.Errorf("%s: %w", p.Name, err)
				}
				w.hashes = append(w.hashes, d)
			}
		}
		f.wanted = append(f.wanted, w)
	}
	return nil
}

type pylockFile struct {
	Hashes map[string]string `toml:"hashes"`
}

// readUVLock reads the lock file of a project of uv: all packages but the project itself and the
// members of its workspace.
func (f *file) readUVLock() error {
	type uvFile struct {
		Hash string `toml:"hash"`
	}
	var lock struct {
		Version  int `toml:"version"`
		Manifest struct {
			Members []string `toml:"members"`
		} `toml:"manifest"`
		Packages []struct {
			Name    string         `toml:"name"`
			Version string         `toml:"version"`
			Source  map[string]any `toml:"source"`
			Sdist   uvFile         `toml:"sdist"`
			Wheels  []uvFile       `toml:"wheels"`
		} `toml:"package"`
	}
	if err := toml.Unmarshal(f.text, &lock); err != nil {
		return err
	}
	if lock.Version != 1 {
		return fmt.Errorf("its version is %d, and 1 is known here", lock.Version)
	}
	f.hashed = true
	for _, p := range lock.Packages {
		_, registry := p.Source["registry"]
		if _, virtual := p.Source["virtual"]; virtual || p.Source["editable"] == "." || slices.Contains(lock.Manifest.Members, p.Name) {
			continue
		}
		if !registry {
			return fmt.Errorf("%s is no version of a package: publish it to the repository", p.Name)
		}
		w, err := f.python(p.Name, p.Version)
		if err != nil {
			return err
		}
		for _, file := range append(p.Wheels, p.Sdist) {
			if file.Hash == "" {
				continue
			}
			d, err := parseHash(file.Hash)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			w.hashes = append(w.hashes, d)
		}
		f.wanted = append(f.wanted, w)
	}
	return nil
}

// python is a version of a Python package that a lock file names.
func (f *file) python(name, version string) (wanted, error) {
	normal, err := pypi.Normalize(name)
	if err != nil {
		return wanted{}, fmt.Errorf("%q: %w", name, err)
	}
	if version == "" {
		return wanted{}, fmt.Errorf("%s has no version", name)
	}
	if version, err = pypi.Version(version); err != nil {
		return wanted{}, errors.Join(fmt.Errorf("the version of %s", name), err)
	}
	return wanted{format: "pypi", name: normal, version: version, where: f.name}, nil
}
