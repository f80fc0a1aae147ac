package identity_test

import (
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// TestServiceRole lets a service act in the roles that trust it, and only as the role's
// policies allow.
func TestServiceRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := w.as(w.root(home))
	const functions = "lambda.amazonaws.com"
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	for name, document := range map[string]string{"runner": trust, "other": strings.Replace(trust, "lambda", "ec2", 1)} {
		if _, err := w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &document}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("runner"), PolicyName: new("p"),
		PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:GetRecords","Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	role := "arn:aws:iam::" + home + ":role/runner"
	acting, err := w.ServiceRole(ctx, role, functions, "session")
	if err != nil {
		t.Fatal(err)
	}
	if c := api.RequestOf(acting).Caller; c.Type != api.RoleCaller || c.ARN != "arn:aws:sts::"+home+":assumed-role/runner/session" || c.Principal != role {
		t.Errorf("%+v", c)
	}
	if c := api.RequestOf(ctx).Caller; c.Type != api.RootCaller {
		t.Errorf("the caller has changed: %+v", c)
	}
	table := "arn:aws:dynamodb:us-east-1:" + home + ":table/models"
	if err := w.Authorize(acting, identity.Check{Action: "dynamodb:GetRecords", Resource: table}); err != nil {
		t.Error(err)
	}
	if err := w.Authorize(acting, identity.Check{Action: "dynamodb:GetItem", Resource: table}); err == nil {
		t.Error("the role does what it may not")
	}
	for _, arn := range []string{"arn:aws:iam::" + home + ":role/other", "arn:aws:iam::" + home + ":role/none", "arn:aws:iam::" + home + ":role/path/runner", "runner", ""} {
		if _, err := w.ServiceRole(ctx, arn, functions, "session"); err == nil {
			t.Errorf("%q lets the service act", arn)
		}
	}
}

// TestServiceRoleChanges acts in a role again and again, in one session, while its policies and
// its trust change, and while it is deleted and made anew.
func TestServiceRoleChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := w.as(w.root(home))
	const functions = "lambda.amazonaws.com"
	name, role := "runner", "arn:aws:iam::"+home+":role/runner"
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	create := func() {
		t.Helper()
		if _, err := w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}); err != nil {
			t.Fatal(err)
		}
	}
	// want acts, and tells whether the role is trusted and may read streams. It returns the role's ID.
	want := func(trusted, may bool) (id string) {
		t.Helper()
		acting, err := w.ServiceRole(ctx, role, functions, "session")
		if (err == nil) != trusted {
			t.Fatalf("acting in the role: %v", err)
		}
		if err != nil {
			return ""
		}
		err = w.Authorize(acting, identity.Check{Action: "dynamodb:GetRecords", Resource: "arn:aws:dynamodb:us-east-1:" + home + ":table/models"})
		if (err == nil) != may {
			t.Errorf("reading a stream: %v", err)
		}
		return api.RequestOf(acting).Caller.UserID
	}
	create()
	first := want(true, false)
	policy := &iam.PutRolePolicyInput{RoleName: &name, PolicyName: new("p"),
		PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:GetRecords","Resource":"*"}]}`)}
	if _, err := w.PutRolePolicy(ctx, policy); err != nil {
		t.Fatal(err)
	}
	want(true, true)
	for _, document := range []string{strings.Replace(trust, "lambda", "ec2", 1), trust} {
		if _, err := w.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: &document}); err != nil {
			t.Fatal(err)
		}
		want(document == trust, true)
	}
	if _, err := w.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: new("p")}); err != nil {
		t.Fatal(err)
	}
	want(true, false)
	if _, err := w.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name}); err != nil {
		t.Fatal(err)
	}
	want(false, false)
	create()
	if second := want(true, false); second == first {
		t.Errorf("the new role acts as the old one: %s", second)
	}
}
