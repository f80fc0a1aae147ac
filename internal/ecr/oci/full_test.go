package oci_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
)

// smallDisk has room for so many bytes of uploads, which come back when one is cancelled.
type smallDisk struct {
	blob.Store
	room *atomic.Int64
}

func (s smallDisk) Create(ctx context.Context, label string, algorithms ...digest.Algorithm) (blob.Upload, error) {
	u, err := s.Store.Create(ctx, label, algorithms...)
	return smallUpload{u, s.room}, err
}

func (s smallDisk) Resume(ctx context.Context, id string) (blob.Upload, error) {
	u, err := s.Store.Resume(ctx, id)
	return smallUpload{u, s.room}, err
}

type smallUpload struct {
	blob.Upload
	room *atomic.Int64
}

func (u smallUpload) ReadFrom(r io.Reader) (int64, error) {
	n, err := u.Upload.ReadFrom(io.LimitReader(r, max(0, u.room.Load())))
	if u.room.Add(-n) <= 0 && err == nil {
		err = blob.ErrFull
	}
	return n, err
}

func (u smallUpload) Cancel(ctx context.Context) error {
	u.room.Add(u.Size())
	return u.Upload.Cancel(ctx)
}

// A push for which there is no room is refused, keeps nothing of the room from others, and
// takes nothing from what is there.
func TestPushFullDisk(t *testing.T) {
	t.Parallel()
	var room atomic.Int64
	room.Store(1000)
	reg := start(t, func(c *ecr.Config, _ *oci.Config) { c.Blobs = smallDisk{c.Blobs, &room} })
	uploads := "/v2/" + private + "/blobs/uploads/"
	large, fits := strings.Repeat("x", 2000), strings.Repeat("y", 500)
	for way, push := range map[string]func() *answer{
		"at once": func() *answer {
			return reg.do("POST", uploads+"?digest="+digest.FromString(large).String(), []byte(large))
		},
		"streamed": func() *answer { return reg.do("PATCH", reg.begin(private), []byte(large)) },
		"last chunk": func() *answer {
			at := reg.begin(private)
			reg.do("PATCH", at, []byte(fits)).want(202)
			return reg.do("PUT", at+"?digest="+digest.FromString(fits+large).String(), []byte(large))
		},
	} {
		got := push().want(507)
		if !bytes.Contains(got.body, []byte("the disk of the server is full")) {
			t.Errorf("%s: %s", way, got.body)
		}
		if n := room.Load(); n != 1000 {
			t.Errorf("%s: the room is %d bytes", way, n)
		}
		for u := range reg.blobs.Uploads(t.Context()) {
			t.Errorf("%s: an upload is left: %+v", way, u)
		}
	}
	reg.do("GET", "/v2/"+private+"/blobs/"+reg.push(private, []byte(fits)).String(), nil).want(200)
}
