package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// layout writes an image without layers as a folder in OCI's layout, and returns it.
func layout(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put := func(kind, text string) string {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
		write(filepath.Join(blobs, sum), text)
		return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.%s.v1+json","digest":"sha256:%s","size":%d}`, kind, sum, len(text))
	}
	manifest := put("manifest", fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[]}`, put("config", config)))
	write(filepath.Join(dir, "index.json"), `{"schemaVersion":2,"manifests":[`+manifest+`]}`)
	write(filepath.Join(dir, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`)
	return dir
}

// TestAWSCommandRepositories has skopeo push to a repository that is not there, which a
// template creates, and previews a lifecycle policy on what it pushed.
func TestAWSCommandRepositories(t *testing.T) {
	t.Parallel()
	s := start(t)
	aws := s.aws(t)
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		missing(t, "skopeo is not here")
	}
	password, stderr, err := aws.try("ecr", "get-login-password")
	if err != nil {
		t.Fatal(stderr)
	}
	push := func(name, tag, config string) (string, error) {
		to := "docker://" + strings.TrimPrefix(s.url, "http://") + "/000000000000/us-east-1/" + name + ":" + tag
		out, err := exec.CommandContext(t.Context(), skopeo, "--insecure-policy", "copy", "--retry-times=0", "--dest-tls-verify=false",
			"--dest-creds=AWS:"+strings.TrimSpace(password), "oci:"+layout(t, config), to).CombinedOutput()
		return string(out), err
	}
	if out, err := push("team/model", "1.0", `{"v":1}`); err == nil || !strings.Contains(out, "does not exist in the registry") {
		t.Errorf("a push to nowhere: %v %s", err, out)
	}
	aws.run("ecr", "create-repository-creation-template", "--prefix", "team", "--applied-for", "CREATE_ON_PUSH", "--image-tag-mutability", "IMMUTABLE",
		"--resource-tags", "Key=from,Value=template")
	for i, tag := range []string{"1.0", "1.1", "1.2"} {
		if out, err := push("team/model", tag, fmt.Sprintf(`{"v":%d}`, i)); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	if out, err := push("team/model", "1.0", `{"v":9}`); err == nil || !strings.Contains(out, "immutable") {
		t.Errorf("a tag moved: %v %s", err, out)
	}
	made := aws.run("ecr", "describe-repositories", "--repository-names", "team/model")
	tags := aws.run("ecr", "list-tags-for-resource", "--resource-arn", at(t, made, "repositories", 0, "repositoryArn").(string))
	if at(t, tags, "tags", 0, "Value") != "template" {
		t.Errorf("tags %v", tags)
	}
	aws.run("ecr", "put-lifecycle-policy", "--repository-name", "team/model", "--lifecycle-policy-text",
		`{"rules":[{"rulePriority":1,"description":"keep two","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":2},"action":{"type":"expire"}}]}`)
	aws.run("ecr", "start-lifecycle-policy-preview", "--repository-name", "team/model")
	if out, stderr, err := aws.try("ecr", "wait", "lifecycle-policy-preview-complete", "--repository-name", "team/model"); err != nil {
		t.Fatal(out, stderr)
	}
	preview := aws.run("ecr", "get-lifecycle-policy-preview", "--repository-name", "team/model")
	if got := at(t, preview, "previewResults").([]any); len(got) != 1 || at(t, preview, "previewResults", 0, "imageTags", 0) != "1.0" ||
		at(t, preview, "summary", "expiringImageTotalCount") != 1.0 {
		t.Errorf("the preview is %v", preview)
	}
}
