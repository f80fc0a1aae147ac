package oci_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/ecr"
)

// "Pushing Manifests" and "Pulling manifests": byte for byte, whatever the blanks.
func TestManifestByteForByte(t *testing.T) {
	t.Parallel()
	reg := start(t)
	reg.push(private, []byte("config"))
	reg.push(private, []byte("layer"))
	oci := imageOf("config", []byte("layer"))
	for i, m := range [][]byte{
		oci, append(bytes.ReplaceAll(oci, []byte(","), []byte(" ,\n\t")), "\n\n"...), append([]byte("\r\n "), oci...),
		manifestOf(ecr.OCIManifest, "config", `,"annotations":{"a<b>":"ü\u00fc"},"unknown":[1,2.0]`, []byte("layer")),
	} {
		ref, d := fmt.Sprint("v", i), digest.FromBytes(m)
		reg.putManifest(private, ref, m).want(201).has("Docker-Content-Digest", d.String(), "OCI-Subject", "",
			"Location", "http://"+reg.host+"/v2/"+private+"/manifests/"+d.String())
		for _, ref := range []string{ref, d.String()} {
			path := "/v2/" + private + "/manifests/" + ref
			got := reg.do("GET", path, nil).want(200).has("Docker-Content-Digest", d.String(), "Content-Type", ecr.OCIManifest, "Content-Length", fmt.Sprint(len(m)))
			if !bytes.Equal(got.body, m) {
				t.Errorf("other bytes come back: %s", got.body)
			}
			reg.do("HEAD", path, nil).want(200).has("Docker-Content-Digest", d.String(), "Content-Type", ecr.OCIManifest, "Content-Length", fmt.Sprint(len(m)))
			reg.do("GET", path, nil, "If-None-Match", `"`+d.String()+`"`).want(304)
		}
	}
	docker := manifestOf(ecr.DockerManifest, "config", "", []byte("layer"))
	reg.putManifest(private, "docker", docker, "Content-Type", ecr.DockerManifest+"; charset=utf-8").want(201)
	reg.do("GET", "/v2/"+private+"/manifests/docker", nil).want(200).has("Content-Type", ecr.DockerManifest)
}

func TestManifestAbsent(t *testing.T) {
	t.Parallel()
	reg := start(t)
	for _, ref := range []string{"absent", digest.FromString("absent").String(), ".INVALID", "sha256:12"} {
		for _, method := range []string{"GET", "DELETE"} {
			reg.do(method, "/v2/"+private+"/manifests/"+ref, nil).fails(404, "MANIFEST_UNKNOWN")
		}
		reg.do("HEAD", "/v2/"+private+"/manifests/"+ref, nil).want(404)
	}
}

func TestManifestRefused(t *testing.T) {
	t.Parallel()
	reg := start(t)
	reg.push(private, []byte("config"))
	m := imageOf("config")
	reg.putManifest(private, digest.FromString("x").String(), m).fails(400, "DIGEST_INVALID")
	reg.putManifest(private, "-tag", m).fails(400, "TAG_INVALID")
	reg.putManifest(private, strings.Repeat("t", 129), m).fails(400, "TAG_INVALID")
	reg.putManifest(private, "v1", imageOf("config", []byte("absent"))).fails(400, "MANIFEST_BLOB_UNKNOWN")
	reg.putManifest(private, "v1", imageOf("other config")).fails(400, "MANIFEST_BLOB_UNKNOWN")
	for _, bad := range []string{
		"", "x", "[]", "{", "{}", "null", `{"schemaVersion":1}`, `{"schemaVersion":2}`, `{"schemaVersion":2,"config":{"digest":"x"}}`,
		`{"schemaVersion":2,"config":{"digest":"sha256:../..","size":1}}`, `{"schemaVersion":2,"mediaType":"other/type","config":{}}`,
		"{\"schemaVersion\":2,\"x\":\"\xff\"}", string(m) + "{}", strings.Replace(string(m), `"size":6`, `"size":-1`, 1),
	} {
		reg.putManifest(private, "v1", []byte(bad)).fails(400, "MANIFEST_INVALID")
	}
	large := append(bytes.Clone(m), bytes.Repeat([]byte(" "), ecr.MaxManifest-len(m))...)
	reg.putManifest(private, "large", large).want(201)
	if got := reg.do("GET", "/v2/"+private+"/manifests/large", nil).want(200); !bytes.Equal(got.body, large) {
		t.Error("other bytes come back")
	}
	reg.putManifest(private, "larger", append(large, ' ')).fails(413, "SIZE_INVALID")
	reg.send("PUT", "/v2/"+private+"/manifests/larger", struct{ *bytes.Reader }{bytes.NewReader(append(large, ' '))}, "Content-Type", ecr.OCIManifest).fails(413, "SIZE_INVALID")
	reg.do("GET", "/v2/"+private+"/manifests/v1", nil).want(404)
}

