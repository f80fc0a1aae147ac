// Package servertest runs a whole server inside a test.
package servertest

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
)

// The administrator's access key, account and region of every test's server.
const (
	AccessKeyID = "AKIATESTTESTTESTTEST"
	Secret      = "test-secret-of-the-administrator/000/001"
	Account     = "000000000000"
	Region      = "us-east-1"
)

// Server is a running server.
type Server struct {
	*server.Server
	Data string // its data folder
	stop func() error
}

// Start starts a server on a free port of the loopback interface and a new data
// folder. It stops with the test. Each change is applied to its settings first.
func Start(t testing.TB, changes ...func(*server.Config)) *Server {
	t.Helper()
	c := server.Config{
		Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", Account: Account, Region: Region,
		RootKey: folder.AccessKey{ID: AccessKeyID, Secret: Secret}, Log: slog.New(slog.DiscardHandler),
		Runtime: server.RuntimeNone, // a test says what runs its models
	}
	for _, change := range changes {
		change(&c)
	}
	s, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	running := &Server{Server: s, Data: c.Data}
	running.stop = func() error {
		cancel()
		err := <-ended
		ended <- err // for whoever asks again
		return err
	}
	t.Cleanup(func() {
		if err := running.stop(); err != nil {
			t.Errorf("stop the server: %v", err)
		}
	})
	return running
}

// Stop stops the server as a signal would and returns what Serve did.
func (s *Server) Stop() error { return s.stop() }

// AWS is the configuration of an SDK client that acts as the administrator. It does
// not try again: a test wants to see each answer.
func (s *Server) AWS() aws.Config {
	return s.As(AccessKeyID, Secret, "")
}

// As is the configuration of an SDK client that acts with other credentials.
func (s *Server) As(accessKeyID, secret, token string) aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(s.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secret, SessionToken: token}, nil
		}),
		Retryer:    func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient: &http.Client{Transport: wiretest.Transport(128), Timeout: time.Minute},
	}
}
