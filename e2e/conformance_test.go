package e2e

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestConformance runs the public conformance suite of the registry protocol, all four
// parts of it, with a login. Its version is the one in tools/go.mod.
func TestConformance(t *testing.T) {
	t.Parallel()
	suite := client(t, "oci-conformance")
	s := start(t)
	aws := s.aws(t)
	for _, name := range []string{"team/model", "team/other"} {
		aws.run("ecr", "create-repository", "--repository-name", name)
	}
	token := at(t, aws.run("ecr", "get-authorization-token"), "authorizationData", 0, "authorizationToken").(string)
	cmd := exec.CommandContext(t.Context(), suite)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cleanEnv(), "OCI_ROOT_URL="+s.url, "OCI_NAMESPACE=000000000000/us-east-1/team/model",
		"OCI_CROSSMOUNT_NAMESPACE=000000000000/us-east-1/team/other", "OCI_AUTOMATIC_CROSSMOUNT=0",
		"OCI_USERNAME=AWS", "OCI_PASSWORD="+password(t, token), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
		"OCI_TEST_PULL=1", "OCI_TEST_PUSH=1", "OCI_TEST_CONTENT_DISCOVERY=1", "OCI_TEST_CONTENT_MANAGEMENT=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out[max(0, len(out)-16<<10):])
	}
	report, err := os.ReadFile(filepath.Join(cmd.Dir, "junit.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var ran struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.NewDecoder(bytes.NewReader(report)).Decode(&ran); err != nil {
		t.Fatal(err)
	}
	if ran.Tests < 60 || ran.Failures+ran.Errors > 0 {
		t.Errorf("of %d checks %d failed", ran.Tests, ran.Failures+ran.Errors)
	}
}
