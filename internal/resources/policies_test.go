package resources_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// update updates a stack and waits for its status.
func (w *world) update(name, body string, want types.StackStatus, options ...func(*cloudformation.UpdateStackInput)) {
	w.Helper()
	in := &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}}
	for _, o := range options {
		o(in)
	}
	if _, err := w.stacks.UpdateStack(w.Context(), in); err != nil {
		w.Fatal(err)
	}
	w.want(name, want)
}

// kept is a template of a repository with policies. A suffix makes another one of it, and
// failing adds what cannot be made after it.
func kept(deletion, replacement, suffix string, failing bool) string {
	body := fmt.Sprintf("Resources:\n  Base: {Type: AWS::ECR::Repository}\n  Kept:\n    Type: AWS::ECR::Repository\n    DeletionPolicy: %s\n    UpdateReplacePolicy: %s\n    Properties: {RepositoryName: kept%s}\n", deletion, replacement, suffix)
	if failing {
		body += "  Broken: {Type: AWS::ECR::Repository, DependsOn: Kept, Properties: {RepositoryName: NO}}\n"
	}
	return body
}

// base is that template without the repository.
func base(failing bool) string {
	body := "Resources:\n  Base: {Type: AWS::ECR::Repository}\n"
	if failing {
		body += "  Broken: {Type: AWS::ECR::Repository, DependsOn: Base, Properties: {RepositoryName: NO}}\n"
	}
	return body
}

// TestPoliciesOnEveryPath goes with each policy along each path on which a resource may be
// deleted, and looks what is left.
func TestPoliciesOnEveryPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.inventory()
	for _, path := range []struct {
		name string
		walk func(w *world, stack, deletion, replacement string)
		// left says of each policy what is left of "kept" and "kept-too".
		deletion    map[string]string
		replacement map[string]string
	}{
		{"roll-back of a create", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", true))
			w.want(s, types.StackStatusRollbackComplete)
		}, map[string]string{"Retain": "kept"}, nil},
		{"roll-back of a create that retains nothing new", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", true), func(in *cloudformation.CreateStackInput) { in.RetainExceptOnCreate = aws.Bool(true) })
			w.want(s, types.StackStatusRollbackComplete)
		}, nil, nil},
		{"deletion after a create that was not rolled back", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", true), func(in *cloudformation.CreateStackInput) { in.OnFailure = types.OnFailureDoNothing })
			w.want(s, types.StackStatusCreateFailed)
			w.delete(s)
		}, map[string]string{"Retain": "kept", "RetainExceptOnCreate": "kept"}, nil},
		{"create that is deleted when it fails", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", true), func(in *cloudformation.CreateStackInput) { in.OnFailure = types.OnFailureDelete })
			for w.exists(s) {
			}
		}, map[string]string{"Retain": "kept"}, nil},
		{"deletion", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", false))
			w.want(s, types.StackStatusCreateComplete)
			w.delete(s)
		}, map[string]string{"Retain": "kept", "RetainExceptOnCreate": "kept"}, nil},
		{"removal from the template", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", false))
			w.want(s, types.StackStatusCreateComplete)
			w.update(s, base(false), types.StackStatusUpdateComplete)
		}, map[string]string{"Retain": "kept", "RetainExceptOnCreate": "kept"}, nil},
		{"removal that is rolled back", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", false))
			w.want(s, types.StackStatusCreateComplete)
			w.update(s, base(true), types.StackStatusUpdateRollbackComplete)
		}, map[string]string{"*": "kept"}, nil},
		{"addition that is rolled back", func(w *world, s, d, r string) {
			w.create(s, base(false))
			w.want(s, types.StackStatusCreateComplete)
			w.update(s, kept(d, r, "", true), types.StackStatusUpdateRollbackComplete)
		}, map[string]string{"Retain": "kept"}, nil},
		{"addition that is rolled back and retains nothing new", func(w *world, s, d, r string) {
			w.create(s, base(false))
			w.want(s, types.StackStatusCreateComplete)
			w.update(s, kept(d, r, "", true), types.StackStatusUpdateRollbackComplete, func(in *cloudformation.UpdateStackInput) { in.RetainExceptOnCreate = aws.Bool(true) })
		}, nil, nil},
		{"replacement", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", false))
			w.want(s, types.StackStatusCreateComplete)
			w.update(s, kept(d, r, "-too", false), types.StackStatusUpdateComplete)
		}, nil, map[string]string{"Delete": "kept-too", "Retain": "kept kept-too"}},
		{"replacement that is rolled back", func(w *world, s, d, r string) {
			w.create(s, kept(d, r, "", false))
			w.want(s, types.StackStatusCreateComplete)
			w.update(s, kept(d, r, "-too", true), types.StackStatusUpdateRollbackComplete)
		}, nil, map[string]string{"*": "kept"}},
	} {
		for _, policy := range []string{"Delete", "Retain", "RetainExceptOnCreate"} {
			deletion, replacement, want := policy, "Delete", path.deletion
			if path.replacement != nil {
				deletion, replacement, want = "Delete", policy, path.replacement
				if policy == "RetainExceptOnCreate" {
					continue // which is none of a replacement
				}
			}
			stack := "s"
			path.walk(w, stack, deletion, replacement)
			var left []string
			for key := range w.inventory() {
				if name, ok := strings.CutPrefix(key, "images kept"); ok {
					left = append(left, "kept"+name)
				}
			}
			slices.Sort(left)
			expected := want[policy]
			if all, ok := want["*"]; ok {
				expected = all
			}
			if got := strings.Join(left, " "); got != expected {
				t.Errorf("%s with %s: left is %q, want %q", path.name, policy, got, expected)
			}
			if w.exists(stack) {
				w.delete(stack)
			}
			for key := range w.inventory() {
				if name, ok := strings.CutPrefix(key, "images kept"); ok {
					w.dropImages("kept" + name)
				}
			}
			w.wantInventory(before)
		}
	}
}

