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
