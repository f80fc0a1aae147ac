package identity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
)

const small = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`

// TestErrors is IAM's answers to what cannot be, each with its words.
func TestErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	w.root(abroad)
	ctx := w.as(root)
	ann := w.user(root, "ann", "")
	must(t)(w.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: new("ann")}))
	must(t)(w.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: new("team")}))
	must(t)(w.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: new("team"), UserName: new("ann")}))
	w.role(root, "ops", trust(home))
	pol := "arn:aws:iam::111111111111:policy/p"
	must(t)(w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("p"), PolicyDocument: new(small)}))
	for range 4 {
		must(t)(w.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &pol, PolicyDocument: new(small)}))
	}
	must(t)(w.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new("ops"), PolicyArn: &pol}))
	must(t)(w.CreateUser(ctx, &iam.CreateUserInput{UserName: new("full")}))
	must(t)(w.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new("full"), PolicyName: new("own"), PolicyDocument: new(small)}))
	for i := range 10 {
		must(t)(w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new(fmt.Sprint("p", i)), PolicyDocument: new(small)}))
		must(t)(w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: new("full"), PolicyArn: new(pol + fmt.Sprint(i))}))
	}
	big := strings.Replace(small, "s3:*", "s3:"+strings.Repeat("x", 7000), 1)
	manyTags := make([]*iam.Tag, 51)
	for i := range manyTags {
		manyTags[i] = &iam.Tag{Key: new(fmt.Sprint("k", i)), Value: new("")}
	}
	e := func(_ any, err error) error { return err }
	for _, c := range []struct {
		err           error
		code, message string
	}{
		{e(w.CreateUser(ctx, &iam.CreateUserInput{UserName: new("ANN")})), "EntityAlreadyExists", "User with name ANN already exists."},
		{e(w.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: new("Team")})), "EntityAlreadyExists", "Group with name Team already exists."},
		{e(w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("OPS"), AssumeRolePolicyDocument: new(trust(home))})), "EntityAlreadyExists", "Role with name OPS already exists."},
		{e(w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("P"), PolicyDocument: new(small)})), "EntityAlreadyExists", "A policy called P already exists. Duplicate names are not allowed."},
		{e(w.GetUser(ctx, &iam.GetUserInput{UserName: new("x")})), "NoSuchEntity", "The user with name x cannot be found."},
		{e(w.GetGroup(ctx, &iam.GetGroupInput{GroupName: new("x")})), "NoSuchEntity", "The group with name x cannot be found."},
		{e(w.GetRole(ctx, &iam.GetRoleInput{RoleName: new("x")})), "NoSuchEntity", "The role with name x cannot be found."},
		{e(w.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: new(pol + "x")})), "NoSuchEntity", "Policy arn:aws:iam::111111111111:policy/px was not found."},
		{e(w.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &pol, VersionId: new("v9")})), "NoSuchEntity", "Policy arn:aws:iam::111111111111:policy/p version v9 does not exist or is not attachable."},
		{e(w.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: new("ann"), PolicyName: new("x")})), "NoSuchEntity", "The user policy with name x cannot be found."},
		{e(w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: new(pol + "x")})), "NoSuchEntity", "Policy arn:aws:iam::111111111111:policy/px does not exist or is not attachable."},
		{e(w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: new("arn:aws:iam::aws:policy/Nothing")})), "NoSuchEntity", ""},
		{e(w.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: new("ann"), PolicyArn: &pol})), "NoSuchEntity", "Policy arn:aws:iam::111111111111:policy/p was not found."},
		{e(w.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: new("ann"), AccessKeyId: new("AKIAX")})), "NoSuchEntity", "The Access Key with id AKIAX cannot be found."},
		{e(w.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: new("full"), AccessKeyId: &ann.id})), "NoSuchEntity", ""},
		{e(w.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: new("ann")})), "NoSuchEntity", "Login Profile for User ann cannot be found."},
		{e(w.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: new("ann")})), "NoSuchEntity", ""},
		{e(w.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: new("ann")})), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"},
		{e(w.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &pol, PolicyDocument: new(small)})), "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version."},
		{e(w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("big"), PolicyDocument: &big})), "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		{e(w.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new("ann"), PolicyName: new("big"), PolicyDocument: &big})), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user ann"},
		{e(w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: new("full"), PolicyArn: &pol})), "LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10"},
		{e(w.TagUser(ctx, &iam.TagUserInput{UserName: new("ann"), Tags: manyTags})), "LimitExceeded", "The number of tags has reached the maximum limit."},
		{e(w.TagUser(ctx, &iam.TagUserInput{UserName: new("ann"), Tags: []*iam.Tag{{Key: new("a"), Value: new("")}, {Key: new("A"), Value: new("")}}})), "InvalidInput", ""},
		{e(w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("bad"), PolicyDocument: new("{")})), "MalformedPolicyDocument", ""},
		{e(w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("bad"), AssumeRolePolicyDocument: new(small)})), "MalformedPolicyDocument", ""},
		{e(w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("bad"), AssumeRolePolicyDocument: new(trust("arn:aws:iam::111111111111:user/nobody"))})), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:user/nobody"`},
		{e(w.DeleteUser(ctx, &iam.DeleteUserInput{UserName: new("ann")})), "DeleteConflict", "Cannot delete entity, must delete access keys first."},
		{e(w.DeleteUser(ctx, &iam.DeleteUserInput{UserName: new("full")})), "DeleteConflict", "Cannot delete entity, must detach all policies first."},
		{e(w.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: new("ops")})), "DeleteConflict", "Cannot delete entity, must detach all policies first."},
		{e(w.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: new("team")})), "DeleteConflict", "Cannot delete entity, must remove users from group first."},
		{e(w.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &pol})), "DeleteConflict", "Cannot delete a policy attached to entities."},
		{e(w.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &pol, VersionId: new("v1")})), "DeleteConflict", "Cannot delete the default version of a policy."},
		{e(w.GetUser(w.as(w.root(abroad)), &iam.GetUserInput{UserName: new("ann")})), "NoSuchEntity", ""},
		{e(w.AttachUserPolicy(w.as(w.root(abroad)), &iam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: &pol})), "NoSuchEntity", ""},
		{e(w.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: new("ReadOnlyAccess")})), "InvalidInput", "ARN ReadOnlyAccess is not valid."},
		{e(w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: new("arn:aws:iam::111111111111:user/ann")})), "InvalidInput", "ARN arn:aws:iam::111111111111:user/ann is not valid."},
		{e(w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: new("arn:aws-cn:iam::aws:policy/AdministratorAccess")})), "ValidationError", "Invalid ARN partition"},
		{e(w.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: new("ann"), PermissionsBoundary: new("limit")})), "InvalidInput", "ARN limit is not valid."},
		{e(w.GetPolicy(w.as(w.root(abroad)), &iam.GetPolicyInput{PolicyArn: &pol})), "AccessDenied", ""},
	} {
		wants(t, c.message, c.err, c.code, c.message)
	}
	must(t)(w.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: new("ops"), PolicyArn: &pol}))
	wants(t, "versions left", e(w.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &pol})), "DeleteConflict", "")
	for _, v := range []string{"v2", "v3", "v4", "v5"} {
		must(t)(w.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &pol, VersionId: &v}))
	}
	must(t)(w.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &pol}))
	must(t)(w.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: new("ops")}))
}

