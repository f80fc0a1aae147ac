package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// pusher pushes to the repository team/model of a server, as a client of the registry does.
type pusher struct {
	t     testing.TB
	url   string // of the repository in the registry
	basic string
}

// newPusher makes the repository if it is not there, and logs in.
func newPusher(t testing.TB, s *servertest.Server) *pusher {
	t.Helper()
	client := ecr.NewFromConfig(s.AWS())
	_, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("team/model")})
	if _, exists := errors.AsType[*types.RepositoryAlreadyExistsException](err); err != nil && !exists {
		t.Fatal(err)
	}
	auth, err := client.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	return &pusher{
		t: t, url: s.URL() + "/v2/" + servertest.Account + "/" + servertest.Region + "/team/model",
		basic: "Basic " + *auth.AuthorizationData[0].AuthorizationToken,
	}
}

// send does a request to a path of the repository, or to a URL.
func (p *pusher) send(method, path string, body io.Reader) (*http.Response, error) {
	if !strings.HasPrefix(path, "http") {
		path = p.url + path
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", p.basic)
	return http.DefaultClient.Do(r)
}

// do does a request that must be answered with a status, and returns the answer's body.
func (p *pusher) do(method, path string, body []byte, want int) []byte {
	p.t.Helper()
	resp, err := p.send(method, path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		p.t.Fatalf("%s %s: %d, want %d: %s, %v", method, path, resp.StatusCode, want, got, err)
	}
	return got
}

// begin begins an upload and returns its URL.
func (p *pusher) begin() string {
	p.t.Helper()
	resp, err := p.send("POST", "/blobs/uploads/", nil)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		p.t.Fatalf("%+v, %v", resp, err)
	}
	resp.Body.Close()
	return resp.Header.Get("Location")
}

// pushBlob pushes a blob at once and returns its digest.
func (p *pusher) pushBlob(content string, want int) string {
	p.t.Helper()
	d := digest.FromString(content).String()
	p.do("POST", "/blobs/uploads/?digest="+d, []byte(content), want)
	return d
}

// pushImage pushes an image of one blob under a tag, and returns its manifest.
func (p *pusher) pushImage(content, tag string, want int) []byte {
	p.t.Helper()
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[]}`,
		p.pushBlob(content, 201), len(content))
	p.do("PUT", "/manifests/"+tag, manifest, want)
	return manifest
}
