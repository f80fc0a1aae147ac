// Package blobtest is the suite that every blob.Store must pass.
package blobtest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// Instance is an empty store under test.
type Instance struct {
	Store blob.Store
	// Restart returns the store as another process finds it that starts after this one
	// was killed.
	Restart func(t *testing.T) blob.Store
	// Fill makes every write fail for want of room, until it is called with false. Nil
	// for a store that has room always.
	Fill func(full bool)
}

// Run runs the suite. open returns a new, empty instance each time.
func Run(t *testing.T, open func(t *testing.T) Instance) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, in Instance)
	}{
		{"publish and read", publishAndRead},
		{"absent", absent},
		{"wrong digest", wrongDigest},
		{"unsupported digest", unsupportedDigest},
		{"sha512", otherAlgorithm},
		{"ranges", ranges},
		{"parallel ranges", parallelRanges},
		{"delete", deleted},
		{"delete under a reader", deletedUnderReader},
		{"list", listed},
		{"resume", resume},
		{"resume after a kill", resumeAfterKill},
		{"unsynced bytes do not survive a kill", unsyncedAfterKill},
		{"resume at every size", resumeAtEverySize},
		{"one writer", oneWriter},
		{"broken reader", brokenReader},
		{"cancel", cancelled},
		{"cancel from outside", cancelledFromOutside},
		{"uploads", uploads},
		{"concurrent writers of one blob", concurrentWriters},
		{"full", full},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// Random returns bytes that are always the same for a seed.
func Random(seed uint64, n int) []byte {
	key := sha256.Sum256([]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// Put publishes bytes and returns their digest.
func Put(t *testing.T, s blob.Store, content []byte) blob.Digest {
	t.Helper()
	u := create(t, s, "put")
	write(t, u, content)
	d := digest.FromBytes(content)
	if err := u.Publish(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Read returns a blob.
func Read(t *testing.T, s blob.Store, d blob.Digest) []byte {
	t.Helper()
	b, err := read(t, s, d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t *testing.T, s blob.Store, d blob.Digest, offset, length int64) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), d, offset, length)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func create(t *testing.T, s blob.Store, label string, algorithms ...digest.Algorithm) blob.Upload {
	t.Helper()
	u, err := s.Create(t.Context(), label, algorithms...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	return u
}

func resumed(t *testing.T, s blob.Store, id string) blob.Upload {
	t.Helper()
	u, err := s.Resume(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	return u
}

func write(t *testing.T, u blob.Upload, content []byte) {
	t.Helper()
	n, err := u.ReadFrom(bytes.NewReader(content))
	if err != nil || n != int64(len(content)) {
		t.Fatalf("appended %d of %d bytes: %v", n, len(content), err)
	}
}

func synced(t *testing.T, u blob.Upload) {
	t.Helper()
	if err := u.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, u blob.Upload) {
	t.Helper()
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}

func wantBlob(t *testing.T, s blob.Store, content []byte) {
	t.Helper()
	if !bytes.Equal(Read(t, s, digest.FromBytes(content)), content) {
		t.Error("other bytes come back")
	}
}
