package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is an image that its caller has at hand.
type Image struct {
	Digest   digest.Digest // of the manifest
	Manifest []byte        // of one image, not an index
	// Open reads the config or a layer. What it gives is checked against the digest.
	Open func(ctx context.Context, d digest.Digest) (io.ReadCloser, error)
}

// maxConfig is how long an image's config may be, in bytes.
const maxConfig = 4 << 20

// Read returns what the image consists of. The error is ErrImage, or that of Open.
func (i Image) Read(ctx context.Context) (ocispec.Manifest, ocispec.Image, error) {
	var m ocispec.Manifest
	var c ocispec.Image
	if err := i.Digest.Validate(); err != nil || i.Digest.Algorithm().FromBytes(i.Manifest) != i.Digest {
		return m, c, fmt.Errorf("%w: the manifest is not that of %s", ErrImage, i.Digest)
	}
	if err := json.Unmarshal(i.Manifest, &m); err != nil {
		return m, c, fmt.Errorf("%w: its manifest: %v", ErrImage, err)
	}
	if m.Config.Digest == "" || m.Config.Size > maxConfig {
		return m, c, fmt.Errorf("%w: its manifest names no config that can be read", ErrImage)
	}
	r, err := i.Blob(ctx, m.Config)
	if err != nil {
		return m, c, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return m, c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return m, c, fmt.Errorf("%w: its config: %v", ErrImage, err)
	}
	return m, c, nil
}

// Blob reads a blob of the image, and fails at its end with ErrImage if it is not what its
// descriptor says.
func (i Image) Blob(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	if err := d.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("%w: the digest %q: %v", ErrImage, d.Digest, err)
	}
	r, err := i.Open(ctx, d.Digest)
	if err != nil {
		return nil, err
	}
	return &verified{r: r, v: d.Digest.Verifier(), d: d.Digest, left: d.Size}, nil
}

// verified is a blob that is checked as it is read.
type verified struct {
	r    io.ReadCloser
	v    digest.Verifier
	d    digest.Digest
	left int64
}

func (b *verified) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.left -= int64(n)
	_, _ = b.v.Write(p[:n])
	if b.left < 0 || err == io.EOF && (b.left != 0 || !b.v.Verified()) {
		return 0, fmt.Errorf("%w: the bytes of %s are others", ErrImage, b.d)
	}
	return n, err
}

func (b *verified) Close() error { return b.r.Close() }

// Command returns what an image runs, with other arguments if there are any.
func Command(c ocispec.Image, args []string) ([]string, error) {
	if len(args) == 0 {
		args = c.Config.Cmd
	}
	argv := append(append([]string{}, c.Config.Entrypoint...), args...)
	if len(argv) == 0 || argv[0] == "" {
		return nil, fmt.Errorf("%w: it has neither an entrypoint nor a command", ErrImage)
	}
	return argv, nil
}
