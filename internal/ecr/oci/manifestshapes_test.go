package oci_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/ecr"
)

const emptyJSON = "application/vnd.oci.empty.v1+json"

// descriptor is what a manifest says of content, with more fields.
func descriptor(mediaType string, d digest.Digest, content []byte, more string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":"%s","size":%d%s}`, mediaType, d, len(content), more)
}

// shapes are manifests of every kind that clients push, by name, and what they need is
// pushed. Digests of what they refer to are of the algorithm.
func (reg *registry) shapes(algorithm digest.Algorithm) map[string][]byte {
	reg.t.Helper()
	blob := func(content string) (digest.Digest, []byte) {
		d := algorithm.FromString(content)
		pushWays["POST, PUT"](reg, []byte(content), d).want(201)
		return d, []byte(content)
	}
	of := func(mediaType, content, more string) string {
		d, b := blob(content)
		return descriptor(mediaType, d, b, more)
	}
	image := func(config, layers, more string) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]%s}`, ecr.OCIManifest, config, layers, more)
	}
	index := func(more string, manifests ...string) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s]%s}`, ecr.OCIIndex, strings.Join(manifests, ","), more)
	}
	child := func(m []byte, more string) string {
		d := algorithm.FromBytes(m)
		mediaType := ecr.OCIManifest
		if bytes.Contains(m, []byte(`"manifests"`)) {
			mediaType = ecr.OCIIndex
		}
		reg.putManifest(private, d.String(), m, "Content-Type", mediaType).want(201).has("Docker-Content-Digest", d.String())
		return descriptor(mediaType, d, m, more)
	}
	config := of("application/vnd.oci.image.config.v1+json", `{"architecture":"amd64","os":"linux"}`, "")
	layer := of("application/vnd.oci.image.layer.v1.tar+gzip", "layer", "")
	artifact := func(layer, more string) []byte {
		return image(of(emptyJSON, "{}", ""), layer, `,"artifactType":"application/vnd.example.thing"`+more)
	}
	thing := of("application/vnd.example.thing", "thing", "")
	elsewhere := func(mediaType, content string) string {
		return descriptor(mediaType, digest.FromString(content), []byte(content), `,"urls":["https://example.com/`+content+`"]`)
	}
	var many strings.Builder
	for i := range 390 {
		fmt.Fprintf(&many, `"annotation-%d":%q,`, i, strings.Repeat("A", 10_000))
	}
	amd, arm := `,"platform":{"architecture":"amd64","os":"linux"}`, `,"platform":{"architecture":"arm64","os":"linux"}`
	both := func(note string) []byte {
		return index("", child(image(config, layer, `,"annotations":{"for":"`+note+`amd64"}`), amd), child(image(config, layer, `,"annotations":{"for":"`+note+`arm64"}`), arm))
	}
	data := base64.StdEncoding.EncodeToString([]byte("inline"))
	return map[string][]byte{
		"image":                    image(config, layer, ""),
		"uncompressed":             image(config, of("application/vnd.oci.image.layer.v1.tar", "tar", ""), ""),
		"large":                    image(config, layer, `,"annotations":{`+many.String()+`"last":""}`),
		"index":                    both(""),
		"index of indexes":         index("", child(both("1"), ""), child(both("2"), "")),
		"empty index":              index(""),
		"artifact":                 artifact(thing, ""),
		"index of artifacts":       index(`,"artifactType":"application/vnd.example.thing"`, child(artifact(thing, `,"annotations":{"for":"index"}`), amd)),
		"artifact without layers":  artifact(of(emptyJSON, "{}", ""), ""),
		"data in descriptors":      image(config, of("application/vnd.oci.image.layer.v1.tar", "inline", `,"data":"`+data+`"`), ""),
		"layers that are not here": image(config, elsewhere("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "a")+","+elsewhere("application/vnd.oci.image.layer.nondistributable.v1.tar", "b")+","+layer, ""),
		"fields of its own":        image(config, layer, `,"org.example.more":"value"`),
		"index with such a field":  index(`,"org.example.more":{"of":["any","kind"]}`, child(image(config, layer, `,"org.example.more":1`), amd)),
		"no layers":                image(config, "", ""),
	}
}

// "Pushing Manifests" of every shape, by digest, by tag, and by a digest with tags; each
// comes back byte for byte with its type, length and digest, is listed, and is gone as soon
// as it is deleted, first its tag, then itself.
func TestManifestShapes(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			reg := start(t)
			for name, m := range reg.shapes(algorithm) {
				d, mediaType := algorithm.FromBytes(m), ecr.OCIManifest
				if bytes.Contains(m, []byte(`"manifests"`)) {
					mediaType = ecr.OCIIndex
				}
				if algorithm == digest.SHA256 { // a push by a tag alone has the digest that is usual
					reg.putManifest(private, "alone", m, "Content-Type", mediaType).want(201).has("Docker-Content-Digest", d.String())
				}
				put := reg.putManifest(private, d.String()+"?tag=one&tag=two", m, "Content-Type", mediaType).want(201)
				put.has("Docker-Content-Digest", d.String(), "OCI-Tag", "one,two", "OCI-Subject", "")
				told := []string{"Docker-Content-Digest", d.String(), "Content-Type", mediaType, "Content-Length", fmt.Sprint(len(m))}
				for _, from := range []string{put.location(), "/v2/" + private + "/manifests/" + d.String(), "/v2/" + private + "/manifests/one", "/v2/" + private + "/manifests/two"} {
					if got := reg.do("GET", from, nil, "Accept", mediaType).want(200).has(told...); !bytes.Equal(got.body, m) {
						t.Errorf("%s: other bytes come back", name)
					}
					reg.do("HEAD", from, nil).want(200).has(told...)
				}
				for _, ref := range []string{"one", "two", d.String()} {
					reg.do("DELETE", "/v2/"+private+"/manifests/"+ref, nil).want(202)
					reg.do("HEAD", "/v2/"+private+"/manifests/"+ref, nil).want(404)
				}
			}
		})
	}
}

