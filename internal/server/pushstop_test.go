package server_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestStopDuringPush stops the server in the middle of a request of a push: the request is
// finished, and the push goes on at the next server.
func TestStopDuringPush(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	p := newPusher(t, s)
	location := p.begin()
	content := strings.Repeat("layer", 8<<20)
	body, rest := io.Pipe()
	answered := make(chan *http.Response, 1)
	go func() {
		resp, err := p.send("PATCH", location, body)
		if err != nil {
			t.Error(err)
		}
		answered <- resp
	}()
	// More than the buffers of a connection take, so the server has begun to read it.
	if _, err := io.WriteString(rest, content[:24<<20]); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	for s.Ready() {
		time.Sleep(time.Millisecond)
	}
	if _, err := io.WriteString(rest, content[24<<20:32<<20]); err != nil {
		t.Fatal(err)
	}
	rest.Close()
	if resp := <-answered; resp == nil || resp.StatusCode != http.StatusAccepted {
		t.Fatalf("%+v", resp)
	} else {
		resp.Body.Close()
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}

	again := newPusher(t, servertest.Start(t, func(c *server.Config) {
		c.Data, c.RootKey = s.Data, folder.AccessKey{ID: servertest.AccessKeyID, Secret: servertest.Secret}
	}))
	location = again.url + location[strings.Index(location, "/blobs/uploads/"):]
	resp, err := again.send("GET", location, nil)
	if err != nil || resp.Header.Get("Range") != "0-33554431" {
		t.Fatalf("%+v, %v", resp, err)
	}
	resp.Body.Close()
	again.do("PATCH", location, []byte(content[32<<20:]), 202)
	d := digest.FromString(content).String()
	again.do("PUT", location+"?digest="+d, nil, 201)
	if got := again.do("GET", "/blobs/"+d, nil, 200); !bytes.Equal(got, []byte(content)) {
		t.Error("other bytes come back")
	}
}
