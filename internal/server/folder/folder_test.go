package folder_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/server/folder"
)

func open(t *testing.T, dir string) *folder.Folder {
	t.Helper()
	f, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestSecondOpenIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	f := open(t, dir)
	_, err := folder.Open(dir)
	if !errors.Is(err, folder.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second open: %v, want ErrInUse with the folder's name", err)
	}
	f.Close()
	open(t, dir)
}

func TestNewerFormatIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "format"), []byte("modelwharf data 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Open(dir); err == nil || !strings.Contains(err.Error(), "modelwharf data 2") {
		t.Fatalf("open: %v", err)
	}
}

func TestStoreWithoutFormatIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Open(dir); err == nil {
		t.Fatal("a foreign folder was taken")
	}
}

func TestSecretKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	f := open(t, dir)
	made, err := f.SecretKey("")
	if err != nil || len(made) != 32 {
		t.Fatalf("made %d bytes, %v", len(made), err)
	}
	again, err := f.SecretKey("")
	if err != nil || !bytes.Equal(made, again) {
		t.Fatalf("read another key, %v", err)
	}
	path := filepath.Join(dir, "secret.key")
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SecretKey(""); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f.Store(), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SecretKey(""); err == nil {
		t.Error("a lost key was replaced although there is a store")
	}
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SecretKey(short); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a short key: %v", err)
	}
	if _, err := f.SecretKey(filepath.Join(dir, "absent")); err == nil {
		t.Error("a named key that is not there was made")
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	if _, ok, err := f.ReadCredentials(); ok || err != nil {
		t.Fatalf("none written: %v %v", ok, err)
	}
	want := folder.AccessKey{ID: "AKIAEXAMPLE", Secret: "a+b/c=="}
	if err := f.WriteCredentials(want); err != nil {
		t.Fatal(err)
	}
	got, ok, err := f.ReadCredentials()
	if got != want || !ok || err != nil {
		t.Fatalf("read %v %v %v", got, ok, err)
	}
	if info, _ := os.Stat(f.Credentials()); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestControlSocketInADeepFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30), "data")
	f := open(t, dir)
	if _, err := folder.DialControl(t.Context(), dir); !errors.Is(err, folder.ErrNotRunning) {
		t.Fatalf("dial without a server: %v", err)
	}
	for range 2 { // the second time over the socket that the first left
		l, err := f.ListenControl()
		if err != nil {
			t.Fatal(err)
		}
		c, err := folder.DialControl(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		l.Close()
		if _, err := folder.DialControl(t.Context(), dir); !errors.Is(err, folder.ErrNotRunning) {
			t.Fatalf("dial after the server: %v", err)
		}
	}
}
