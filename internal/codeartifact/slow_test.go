package codeartifact_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	api "github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/wire/native"
)

// pipes is a listener whose connections are in memory, so that time in a test's bubble goes
// by when all wait.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestSlowClients lets clients send nothing, and take nothing, in the midst of an asset. The
// server ends the connection after two minutes, in the time of a bubble, and nothing stays.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBare(t, lines{})
		const large = 64 << 20
		staged, err := b.Stage(b.ctx, io.LimitReader(zeros{}, large), large)
		if err != nil {
			t.Fatal(err)
		}
		if err := publishLines(b, "a", "1", staged); err != nil {
			t.Fatal(err)
		}
		token, err := b.GetAuthorizationToken(b.ctx, &api.GetAuthorizationTokenInput{Domain: new("models")})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan native.Outcome, 1)
		handler := b.Handler(native.Door{
			Begin: func(*http.Request) *wharf.Request { return &wharf.Request{Time: b.now(), Region: "eu-west-1"} },
			Done:  func(_ context.Context, o native.Outcome) { ended <- o },
		})
		l := &pipes{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: handler}
		go func() { _ = server.Serve(l) }()
		defer server.Close()

		ask := func(request string) net.Conn {
			client, conn := net.Pipe()
			l.conns <- conn
			method, rest, _ := strings.Cut(request, " ")
			fmt.Fprintf(client, "%s /codeartifact/models-111111111111/ruby/main/%s HTTP/1.1\r\nHost: models.test\r\nAuthorization: Bearer %s\r\n", method, rest[:strings.Index(rest, "\n")], *token.AuthorizationToken)
			_, _ = io.WriteString(client, rest[strings.Index(rest, "\n")+1:])
			return client
		}
		began := time.Now()
		client := ask("PUT file/a/2/x\nContent-Length: 1000\r\n\r\nthe beginning")
		answer, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || answer.StatusCode != http.StatusRequestTimeout {
			t.Fatal(answer, err)
		}
		text, _ := io.ReadAll(answer.Body)
		if o := <-ended; o.BytesIn != int64(len("the beginning")) || !errors.Is(o.Err, os.ErrDeadlineExceeded) || !strings.Contains(string(text), "has sent nothing for too long") {
			t.Errorf("%+v %s", o, text)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection goes on: %v", err)
		}
		if waited := time.Since(began); waited != 2*time.Minute {
			t.Errorf("it was waited for %s", waited)
		}
		for one, err := range b.blobs.Uploads(t.Context()) {
			t.Errorf("an upload is left: %v, %v", one, err)
		}

		// One that reads the headers and a little, and then nothing.
		began = time.Now()
		client = ask("GET file/a/1/x\n\r\n")
		if answer, err = http.ReadResponse(bufio.NewReaderSize(client, 16), nil); err != nil || answer.StatusCode != http.StatusOK || answer.ContentLength != large {
			t.Fatal(answer, err)
		}
		if o := <-ended; o.BytesOut >= large {
			t.Errorf("%+v", o)
		}
		if waited := time.Since(began); waited != 2*time.Minute {
			t.Errorf("it was waited for %s", waited)
		}
		client.Close()
	})
}

func publishLines(b *bare, name, version string, staged *codeartifact.Staged) error {
	n, err := lines{}.Normalize("", name)
	if err != nil {
		return err
	}
	_, err = b.Publish(b.ctx, b.find("main"), n, codeartifact.Publication{Version: version, Assets: []codeartifact.NewAsset{{Name: "x", Staged: staged}}})
	return err
}

// zeros is an endless file of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
