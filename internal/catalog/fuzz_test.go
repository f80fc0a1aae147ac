package catalog_test

import (
	"errors"
	"net/http"
	"testing"

	wharf "github.com/modelwharf/modelwharf/internal/api"
)

// FuzzImageURI registers versions with images of any name: it is answered with a version or
// with what is wrong with the name, and never with a failure of ours.
func FuzzImageURI(f *testing.F) {
	for _, seed := range []string{
		"ml-model-repo:1.0", "127.0.0.1:4780/000000000000/us-east-1/ml-model-repo:1.0", "localhost/alias/model@sha256:00", "000000000000.dkr.ecr.us-east-1.example.com/ml-model-repo:1.0",
		"public.ecr.example.com/alias/team/model:1", "", ":", "@", "a@", "a:@b", "/", "//:", "host:80/", "a/b/c:d/e", "x@sha256:", "ml-model-repo:1.0@sha512:zz", "\x00:\x00",
	} {
		f.Add(seed)
	}
	b := newBench(f, f.TempDir())
	f.Cleanup(b.close)
	b.push("1.0")
	f.Fuzz(func(t *testing.T, uri string) {
		_, err := b.models.RegisterModelVersion(b.ctx, registration("1.0", uri))
		if e, told := errors.AsType[*wharf.Error](err); err != nil && (!told || e.HTTPStatus() >= http.StatusInternalServerError) {
			t.Fatalf("%q: %v", uri, err)
		}
	})
}
