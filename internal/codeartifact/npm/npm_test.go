package npm_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/modelwharf/modelwharf/internal/codeartifact/npm"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"react": "react", "@team/model": "@team%2fmodel", "JSONStream": "JSONStream", "a.b-c_d~e": "a.b-c_d~e",
		"": "", "@team": "", "@/a": "", "@team/": "", ".a": "", "_a": "", "a/b": "", "a b": "", "ä": "", "@team/.a": "", "node_modules": "", "a%2fb": "", strings.Repeat("a", 215): "",
	} {
		n, err := npm.ParseName(text)
		if err != nil && want == "" {
			continue
		}
		if err != nil || n.Escaped() != want || n.String() != text {
			t.Errorf("%q: %v %v, want %q", text, n, err, want)
		}
	}
	if n, _ := npm.ParseName("JSONStream"); n.New() {
		t.Error("a new package may have capitals")
	}
}

func TestValidVersionAndTag(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]bool{"1.0.0": true, "1.0.0-rc.1+b.2": true, "1.0": false, "v1.0.0": false, "": false, "1.0.0/..": false, "01.0.0": false, "latest": false, "1.0.0 ": false} {
		if npm.ValidVersion(v) != want {
			t.Errorf("version %q: %v", v, !want)
		}
	}
	for tag, want := range map[string]bool{"latest": true, "next-11": true, "1.0.0": false, "v1": false, "^1": false, "": false, "a b": false, "*": false, "x": false, "a/b": false} {
		if npm.ValidTag(tag) != want {
			t.Errorf("tag %q: %v", tag, !want)
		}
	}
}

func document(tarball []byte) string {
	return fmt.Sprintf(`{"_id":"@team/model","name":"@team/model","dist-tags":{"latest":"1.0.0"},"readme":"a \"quoted\\\" one: \"_attachments\"",
"versions":{"1.0.0":{"name":"@team/model","version":"1.0.0","_attachments":{"x":{"data":"kept"}}}},
"_attachments":{"@team/model-1.0.0.tgz":{"content_type":"application/octet-stream","data":%q,"length":%d}}}`, base64.StdEncoding.EncodeToString(tarball), len(tarball))
}

func TestReadPublish(t *testing.T) {
	t.Parallel()
	name, _ := npm.ParseName("@team/model")
	tarball := bytes.Repeat([]byte("0123456789abcdef\xff"), 20_000)
	for _, r := range []io.Reader{strings.NewReader(document(tarball)), iotest.HalfReader(strings.NewReader(document(tarball))), iotest.OneByteReader(strings.NewReader(document(tarball)))} {
		var got []byte
		p, err := npm.ReadPublish(r, name, func(file string, body io.Reader) (err error) {
			if file != "@team/model-1.0.0.tgz" {
				t.Errorf("file %q", file)
			}
			got, err = io.ReadAll(body)
			return err
		})
		if err != nil || !bytes.Equal(got, tarball) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(tarball), err)
		}
		if p.DistTags["latest"] != "1.0.0" || p.Readme != `a "quoted\" one: "_attachments"` || len(p.Versions) != 1 || !bytes.Contains(p.Versions["1.0.0"], []byte("kept")) {
			t.Errorf("%+v", p)
		}
	}
}

