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
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// modelRepository is the public repository of the model's images. Its tags do not move.
const modelRepository = "iris-species"

// imageShelf is the repository, and what opens it for pushes.
type imageShelf struct {
	uri  string
	auth authn.Authenticator
}

// publishImages packs two versions into images, pushes them, tries to replace one, and
// pulls them back.
func publishImages(ctx context.Context, cfg aws.Config, all []*modelVersion) error {
	shelf, err := openShelf(ctx, ecrpublic.NewFromConfig(cfg))
	if err != nil {
		return err
	}
	program, err := buildModelServer(ctx)
	if err != nil {
		return err
	}
	images := map[string]v1.Image{}
	for _, v := range all[:2] {
		if images[v.ModelVersion], err = pack(program, v); err != nil {
			return err
		}
		if err := shelf.push(ctx, v.ModelVersion, images[v.ModelVersion]); err != nil {
			return err
		}
	}
	return shelf.proveFixed(ctx, all[0].ModelVersion, all[1].ModelVersion)
}

// openShelf makes the repository, if it is not there, and logs in.
func openShelf(ctx context.Context, client *ecrpublic.Client) (*imageShelf, error) {
	_, err := client.CreateRepository(ctx, &ecrpublic.CreateRepositoryInput{
		RepositoryName: new(modelRepository),
		Tags:           []types.Tag{{Key: new("modelwharf:image-tag-mutability"), Value: new("IMMUTABLE")}},
	})
	if _, exists := errors.AsType[*types.RepositoryAlreadyExistsException](err); err != nil && !exists {
		return nil, err
	}
	found, err := client.DescribeRepositories(ctx, &ecrpublic.DescribeRepositoriesInput{RepositoryNames: []string{modelRepository}})
	if err != nil {
		return nil, err
	}
	login, err := client.GetAuthorizationToken(ctx, &ecrpublic.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.DecodeString(*login.AuthorizationData.AuthorizationToken)
	if err != nil {
		return nil, err
	}
	user, token, _ := strings.Cut(string(text), ":")
	shelf := &imageShelf{uri: *found.Repositories[0].RepositoryUri, auth: &authn.Basic{Username: user, Password: token}}
	say("repository %s, whose tags do not move", shelf.uri)
	return shelf, nil
}

// tag names an image of the repository. The demo's server has no TLS.
func (s *imageShelf) tag(version string) (name.Tag, error) {
	return name.NewTag(s.uri+":"+version, name.Insecure)
}

// push pushes an image under its version. One of an earlier run stays: its tag does not
// move, and pushing the very same image again is no change.
func (s *imageShelf) push(ctx context.Context, version string, image v1.Image) error {
	tag, err := s.tag(version)
	if err != nil {
		return err
	}
	d, err := image.Digest()
	if err != nil {
		return err
	}
	switch err := remote.Write(tag, image, remote.WithAuth(s.auth), remote.WithContext(ctx)); {
	case err == nil:
		say("%s pushed: %s", version, d)
	case refusal(err) != "":
		say("%s is there from an earlier run, built otherwise; it stays", version)
	default:
		return fmt.Errorf("push %s: %w", version, err)
	}
	return nil
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

// proveFixed tries to replace a version by another, pushes it once more as it is, and
// pulls it without credentials.
func (s *imageShelf) proveFixed(ctx context.Context, version, other string) error {
	tag, err := s.tag(version)
	if err != nil {
		return err
	}
	otherTag, err := s.tag(other)
	if err != nil {
		return err
	}
	anonymous := []remote.Option{remote.WithAuth(authn.Anonymous), remote.WithContext(ctx)}
	before, err := remote.Image(tag, anonymous...)
	if err != nil {
		return err
	}
	was, err := before.Digest()
	if err != nil {
		return err
	}
	replacement, err := remote.Image(otherTag, anonymous...)
	if err != nil {
		return err
	}
	signed := []remote.Option{remote.WithAuth(s.auth), remote.WithContext(ctx)}
	said := refusal(remote.Write(tag, replacement, signed...))
	if said == "" {
		return fmt.Errorf("%s could be replaced by %s", version, other)
	}
	say("%s pushed as %s: refused. %s", other, version, said)
	if err := remote.Write(tag, before, signed...); err != nil {
		return fmt.Errorf("push %s again: %w", version, err)
	}
	say("%s pushed again as it is: nothing changes, and that is fine", version)

	after, err := remote.Image(tag, anonymous...)
	if err != nil {
		return err
	}
	bytes, err := pullWhole(after)
	if err != nil {
		return fmt.Errorf("pull %s: %w", version, err)
	}
	is, err := after.Digest()
	if err != nil {
		return err
	}
	if is != was {
		return fmt.Errorf("%s was %s and is %s", version, was, is)
	}
	say("%s pulled without a login: %d bytes, every digest is right, the image is the same", version, bytes)
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
func pack(program []byte, v *modelVersion) (v1.Image, error) {
	made, err := time.Parse(time.RFC3339, v.CreationDate)
	if err != nil {
		return nil, err
	}
	weights, err := weightsOf(v)
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
	c.OS, c.Architecture, c.Created = "linux", runtime.GOARCH, v1.Time{Time: made}
	c.Config.Entrypoint = []string{"/modelserver"}
	c.Config.ExposedPorts = map[string]struct{}{"8080/tcp": {}}
	c.Config.Labels = map[string]string{
		"org.opencontainers.image.title": v.ModelID, "org.opencontainers.image.version": v.ModelVersion,
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
