package runtimetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

// program builds the program of the tests, once, and packs it as a layer.
var program = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "runtimetest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	at := filepath.Join(folder, "program")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", at, "github.com/modelwharf/modelwharf/internal/runtime/runtimetest/program")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(out))
	}
	binary, err := os.ReadFile(at)
	if err != nil {
		return nil, err
	}
	return packed(tar.Header{Name: "bin/program", Mode: 0o755, Linkname: string(binary)})
})

// images is an image with its blobs.
type images struct {
	t     testing.TB
	blobs map[digest.Digest][]byte
}

// pack makes an image of files, which may have any names, with the program at /bin/program.
func pack(t testing.TB, config ocispec.ImageConfig, files ...tar.Header) runtime.Image {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	more, err := packed(files...)
	if err != nil {
		t.Fatal(err)
	}
	i := images{t, map[digest.Digest][]byte{}}
	layers := []ocispec.Descriptor{i.blob(ocispec.MediaTypeImageLayerGzip, binary), i.blob(ocispec.MediaTypeImageLayerGzip, more)}
	c := ocispec.Image{Config: config}
	c.Architecture, c.OS, c.RootFS.Type = "amd64", "linux", "layers"
	for _, l := range layers {
		r, err := gzip.NewReader(bytes.NewReader(i.blobs[l.Digest]))
		if err != nil {
			t.Fatal(err)
		}
		d, err := digest.Canonical.FromReader(r)
		if err != nil {
			t.Fatal(err)
		}
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, d)
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: i.blob(ocispec.MediaTypeImageConfig, i.marshal(c)), Layers: layers,
	}
	b := i.marshal(m)
	return runtime.Image{Digest: digest.FromBytes(b), Manifest: b, Open: i.open}
}

func (i images) marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		i.t.Fatal(err)
	}
	return b
}

func (i images) blob(mediaType string, b []byte) ocispec.Descriptor {
	d := digest.FromBytes(b)
	i.blobs[d] = b
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(b))}
}

// packed is a layer of files; the Linkname of a file is its content.
func packed(files ...tar.Header) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	for _, h := range files {
		content := ""
		if h.Typeflag == 0 {
			h.Typeflag, content, h.Linkname = tar.TypeReg, h.Linkname, ""
			h.Size = int64(len(content))
		}
		if _, err := io.WriteString(tarFile{w, &h}, content); err != nil {
			return nil, err
		}
	}
	err = errors.Join(w.Close(), z.Close())
	return b.Bytes(), err
}

// tarFile writes a file with its header.
type tarFile struct {
	w *tar.Writer
	h *tar.Header
}

func (f tarFile) Write(p []byte) (int, error) {
	if err := f.w.WriteHeader(f.h); err != nil {
		return 0, err
	}
	return f.w.Write(p)
}

func (i images) open(_ context.Context, d digest.Digest) (io.ReadCloser, error) {
	b, ok := i.blobs[d]
	if !ok {
		return nil, errors.New("runtimetest: no such blob")
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}
