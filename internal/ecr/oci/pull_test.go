package oci_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
)

// "Pulling blobs", and what is not there.
func TestPullBlob(t *testing.T) {
	t.Parallel()
	reg := start(t)
	content := blobtest.Random(1, 100_000)
	d := reg.push(private, content)
	path := "/v2/" + private + "/blobs/" + d.String()
	head := reg.do("HEAD", path, nil).want(200)
	got := reg.do("GET", path, nil).want(200)
	if !bytes.Equal(got.body, content) || len(head.body) != 0 {
		t.Error("other bytes come back")
	}
	for _, name := range []string{"Content-Length", "Content-Type", "Docker-Content-Digest", "Etag", "Accept-Ranges"} {
		if head.header.Get(name) != got.header.Get(name) || head.header.Get(name) == "" {
			t.Errorf("%s: %q by HEAD, %q by GET", name, head.header.Get(name), got.header.Get(name))
		}
	}
	reg.do("GET", path, nil, "If-None-Match", `"`+d.String()+`"`).want(304)
	for _, method := range []string{"GET", "HEAD"} {
		reg.do(method, "/v2/"+private+"/blobs/"+digest.FromString("absent").String(), nil).want(404)
	}
	reg.do("GET", "/v2/"+private+"/blobs/"+digest.FromString("absent").String(), nil).fails(404, "BLOB_UNKNOWN")
	reg.do("GET", "/v2/"+private+"/blobs/sha256:abc", nil).fails(400, "DIGEST_INVALID")
	reg.do("GET", "/v2/"+account+"/"+region+"/absent/blobs/"+d.String(), nil).fails(404, "NAME_UNKNOWN")
	reg.do("GET", "/v2/nobody/absent/blobs/"+d.String(), nil).fails(404, "NAME_UNKNOWN")
	reg.do("GET", "/v2/UPPER/absent/blobs/"+d.String(), nil).fails(404, "NAME_INVALID")
	reg.do("GET", "/v2/"+private+"/else/"+d.String(), nil).want(404)
	reg.do("PATCH", path, nil).fails(405, "UNSUPPORTED")
}

func TestPullRange(t *testing.T) {
	t.Parallel()
	reg := start(t)
	content := blobtest.Random(2, 10_000)
	d := reg.push(private, content)
	etag := `"` + d.String() + `"`
	for _, test := range []struct {
		asked, ifRange string
		status         int
		start, end     int // of what comes, end excluded
	}{
		{"bytes=0-0", "", 206, 0, 1},
		{"bytes=0-9999", "", 206, 0, 10_000},
		{"bytes=0-99999999999999999999999", "", 206, 0, 10_000},
		{"bytes=9999-", "", 206, 9999, 10_000},
		{"bytes=5000-", "", 206, 5000, 10_000},
		{"bytes=100-199", "", 206, 100, 200},
		{"bytes=-1", "", 206, 9999, 10_000},
		{"bytes=-500", "", 206, 9500, 10_000},
		{"bytes=-50000", "", 206, 0, 10_000},
		{"bytes=100-199", etag, 206, 100, 200},
		{"bytes=100-199", `"sha256:other"`, 200, 0, 10_000},
		{"bytes=100-199", "Mon, 02 Jan 2006 15:04:05 GMT", 200, 0, 10_000},
		{"bytes=a-b", "", 200, 0, 10_000},
		{"bytes=-", "", 200, 0, 10_000},
		{"lines=1-2", "", 200, 0, 10_000},
		{"bytes=0-1,5-6", "", 200, 0, 10_000},
		{"bytes=10000-", "", 416, 0, 0},
		{"bytes=10000-10001", "", 416, 0, 0},
		{"bytes=-0", "", 416, 0, 0},
		{"bytes=10-5", "", 416, 0, 0}, // RFC 9110, section 14.2: ignored or rejected
		{"bytes=500-0", "", 416, 0, 0},
	} {
		got := reg.do("GET", "/v2/"+private+"/blobs/"+d.String(), nil, "Range", test.asked, "If-Range", test.ifRange).want(test.status)
		switch test.status {
		case 206:
			got.has("Content-Range", fmt.Sprintf("bytes %d-%d/10000", test.start, test.end-1), "Content-Length", fmt.Sprint(test.end-test.start))
		case 416:
			got.has("Content-Range", "bytes */10000").fails(416, "SIZE_INVALID")
			continue
		}
		if !bytes.Equal(got.body, content[test.start:test.end]) {
			t.Errorf("%s: other bytes come back", test.asked)
		}
	}
	empty := reg.push(private, nil)
	reg.do("GET", "/v2/"+private+"/blobs/"+empty.String(), nil, "Range", "bytes=0-").want(416)
}

