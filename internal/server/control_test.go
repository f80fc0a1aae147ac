package server_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/control"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestCommands uses the running server as its own commands do.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	commands := control.NewClient(s.Data)
	if err := commands.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := commands.CreateAccount(t.Context(), control.NewAccount{ID: "123456789012", Name: "team"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := commands.CreateAccount(t.Context(), control.NewAccount{ID: "123456789012", Name: "team"}); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("an account made twice: %v", err)
	}
	all, err := commands.Accounts(t.Context())
	if err != nil || len(all) != 2 || all[1].Name != "team" || all[1].SecretAccessKey != "" {
		t.Errorf("accounts %v %v", all, err)
	}
	team := dynamodb.NewFromConfig(s.As(a.AccessKeyID, a.SecretAccessKey, ""))
	makeTable(t, team, "theirs")
	if out, err := dynamodb.NewFromConfig(s.AWS()).ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil || len(out.TableNames) != 0 {
		t.Errorf("the administrator's account has tables %v %v", out, err)
	}
	page, err := commands.Audit(t.Context(), control.AuditQuery{Action: "dynamodb:Create*", Account: "123456789012"})
	if err != nil || len(page.Events) != 1 || page.Events[0].Caller != "arn:aws:iam::123456789012:root" || page.Events[0].Resources[0].ARN != "arn:aws:dynamodb:us-east-1:123456789012:table/theirs" {
		t.Errorf("events %+v %v", page, err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := commands.Ready(t.Context()); !errors.Is(err, folder.ErrNotRunning) {
		t.Errorf("after the stop: %v", err)
	}
}

// TestAnotherSecretKey restores a backup with a key that did not seal what it holds: the
// server refuses to start, rather than refuse every signature.
func TestAnotherSecretKey(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	var backup bytes.Buffer
	if _, err := control.NewClient(s.Data).Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "another.key")
	if err := os.WriteFile(key, bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "restored")
	if _, err := server.Restore(t.Context(), data, key, server.Blobs{}, &backup); err != nil {
		t.Fatal(err)
	}
	wrong, err := server.Open(t.Context(), server.Config{Data: data, Listen: "127.0.0.1:0", Account: servertest.Account, Region: servertest.Region, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		wrong.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "--secret-key-file") {
		t.Errorf("started with another secret key: %v", err)
	}
}

// TestBackupAndRestore copies a running server into a new folder.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	client := dynamodb.NewFromConfig(s.AWS())
	makeTable(t, client, "items")
	for _, id := range []string{"1", "2", "3"} {
		if err := put(t.Context(), client, "items", id); err != nil {
			t.Fatal(err)
		}
	}
	var backup bytes.Buffer
	if info, err := control.NewClient(s.Data).Backup(t.Context(), &backup); err != nil || info.Pairs == 0 {
		t.Fatal(info, err)
	}
	if err := put(t.Context(), client, "items", "4"); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(s.Data, "secret.key")
	torn := filepath.Join(t.TempDir(), "torn")
	if _, err := server.Restore(t.Context(), torn, key, server.Blobs{}, bytes.NewReader(backup.Bytes()[:backup.Len()-1])); err == nil {
		t.Error("half a backup was restored")
	}
	data := filepath.Join(t.TempDir(), "restored")
	if _, err := server.Restore(t.Context(), data, key, server.Blobs{}, bytes.NewReader(backup.Bytes())); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Restore(t.Context(), data, key, server.Blobs{}, bytes.NewReader(backup.Bytes())); err == nil {
		t.Error("a restore over a store")
	}
	restored := servertest.Start(t, func(c *server.Config) { c.Data, c.RootKey = data, folder.AccessKey{} })
	if n := count(t, dynamodb.NewFromConfig(restored.AWS()), "items"); n != 3 {
		t.Errorf("%d items, want 3", n)
	}
}
