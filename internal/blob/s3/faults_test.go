package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
	"github.com/modelwharf/modelwharf/internal/blob/s3"
)

// faulty is a way to an S3 server on which a request may fare badly: fault is asked before
// each, and answers it in the server's place if it returns true.
type faulty struct {
	endpoint
	fault atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

func before(t *testing.T, e endpoint) *faulty {
	f := &faulty{endpoint: e}
	target, err := url.Parse(e.url)
	if err != nil {
		t.Fatal(err)
	}
	// The Host is signed, so it stays that of the way.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if do := f.fault.Load(); do != nil && (*do)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *faulty) set(do func(w http.ResponseWriter, r *http.Request) bool) { f.fault.Store(&do) }
func (f *faulty) clear()                                                   { f.fault.Store(nil) }

func (f *faulty) open(t *testing.T, o s3.Options) *s3.Store {
	t.Helper()
	o.PartSize = 5 << 20
	s, err := s3.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// isPart tells whether a request brings a part of an upload.
func isPart(r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.Query().Has("partNumber")
}

// isEnd tells whether a request puts the parts together.
func isEnd(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }

// torn ends the connection in the middle of a body.
func torn(_ http.ResponseWriter, r *http.Request) bool {
	_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
	panic(http.ErrAbortHandler)
}

func failed(w http.ResponseWriter, r *http.Request) bool {
	drain(r.Body)
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>")
	return true
}

// TestFaults lets parts of an upload go wrong in every way. What had been synced remains,
// and the upload goes on from there.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, server := range []struct {
		name string
		open func(*testing.T) endpoint
	}{{"memory", inProcess}, {"real", gateway}} {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			f := before(t, server.open(t))
			client := f.client(1)
			bucket := makeBucket(t, client)
			hung := make(chan struct{})
			t.Cleanup(func() { close(hung) })
			for _, fault := range []struct {
				name string
				do   func(w http.ResponseWriter, r *http.Request) bool
			}{
				{"torn", torn}, {"failed", failed},
				{"hung", func(_ http.ResponseWriter, r *http.Request) bool {
					drain(r.Body)
					select {
					case <-r.Context().Done():
					case <-hung:
					}
					return true
				}},
			} {
				s := f.open(t, s3.Options{Client: client, Bucket: bucket, Prefix: fault.name + "/", Timeout: 2 * time.Second})
				content := blobtest.Random(30, 13<<20)
				u, err := s.Create(t.Context(), "label")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := u.ReadFrom(bytes.NewReader(content[:6<<20])); err != nil {
					t.Fatal(err)
				}
				if err := u.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.set(func(w http.ResponseWriter, r *http.Request) bool { return isPart(r) && fault.do(w, r) })
				if n, err := u.ReadFrom(bytes.NewReader(content[6<<20:])); err == nil {
					t.Errorf("%s: %d bytes were appended", fault.name, n)
				}
				f.clear()
				u.Close()

				s = f.open(t, s3.Options{Client: client, Bucket: bucket, Prefix: fault.name + "/"})
				if u, err = s.Resume(t.Context(), u.ID()); err != nil {
					t.Fatal(err)
				}
				if u.Size() != 6<<20 {
					t.Fatalf("%s: resumed at %d", fault.name, u.Size())
				}
				if _, err := u.ReadFrom(bytes.NewReader(content[u.Size():])); err != nil {
					t.Fatal(err)
				}
				if err := u.Publish(t.Context(), digest.FromBytes(content)); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(blobtest.Read(t, s, digest.FromBytes(content)), content) {
					t.Errorf("%s: other bytes come back", fault.name)
				}
			}
		})
	}
}

