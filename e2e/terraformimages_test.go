package e2e

import "testing"

// TestTerraformImages makes repositories of images with their policies, templates and
// catalog data, changes them in place and takes them away again.
func TestTerraformImages(t *testing.T) {
	t.Parallel()
	s := start(t)
	tf := newTerraform(t, s, "../deploy/terraform/provider.tf", "testdata/images/*.tf")
	tf.run("init", "-no-color")
	tf.run("apply", "-no-color", "-auto-approve")
	tf.empty("after apply")

	aws := s.aws(t)
	if got := at(t, aws.run("ecr", "describe-repositories", "--repository-names", "team/model"), "repositories", 0, "imageTagMutability"); got != "IMMUTABLE" {
		t.Errorf("the mutability is %v", got)
	}
	changed := []string{"-var", "mutability=MUTABLE", "-var", "keep=7", "-var", "text=two"}
	tf.run(append([]string{"apply", "-no-color", "-auto-approve"}, changed...)...)
	tf.empty("after a change", changed...)
	if got := at(t, aws.run("ecr", "list-tags-for-resource", "--resource-arn", "arn:aws:ecr:us-east-1:000000000000:repository/team/model"), "tags", 0, "Value"); got != "two" {
		t.Errorf("the tag is %v", got)
	}
	if got := at(t, aws.run("ecr-public", "get-repository-catalog-data", "--repository-name", "model"), "catalogData", "description"); got != "two" {
		t.Errorf("the description is %v", got)
	}

	tf.run(append([]string{"destroy", "-no-color", "-auto-approve"}, changed...)...)
	for _, left := range []struct{ api, operation, list string }{
		{"ecr", "describe-repositories", "repositories"}, {"ecr-public", "describe-repositories", "repositories"},
		{"ecr", "describe-repository-creation-templates", "repositoryCreationTemplates"},
	} {
		if got := at(t, aws.run(left.api, left.operation), left.list).([]any); len(got) != 0 {
			t.Errorf("%s of %s are left: %v", left.list, left.api, got)
		}
	}
}
