package identity_test

import (
	"fmt"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
)

// TestDelegationWithinABoundary lets somebody hand out rights to those alone who have
// a boundary, in the way that AWS's guide to permissions boundaries recommends.
func TestDelegationWithinABoundary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	admin := w.as(root)
	made, err := w.CreatePolicy(admin, &iam.CreatePolicyInput{PolicyName: new("limit"), PolicyDocument: new(allow("dynamodb:*", "*"))})
	must(t)(nil, err)
	limit := *made.Policy.Arn
	must(t)(w.CreateUser(admin, &iam.CreateUserInput{UserName: new("limited"), PermissionsBoundary: &limit}))
	must(t)(w.CreateUser(admin, &iam.CreateUserInput{UserName: new("free")}))
	must(t)(w.CreateRole(admin, &iam.CreateRoleInput{RoleName: new("limited"), AssumeRolePolicyDocument: new(trust(home)), PermissionsBoundary: &limit}))
	w.role(root, "free", trust(home))
	delegate := w.as(w.user(root, "delegate", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:*","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":%q}}}]}`, limit)))
	readOnly := new("arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess")
	document := new(allow("*", "*"))
	for _, c := range []struct{ name, code string }{{"limited", ""}, {"free", "AccessDenied"}} {
		try := func(action string) func(_ any, err error) {
			return func(_ any, err error) { t.Helper(); wants(t, action+" "+c.name, err, c.code, "") }
		}
		try("AttachUserPolicy")(w.AttachUserPolicy(delegate, &iam.AttachUserPolicyInput{UserName: &c.name, PolicyArn: readOnly}))
		try("DetachUserPolicy")(w.DetachUserPolicy(delegate, &iam.DetachUserPolicyInput{UserName: &c.name, PolicyArn: readOnly}))
		try("PutUserPolicy")(w.PutUserPolicy(delegate, &iam.PutUserPolicyInput{UserName: &c.name, PolicyName: new("p"), PolicyDocument: document}))
		try("DeleteUserPolicy")(w.DeleteUserPolicy(delegate, &iam.DeleteUserPolicyInput{UserName: &c.name, PolicyName: new("p")}))
		try("AttachRolePolicy")(w.AttachRolePolicy(delegate, &iam.AttachRolePolicyInput{RoleName: &c.name, PolicyArn: readOnly}))
		try("DetachRolePolicy")(w.DetachRolePolicy(delegate, &iam.DetachRolePolicyInput{RoleName: &c.name, PolicyArn: readOnly}))
		try("PutRolePolicy")(w.PutRolePolicy(delegate, &iam.PutRolePolicyInput{RoleName: &c.name, PolicyName: new("p"), PolicyDocument: document}))
		try("DeleteRolePolicy")(w.DeleteRolePolicy(delegate, &iam.DeleteRolePolicyInput{RoleName: &c.name, PolicyName: new("p")}))
		try("DeleteUserPermissionsBoundary")(w.DeleteUserPermissionsBoundary(delegate, &iam.DeleteUserPermissionsBoundaryInput{UserName: &c.name}))
	}
}

// TestChainedSessionsAskForWhatComesAlong assumes a second role from a session with a
// source identity or a tag that goes along: the second role's trust must allow it too.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
func TestChainedSessionsAskForWhatComesAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ann := w.user(root, "ann", allow("sts:*", "*"))
	first := w.role(root, "first", trust(home))
	must(t)(w.PutRolePolicy(w.as(root), &iam.PutRolePolicyInput{RoleName: new("first"), PolicyName: new("p"), PolicyDocument: new(allow("sts:*", "*"))}))
	bare := w.role(root, "bare", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}`)
	only := w.role(root, "only", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Condition":{"StringEquals":{"sts:SourceIdentity":"ann"}}}]}`)
	tags := func(in *sts.AssumeRoleInput) {
		in.Tags, in.TransitiveTagKeys = []*sts.Tag{{Key: new("team"), Value: new("x")}}, []string{"team"}
	}
	plain, err := w.assume(ann, first)
	must(t)(nil, err)
	sourced, err := w.assume(ann, first, func(in *sts.AssumeRoleInput) { in.SourceIdentity = new("ann") })
	must(t)(nil, err)
	tagged, err := w.assume(ann, first, tags)
	must(t)(nil, err)
	for _, c := range []struct {
		name string
		k    keys
		role string
		code string
	}{
		{"nothing comes along", plain, bare, ""},
		{"a source identity comes along", sourced, bare, "AccessDenied"},
		{"a tag comes along", tagged, bare, "AccessDenied"},
		{"a trust policy sees the source identity", sourced, only, ""},
		{"and that there is none", plain, only, "AccessDenied"},
	} {
		_, err := w.assume(c.k, c.role)
		wants(t, c.name, err, c.code, "")
	}
	out, err := w.AssumeRole(w.as(sourced, "sts"), &sts.AssumeRoleInput{RoleArn: &only, RoleSessionName: new("s2")})
	must(t)(nil, err)
	if out.SourceIdentity == nil || *out.SourceIdentity != "ann" {
		t.Errorf("the answer's source identity is %v", out.SourceIdentity)
	}
}
