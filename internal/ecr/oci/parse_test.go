package oci

import "testing"

// FuzzRange reads any Range of any size: what it takes lies within.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-0", "bytes=-5", "bytes=5-", "bytes=9-1", "bytes=-", "bytes=0-1,2-3", "x", "bytes=99999999999999999999-"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size = max(0, size)
		r, ok, satisfiable := parseRange(header, size)
		if ok && (!satisfiable || r.start < 0 || r.length < 1 || r.start > size-r.length) {
			t.Errorf("%q of %d: %+v", header, size, r)
		}
		if start, end, ok := parseContentRange(header); ok && (start < 0 || end < start) {
			t.Errorf("%q: %d to %d", header, start, end)
		}
	})
}

// FuzzRoute reads any path.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{"/v2/", "/v2/a/b/tags/list", "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/x", "/v2/blobs/blobs/x", "/v2//manifests/", "/v2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		rt, err := parseRoute(path)
		if err == nil {
			rt.operation("GET")
		}
	})
}
