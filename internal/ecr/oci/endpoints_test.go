package oci_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestEndpoints asks each endpoint of the specification's table, by its ID there, for what
// is there and for what is not, in the order of its sections: pull, push, discovery,
// management.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
func TestEndpoints(t *testing.T) {
	t.Parallel()
	reg := start(t)
	base := "/v2/" + private
	image := reg.pushImage(private, "config", "v1").String()
	config, absent := digest.FromString("config").String(), digest.FromString("absent").String()
	chunk, whole, once := []byte("chunk"), []byte("whole"), []byte("once")
	begun := func() string { return reg.begin(private) }
	is := func(d string) []string { return []string{"Docker-Content-Digest", d} }
	of := func(b []byte) string { return digest.FromBytes(b).String() }
	for _, e := range []struct {
		id, method, path string
		body             []byte
		headers          []string
		status           int
		has              []string
	}{
		{"end-1", "GET", "/v2/", nil, nil, 200, nil},
		{"end-1 of nobody", "GET", "/v2/", nil, []string{"Authorization", ""}, 401, nil},

		{"end-2", "GET", base + "/blobs/" + config, nil, nil, 200, is(config)},
		{"end-2 HEAD", "HEAD", base + "/blobs/" + config, nil, nil, 200, is(config)},
		{"end-2 Range", "GET", base + "/blobs/" + config, nil, []string{"Range", "bytes=1-2"}, 206, append(is(config), "Content-Range", "bytes 1-2/6")},
		{"end-2 HEAD does not look at Range", "HEAD", base + "/blobs/" + config, nil, []string{"Range", "bytes=1-2"}, 200, append(is(config), "Content-Length", "6")},
		{"end-2 absent", "GET", base + "/blobs/" + absent, nil, nil, 404, nil},
		{"end-3 by tag", "GET", base + "/manifests/v1", nil, nil, 200, is(image)},
		{"end-3 by digest", "GET", base + "/manifests/" + image, nil, nil, 200, is(image)},
		{"end-3 HEAD", "HEAD", base + "/manifests/v1", nil, nil, 200, is(image)},
		{"end-3 absent", "GET", base + "/manifests/v0", nil, nil, 404, nil},

		{"end-4a", "POST", base + "/blobs/uploads/", nil, nil, 202, []string{"Range", "0-0"}},
		{"end-4b", "POST", base + "/blobs/uploads/?digest=" + of(once), once, nil, 201, append(is(of(once)), "Location", reg.url+base+"/blobs/"+of(once))},
		{"end-5", "PATCH", begun(), chunk, []string{"Content-Range", "0-4"}, 202, []string{"Range", "0-4"}},
		{"end-5 out of order", "PATCH", begun(), chunk, []string{"Content-Range", "1-5"}, 416, nil},
		{"end-6", "PUT", query(begun(), "digest="+of(whole)), whole, nil, 201, append(is(of(whole)), "Location", reg.url+base+"/blobs/"+of(whole))},
		{"end-6 of other bytes", "PUT", query(begun(), "digest="+absent), whole, nil, 400, nil},
		{"end-7 by tag", "PUT", base + "/manifests/v2", imageOf("config"), []string{"Content-Type", "application/vnd.oci.image.manifest.v1+json"}, 201, is(image)},
		{"end-7 by digest", "PUT", base + "/manifests/" + image, imageOf("config"), nil, 201, append(is(image), "Location", reg.url+base+"/manifests/"+image)},
		{"end-7 by the digest of another", "PUT", base + "/manifests/" + absent, imageOf("config"), nil, 400, nil},
		{"end-11", "POST", "/v2/" + other + "/blobs/uploads/?mount=" + config + "&from=" + private, nil, nil, 201, is(config)},
		{"end-11 absent", "POST", "/v2/" + other + "/blobs/uploads/?mount=" + absent + "&from=" + private, nil, nil, 202, nil},
		{"end-13", "GET", begun(), nil, nil, 204, []string{"Range", "0-0"}},
		{"end-13 absent", "GET", base + "/blobs/uploads/none", nil, nil, 404, nil},
		{"end-14 of the draft", "DELETE", begun(), nil, nil, 204, nil},

		{"end-8a", "GET", base + "/tags/list", nil, nil, 200, []string{"Content-Type", "application/json"}},
		{"end-8b", "GET", base + "/tags/list?n=1", nil, nil, 200, []string{"Link", "<" + base + `/tags/list?last=v1&n=1>; rel="next"`}},
		{"end-8b last", "GET", base + "/tags/list?n=1&last=v1", nil, nil, 200, []string{"Link", ""}},
		{"end-8a absent", "GET", strings.ReplaceAll(base, "team/model", "absent") + "/tags/list", nil, nil, 404, nil},
		{"end-12a", "GET", base + "/referrers/" + image, nil, nil, 200, []string{"Content-Type", "application/vnd.oci.image.index.v1+json", "OCI-Filters-Applied", ""}},
		{"end-12a absent", "GET", base + "/referrers/" + absent, nil, nil, 200, nil},
		{"end-12a malformed", "GET", base + "/referrers/x", nil, nil, 400, nil},
		{"end-12b", "GET", base + "/referrers/" + image + "?artifactType=a/b", nil, nil, 200, []string{"OCI-Filters-Applied", "artifactType"}},

		{"end-9 tag", "DELETE", base + "/manifests/v2", nil, nil, 202, nil},
		{"end-9 manifest", "DELETE", base + "/manifests/" + image, nil, nil, 202, nil},
		{"end-9 its tags went too", "GET", base + "/manifests/v1", nil, nil, 404, nil},
		{"end-9 absent", "DELETE", base + "/manifests/" + image, nil, nil, 404, nil},
		{"end-10", "DELETE", base + "/blobs/" + config, nil, nil, 202, nil},
		{"end-10 absent", "DELETE", base + "/blobs/" + config, nil, nil, 404, nil},
	} {
		got := reg.do(e.method, e.path, e.body, e.headers...)
		if got.status != e.status {
			t.Errorf("%s: %d, want %d: %s", e.id, got.status, e.status, got.body)
		}
		got.has(e.has...)
	}
}
