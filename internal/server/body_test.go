package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/modelwharf/modelwharf/internal/api"
)

func yes() bool { return true }
func no() bool  { return false }

// TestBodies reads bodies of all lengths around the limits, whole and in pieces.
func TestBodies(t *testing.T) {
	t.Parallel()
	b := bodies{most: maxLarge}
	for _, n := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, maxKept, 2*maxKept - 1, 2 * maxKept, 1 << 20, maxBody - 1, maxBody} {
		want := bytes.Repeat([]byte("x"), n)
		for name, r := range map[string]*http.Request{
			"whole":   httptest.NewRequest("POST", "/", bytes.NewReader(want)),
			"chunked": httptest.NewRequest("POST", "/", io.MultiReader(bytes.NewReader(want))),
			"halves":  httptest.NewRequest("POST", "/", iotest.HalfReader(bytes.NewReader(want))),
			"at once": httptest.NewRequest("POST", "/", iotest.DataErrReader(bytes.NewReader(want))),
		} {
			got, err := b.read(r, yes)
			if err != nil || !bytes.Equal(got.bytes, want) {
				t.Errorf("%s %d: %d bytes, %v", name, n, len(got.bytes), err)
			}
			b.release(&got)
		}
	}
	if n := b.large.Load(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

// TestBodiesTogether reads more at once than there is memory for.
func TestBodiesTogether(t *testing.T) {
	t.Parallel()
	b := bodies{most: 4 << 20}
	read := func(n int, known func() bool) (body, error) {
		return b.read(httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", n))), known)
	}
	first, err := read(2<<20, yes)
	if err != nil {
		t.Fatal(err)
	}
	second, err := read(2<<20, yes)
	if e, ok := errors.AsType[*api.Error](err); !ok || e.HTTPStatus() != http.StatusServiceUnavailable {
		t.Errorf("a second large body: %v", err)
	}
	b.release(&second)
	small, err := read(smallBody, no)
	if err != nil {
		t.Errorf("a small body beside it: %v", err)
	}
	b.release(&small)
	stranger, err := read(smallBody+1, no)
	if err != errStranger || stranger.reserved != 0 {
		t.Errorf("a stranger's: %v", err)
	}
	b.release(&stranger)
	b.release(&first)
	third, err := read(2<<20, yes)
	if err != nil {
		t.Errorf("after the first has gone: %v", err)
	}
	b.release(&third)
	if n := b.large.Load(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}
