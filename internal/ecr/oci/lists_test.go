package oci_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/ecr"
)

// "Listing Tags": lexical order, n and last, Link.
func TestTags(t *testing.T) {
	t.Parallel()
	reg := start(t)
	list := func(query string) (tags []string, link string) {
		t.Helper()
		got := reg.do("GET", "/v2/"+private+"/tags/list"+query, nil).want(200)
		var v struct {
			Name string
			Tags []string
		}
		if err := json.Unmarshal(got.body, &v); err != nil || v.Name != private || v.Tags == nil {
			t.Fatalf("%s: %v", got.body, err)
		}
		return v.Tags, got.header.Get("Link")
	}
	if tags, link := list(""); len(tags) != 0 || link != "" {
		t.Errorf("%q, %q", tags, link)
	}
	reg.pushImage(private, "config", "b", "a", "B", "1.0", "c", "a.b", "a-b", "_x")
	want := []string{"1.0", "B", "_x", "a", "a-b", "a.b", "b", "c"}
	if tags, link := list(""); !slices.Equal(tags, want) || link != "" {
		t.Errorf("%q, %q", tags, link)
	}
	for n := 1; n <= 9; n++ {
		var all []string
		for query := fmt.Sprint("?n=", n); query != ""; {
			tags, link := list(query)
			if len(tags) > n {
				t.Fatalf("%d tags of %d", len(tags), n)
			}
			all, query = append(all, tags...), ""
			if link != "" {
				u, rel, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">; ")
				parsed, err := url.Parse(u)
				if !ok || rel != `rel="next"` || err != nil || parsed.Path != "/v2/"+private+"/tags/list" {
					t.Fatalf("the link is %q", link)
				}
				query = "?" + parsed.RawQuery
			}
		}
		if !slices.Equal(all, want) {
			t.Errorf("by %d: %q", n, all)
		}
	}
	if tags, _ := list("?last=a"); !slices.Equal(tags, want[4:]) {
		t.Errorf("after a: %q", tags)
	}
	if tags, _ := list("?last=aa"); !slices.Equal(tags, want[6:]) {
		t.Errorf("after aa: %q", tags)
	}
	if tags, link := list("?n=0"); len(tags) != 0 || link != "" {
		t.Errorf("of none: %q, %q", tags, link)
	}
	reg.do("GET", "/v2/"+private+"/tags/list?n=x", nil).fails(400, "PAGINATION_NUMBER_INVALID")
	reg.do("GET", "/v2/"+account+"/"+region+"/absent/tags/list", nil).fails(404, "NAME_UNKNOWN")
}

// "Listing Referrers", with the subject missing or pushed later.
func TestReferrers(t *testing.T) {
	t.Parallel()
	reg := start(t)
	reg.push(private, []byte("config"))
	subject := digest.FromBytes(imageOf("config"))
	list := func(query string, n int) []map[string]any {
		t.Helper()
		got := reg.do("GET", "/v2/"+private+"/referrers/"+subject.String()+query, nil).want(200).has("Content-Type", ecr.OCIIndex)
		var v struct {
			SchemaVersion int
			MediaType     string
			Manifests     []map[string]any
		}
		if err := json.Unmarshal(got.body, &v); err != nil || v.SchemaVersion != 2 || v.MediaType != ecr.OCIIndex || v.Manifests == nil || len(v.Manifests) != n {
			t.Fatalf("%s: %v", got.body, err)
		}
		applied := ""
		if strings.Contains(query, "artifactType=") {
			applied = "artifactType"
		}
		got.has("OCI-Filters-Applied", applied)
		return v.Manifests
	}
	list("", 0)
	refers := func(more string) string {
		return fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":"%s","size":1}%s`, ecr.OCIManifest, subject, more)
	}
	typed := manifestOf(ecr.OCIManifest, "config", refers(`,"artifactType":"example/signature","annotations":{"k":"v"}`))
	ofConfig := manifestOf(ecr.OCIManifest, "config", refers(""))
	index := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[]%s}`, ecr.OCIIndex, refers(""))
	typedIndex := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[]%s}`, ecr.OCIIndex, refers(`,"artifactType":"example/sbom"`))
	for _, m := range [][]byte{typed, ofConfig, index, typedIndex} {
		mediaType := ecr.OCIManifest
		if strings.Contains(string(m), `"manifests"`) {
			mediaType = ecr.OCIIndex
		}
		reg.putManifest(private, digest.FromBytes(m).String(), m, "Content-Type", mediaType).want(201).has("OCI-Subject", subject.String())
	}
	all := list("", 4)
	for _, d := range all {
		switch d["digest"] {
		case digest.FromBytes(typed).String():
			if d["artifactType"] != "example/signature" || d["size"] != float64(len(typed)) || d["annotations"].(map[string]any)["k"] != "v" || d["mediaType"] != ecr.OCIManifest {
				t.Errorf("%v", d)
			}
		case digest.FromBytes(ofConfig).String():
			if d["artifactType"] != "application/vnd.oci.image.config.v1+json" {
				t.Errorf("%v", d)
			}
		case digest.FromBytes(index).String():
			if _, has := d["artifactType"]; has || d["mediaType"] != ecr.OCIIndex {
				t.Errorf("%v", d)
			}
		}
	}
	list("?artifactType=example/signature", 1)
	list("?artifactType=example/sbom", 1)
	list("?artifactType=application/vnd.oci.image.config.v1%2Bjson", 1)
	list("?artifactType=other", 0)
	// The subject comes later, and changes nothing.
	reg.putManifest(private, "subject", imageOf("config")).want(201)
	list("", 4)
	// Pages.
	seen := map[any]bool{}
	for query := "?n=1"; query != ""; {
		got := reg.do("GET", "/v2/"+private+"/referrers/"+subject.String()+query, nil).want(200)
		var v struct{ Manifests []map[string]any }
		if err := json.Unmarshal(got.body, &v); err != nil || len(v.Manifests) != 1 || seen[v.Manifests[0]["digest"]] {
			t.Fatalf("%s: %v", got.body, err)
		}
		seen[v.Manifests[0]["digest"]], query = true, ""
		if link := got.header.Get("Link"); link != "" {
			u, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
			query = "?" + strings.SplitN(u, "?", 2)[1]
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d by pages", len(seen))
	}
	reg.do("DELETE", "/v2/"+private+"/manifests/"+digest.FromBytes(typed).String(), nil).want(202)
	list("", 3)
	// Never 404 for what might be.
	reg.do("GET", "/v2/"+other+"/referrers/"+subject.String(), nil).want(200)
	reg.do("GET", "/v2/"+account+"/"+region+"/absent/referrers/"+subject.String(), nil).want(200)
	reg.do("GET", "/v2/"+private+"/referrers/sha256:12", nil).fails(400, "DIGEST_INVALID")
}
