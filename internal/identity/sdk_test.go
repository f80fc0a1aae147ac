package identity_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// The life of a team's identities through the Go SDK: signed requests over HTTP.
func TestSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Store(time.Now().Unix()) // the SDK signs with the real time
	root := w.root(home)
	url := w.serve()
	admin, adminSTS := w.clients(url, root)
	ctx := t.Context()

	who, err := adminSTS.GetCallerIdentity(ctx, &sdksts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:iam::111111111111:root" || *who.Account != home || *who.UserId != home {
		t.Fatalf("%+v %v", who, err)
	}
	created, err := admin.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: new("ann"), Path: new("/team/"), Tags: []types.Tag{{Key: new("Team"), Value: new("ml")}}})
	if err != nil || *created.User.Arn != "arn:aws:iam::111111111111:user/team/ann" || !strings.HasPrefix(*created.User.UserId, "AIDA") || len(*created.User.UserId) != 21 || len(created.User.Tags) != 1 {
		t.Fatalf("%+v %v", created, err)
	}
	key, err := admin.CreateAccessKey(ctx, &sdkiam.CreateAccessKeyInput{UserName: new("ann")})
	if err != nil || len(*key.AccessKey.AccessKeyId) != 20 || len(*key.AccessKey.SecretAccessKey) != 40 {
		t.Fatalf("%+v %v", key, err)
	}
	ann, annSTS := w.clients(url, keys{id: *key.AccessKey.AccessKeyId, secret: *key.AccessKey.SecretAccessKey})
	if me, err := ann.GetUser(ctx, &sdkiam.GetUserInput{}); err == nil || code(err) != "AccessDenied" {
		t.Errorf("%+v %v", me, err)
	}
	document := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["iam:Get*", "sts:AssumeRole"], "Resource": "*"}]}`
	pol, err := admin.CreatePolicy(ctx, &sdkiam.CreatePolicyInput{PolicyName: new("reader"), PolicyDocument: &document, Description: new("Reads.")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.AttachUserPolicy(ctx, &sdkiam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: pol.Policy.Arn}); err != nil {
		t.Fatal(err)
	}
	me, err := ann.GetUser(ctx, &sdkiam.GetUserInput{})
	if err != nil || *me.User.UserName != "ann" {
		t.Fatalf("%+v %v", me, err)
	}
	version, err := ann.GetPolicyVersion(ctx, &sdkiam.GetPolicyVersionInput{PolicyArn: pol.Policy.Arn, VersionId: new("v1")})
	if err != nil {
		t.Fatal(err)
	}
	if d := unescape(t, *version.PolicyVersion.Document); d != document || strings.ContainsAny(*version.PolicyVersion.Document, "+{ \"") {
		t.Errorf("document %s", *version.PolicyVersion.Document)
	}

	role, err := admin.CreateRole(ctx, &sdkiam.CreateRoleInput{RoleName: new("launcher"), AssumeRolePolicyDocument: new(trust(*me.User.Arn)), MaxSessionDuration: new(int32(7200))})
	if err != nil {
		t.Fatal(err)
	}
	session, err := annSTS.AssumeRole(ctx, &sdksts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: new("work"), DurationSeconds: new(int32(7200))})
	if err != nil {
		t.Fatal(err)
	}
	c := session.Credentials
	if !strings.HasPrefix(*c.AccessKeyId, "ASIA") || c.Expiration.Sub(w.now()) != 2*time.Hour {
		t.Errorf("%+v", c)
	}
	_, inSession := w.clients(url, keys{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken})
	who, err = inSession.GetCallerIdentity(ctx, &sdksts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:sts::111111111111:assumed-role/launcher/work" || *who.UserId != *role.Role.RoleId+":work" {
		t.Errorf("%+v %v", who, err)
	}

	// What Terraform does before it deletes a user and a role.
	if out, err := admin.ListMFADevices(ctx, &sdkiam.ListMFADevicesInput{UserName: new("ann")}); err != nil || len(out.MFADevices) != 0 {
		t.Errorf("%+v %v", out, err)
	}
	if out, err := admin.ListInstanceProfilesForRole(ctx, &sdkiam.ListInstanceProfilesForRoleInput{RoleName: new("launcher")}); err != nil || len(out.InstanceProfiles) != 0 || out.IsTruncated {
		t.Errorf("%+v %v", out, err)
	}
	var missing *types.NoSuchEntityException
	if _, err := admin.GetLoginProfile(ctx, &sdkiam.GetLoginProfileInput{UserName: new("ann")}); !errors.As(err, &missing) {
		t.Error(err)
	}
	var conflict *types.DeleteConflictException
	if _, err := admin.DeleteUser(ctx, &sdkiam.DeleteUserInput{UserName: new("ann")}); !errors.As(err, &conflict) || conflict.ErrorMessage() != "Cannot delete entity, must delete access keys first." {
		t.Error(err)
	}
	if _, err := admin.DeleteRole(ctx, &sdkiam.DeleteRoleInput{RoleName: new("launcher")}); err != nil {
		t.Error(err)
	}
	if _, err := inSession.GetCallerIdentity(ctx, &sdksts.GetCallerIdentityInput{}); code(err) != "InvalidClientTokenId" {
		t.Errorf("the session of a role that is gone: %v", err)
	}
}

// Every list is read page by page through the SDK's own paginators.
func TestSDKPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Store(time.Now().Unix())
	admin, _ := w.clients(w.serve(), w.root(home))
	ctx := t.Context()
	for _, name := range []string{"delta", "Alpha", "charlie", "Bravo", "echo"} {
		if _, err := admin.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: &name, Path: new("/" + name[:1] + "/")}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	pages := 0
	for p := sdkiam.NewListUsersPaginator(admin, &sdkiam.ListUsersInput{MaxItems: new(int32(2))}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.Users {
			names = append(names, *u.UserName)
		}
	}
	if got := strings.Join(names, " "); got != "Alpha Bravo charlie delta echo" || pages != 3 {
		t.Errorf("%s in %d pages", got, pages)
	}
	out, err := admin.ListUsers(ctx, &sdkiam.ListUsersInput{PathPrefix: new("/c")})
	if err != nil || len(out.Users) != 1 || *out.Users[0].UserName != "charlie" {
		t.Errorf("%+v %v", out, err)
	}
	var policies []string
	for p := sdkiam.NewListPoliciesPaginator(admin, &sdkiam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, MaxItems: new(int32(3))}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range out.Policies {
			policies = append(policies, *p.PolicyName)
		}
	}
	if !strings.Contains(strings.Join(policies, " "), "AdministratorAccess") {
		t.Errorf("%q", policies)
	}
	if _, err := admin.ListUsers(ctx, &sdkiam.ListUsersInput{Marker: new("!")}); code(err) != "ValidationError" {
		t.Error(err)
	}
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func unescape(t *testing.T, s string) string {
	d, err := url.QueryUnescape(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
