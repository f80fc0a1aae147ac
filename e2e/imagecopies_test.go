package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const otherRegion = "eu-west-1"

// repositories is a client of the SDK for Go for repositories of images.
func (s *server) repositories() *ecr.Client {
	return ecr.New(ecr.Options{Region: region, BaseEndpoint: &s.url, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
}

// image is the reference to an image of the administrator's, and what logs in to it.
func (s *server) image(t *testing.T, region, image string) (name.Reference, remote.Option) {
	t.Helper()
	out, err := s.repositories().GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(string(token), ":")
	ref, err := name.ParseReference(strings.TrimPrefix(s.url, "http://")+"/000000000000/"+region+"/"+image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref, remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: user, Password: password}))
}

// has tells whether all of an image can be pulled.
func (s *server) has(t *testing.T, region, image string) error {
	t.Helper()
	ref, login := s.image(t, region, image)
	img, err := remote.Image(ref, login)
	if err != nil {
		return err
	}
	return validate.Image(img)
}

// soon waits for what must happen.
func soon(t *testing.T, what string, is func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = is(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// TestReplicationThroughKills kills the server after pushes: each one that was
// acknowledged is copied.
func TestReplicationThroughKills(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	if _, err := s.repositories().CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("model")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.repositories().PutReplicationConfiguration(t.Context(), &ecr.PutReplicationConfigurationInput{
		ReplicationConfiguration: &types.ReplicationConfiguration{Rules: []types.ReplicationRule{{
			Destinations: []types.ReplicationDestination{{Region: new(otherRegion), RegistryId: new("000000000000")}},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	const kills, pushes = 4, 5
	for k := range kills {
		for p := range pushes {
			img, err := random.Image(1000, 2)
			if err != nil {
				t.Fatal(err)
			}
			ref, login := s.image(t, region, fmt.Sprintf("model:%d-%d", k, p))
			if err := remote.Write(ref, img, login); err != nil {
				t.Fatal(err)
			}
		}
		s.kill()
		s = startOn(t, data)
	}
	for k := range kills {
		for p := range pushes {
			image := fmt.Sprintf("model:%d-%d", k, p)
			soon(t, image, func() error { return s.has(t, otherRegion, image) })
		}
	}
}

// TestPullThroughKill kills the server while a layer comes from upstream. After it the
// image is imported without anyone asking for it, and the layer is gone on with.
func TestPullThroughKill(t *testing.T) {
	t.Parallel()
	img, err := random.Image(200<<20, 1) // more than is synced at once
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	digest, _ := layers[0].Digest()
	half, killed := make(chan struct{}), make(chan struct{})
	var asked, from atomic.Int64
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/blobs/"+digest.String()) {
			images.ServeHTTP(w, r)
			return
		}
		if asked.Add(1) > 1 {
			var at int64
			fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &at)
			from.Store(at)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:150<<20])
		w.(http.Flusher).Flush()
		close(half)
		<-killed
	}))
	defer upstream.Close()
	up, err := name.ParseReference(strings.TrimPrefix(upstream.URL, "http://")+"/model:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(up, img); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data, "--allow-egress", "127.0.0.0/8")
	if _, err := s.repositories().CreatePullThroughCacheRule(t.Context(), &ecr.CreatePullThroughCacheRuleInput{
		EcrRepositoryPrefix: new("up"), UpstreamRegistryUrl: &upstream.URL,
	}); err != nil {
		t.Fatal(err)
	}
	ref, login := s.image(t, region, "up/model:1")
	if _, err := remote.Get(ref, login); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	layer, err := remote.Layer(ref.Context().Digest(digest.String()), login, remote.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	body, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, body, 100<<20); err != nil { // by then it has come
		t.Fatal(err)
	}
	<-half
	s.kill()
	close(killed)
	cancel()
	s = startOn(t, data, "--allow-egress", "127.0.0.0/8")
	manifest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	soon(t, "the import", func() error {
		_, err := s.repositories().DescribeImageReplicationStatus(t.Context(), &ecr.DescribeImageReplicationStatusInput{
			RepositoryName: new("up/model"), ImageId: &types.ImageIdentifier{ImageDigest: new(manifest.String())},
		})
		return err
	})
	if err := s.has(t, region, "up/model:1"); err != nil {
		t.Error(err)
	}
	if from.Load() == 0 {
		t.Error("the layer came from its beginning again")
	}
}