// TestPassingFault has a request fail once: nobody notices.
func TestPassingFault(t *testing.T) {
	t.Parallel()
	f := before(t, inProcess(t))
	client := f.client(3)
	s := f.open(t, s3.Options{Client: client, Bucket: makeBucket(t, client)})
	var failures atomic.Int32
	for _, of := range []func(r *http.Request) bool{isPart, isEnd} {
		var done atomic.Bool
		f.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !of(r) || done.Swap(true) {
				return false
			}
			failures.Add(1)
			return failed(w, r)
		})
		content := blobtest.Random(uint64(40+failures.Load()), 7<<20)
		if d := blobtest.Put(t, s, content); !bytes.Equal(blobtest.Read(t, s, d), content) {
			t.Error("other bytes come back")
		}
	}
	if failures.Load() != 2 {
		t.Errorf("%d requests failed", failures.Load())
	}
}

// TestUnpublished fails the end of an upload: there is no blob, and what is left of the
// upload can be removed.
func TestUnpublished(t *testing.T) {
	t.Parallel()
	f := before(t, inProcess(t))
	client := f.client(1)
	s := f.open(t, s3.Options{Client: client, Bucket: makeBucket(t, client)})
	content := blobtest.Random(31, 6<<20)
	d := digest.FromBytes(content)
	for _, at := range []func(r *http.Request) bool{
		isEnd,
		func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/")
		},
	} {
		u, err := s.Create(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.ReadFrom(bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		f.set(func(w http.ResponseWriter, r *http.Request) bool { return at(r) && failed(w, r) })
		if err := u.Publish(t.Context(), d); err == nil {
			t.Error("it is published")
		}
		f.clear()
		u.Close()
		if _, err := s.Stat(t.Context(), d); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("the error is %v", err)
		}
		if err := s.CancelUpload(t.Context(), u.ID()); err != nil {
			t.Error(err)
		}
	}
	for info, err := range s.Uploads(t.Context()) {
		t.Errorf("%+v, %v is left", info, err)
	}
	blobtest.Put(t, s, content)
	if !bytes.Equal(blobtest.Read(t, s, d), content) {
		t.Error("other bytes come back")
	}
}

// TestReadBreaks breaks the connection in the middle of a blob: the reader is told.
func TestReadBreaks(t *testing.T) {
	t.Parallel()
	f := before(t, inProcess(t))
	client := f.client(1)
	s := f.open(t, s3.Options{Client: client, Bucket: makeBucket(t, client)})
	content := blobtest.Random(32, 6<<20)
	d := blobtest.Put(t, s, content)
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/data/") {
			return false
		}
		w.Header().Set("Content-Length", "6291456")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(content[:1<<20])
		panic(http.ErrAbortHandler)
	})
	r, err := s.Open(t.Context(), d, 0, -1)
	if err == nil {
		_, err = io.ReadAll(r)
		r.Close()
	}
	if err == nil {
		t.Error("no error")
	}
}

// TestOpenTries refuses, with the reason, a bucket that cannot be used.
func TestOpenTries(t *testing.T) {
	t.Parallel()
	f := before(t, inProcess(t))
	client := f.client(1)
	bucket := makeBucket(t, client)
	denied := func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
		return true
	}
	for _, c := range []struct {
		want  string
		fault func(w http.ResponseWriter, r *http.Request) bool
	}{
		{"cannot be reached", func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodHead && denied(w, r) }},
		{"cannot be written", func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodPut && denied(w, r) }},
		{"cannot be listed", func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodGet && denied(w, r) }},
		{"cannot be deleted", func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodDelete && denied(w, r)
		}},
	} {
		f.set(c.fault)
		if _, err := s3.Open(t.Context(), s3.Options{Client: client, Bucket: bucket}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("the error is %v, want %q", err, c.want)
		}
	}
	f.clear()
	if _, err := s3.Open(t.Context(), s3.Options{Client: client, Bucket: "absent"}); err == nil {
		t.Error("a bucket that is not there opens")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s3.Open(gone, s3.Options{Client: client, Bucket: bucket}); err == nil {
		t.Error("no error")
	}
}