// TestSnapshotsAreRefused: no type here has snapshots.
func TestSnapshotsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, called := range map[string]string{"DeletionPolicy": "deletion policy", "UpdateReplacePolicy": "update replace policy"} {
		_, err := w.stacks.ValidateTemplate(t.Context(), &cloudformation.ValidateTemplateInput{
			TemplateBody: aws.String("Resources: {Images: {Type: AWS::ECR::Repository, " + name + ": Snapshot}}"),
		})
		w.failsWith(err, "ValidationError: Template error: resource type AWS::ECR::Repository does not support "+called+" Snapshot")
	}
}

// protected is a table that cannot be deleted while it is protected.
func protected(on bool) string {
	return fmt.Sprintf(`
Resources:
  Images: {Type: AWS::ECR::Repository}
  Table:
    Type: AWS::DynamoDB::Table
    DependsOn: Images
    Properties:
      TableName: protected
      DeletionProtectionEnabled: %t
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]`, on)
}

// TestWhatCannotBeDeleted ends in DELETE_FAILED, and is deleted when it can be, or retained,
// or left behind by force.
func TestWhatCannotBeDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.inventory()
	unprotect := func() {
		t.Helper()
		_, err := dynamodb.NewFromConfig(w.server.AWS()).UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: aws.String("protected"), DeletionProtectionEnabled: aws.Bool(false)})
		if err != nil {
			t.Fatal(err)
		}
	}
	remove := func(change func(*cloudformation.DeleteStackInput), want types.StackStatus) {
		t.Helper()
		in := &cloudformation.DeleteStackInput{StackName: w.describe("s").StackId}
		change(in)
		if _, err := w.stacks.DeleteStack(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		w.want(*in.StackName, want)
	}
	plain := func(*cloudformation.DeleteStackInput) {}
	for _, again := range []struct {
		name   string
		ready  func()
		change func(*cloudformation.DeleteStackInput)
		left   bool
	}{
		{"when it can be", unprotect, plain, false},
		{"with the resource retained", func() {}, func(in *cloudformation.DeleteStackInput) { in.RetainResources = []string{"Table"} }, true},
		{"by force", func() {}, func(in *cloudformation.DeleteStackInput) { in.DeletionMode = types.DeletionModeForceDeleteStack }, true},
	} {
		w.create("s", protected(true))
		w.want("s", types.StackStatusCreateComplete)
		remove(plain, types.StackStatusDeleteFailed)
		remove(plain, types.StackStatusDeleteFailed)
		if reason := aws.ToString(w.describe("s").StackStatusReason); reason != "The following resource(s) failed to delete: [Table]. " {
			t.Errorf("the reason is %q", reason)
		}
		again.ready()
		remove(again.change, types.StackStatusDeleteComplete)
		if _, left := w.inventory()["table protected"]; left != again.left {
			t.Errorf("%s: the table is left: %v", again.name, left)
		}
		if again.left {
			unprotect()
			if _, err := dynamodb.NewFromConfig(w.server.AWS()).DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("protected")}); err != nil {
				t.Fatal(err)
			}
		}
		w.wantInventory(before)
	}
}

// denied takes from the role of its own stack the right to go back.
const denied = `
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      TableClass: %s
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
`

// TestARollbackThatFailsGoesOn: a roll-back whose role may not change a table back fails, and
// goes on when it may, or without the table.
func TestARollbackThatFailsGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := w.role("deployer", "cloudformation.amazonaws.com", allow("dynamodb:*", "iam:*", "ecr:*"))
	before := w.inventory()
	forbids := fmt.Sprintf(denied, "STANDARD_INFREQUENT_ACCESS") + `
  Deny:
    Type: AWS::IAM::Policy
    DependsOn: Table
    Properties:
      PolicyName: deny
      Roles: [deployer]
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Deny, Action: "dynamodb:UpdateTable", Resource: "*"}]}
  Broken: {Type: AWS::ECR::Repository, DependsOn: Deny, Properties: {RepositoryName: NO}}
`
	for _, skip := range [][]string{nil, {"Table"}} {
		w.create("s", fmt.Sprintf(denied, "STANDARD"), func(in *cloudformation.CreateStackInput) { in.RoleARN = role })
		w.want("s", types.StackStatusCreateComplete)
		was := w.inventory()
		w.update("s", forbids, types.StackStatusUpdateRollbackFailed)
		if _, err := w.stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(forbids)}); err == nil {
			t.Error("it was updated where its roll-back failed")
		}
		_, err := w.stacks.ContinueUpdateRollback(t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("s"), ResourcesToSkip: []string{"Deny"}})
		w.failsWith(err, "ValidationError")
		if skip == nil {
			if _, err := iam.NewFromConfig(w.server.AWS()).DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("deployer"), PolicyName: aws.String("deny")}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.stacks.ContinueUpdateRollback(t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("s"), ResourcesToSkip: skip}); err != nil {
			t.Fatal(err)
		}
		w.want("s", types.StackStatusUpdateRollbackComplete)
		if skip == nil {
			w.wantInventory(was)
		}
		w.delete("s")
		w.wantInventory(before)
	}
}
