package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// imageShelf is the repository of the model's images, and what opens it.
type imageShelf struct {
	uri     string
	auth    authn.Authenticator
	program []byte // that answers predictions, in each image
}

// openShelf logs in to the repository and builds the program of the images.
func openShelf(ctx context.Context, cfg aws.Config, p *platform) (*imageShelf, error) {
	login, err := ecr.NewFromConfig(cfg).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.DecodeString(*login.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		return nil, err
	}
	user, token, _ := strings.Cut(string(text), ":")
	s := &imageShelf{uri: p.imageRepository, auth: &authn.Basic{Username: user, Password: token}}
	s.program, err = buildModelServer(ctx)
	return s, err
}

// tag names an image of the repository. The demo's server has no TLS.
func (s *imageShelf) tag(version string) (name.Tag, error) {
	return name.NewTag(s.uri+":"+version, name.Insecure)
}

func (s *imageShelf) options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithAuth(s.auth), remote.WithContext(ctx)}
}

// push packs a version, pushes it under its number, and returns its name with its digest. One
// that an earlier run has pushed stays: its tag does not move, and pushing the very same image
// again is no change.
func (s *imageShelf) push(ctx context.Context, v *version) (pinned string, err error) {
	tag, err := s.tag(v.number)
	if err != nil {
		return "", err
	}
	image, err := pack(s.program, v)
	if err != nil {
		return "", err
	}
	switch err := remote.Write(tag, image, s.options(ctx)...); {
	case err == nil:
		say("pushed as %s", tag)
	case refusal(err) != "":
		say("%s is there from an earlier run, built otherwise; it stays", tag)
	default:
		return "", fmt.Errorf("push %s: %w", tag, err)
	}
	stored, err := remote.Image(tag, s.options(ctx)...)
	if err != nil {
		return "", err
	}
	bytes, err := pullWhole(stored)
	if err != nil {
		return "", fmt.Errorf("pull %s: %w", tag, err)
	}
	d, err := stored.Digest()
	say("pulled again: %d bytes, and every digest is right: %s", bytes, d)
	return s.uri + "@" + d.String(), err
}

// refusal is what the registry says to a push that would move a tag; "" for other errors.
func refusal(err error) string {
	if e, ok := errors.AsType[*transport.Error](err); ok {
		for _, d := range e.Errors {
			if d.Code == "TAG_INVALID" {
				return d.Message
			}
		}
	}
	return ""
}

// proveFixed tries to replace one version by another, and fails unless that is refused and the
// version is as it was.
func (s *imageShelf) proveFixed(ctx context.Context, number string, other *version) error {
	tag, err := s.tag(number)
	if err != nil {
		return err
	}
	was, err := remote.Head(tag, s.options(ctx)...)
	if err != nil {
		return err
	}
	replacement, err := pack(s.program, other)
	if err != nil {
		return err
	}
	said := refusal(remote.Write(tag, replacement, s.options(ctx)...))
	if said == "" {
		return fmt.Errorf("the image %s could be replaced by %s", number, other.number)
	}
	is, err := remote.Head(tag, s.options(ctx)...)
	if err != nil {
		return err
	}
	if is.Digest != was.Digest {
		return fmt.Errorf("the image %s was %s and is %s", number, was.Digest, is.Digest)
	}
	say("%s pushed as %s: refused. %s", other.number, number, said)
	return nil
}

// pullWhole reads all layers of an image, each of which is checked against its digest, and
// returns how many bytes they have.
func pullWhole(image v1.Image) (total int64, err error) {
	layers, err := image.Layers()
	if err != nil {
		return 0, err
	}
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			return total, err
		}
		n, err := io.Copy(io.Discard, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// buildModelServer compiles the program of the images, static and the same at every build.
func buildModelServer(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "modelserver-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "modelserver")
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, "./demo/modelserver")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the model server: %w\n%s", err, said)
	}
	b, err := os.ReadFile(out)
	if err == nil {
		say("model server built in %v: one static program, %d bytes", time.Since(began).Round(100*time.Millisecond), len(b))
	}
	return b, err
}

// pack makes the image of a version: the program, and in a layer of its own the model. From
// the same of both it makes the same image.
func pack(program []byte, v *version) (v1.Image, error) {
	weights, err := v.weights()
	if err != nil {
		return nil, err
	}
	var layers []v1.Layer
	for _, f := range []struct {
		path    string
		mode    int64
		content []byte
	}{{"modelserver", 0o555, program}, {"model.json", 0o444, weights}} {
		l, err := layerOf(f.path, f.mode, f.content)
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	c, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Created = "linux", runtime.GOARCH, v1.Time{Time: time.Unix(0, 0).UTC()}
	c.Config.Entrypoint, c.Config.WorkingDir = []string{"/modelserver"}, "/"
	c.Config.ExposedPorts = map[string]struct{}{"8080/tcp": {}}
	c.Config.Labels = map[string]string{
		"org.opencontainers.image.title": modelID, "org.opencontainers.image.version": v.number,
	}
	return mutate.ConfigFile(image, c)
}

// layerOf makes a layer of one file.
func layerOf(path string, mode int64, content []byte) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: path, Mode: mode, Size: int64(len(content)), ModTime: time.Unix(0, 0)}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
}