func TestReadPublishOfWhatIsNone(t *testing.T) {
	t.Parallel()
	name, _ := npm.ParseName("model")
	attached := `"_attachments":{"model-1.0.0.tgz":{"data":"AAAA"}}`
	good := `{"name":"model","versions":{"1.0.0":{"name":"model","version":"1.0.0"}},` + attached + `}`
	read := func(_ string, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
	if _, err := npm.ReadPublish(strings.NewReader(good), name, read); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ body, want string }{
		"nothing":                 {"", "not JSON"},
		"an array":                {"[]", "not JSON"},
		"cut in a tarball":        {good[:len(good)-6], "ends too early"},
		"cut after it":            {good[:len(good)-2], "not JSON"},
		"another name":            {strings.Replace(good, `{"name":"model"`, `{"name":"mode1"`, 1), "was sent to"},
		"another manifest":        {strings.Replace(good, `{"name":"model","version":"1.0.0"`, `{"name":"model","version":"1.0.1"`, 1), "is of model@1.0.1"},
		"a version that is none":  {strings.ReplaceAll(strings.Replace(good, attached, `"x":1`, 1), "1.0.0", "1.0"), "not a version"},
		"a tag that is a version": {strings.Replace(good, `"versions"`, `"dist-tags":{"1.0.0":"1.0.0"},"versions"`, 1), "cannot be a tag"},
		"three tarballs":          {strings.Replace(good, attached, `"_attachments":{"a":{"data":""},"b":{"data":""},"c":{"data":""}}`, 1), "more than one"},
		"too deep":                {strings.Repeat("[", 2000), "nested too deeply"},
		"too large":               {`{"readme":"` + strings.Repeat("x", 17<<20), "more than"},
	} {
		_, err := npm.ReadPublish(strings.NewReader(c.body), name, read)
		var doc *npm.ErrDocument
		if (!errors.As(err, &doc) && what != "cut in a tarball") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	full := errors.New("full")
	if _, err := npm.ReadPublish(strings.NewReader(good), name, func(string, io.Reader) error { return full }); !errors.Is(err, full) {
		t.Errorf("the tarball's error became %v", err)
	}
	if _, err := npm.ReadPublish(strings.NewReader(strings.Replace(good, "AAAA", "A*AA", 1)), name, read); err == nil {
		t.Error("a tarball that is no base64 was taken")
	}
}

func TestManifests(t *testing.T) {
	t.Parallel()
	const manifest = `{"name":"m","version":"1.0.0","description":"d","scripts":{"postinstall":"x"},"dist":{"tarball":"old","signatures":[1]},
		"dependencies":{"b":"^1","@s/a":"~2"},"devDependencies":{"c":"*"},"peerDependencies":{"d":">=1"},"readme":"long"}`
	short, err := npm.Abbreviate([]byte(manifest))
	if err != nil || strings.Contains(string(short), "readme") || strings.Contains(string(short), "description") || !strings.Contains(string(short), `"hasInstallScript":true`) {
		t.Errorf("%s %v", short, err)
	}
	full, err := npm.SetDist([]byte(manifest), npm.Dist{Tarball: "new", Shasum: "s", Integrity: "i"})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := npm.ReadDist(full); err != nil || d != (npm.Dist{Tarball: "new", Shasum: "s", Integrity: "i"}) || !bytes.Contains(full, []byte(`"signatures":[1]`)) {
		t.Errorf("%+v %v", d, err)
	}
	old, err := npm.Deprecate(full, "use n")
	if err != nil || !bytes.Contains(old, []byte(`"deprecated":"use n"`)) {
		t.Errorf("%s %v", old, err)
	}
	if b, err := npm.Deprecate(old, ""); err != nil || bytes.Contains(b, []byte("deprecated")) {
		t.Errorf("%s %v", b, err)
	}
	needs, err := npm.Dependencies([]byte(manifest))
	want := []npm.Dependency{
		{Name: npm.Name{Scope: "s", Name: "a"}, Range: "~2", Kind: "regular"}, {Name: npm.Name{Name: "b"}, Range: "^1", Kind: "regular"},
		{Name: npm.Name{Name: "c"}, Range: "*", Kind: "dev"}, {Name: npm.Name{Name: "d"}, Range: ">=1", Kind: "peer"},
	}
	if err != nil || !reflect.DeepEqual(needs, want) {
		t.Errorf("%+v %v", needs, err)
	}
}

func FuzzReadPublish(f *testing.F) {
	f.Add(document([]byte("tarball")))
	f.Add(`{"_attachments":{"a":{"data":"\u0041"}}}`)
	f.Add(`{"name":"@team/model","_attachments":{"a":{"data":"AA==","data":"AA=="}}}`)
	name, _ := npm.ParseName("@team/model")
	f.Fuzz(func(t *testing.T, body string) {
		p, err := npm.ReadPublish(strings.NewReader(body), name, func(_ string, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err })
		if err != nil {
			return
		}
		if !json.Valid([]byte(body)) {
			t.Fatal("what is no JSON was taken")
		}
		for _, m := range p.Versions {
			if _, err := npm.Abbreviate(m); err != nil {
				t.Fatal(err)
			}
			if _, err := npm.Dependencies(m); err != nil {
				t.Fatal(err)
			}
		}
	})
}
