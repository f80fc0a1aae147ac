package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/opencontainers/go-digest"
)

// imageClient pushes and pulls as clients of a registry do, one request at a time, so that
// a test sees each answer. It outlives its server: follow gives it the next one.
type imageClient struct {
	authorization string
	http          *http.Client

	mu  sync.Mutex
	url string
}

// images makes repositories of the server's account and returns a client that is logged in.
func (s *server) images(t testing.TB, mutability types.ImageTagMutability, repositories ...string) *imageClient {
	t.Helper()
	api := ecr.New(ecr.Options{
		BaseEndpoint: &s.url, Region: region,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")),
	})
	for _, name := range repositories {
		if _, err := api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name, ImageTagMutability: mutability}); err != nil {
			t.Fatal(err)
		}
	}
	auth, err := api.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	return &imageClient{
		authorization: "Basic " + *auth.AuthorizationData[0].AuthorizationToken,
		http:          &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}},
		url:           s.url,
	}
}

// follow makes requests go to another server.
func (c *imageClient) follow(s *server) {
	c.mu.Lock()
	c.url = s.url
	c.mu.Unlock()
}

func (c *imageClient) server() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.url
}

// await waits until the client follows another server than the one at url.
func (c *imageClient) await(ctx context.Context, url string) error {
	for deadline := time.Now().Add(patience); c.server() == url; {
		if time.Now().After(deadline) {
			return fmt.Errorf("the server at %s is gone, and none comes", url)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// said is the answer of a registry, read.
type said struct {
	status int
	header http.Header
	body   []byte
}

// code is the code of the first error in an answer.
func (a *said) code() string {
	var e struct{ Errors []struct{ Code string } }
	if json.Unmarshal(a.body, &e) != nil || len(e.Errors) == 0 {
		return ""
	}
	return e.Errors[0].Code
}

func (a *said) String() string { return fmt.Sprintf("%d %.300s", a.status, a.body) }

// open sends a request; headers are pairs of name and value.
func (c *imageClient) open(ctx context.Context, method, path string, body io.Reader, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.server()+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", c.authorization)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return c.http.Do(req)
}

// do sends a request and reads the answer. The error is of the connection.
func (c *imageClient) do(ctx context.Context, method, path string, body []byte, headers ...string) (*said, error) {
	res, err := c.open(ctx, method, path, bytes.NewReader(body), headers...)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return &said{res.StatusCode, res.Header, b}, err
}

// must is do for what has to be answered with a status.
func (c *imageClient) must(t testing.TB, status int, method, path string, body []byte, headers ...string) *said {
	t.Helper()
	a, err := c.do(t.Context(), method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != status {
		t.Fatalf("%s %s: %v, want %d", method, path, a, status)
	}
	return a
}

// imagePath is the path of one of the account's repositories.
func imagePath(name string) string { return "/v2/000000000000/" + region + "/" + name }

// uploadPath is where an upload goes on, whichever server is asked.
func uploadPath(a *said) string {
	at := a.header.Get("Location")
	return at[strings.Index(at, "/v2/"):]
}

// push pushes a blob.
func (c *imageClient) push(t testing.TB, repository string, content []byte) digest.Digest {
	t.Helper()
	d := digest.FromBytes(content)
	at := uploadPath(c.must(t, 202, "POST", imagePath(repository)+"/blobs/uploads/", nil))
	c.must(t, 201, "PUT", at+"?digest="+d.String(), content)
	return d
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// manifest is an image of blobs, the first of which is its config, and a name that makes it
// another image than all others.
func manifest(name string, blobs ...[]byte) []byte {
	type descriptor struct {
		MediaType string        `json:"mediaType"`
		Digest    digest.Digest `json:"digest"`
		Size      int           `json:"size"`
	}
	m := struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Annotations   map[string]string `json:"annotations"`
	}{2, manifestType, descriptor{"application/vnd.oci.image.config.v1+json", digest.FromBytes(blobs[0]), len(blobs[0])}, []descriptor{}, map[string]string{"name": name}}
	for _, b := range blobs[1:] {
		m.Layers = append(m.Layers, descriptor{"application/vnd.oci.image.layer.v1.tar", digest.FromBytes(b), len(b)})
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts and numbers always have a form
	}
	return text
}
