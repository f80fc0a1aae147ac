package npm_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// TestNotModified answers 304 until the package changes, in both forms and encodings.
func TestNotModified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("main", release{name: "model", version: "1.0.0"})
	seen := map[string]bool{}
	forms := [][]string{
		{"Accept", "application/json"}, {"Accept", "application/vnd.npm.install-v1+json"},
		{"Accept", "application/json", "Accept-Encoding", "gzip, br"}, {"Accept", "application/vnd.npm.install-v1+json", "Accept-Encoding", "gzip"},
	}
	etags := make([]string, len(forms))
	for i, header := range forms {
		a := w.want(200, w.do("GET", "main", "model", "", header...))
		etags[i] = a.Header.Get("Etag")
		if seen[etags[i]] || len(a.Header.Values("Vary")) != 2 || a.Header.Get("Last-Modified") != "" {
			t.Error(a.Header)
		}
		seen[etags[i]] = true
		for _, other := range [][]string{nil, {"Accept-Encoding", "gzip"}, {"Accept-Encoding", "br"}} {
			a := w.want(304, w.do("GET", "main", "model", "", append(append(header[:2:2], other...), "If-None-Match", etags[i])...))
			if a.body != "" || a.Header.Get("Etag") != etags[i] {
				t.Error(a.body, a.Header)
			}
		}
	}
	w.publish("main", release{name: "model", version: "1.0.1"})
	for i, header := range forms {
		w.want(200, w.do("GET", "main", "model", "", append(header, "If-None-Match", etags[i])...))
	}
}

// TestGzip sends packed what is asked for packed.
func TestGzip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("main", release{name: "model", version: "1.0.0", more: `,"description":"` + strings.Repeat("long ", 10_000) + `"`})
	plainly := w.want(200, w.do("GET", "main", "model", ""))
	for accept, packed := range map[string]bool{"gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "br": false, "": false} {
		a := w.want(200, w.do("GET", "main", "model", "", "Accept-Encoding", accept))
		if (a.Header.Get("Content-Encoding") == "gzip") != packed {
			t.Error(accept, a.Header)
		}
		if !packed {
			continue
		}
		r, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || string(b) != plainly.body || len(a.body) > len(b)/10 {
			t.Errorf("%d bytes of %d, %v", len(b), len(plainly.body), err)
		}
	}
}

// TestDeprecate sets messages and takes them away, by the document that npm sends back, and
// changes nothing else by it.
func TestDeprecate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "up", "main<up")
	for _, version := range []string{"1.0.0", "2.0.0"} {
		w.publish("main", release{name: "model", version: version})
	}
	// send sends the packument back with a message for 1.0.0, and meanwhile there is a tag more.
	send := func(repository, message string) answer {
		a := w.want(200, w.do("GET", "main", "model?write=true", ""))
		doc := a.doc(t)
		doc["versions"].(map[string]any)["1.0.0"].(map[string]any)["deprecated"] = message
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		w.want(200, w.do("PUT", "main", "-/package/model/dist-tags/meanwhile", `"1.0.0"`))
		return w.do("PUT", repository, "model", string(b))
	}
	for _, message := range []string{"use 2", ""} {
		w.want(200, send("main", message))
		for _, accept := range []string{"application/json", "application/vnd.npm.install-v1+json"} {
			versions := w.do("GET", "main", "model", "", "Accept", accept).doc(t)["versions"].(map[string]any)
			got, _ := versions["1.0.0"].(map[string]any)["deprecated"].(string)
			if _, other := versions["2.0.0"].(map[string]any)["deprecated"]; got != message || other {
				t.Errorf("%q %v", got, other)
			}
		}
		if got := w.tags("main", "model"); got != `{"latest":"2.0.0","meanwhile":"1.0.0"}` {
			t.Error(got)
		}
	}
	// A version that an upstream has is deprecated there.
	w.publish("up", release{name: "other", version: "1.0.0"})
	doc := w.do("GET", "main", "other", "").body
	w.want(200, w.do("PUT", "main", "other", doc))
	if a := w.want(404, w.do("PUT", "main", "other", strings.Replace(doc, `"name":"other","version"`, `"deprecated":"x","name":"other","version"`, 1))); !strings.Contains(a.body, "upstream") {
		t.Error(a.body)
	}
	w.want(404, w.do("PUT", "main", "other", strings.ReplaceAll(doc, "1.0.0", "9.0.0")))
}