// A policy's versions count up and are never numbered twice.
func TestPolicyVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := w.as(w.root(home))
	out, err := w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("p"), Path: new("/a/b/"), PolicyDocument: new(small), Tags: []*iam.Tag{{Key: new("k"), Value: new("v")}}})
	if err != nil {
		t.Fatal(err)
	}
	arn := out.Policy.Arn
	if *arn != "arn:aws:iam::111111111111:policy/a/b/p" || !strings.HasPrefix(*out.Policy.PolicyId, "ANPA") {
		t.Error(*arn)
	}
	must(t)(w.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: new(allow("ec2:*", "*")), SetAsDefault: new(true)}))
	must(t)(w.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: new("v1")}))
	must(t)(w.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: new(small)}))
	list, err := w.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn})
	if err != nil || len(list.Versions) != 2 || *list.Versions[0].VersionId != "v3" || !*list.Versions[1].IsDefaultVersion {
		t.Errorf("%+v %v", list, err)
	}
	must(t)(w.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: new("v3")}))
	if p, err := w.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn}); err != nil || *p.Policy.DefaultVersionId != "v3" || len(p.Policy.Tags) != 1 {
		t.Errorf("%+v %v", p, err)
	}
	aws := new("arn:aws:iam::aws:policy/AdministratorAccess")
	if p, err := w.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws}); err != nil || *p.Policy.AttachmentCount != 0 {
		t.Errorf("%+v %v", p, err)
	}
	wants(t, "AWS's own", func() error { _, err := w.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: aws}); return err }(), "AccessDenied", "")
}

func TestEntitiesForPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ctx := w.as(root)
	arn := new("arn:aws:iam::aws:policy/AdministratorAccess")
	w.user(root, "ann", "")
	w.role(root, "ops", trust(home))
	must(t)(w.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: new("team")}))
	must(t)(w.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: new("team"), PolicyArn: arn}))
	must(t)(w.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new("ops"), PolicyArn: arn}))
	must(t)(w.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: new("ann"), PermissionsBoundary: arn}))
	must(t)(w.UpdateUser(ctx, &iam.UpdateUserInput{UserName: new("ann"), NewUserName: new("anna")}))
	must(t)(w.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: new("team"), NewGroupName: new("crew")}))
	for filter, want := range map[string]string{"": "anna crew ops", "PermissionsPolicy": "crew ops", "PermissionsBoundary": "anna"} {
		out, err := w.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn, PolicyUsageFilter: &filter})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, u := range out.PolicyUsers {
			got = append(got, *u.UserName)
		}
		for _, g := range out.PolicyGroups {
			got = append(got, *g.GroupName)
		}
		for _, r := range out.PolicyRoles {
			got = append(got, *r.RoleName)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q", filter, got)
		}
	}
	p, err := w.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil || *p.Policy.AttachmentCount != 2 || *p.Policy.PermissionsBoundaryUsageCount != 1 {
		t.Errorf("%+v %v", p.Policy, err)
	}
	details, err := w.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{})
	if err != nil || len(details.UserDetailList) != 1 || len(details.GroupDetailList) != 1 || len(details.RoleDetailList) != 1 || len(details.Policies) != 1 {
		t.Errorf("%+v %v", details, err)
	}
	summary, err := w.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	if err != nil || summary.SummaryMap["Users"] != 1 || summary.SummaryMap["AccountAccessKeysPresent"] != 1 {
		t.Errorf("%+v %v", summary, err)
	}
}