// What a manifest names has to be there, of either algorithm, also in an index of an index:
// the registry may insist (error code-8, MANIFEST_BLOB_UNKNOWN), and ECR does. Only a
// subject may be missing.
func TestManifestNeedsWhatItNames(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			reg := start(t)
			whole := reg.shapes(algorithm)["image"]
			absent := descriptor(ecr.OCIIndex, algorithm.FromString("absent"), []byte("absent"), "")
			for _, m := range []string{
				strings.Replace(string(whole), algorithm.FromString("layer").String(), algorithm.FromString("absent").String(), 1),
				fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, ecr.OCIIndex, absent),
			} {
				for _, ref := range []string{"sparse", algorithm.FromString(m).String()} {
					mediaType := ecr.OCIManifest
					if strings.Contains(m, `"manifests"`) {
						mediaType = ecr.OCIIndex
					}
					reg.putManifest(private, ref, []byte(m), "Content-Type", mediaType).fails(400, "MANIFEST_BLOB_UNKNOWN")
					reg.do("HEAD", "/v2/"+private+"/manifests/"+ref, nil).want(404)
				}
			}
			subject := algorithm.FromString("absent")
			m := bytes.Replace(whole, []byte(`"layers"`), []byte(`"subject":`+absent+`,"layers"`), 1)
			reg.putManifest(private, algorithm.FromBytes(m).String()+"?tag=signature", m).want(201).has("OCI-Subject", subject.String(), "OCI-Tag", "signature")
			if algorithm == digest.SHA256 {
				reg.putManifest(private, "signature", m).want(201).has("OCI-Subject", subject.String())
			}
			list := func() int {
				got := reg.do("GET", "/v2/"+private+"/referrers/"+subject.String(), nil).want(200).has("Content-Type", ecr.OCIIndex)
				var v struct{ Manifests []struct{ Digest string } }
				if err := json.Unmarshal(got.body, &v); err != nil {
					t.Fatal(err)
				}
				return len(v.Manifests)
			}
			if n := list(); n != 1 {
				t.Errorf("%d manifests refer to it, want 1", n)
			}
			reg.do("DELETE", "/v2/"+private+"/manifests/"+algorithm.FromBytes(m).String(), nil).want(202)
			if n := list(); n != 0 {
				t.Errorf("%d manifests refer to it after the deletion", n)
			}
		})
	}
}

// A reference that would be a digest but is none refuses a push, and a pull finds nothing.
func TestManifestMalformedDigest(t *testing.T) {
	t.Parallel()
	reg := start(t)
	m := reg.shapes(digest.SHA256)["image"]
	for _, ref := range []string{"sha256:notadigest", "sha512:" + digest.FromBytes(m).Encoded(), "sha256:" + strings.ToUpper(digest.FromBytes(m).Encoded())} {
		reg.putManifest(private, ref, m).fails(400, "DIGEST_INVALID")
		reg.do("GET", "/v2/"+private+"/manifests/"+ref, nil).fails(404, "MANIFEST_UNKNOWN")
	}
	padded := append(bytes.Clone(m), "  "...)
	reg.putManifest(private, digest.FromBytes(m).String(), padded).fails(400, "DIGEST_INVALID")
	reg.do("HEAD", "/v2/"+private+"/manifests/"+digest.FromBytes(padded).String(), nil).want(404)
}