// An index needs its manifests; a layer that lies elsewhere may be missing.
func TestManifestReferences(t *testing.T) {
	t.Parallel()
	reg := start(t)
	child := reg.pushImage(private, "config", "child")
	index := func(d digest.Digest) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":"%s","size":1}]}`, ecr.OCIIndex, ecr.OCIManifest, d)
	}
	reg.putManifest(private, "index", index(child), "Content-Type", ecr.OCIIndex).want(201)
	reg.do("GET", "/v2/"+private+"/manifests/index", nil).want(200).has("Content-Type", ecr.OCIIndex)
	reg.putManifest(private, "bad", index(digest.FromString("absent")), "Content-Type", ecr.OCIIndex).fails(400, "MANIFEST_BLOB_UNKNOWN")
	foreign := fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":6},"layers":[
		{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"%s","size":5,"urls":["https://example.com"]}]}`,
		digest.FromString("config"), digest.FromString("elsewhere"))
	reg.putManifest(private, "foreign", foreign).want(201)
}

// "PUT manifests/<digest>?tag=a&tag=b".
func TestManifestWithTags(t *testing.T) {
	t.Parallel()
	reg := start(t)
	reg.create(account+"/"+region+"/fixed", ecr.Mutability{Mode: ecr.Immutable})
	fixed := account + "/" + region + "/fixed"
	reg.push(fixed, []byte("one"))
	reg.push(fixed, []byte("two"))
	one, two := imageOf("one"), imageOf("two")
	d1, d2 := digest.FromBytes(one).String(), digest.FromBytes(two).String()
	var tags []string
	for i := range 12 {
		tags = append(tags, fmt.Sprintf("tag=t%02d", i))
	}
	got := reg.putManifest(fixed, d1+"?"+strings.Join(tags, "&"), one).want(201)
	if n := len(got.header.Values("OCI-Tag")); n != 12 {
		t.Errorf("%d tags are accepted", n)
	}
	// One that must not move: nothing is written, neither the other tag nor the manifest.
	reg.putManifest(fixed, d2+"?tag=new&tag=t03", two).fails(400, "TAG_INVALID").has("OCI-Tag", "")
	reg.do("HEAD", "/v2/"+fixed+"/manifests/new", nil).want(404)
	reg.do("HEAD", "/v2/"+fixed+"/manifests/"+d2, nil).want(404)
	reg.putManifest(fixed, d1+"?tag=t03&tag=new", one).want(201).has("OCI-Tag", "new,t03")
	reg.putManifest(fixed, "t1?tag=t2", one).fails(400, "TAG_INVALID")
	reg.putManifest(fixed, d1+"?tag=-", one).fails(400, "TAG_INVALID")
	reg.putManifest(fixed, d1+"?"+strings.Repeat("tag=x&", 101), one).fails(414, "TAG_INVALID")
	reg.do("GET", "/v2/"+fixed+"/manifests/t11", nil).want(200).has("Docker-Content-Digest", d1)
}

// "Deleting tags" and "Deleting manifests".
func TestManifestDelete(t *testing.T) {
	t.Parallel()
	reg := start(t)
	d := reg.pushImage(private, "config", "a", "b", "c")
	reg.do("DELETE", "/v2/"+private+"/manifests/a", nil).want(202)
	reg.do("GET", "/v2/"+private+"/manifests/a", nil).fails(404, "MANIFEST_UNKNOWN")
	reg.do("GET", "/v2/"+private+"/manifests/b", nil).want(200)
	reg.do("DELETE", "/v2/"+private+"/manifests/"+d.String(), nil).want(202)
	for _, ref := range []string{"b", "c", d.String()} {
		reg.do("GET", "/v2/"+private+"/manifests/"+ref, nil).fails(404, "MANIFEST_UNKNOWN")
	}
	reg.do("GET", "/v2/"+private+"/tags/list", nil).want(200)
	reg.putManifest(private, "a", imageOf("config")).want(201) // its blobs are still there
}

// The four forms of mutability, and what becomes of tags that are deleted or were there
// before.
func TestTagMutability(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		m     ecr.Mutability
		moves map[string]bool
	}{
		{ecr.Mutability{}, map[string]bool{"v1": true}},
		{ecr.Mutability{Mode: ecr.Mutable}, map[string]bool{"v1": true}},
		{ecr.Mutability{Mode: ecr.Immutable}, map[string]bool{"v1": false, "latest": false}},
		{ecr.Mutability{Mode: ecr.ImmutableWithExclusion, Filters: []string{"latest", "dev-*", "*-rc*"}},
			map[string]bool{"v1": false, "latest": true, "latest2": false, "dev-": true, "dev-x": true, "xdev-x": false, "1-rc2": true, "x-rc": true, "rc": false}},
		{ecr.Mutability{Mode: ecr.MutableWithExclusion, Filters: []string{"v*", "release"}},
			map[string]bool{"v1": false, "v": false, "release": false, "releases": true, "latest": true}},
	} {
		reg := start(t)
		path := account + "/" + region + "/mutability"
		reg.create(path, test.m)
		reg.push(path, []byte("one"))
		reg.push(path, []byte("two"))
		one, two := imageOf("one"), imageOf("two")
		for tag, moves := range test.moves {
			reg.putManifest(path, tag, one).want(201)
			reg.putManifest(path, tag, one).want(201) // again is no change
			if moves {
				reg.putManifest(path, tag, two).want(201)
				continue
			}
			refused := reg.putManifest(path, tag, two).fails(400, "TAG_INVALID")
			if want := fmt.Sprintf("The image tag '%s' already exists in the 'mutability' repository and cannot be overwritten because the tag is immutable.", tag); !bytes.Contains(refused.body, []byte(want)) {
				t.Errorf("%s", refused.body)
			}
			reg.do("GET", "/v2/"+path+"/manifests/"+tag, nil).want(200).has("Docker-Content-Digest", digest.FromBytes(one).String())
			// Deleted, it is free.
			reg.do("DELETE", "/v2/"+path+"/manifests/"+tag, nil).want(202)
			reg.putManifest(path, tag, two).want(201)
			reg.putManifest(path, tag, one).fails(400, "TAG_INVALID")
		}
	}
}

// A change of mutability holds for the tags that are there, from the next push on.
func TestTagMutabilityChanges(t *testing.T) {
	t.Parallel()
	reg := start(t)
	reg.push(private, []byte("one"))
	reg.push(private, []byte("two"))
	one, two := imageOf("one"), imageOf("two")
	reg.putManifest(private, "v1", one).want(201)
	set := func(m ecr.Mutability) error {
		_, err := reg.images.SetMutability(reg.rootContext(), reg.name(private), m)
		return err
	}
	if err := set(ecr.Mutability{Mode: ecr.Immutable}); err != nil {
		t.Fatal(err)
	}
	reg.putManifest(private, "v1", two).fails(400, "TAG_INVALID")
	reg.putManifest(private, "v1", one).want(201)
	if err := set(ecr.Mutability{Mode: ecr.ImmutableWithExclusion, Filters: []string{"v*"}}); err != nil {
		t.Fatal(err)
	}
	reg.putManifest(private, "v1", two).want(201)
	for _, bad := range []ecr.Mutability{
		{Mode: "OTHER"}, {Mode: ecr.Immutable, Filters: []string{"v"}}, {Mode: ecr.MutableWithExclusion},
		{Mode: ecr.MutableWithExclusion, Filters: []string{"a", "b", "c", "d", "e", "f"}},
		{Mode: ecr.MutableWithExclusion, Filters: []string{""}}, {Mode: ecr.MutableWithExclusion, Filters: []string{"a*b*c*"}},
		{Mode: ecr.MutableWithExclusion, Filters: []string{"a b"}},
	} {
		if set(bad) == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// Of many that push to one new tag that must not change, exactly one succeeds.
func TestImmutableTagRace(t *testing.T) {
	t.Parallel()
	const clients = 64
	rounds := 8
	if os.Getenv("MODELWHARF_SOAK") != "" {
		rounds = 1000
	}
	reg := start(t)
	path := account + "/" + region + "/race"
	reg.create(path, ecr.Mutability{Mode: ecr.Immutable})
	var manifests [][]byte
	for i := range clients {
		config := fmt.Sprint("config ", i)
		reg.push(path, []byte(config))
		manifests = append(manifests, imageOf(config))
	}
	r := reg.find(path)
	for round := range rounds {
		tag := fmt.Sprint("v", round)
		var mu sync.Mutex
		var won []digest.Digest
		var wg sync.WaitGroup
		for _, m := range manifests {
			wg.Go(func() {
				d := digest.FromBytes(m)
				_, err := reg.images.PutManifest(reg.rootContext(), r, ecr.Push{Digest: d, MediaType: ecr.OCIManifest, Bytes: m, Tags: []string{tag}})
				if err == nil {
					mu.Lock()
					won = append(won, d)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("round %d: %d clients succeeded", round, len(won))
		}
		reg.do("GET", "/v2/"+path+"/manifests/"+tag, nil).want(200).has("Docker-Content-Digest", won[0].String())
	}
}

// A blob that an image needs stays where tags must not move.
func TestDeleteBlobOfImmutableImage(t *testing.T) {
	t.Parallel()
	reg := start(t)
	path := account + "/" + region + "/fixed"
	reg.create(path, ecr.Mutability{Mode: ecr.Immutable})
	image := reg.pushImage(path, "config", "v1")
	config := "/v2/" + path + "/blobs/" + digest.FromString("config").String()
	reg.do("DELETE", config, nil).fails(403, "DENIED")
	reg.do("DELETE", "/v2/"+path+"/manifests/"+image.String(), nil).want(202)
	reg.do("DELETE", config, nil).want(202)
}
