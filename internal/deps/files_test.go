package deps

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sums of one of each algorithm.
var (
	sum256 = strings.Repeat("0a", 32)
	sum512 = strings.Repeat("0b", 64)
)

// reading writes files and reads the first one; what it wants is told in one line.
func reading(t *testing.T, files ...string) (string, *file, error) {
	t.Helper()
	folder := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(folder, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := readFile(filepath.Join(folder, files[0]))
	if err != nil {
		return "", nil, err
	}
	var all []string
	for _, w := range f.wanted {
		one := w.String()
		for _, d := range w.hashes {
			one += fmt.Sprintf(" %s:%s", strings.ToLower(d.algorithm), d.hex[:2])
		}
		all = append(all, one)
	}
	return strings.Join(all, ", "), f, nil
}

// TestFilesOfWishes reads each form of files.
func TestFilesOfWishes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files    []string
		want     string
		unpinned int
		hashed   bool
	}{
		{[]string{"requirements.txt", "a==1.0\r\n\r\nB.c_d [x,y] == 2.0.post1 ; python_version < '3.8' # why\n"}, "a 1.0, b-c-d 2.0.post1", 0, false},
		{[]string{"requirements.txt", "\xef\xbb\xbfa===1.0 --hash=sha256:" + sum256 + " \\\n    --hash sha512:" + sum512 + "\n"}, "a 1.0 sha-256:0a sha-512:0b", 0, true},
		{[]string{"requirements.txt", "a == 1.0 \\\n    --hash=sha256:" + sum256 + "  # first\nb==1\n"}, "a 1.0 sha-256:0a, b 1", 0, false},
		{[]string{"r.in", "a>=1\nb\nc==1.*\nd==1,!=2\ne~=1.0\nf (==1.0)\n"}, "f 1.0", 5, false},
		{[]string{"r.txt", "-r more.txt\n-cless.txt\n--index-url=x\n--pre\na==1\n", "more.txt", "b==2\n", "less.txt", "c==3\nd<4\n"}, "b 2, a 1", 0, false},
		{[]string{"r.txt", "# a comment \\\na==1\n"}, "a 1", 0, false},
		{[]string{"pylock.toml", "lock-version = '1.0'\n[[packages]]\nname = 'A_b'\nversion = '1.0'\nsdist = { name = 's', hashes = { sha256 = '" + sum256 + "' } }\n[[packages.wheels]]\nurl = 'u'\nhashes = { sha512 = '" + sum512 + "' }\n"}, "a-b 1.0 sha-512:0b sha-256:0a", 0, true},
		{[]string{"uv.lock", "version = 1\n[manifest]\nmembers = ['app', 'part']\n[[package]]\nname = 'part'\nversion = '1'\nsource = { editable = 'parts/part' }\n[[package]]\nname = 'app'\nversion = '1'\nsource = { virtual = '.' }\n[[package]]\nname = 'a'\nversion = '1.0'\nsource = { registry = 'x' }\nwheels = [{ url = 'u', hash = 'sha256:" + sum256 + "' }]\n"}, "a 1.0 sha-256:0a", 0, true},
		{[]string{"package-lock.json", `{"lockfileVersion":3,"packages":{"":{"version":"1"},"ui":{"version":"1"},"node_modules/ui":{"link":true},
			"node_modules/@t/m":{"version":"1.0.0","integrity":"sha512-` + strings.Repeat("A", 86) + `== sha1-` + strings.Repeat("A", 27) + `="},"node_modules/b/node_modules/alias":{"name":"real","version":"2.0.0","integrity":"sha1-` + strings.Repeat("A", 27) + `="},
			"node_modules/b/node_modules/in":{"version":"1.0.0","inBundle":true}}}`}, "@t/m 1.0.0 sha-512:00, real 2.0.0 sha-1:00", 0, true},
	} {
		got, f, err := reading(t, c.files...)
		if err != nil || got != c.want || len(f.unpinned) != c.unpinned || f.hashed != c.hashed {
			t.Errorf("%q: %q, and not %q: %v %+v", c.files, got, c.want, err, f)
		}
	}
	if _, f, err := reading(t, "r.txt", "-r more.txt\n-c less.txt\n--index-url=x\n--pre\na\n", "more.txt", "b==2\n", "less.txt", "c<3\n"); err != nil ||
		strings.Join(f.pip.requirements, "|") != "b==2|--pre|a" || strings.Join(f.pip.constraints, "|") != "c<3" || len(f.notes) != 1 {
		t.Errorf("%v %+v", err, f)
	}
}

