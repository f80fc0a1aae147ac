package deps

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wanted is a version of a package that a file asks for.
type wanted struct {
	format, namespace, name, version string

	hashes []digest // one of its files must have one of them, if there are any
	where  string   // "requirements.txt:3"
}

func (w wanted) String() string {
	return Package{Format: w.format, Namespace: w.namespace, Name: w.name, Version: w.version}.String()
}

// mayBe tells whether a file with a SHA-256, or an unknown one if that is "", may have one of the
// hashes that are wanted.
func (w wanted) mayBe(sha256 string) bool {
	return len(w.hashes) == 0 || sha256 == "" || slices.ContainsFunc(w.hashes, func(d digest) bool { return d.algorithm != "SHA-256" || d.hex == sha256 })
}

// digest is a hash as the API names it: "SHA-256" and lower-case hexadecimal digits.
type digest struct{ algorithm, hex string }

func (d digest) String() string {
	return strings.ToLower(strings.ReplaceAll(d.algorithm, "-", "")) + ":" + d.hex
}

// algorithms are the hashes that the API tells of each file, by the names that lock files use,
// with their lengths in bytes.
var algorithms = map[string]struct {
	name   string
	length int
}{"md5": {"MD5", 16}, "sha1": {"SHA-1", 20}, "sha256": {"SHA-256", 32}, "sha512": {"SHA-512", 64}}

func newDigest(algorithm string, sum []byte) (digest, error) {
	a, ok := algorithms[algorithm]
	if !ok {
		return digest{}, fmt.Errorf("hashes of %s are not known here: md5, sha1, sha256 and sha512 are", algorithm)
	}
	if len(sum) != a.length {
		return digest{}, fmt.Errorf("a hash of %s has %d bytes, and not %d", algorithm, a.length, len(sum))
	}
	return digest{a.name, hex.EncodeToString(sum)}, nil
}

// parseHash reads "sha256:" and hexadecimal digits.
func parseHash(text string) (digest, error) {
	algorithm, digits, _ := strings.Cut(text, ":")
	sum, err := hex.DecodeString(digits)
	if err != nil {
		return digest{}, fmt.Errorf("%q is no hash: %w", text, err)
	}
	return newDigest(algorithm, sum)
}

// parseIntegrity reads what npm and browsers call integrity: "sha512-" and base64, several with
// spaces between; only those of the strongest algorithm count.
func parseIntegrity(text string) (all []digest, err error) {
	for word := range strings.FieldsSeq(text) {
		word, _, _ = strings.Cut(word, "?")
		algorithm, encoded, _ := strings.Cut(word, "-")
		sum, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("%q is no integrity: %w", word, err)
		}
		d, err := newDigest(algorithm, sum)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, errors.New("the integrity is empty")
	}
	strongest := slices.MaxFunc(all, func(a, b digest) int { return cmp.Compare(len(a.hex), len(b.hex)) })
	return slices.DeleteFunc(all, func(d digest) bool { return d.algorithm != strongest.algorithm }), nil
}

// file is a file of wishes that has been read.
type file struct {
	name     string // as the user gave it
	text     []byte
	wanted   []wanted
	unpinned []string // what of it has no version, "requirements.txt:2: iris>=1"
	hashed   bool     // it has hashes, so its tool has written all that is needed
	pip      *pipInput
	notes    []string
}

// readFile reads a file of wishes, by the form that its name tells.
func readFile(path string) (*file, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &file{name: filepath.Base(path), text: text}
	switch ext := filepath.Ext(f.name); {
	case f.name == "package-lock.json" || f.name == "npm-shrinkwrap.json":
		err = f.readPackageLock()
	case strings.HasPrefix(f.name, "pylock.") && ext == ".toml":
		err = f.readPylock()
	case f.name == "uv.lock":
		err = f.readUVLock()
	case ext == ".txt" || ext == ".in":
		err = f.readRequirements(path)
	default:
		err = errors.New("it is none of requirements.txt (*.txt, *.in), pylock.toml, uv.lock, package-lock.json and npm-shrinkwrap.json")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
