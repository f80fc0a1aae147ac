package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// registry sends a request to the registry of a server, with a password of the aws command,
// and wants a status.
func (s *server) registry(t testing.TB, password, method, path string, body []byte, want int, headers ...string) (http.Header, []byte) {
	t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.url + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		r.SetBasicAuth("AWS", password)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s: %d, want %d: %.300s %v", method, path, resp.StatusCode, want, b, err)
	}
	return resp.Header, b
}

// TestAWSCommandImages has the aws command and the registry protocol meet in one repository:
// each goes on with the other's upload, also after a kill, and sees the other's images.
func TestAWSCommandImages(t *testing.T) {
	t.Parallel()
	s := start(t)
	aws := s.aws(t)
	folder := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	login := func() string {
		out, errs, err := aws.try("ecr", "get-login-password")
		if err != nil {
			t.Fatal(err, errs)
		}
		return strings.TrimSpace(out)
	}
	aws.run("ecr", "create-repository", "--repository-name", "team/model", "--image-tag-mutability", "IMMUTABLE")
	const v2 = "/v2/000000000000/us-east-1/team/model"

	// The largest part that there is by the API, a kill, the rest by PATCH, and the end by the API.
	const first = 20 << 20
	layer := bytes.Repeat([]byte("the weights of a model, over and over\n"), 22<<20/38)
	id := at(t, aws.run("ecr", "initiate-layer-upload", "--repository-name", "team/model"), "uploadId").(string)
	part := func(from int, name string, content []byte) []string {
		return []string{"ecr", "upload-layer-part", "--repository-name", "team/model", "--upload-id", id,
			"--part-first-byte", fmt.Sprint(from), "--part-last-byte", fmt.Sprint(from + len(content) - 1), "--layer-part-blob", "fileb://" + write(name, content)}
	}
	sent := aws.run(part(0, "part1", layer[:first])...)
	if at(t, sent, "lastByteReceived") != float64(first-1) {
		t.Errorf("%v", sent)
	}
	s.kill()
	s = startOn(t, s.data)
	aws = s.aws(t)
	said := aws.fails(part(first+1, "part2", layer[first+1:])...)
	if !strings.Contains(said, "InvalidLayerPartException") {
		t.Errorf("a gap: %s", said)
	}
	password := login()
	s.registry(t, password, "PATCH", v2+"/blobs/uploads/"+id, layer[first:], 202, "Content-Range", fmt.Sprintf("%d-%d", first, len(layer)-1))
	d := digest.FromBytes(layer).String()
	aws.run("ecr", "complete-layer-upload", "--repository-name", "team/model", "--upload-id", id, "--layer-digests", d)
	checked := aws.run("ecr", "batch-check-layer-availability", "--repository-name", "team/model", "--layer-digests", d, digest.FromString("none").String())
	if at(t, checked, "layers", 0, "layerSize") != float64(len(layer)) || at(t, checked, "layers", 1, "layerAvailability") != "UNAVAILABLE" {
		t.Errorf("%v", checked)
	}

	// The registry's upload, and the API's image over both layers.
	s.registry(t, password, "POST", v2+"/blobs/uploads/?digest="+digest.FromString("{}").String(), []byte("{}"), 201)
	manifest := func(annotation string) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
			`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},`+
			`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}],"annotations":{"version":%q}}`,
			digest.FromString("{}"), d, len(layer), annotation)
	}
	one, two := manifest("1.0"), manifest("2.0")
	put := aws.run("ecr", "put-image", "--repository-name", "team/model", "--image-tag", "1.0", "--image-manifest", "file://"+write("one", one))
	if at(t, put, "image", "imageId", "imageDigest") != digest.FromBytes(one).String() {
		t.Errorf("%v", put)
	}
	_, got := s.registry(t, password, "GET", v2+"/manifests/1.0", nil, 200)
	if !bytes.Equal(got, one) {
		t.Errorf("%s", got)
	}
	s.registry(t, password, "PUT", v2+"/manifests/1.0", two, 400, "Content-Type", "application/vnd.oci.image.manifest.v1+json")
	s.registry(t, password, "PUT", v2+"/manifests/2.0", two, 201, "Content-Type", "application/vnd.oci.image.manifest.v1+json")
	said = aws.fails("ecr", "put-image", "--repository-name", "team/model", "--image-tag", "2.0", "--image-manifest", "file://"+write("one", one))
	if !strings.Contains(said, "(ImageTagAlreadyExistsException) when calling the PutImage operation: The image tag '2.0' already exists in the 'team/model' repository and cannot be overwritten because the tag is immutable.") {
		t.Errorf("%s", said)
	}
	described := aws.run("ecr", "describe-images", "--repository-name", "team/model", "--image-ids", "imageTag=2.0", "imageTag=1.0")
	if at(t, described, "imageDetails", 0, "imageTags", 0) != "2.0" || at(t, described, "imageDetails", 1, "imageSizeInBytes") != float64(len(layer)+2) ||
		at(t, described, "imageDetails", 1, "lastRecordedPullTime") == nil {
		t.Errorf("%v", described)
	}
	if list := aws.run("ecr", "list-images", "--repository-name", "team/model", "--page-size", "1"); len(at(t, list, "imageIds").([]any)) != 2 {
		t.Errorf("%v", list)
	}
	fetched := aws.run("ecr", "batch-get-image", "--repository-name", "team/model", "--image-ids", "imageTag=2.0", "imageTag=3.0")
	if at(t, fetched, "images", 0, "imageManifest") != string(two) || at(t, fetched, "failures", 0, "failureCode") != "ImageNotFound" {
		t.Errorf("%v", fetched)
	}
	url := at(t, aws.run("ecr", "get-download-url-for-layer", "--repository-name", "team/model", "--layer-digest", d), "downloadUrl").(string)
	if head, got := s.registry(t, "", "GET", url, nil, 206, "Range", "bytes=1000-4999"); !bytes.Equal(got, layer[1000:5000]) || head.Get("Content-Range") == "" {
		t.Errorf("%d bytes", len(got))
	}
	deleted := aws.run("ecr", "batch-delete-image", "--repository-name", "team/model", "--image-ids", "imageTag=1.0", "imageTag=3.0")
	if at(t, deleted, "imageIds", 0, "imageDigest") != digest.FromBytes(one).String() || at(t, deleted, "failures", 0, "failureReason") != "Requested image not found" {
		t.Errorf("%v", deleted)
	}
	s.registry(t, password, "GET", v2+"/manifests/1.0", nil, 404)
}