// TestFilesThatCannotBeLocked tells what is wrong and where.
func TestFilesThatCannotBeLocked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, why string }{
		{"requirements.txt", "a==1\n-e .\n", "line 2: what is editable"},
		{"requirements.txt", "a @ https://example.com/a.whl\n", "line 1: \"a @ https://example.com/a.whl\" is no version"},
		{"requirements.txt", "./a.whl\n", "is no version of a package"},
		{"requirements.txt", "git+https://example.com/a\n", "is no version of a package"},
		{"requirements.txt", "-r requirements.txt\n", "includes itself"},
		{"requirements.txt", "-r https://example.com/r.txt\n", "not read from a URL"},
		{"requirements.txt", "-r absent.txt\n", "no such file"},
		{"requirements.txt", "--unheard-of\n", "option --unheard-of is not known"},
		{"requirements.txt", "a==1 --hash=sha256:00\n", "a hash of sha256 has 32 bytes, and not 1"},
		{"requirements.txt", "a==1 --hash=sha3:00\n", "hashes of sha3 are not known"},
		{"requirements.txt", "a==1 --hash=sha256:xy\n", "is no hash"},
		{"requirements.txt", "a b c\n", "is no requirement"},
		{"package-lock.json", `{"lockfileVersion":1}`, "--lockfile-version 3"},
		{"package-lock.json", `{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1","resolved":"git+ssh://x"}}}`, "a (git+ssh://x) is no version"},
		{"package-lock.json", `{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1"}}}`, "a 1 has no integrity"},
		{"package-lock.json", `{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1","integrity":"sha512-x"}}}`, "is no integrity"},
		{"package-lock.json", "[]", "cannot unmarshal"},
		{"pylock.toml", "lock-version = '2.0'\n", "1.0 is known"},
		{"pylock.toml", "lock-version = '1.0'\n[[packages]]\nname = 'a'\nvcs = { type = 'git' }\n", "a is no version"},
		{"pylock.toml", "lock-version = '1.0'\n[[packages]]\nname = 'a'\n", "a has no version"},
		{"uv.lock", "version = 1\n[[package]]\nname = 'a'\nversion = '1'\nsource = { git = 'x' }\n", "a is no version"},
		{"yarn.lock", "", "it is none of requirements.txt"},
	} {
		if _, _, err := reading(t, c.name, c.text); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s %q: %v", c.name, c.text, err)
		}
	}
}

// TestLockText has one text for a lock, and reads it again; it refuses what is none.
func TestLockText(t *testing.T) {
	t.Parallel()
	l := &Lock{Schema: Schema, Model: "m", ModelVersion: "1", Sources: []Source{{Name: "r.txt", SHA256: sum256}}, Packages: []Package{
		{Format: "pypi", Name: "b", Version: "1", Assets: []Asset{{"z", 1, sum256}, {"<a>", 2, sum256}}}, {Format: "npm", Namespace: "t", Name: "m", Version: "1", Assets: []Asset{}},
	}}
	text := string(l.Text())
	again, err := Parse([]byte(text))
	if err != nil || string(again.Text()) != text || strings.Index(text, `"<a>"`) > strings.Index(text, `"z"`) || strings.Index(text, "npm") > strings.Index(text, "pypi") {
		t.Errorf("%v %s", err, text)
	}
	for bad, why := range map[string]string{
		"": "no lock", `{}`: "schemaVersion is 0", `{"schemaVersion":2}`: "knows 1 alone", `{"schemaVersion":1,"more":1}`: "unknown field",
		`{"schemaVersion":1,"packages":[{"format":"pypi","name":"a"}]}`:                                    "no format, name or version",
		`{"schemaVersion":1,"packages":[{"format":"p","name":"a","version":"1","assets":[{"name":"f"}]}]}`: "a file without name, size or SHA-256",
	} {
		if _, err := Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzFilesOfWishes reads anything without a panic, and wants only what has a name and a version.
func FuzzFilesOfWishes(f *testing.F) {
	for _, text := range []string{
		"a==1 --hash=sha256:" + sum256 + " \\\n", "-r x\n-c y\n--pre\n", "a[b]>=1;python_version<'3'\n", `{"lockfileVersion":3,"packages":{"node_modules/@a/b":{"version":"1","integrity":"sha1-AA=="}}}`,
		"lock-version='1.0'\n[[packages]]\nname='a'\nversion='1'\n", "version=1\n[[package]]\nname='a'\nsource={registry='x'}\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"requirements.txt", "package-lock.json", "pylock.toml", "uv.lock"} {
			one := &file{name: name, text: []byte(text)}
			read := map[string]func() error{
				"requirements.txt":  func() error { return one.readRequirements(filepath.Join(t.TempDir(), name)) },
				"package-lock.json": one.readPackageLock, "pylock.toml": one.readPylock, "uv.lock": one.readUVLock,
			}[name]
			if read() != nil {
				continue
			}
			for _, w := range one.wanted {
				if w.name == "" || w.version == "" {
					t.Errorf("%s: %+v", name, w)
				}
			}
		}
		_, _ = readReport([]byte(text), "")
		if l, err := Parse([]byte(text)); err == nil {
			if _, err := Parse(l.Text()); err != nil {
				t.Error(err)
			}
		}
	})
}
