package npm_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// BenchmarkPackument has twenty clients at once fetch a packument of 8 MB, and beside it a
// file of the same bytes from a handler that does nothing else.
func BenchmarkPackument(b *testing.B) {
	w := newWorld(b)
	for i := range 800 {
		w.publish("main", release{name: "model", version: fmt.Sprintf("1.0.%d", i), more: fmt.Sprintf(`,"description":"%d","keywords":[%s"x"]`, i, strings.Repeat(fmt.Sprintf(`"word%d",`, i), 1000))})
	}
	url := w.url("main", "model")
	whole := w.want(200, w.do("GET", "main", "model", "")).body
	file := filepath.Join(b.TempDir(), "packument.json")
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		b.Fatal(err)
	}
	plainFile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }))
	defer plainFile.Close()
	for _, c := range []struct{ name, url, encoding string }{{"identity", url, ""}, {"gzip", url, "gzip"}, {"file", plainFile.URL, ""}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(20 * int64(len(whole)))
			for b.Loop() {
				var group sync.WaitGroup
				for range 20 {
					group.Go(func() {
						r, err := http.NewRequestWithContext(b.Context(), "GET", c.url, nil)
						if err != nil {
							b.Error(err)
							return
						}
						r.Header.Set("Authorization", "Bearer "+w.token)
						r.Header.Set("Accept-Encoding", c.encoding)
						a, err := plain.Do(r)
						if err != nil {
							b.Error(err)
							return
						}
						defer a.Body.Close()
						if n, err := io.Copy(io.Discard, a.Body); err != nil || a.StatusCode != 200 || c.encoding == "" && n != int64(len(whole)) {
							b.Error(a.Status, n, err)
						}
					})
				}
				group.Wait()
			}
		})
	}
	b.Run("304", func(b *testing.B) {
		etag := w.do("GET", "main", "model", "").Header.Get("Etag")
		for b.Loop() {
			w.want(304, w.do("GET", "main", "model", "", "If-None-Match", etag))
		}
	})
}
