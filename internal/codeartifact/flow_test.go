package codeartifact_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// firstPiece is less than what is kept of a file on its way: who comes later than it still
// gets it at once.
const firstPiece = 512 << 10

// slowly makes a public index that sends the first piece of a file of size bytes, and
// the rest when it is told to go on.
func slowly(t *testing.T, size int, sum string) (o *outer, content []byte, goOn chan struct{}) {
	content = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	if sum == "" {
		of := sha256.Sum256(content)
		sum = hex.EncodeToString(of[:])
	}
	goOn = make(chan struct{})
	o = newOuter(t)
	o.public.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/index/") {
			fmt.Fprintf(w, "1.0 x %s %s/file/a/1.0/x\n", sum, o.public.URL)
			return true
		}
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = w.Write(content[:firstPiece])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-goOn:
		case <-t.Context().Done():
		}
		_, _ = w.Write(content[firstPiece:])
		return true
	}
	return o, content, goOn
}

// open asks for the file and returns the answer, whose body is the caller's.
func (o *outer) open(header ...string) *http.Response {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, o.server.URL()+"/codeartifact/models-"+servertest.Account+"/ruby/team/file/a/1.0/x", nil)
	if err != nil {
		o.t.Fatal(err)
	}
	r.SetBasicAuth("aws", o.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// TestAnAssetIsSentAsItComes gives clients what has come of a file while the rest is
// still to come; one that joins late, and one that wants a range, get the same
// bytes, and the file is fetched once.
func TestAnAssetIsSentAsItComes(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	o, content, goOn := slowly(t, size, "")
	first := o.open()
	begin := make([]byte, 400<<10)
	if _, err := io.ReadFull(first.Body, begin); err != nil || first.ContentLength != size || string(begin) != string(content[:len(begin)]) {
		t.Fatalf("before the rest has come: %v, a size of %d", err, first.ContentLength)
	}
	if o.has("team", "a", "1.0") || o.has("public", "a", "1.0") {
		t.Error("a piece of a file is kept")
	}
	type come struct {
		name   string
		status int
		bytes  string
		err    error
	}
	all := make(chan come)
	read := func(name string, answer *http.Response) {
		b, err := io.ReadAll(answer.Body)
		all <- come{name, answer.StatusCode, string(b), err}
	}
	for name, header := range map[string][]string{"late": nil, "part": {"Range", fmt.Sprintf("bytes=%d-", size-1000)}} {
		go func() { read(name, o.open(header...)) }() // which is answered when there is something for it
	}
	close(goOn)
	go read("first", first)
	for range 3 {
		c := <-all
		want, status := string(content), http.StatusOK
		switch c.name {
		case "first":
			want = want[len(begin):]
		case "part":
			want, status = want[size-1000:], http.StatusPartialContent
		}
		if c.err != nil || c.status != status || c.bytes != want {
			t.Errorf("%s: %d, %d bytes, %v", c.name, c.status, len(c.bytes), c.err)
		}
	}
	if n := o.public.count("/file/a/1.0/x"); n != 1 {
		t.Errorf("the file was fetched %d times", n)
	}
	if !o.has("team", "a", "1.0") || !o.has("public", "a", "1.0") || o.has("between", "a", "1.0") {
		t.Error("the file is not kept where it should be")
	}
	if again := o.open(); again.Header.Get("Etag") != first.Header.Get("Etag") || again.Header.Get("Etag") == "" {
		t.Errorf("the tags are %q and %q", first.Header.Get("Etag"), again.Header.Get("Etag"))
	}
}

// TestOtherBytesThanPromisedBreakOff sends a client the beginning of a file that proves to
// be another one: the answer ends before its end, so that no client takes it for whole, and
// nothing of it stays.
func TestOtherBytesThanPromisedBreakOff(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	o, _, goOn := slowly(t, size, strings.Repeat("0", 64))
	answer := o.open()
	if answer.StatusCode != http.StatusOK || answer.ContentLength != size {
		t.Fatal(answer)
	}
	close(goOn)
	got, err := io.ReadAll(answer.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) >= size {
		t.Errorf("%d bytes of %d came, %v", len(got), size, err)
	}
	if o.has("team", "a", "1.0") || o.has("public", "a", "1.0") {
		t.Error("something of it stays")
	}
	if again := o.open(); again.StatusCode != http.StatusBadGateway {
		t.Errorf("once more: %d", again.StatusCode)
	}
}
