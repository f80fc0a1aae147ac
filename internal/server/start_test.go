package server_test

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	_, err := server.Open(t.Context(), server.Config{Data: s.Data, Listen: "127.0.0.1:0", Account: servertest.Account, Region: servertest.Region})
	if !errors.Is(err, folder.ErrInUse) {
		t.Fatalf("a second server: %v", err)
	}
	if status, _ := get(t, s.URL()+"/readyz"); status != 200 {
		t.Error("the first one was disturbed")
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	_, err := server.Open(t.Context(), server.Config{
		Data: t.TempDir(), Account: "1", Region: "nowhere", ExternalURL: "models", TLSCert: "x", RootKey: folder.AccessKey{ID: "AKIA"},
	})
	for _, flag := range []string{"--account", "--region", "--external-url", "--tls-cert", "MODELWHARF_ROOT_"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%v does not name %s", err, flag)
		}
	}
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := server.Config{Data: filepath.Join(t.TempDir(), "data"), Listen: l.Addr().String(), Account: servertest.Account, Region: servertest.Region}
	if _, err := server.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), "--listen") {
		t.Fatalf("a taken port: %v", err)
	}
	c.Listen = "127.0.0.1:0" // what was opened was closed again
	s, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// TestFirstStart looks at the keys that the first start makes, and that they last.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	var made folder.AccessKey
	for start := range 2 {
		s := servertest.Start(t, func(c *server.Config) { c.Data, c.RootKey = data, folder.AccessKey{} })
		if start == 0 {
			made = s.NewRootKey
		} else if s.NewRootKey.ID != "" {
			t.Errorf("start %d made a key", start+1)
		}
		client := dynamodb.NewFromConfig(s.As(made.ID, made.Secret, ""))
		if _, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil {
			t.Errorf("start %d: %v", start+1, err)
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	f, err := folder.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if k, ok, err := f.ReadCredentials(); k != made || !ok || err != nil {
		t.Errorf("the credentials file has %v %v %v", k.ID, ok, err)
	}
}