// TestUnpublishIsRefused refuses as AWS does, in a way that npm does not take for success.
func TestUnpublishIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("main", release{name: "@team/model", version: "1.0.0"})
	doc := w.do("GET", "main", "@team%2fmodel", "").body
	for _, a := range []answer{
		w.do("DELETE", "main", "@team%2fmodel/-rev/undefined", ""), w.do("PUT", "main", "@team%2fmodel/-rev/1", doc),
		w.do("DELETE", "main", "@team/model/-/model-1.0.0.tgz/-rev/1", ""), w.do("DELETE", "main", "@team%2fmodel/-/@team/model-1.0.0.tgz/-rev/1", ""),
	} {
		if a := w.want(405, a); !strings.Contains(a.body, "delete-package-versions") {
			t.Error(a.body)
		}
	}
	w.want(200, w.do("GET", "main", "@team/model/-/model-1.0.0.tgz", ""))
}

// TestServices has ping and whoami, and tells what there is not.
func TestServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.want(200, w.do("GET", "main", "-/ping?write=true", "")); a.body != "{}" {
		t.Error(a.body)
	}
	if doc := w.want(200, w.do("GET", "main", "-/whoami", "")).doc(t); doc["username"] != "root" {
		t.Error(doc)
	}
	w.want(200, w.do("GET", "main", "", ""))
	for _, path := range []string{"-/v1/search?text=x", "-/all", "-/npm/v1/keys", "-/package/model", "-/x"} {
		if a := w.want(404, w.do("GET", "main", path, "")); a.doc(t)["error"] == nil {
			t.Error(a.body)
		}
	}
	for _, path := range []string{"-/npm/v1/security/advisories/bulk", "-/npm/v1/security/audits/quick", "-/v1/login"} {
		w.want(404, w.do("POST", "main", path, "{}"))
	}
	if a := w.do("HEAD", "main", "absent", ""); a.StatusCode != 404 || a.body != "" {
		t.Error(a.Status, a.body)
	}
}

// FuzzRequests asks for any path by any method, with a token. Nothing may panic or fail
// inside.
func FuzzRequests(f *testing.F) {
	w := newWorld(f)
	w.publish("main", release{name: "@team/model", version: "1.0.0"})
	for _, seed := range [][3]string{
		{"GET", "@team%2fmodel", ""}, {"PUT", "@team%2fmodel", `{"name":"@team/model","versions":{"1.0.0":{"name":"@team/model","version":"1.0.0","deprecated":7}}}`},
		{"PUT", "-/package/@team%2fmodel/dist-tags/x", `"1.0.0"`}, {"GET", "@team/model/-/@team/model-1.0.0.tgz", ""}, {"DELETE", "-rev/-rev", ""}, {"GET", "@/@/-/-", ""},
		{"GET", "-/package//dist-tags", ""}, {"PUT", "x", `{"name":"x","versions":{"1.0.0":{"name":"x","version":"1.0.0","license":[],"repository":7}},"_attachments":{"x-1.0.0.tgz":{"data":"AA=="}}}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if !strings.Contains(" GET HEAD PUT POST DELETE PATCH ", " "+method+" ") || strings.ContainsAny(path, "?#") {
			return
		}
		a, err := w.try(method, "main", path, body)
		if err == nil && a.StatusCode >= 500 {
			t.Errorf("%s %q: %s %s", method, path, a.Status, a.body)
		}
		if err == nil && bytes.HasPrefix([]byte(a.body), []byte("{")) && !json.Valid([]byte(a.body)) {
			t.Error(a.body)
		}
	})
}
