package ecr

import (
	"strings"
	"testing"
)

// FuzzManifest parses anything: it must not panic, and what it takes has digests that can
// be keys.
func FuzzManifest(f *testing.F) {
	digest := "sha256:" + strings.Repeat("a", 64)
	f.Add(`{"schemaVersion":2,"config":{"mediaType":"x","digest":"`+digest+`","size":1},"layers":[{"digest":"`+digest+`"}]}`, "")
	f.Add(`{"schemaVersion":2,"manifests":[{"digest":"`+digest+`"}],"subject":{"digest":"`+digest+`"}}`, OCIIndex)
	f.Add(`{"schemaVersion":1,"fsLayers":[]}`, DockerManifest)
	f.Add(`{"config":null,"layers":[null]}`, OCIManifest)
	f.Add(`{"mediaType":"other","blobs":[{}]}`, "other")
	f.Add(`[`, "")
	f.Fuzz(func(t *testing.T, text, mediaType string) {
		m, err := parseManifest([]byte(text), mediaType)
		if err != nil {
			return
		}
		m.artifactType()
		for _, d := range append(m.blobs, m.children...) {
			if d.Digest.Validate() != nil || d.Size < 0 {
				t.Errorf("%+v is taken", d)
			}
		}
	})
}

// FuzzWildcard compares the matching of filters with one that tries everything.
func FuzzWildcard(f *testing.F) {
	f.Add("a*b", "ab")
	f.Add("*a*", "bab")
	f.Add("a*a", "a")
	f.Add("*", "")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 10 || len(text) > 20 || strings.Count(pattern, "*") > 3 {
			return
		}
		var plain func(p, s string) bool
		plain = func(p, s string) bool {
			switch {
			case p == "":
				return s == ""
			case p[0] == '*':
				return plain(p[1:], s) || s != "" && plain(p, s[1:])
			}
			return s != "" && p[0] == s[0] && plain(p[1:], s[1:])
		}
		if got, want := wildcard(pattern, text), plain(pattern, text); got != want {
			t.Errorf("%q on %q: %t, want %t", pattern, text, got, want)
		}
	})
}