func TestPullParallelRanges(t *testing.T) {
	t.Parallel()
	reg := start(t)
	content := blobtest.Random(3, 8<<20)
	d := reg.push(private, content)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			got := reg.do("GET", "/v2/"+private+"/blobs/"+d.String(), nil, "Range", fmt.Sprintf("bytes=%d-%d", i<<20, (i+1)<<20-1))
			if got.status != 206 || !bytes.Equal(got.body, content[i<<20:(i+1)<<20]) {
				t.Errorf("part %d: %d", i, got.status)
			}
		})
	}
	wg.Wait()
}

// What a repository has, another one does not show, though the bytes are kept once.
func TestVisibilityIsPerRepository(t *testing.T) {
	t.Parallel()
	reg := start(t)
	content := []byte("shared bytes")
	d := reg.push(private, content)
	for _, method := range []string{"HEAD", "GET", "DELETE"} {
		reg.do(method, "/v2/"+other+"/blobs/"+d.String(), nil).want(404)
	}
	m := imageOf("shared bytes")
	reg.putManifest(other, "latest", m).fails(400, "MANIFEST_BLOB_UNKNOWN")
	reg.push(other, content)
	reg.putManifest(other, "latest", m).want(201)
	reg.do("GET", "/v2/"+private+"/manifests/"+digest.FromBytes(m).String(), nil).fails(404, "MANIFEST_UNKNOWN")
	// Deleted in one, it stays in the other.
	reg.do("DELETE", "/v2/"+private+"/blobs/"+d.String(), nil).want(202)
	reg.do("HEAD", "/v2/"+private+"/blobs/"+d.String(), nil).want(404)
	reg.do("DELETE", "/v2/"+private+"/blobs/"+d.String(), nil).fails(404, "BLOB_UNKNOWN")
	reg.do("GET", "/v2/"+other+"/blobs/"+d.String(), nil).want(200)
}

// A blob goes out as the file that it is, so that the kernel can send it.
func TestPullSendsFile(t *testing.T) {
	t.Parallel()
	reg := start(t)
	d := reg.push(private, []byte("0123456789"))
	for header, want := range map[string]int64{"": 10, "bytes=2-5": 4} {
		r := httptest.NewRequest(http.MethodGet, "/v2/"+private+"/blobs/"+d.String(), nil)
		r.Header.Set("Authorization", "Bearer "+reg.root)
		r.Header.Set("Range", header)
		w := &sender{ResponseRecorder: httptest.NewRecorder()}
		reg.handler.ServeHTTP(w, r)
		if w.files != 1 || int64(w.Body.Len()) != want {
			t.Errorf("%q: %d files and %d bytes", header, w.files, w.Body.Len())
		}
	}
}

// sender is a connection that counts the files that it is given to send.
type sender struct {
	*httptest.ResponseRecorder
	files int
}

func (s *sender) ReadFrom(r io.Reader) (int64, error) {
	if part, ok := r.(*io.LimitedReader); ok {
		if _, ok := part.R.(*os.File); ok {
			s.files++
		}
	}
	return io.Copy(s.ResponseRecorder, r)
}
