package oci_test

import (
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

// cpu is the CPU time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkManifest is a GET of a manifest by its tag with a Bearer token, without the
// network: what the registry itself costs.
func BenchmarkManifest(b *testing.B) {
	reg := start(b)
	reg.pushImage(private, "config", "v1")
	r := httptest.NewRequest(http.MethodGet, "/v2/"+private+"/manifests/v1", nil)
	r.Header.Set("Authorization", "Bearer "+reg.root)
	b.ReportAllocs()
	began := cpu()
	for b.Loop() {
		w := httptest.NewRecorder()
		if reg.handler.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
	b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N), "cpu-µs/op")
}