// Groups keep their users over a change of either's name.
func TestGroupsFollowNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ctx := w.as(root)
	for _, g := range []string{"b", "a"} {
		must(t)(w.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &g}))
	}
	for _, u := range []string{"u1", "u2"} {
		w.user(root, u, "")
		must(t)(w.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: new("a"), UserName: &u}))
		must(t)(w.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: new("a"), UserName: &u}))
	}
	must(t)(w.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: new("a"), NewGroupName: new("z")}))
	must(t)(w.UpdateUser(ctx, &iam.UpdateUserInput{UserName: new("u2"), NewUserName: new("U0")}))
	must(t)(w.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: new("b"), UserName: new("U0")}))
	var users, groups []string
	var marker *string
	for {
		out, err := w.GetGroup(ctx, &iam.GetGroupInput{GroupName: new("Z"), MaxItems: new(int64(1)), Marker: marker})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.Users {
			users = append(users, *u.UserName)
		}
		if marker = out.Marker; !*out.IsTruncated {
			break
		}
	}
	out, err := w.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: new("u0")})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range out.Groups {
		groups = append(groups, *g.GroupName)
	}
	if fmt.Sprint(users, groups) != "[U0 u1] [b z]" {
		t.Error(users, groups)
	}
	for _, u := range []string{"u1", "u0"} {
		must(t)(w.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: new("z"), UserName: &u}))
	}
	must(t)(w.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: new("z")}))
}

// Every change leaves one event, with its input and what it touched.
func TestChangesAreRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ctx := w.as(root)
	api.RequestOf(ctx).Operation = "AttachUserPolicy"
	w.user(root, "ann", "")
	*w.events = nil
	must(t)(w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: new("arn:aws:iam::aws:policy/AdministratorAccess")}))
	must(t)(w.GetUser(ctx, &iam.GetUserInput{UserName: new("ann")}))
	if len(*w.events) != 1 {
		t.Fatalf("%+v", *w.events)
	}
	e := (*w.events)[0]
	if string(e.Parameters) != `{"policyArn":"arn:aws:iam::aws:policy/AdministratorAccess","userName":"ann"}` ||
		fmt.Sprint(e.Resources) != "[{AWS::IAM::User arn:aws:iam::111111111111:user/ann} {AWS::IAM::ManagedPolicy arn:aws:iam::aws:policy/AdministratorAccess}]" {
		t.Errorf("%s %v", e.Parameters, e.Resources)
	}
}

func TestRolesDescribeThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ctx := w.as(root)
	doc := trust(home)
	out, err := w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("ops"), Path: new("/x/"), AssumeRolePolicyDocument: &doc, Description: new("d"), PermissionsBoundary: new("arn:aws:iam::aws:policy/AdministratorAccess")})
	if err != nil {
		t.Fatal(err)
	}
	r := out.Role
	if *r.Arn != "arn:aws:iam::111111111111:role/x/ops" || *r.MaxSessionDuration != 3600 || *r.Description != "d" || *r.PermissionsBoundary.PermissionsBoundaryType != "Policy" || !r.CreateDate.Equal(w.now()) {
		t.Errorf("%+v", r)
	}
	must(t)(w.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: new("ops"), Description: new("e"), MaxSessionDuration: new(int64(7200))}))
	must(t)(w.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: new("ops"), PolicyDocument: new(trust(abroad))}))
	must(t)(w.TagRole(ctx, &iam.TagRoleInput{RoleName: new("ops"), Tags: []*iam.Tag{{Key: new("a"), Value: new("1")}, {Key: new("b"), Value: new("2")}}}))
	must(t)(w.UntagRole(ctx, &iam.UntagRoleInput{RoleName: new("ops"), TagKeys: []string{"A"}}))
	must(t)(w.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: new("ops")}))
	got, err := w.GetRole(ctx, &iam.GetRoleInput{RoleName: new("ops")})
	if err != nil || *got.Role.Description != "e" || *got.Role.MaxSessionDuration != 7200 || got.Role.PermissionsBoundary != nil || len(got.Role.Tags) != 1 ||
		!strings.Contains(*got.Role.AssumeRolePolicyDocument, abroad) || got.Role.RoleLastUsed.LastUsedDate != nil {
		t.Errorf("%+v %v", got.Role, err)
	}
	list, err := w.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: new("/x")})
	if err != nil || len(list.Roles) != 1 || list.Roles[0].Tags != nil {
		t.Errorf("%+v %v", list, err)
	}
}
