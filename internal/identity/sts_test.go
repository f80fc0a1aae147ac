package identity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

func TestWhoMayAssumeARole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root, stranger := w.root(home), w.root(abroad)
	ann := w.user(root, "ann", "")
	bob := w.user(root, "bob", allow("sts:AssumeRole", "*"))
	eve := w.user(stranger, "eve", allow("sts:*", "*"))
	weak := w.user(stranger, "weak", "")
	named := w.role(root, "named", trust("arn:aws:iam::111111111111:user/ann"))
	whole := w.role(root, "whole", trust(home))
	other := w.role(root, "other", trust(abroad))
	external := w.role(root, "external", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"42"}}}]}`)
	for _, c := range []struct {
		name string
		k    keys
		role string
		more func(*sts.AssumeRoleInput)
		code string
	}{
		{"named by the trust policy", ann, named, nil, ""},
		{"not named", bob, named, nil, "AccessDenied"},
		{"the account is trusted, own policies do not allow", ann, whole, nil, "AccessDenied"},
		{"the account is trusted, own policies allow", bob, whole, nil, ""},
		{"another account, both allow", eve, other, nil, ""},
		{"another account, own policies do not", weak, other, nil, "AccessDenied"},
		{"another account that is not trusted", eve, whole, nil, "AccessDenied"},
		{"without the external id", eve, external, nil, "AccessDenied"},
		{"with the external id", eve, external, func(in *sts.AssumeRoleInput) { in.ExternalId = new("42") }, ""},
		{"root", root, whole, nil, "AccessDenied"},
		{"no such role", bob, whole + "x", nil, "AccessDenied"},
		{"a role by another path", bob, "arn:aws:iam::111111111111:role/p/whole", nil, "AccessDenied"},
		{"no role", bob, "arn:aws:iam::111111111111:user/ann", nil, "ValidationError"},
		{"no ARN", bob, "nonsense-nonsense-nonsense", nil, "ValidationError"},
		{"too long", bob, whole, func(in *sts.AssumeRoleInput) { in.DurationSeconds = new(int64(3601)) }, "ValidationError"},
		{"a broken session policy", bob, whole, func(in *sts.AssumeRoleInput) { in.Policy = new("{") }, "MalformedPolicyDocument"},
		{"a session policy that is not there", bob, whole, func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []*sts.PolicyDescriptorType{{Arn: new("arn:aws:iam::aws:policy/Nothing")}}
		}, "ValidationError"},
		{"tags without the right to set them", bob, whole, func(in *sts.AssumeRoleInput) { in.Tags = []*sts.Tag{{Key: new("a"), Value: new("b")}} }, "AccessDenied"},
	} {
		more := c.more
		if more == nil {
			more = func(*sts.AssumeRoleInput) {}
		}
		_, err := w.assume(c.k, c.role, more)
		wants(t, c.name, err, c.code, "")
	}
}

// One who takes the name of a user whom a trust policy means is not trusted.
func TestTrustIsInPeopleNotNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ctx := w.as(root)
	ann := w.user(root, "ann", "")
	role := w.role(root, "r", trust("arn:aws:iam::111111111111:user/ann"))
	must(t)(w.assume(ann, role))
	must(t)(w.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: new("ann"), AccessKeyId: &ann.id}))
	must(t)(w.DeleteUser(ctx, &iam.DeleteUserInput{UserName: new("ann")}))
	impostor := w.user(root, "ann", allow("*", "*"))
	_, err := w.assume(impostor, role)
	wants(t, "a new user of the old name", err, "AccessDenied", "")
	must(t)(w.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: new("r"), PolicyDocument: new(trust("arn:aws:iam::111111111111:user/ann"))}))
	must(t)(w.assume(impostor, role))
}

func TestSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	admin := w.as(root)
	ann := w.user(root, "ann", allow("sts:*", "*"))
	role := w.role(root, "r", trust(home))
	must(t)(w.PutRolePolicy(admin, &iam.PutRolePolicyInput{RoleName: new("r"), PolicyName: new("p"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["dynamodb:*","sts:*"],"Resource":"*"},
		{"Effect":"Deny","Action":"dynamodb:DeleteTable","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Level":"low"}}}]}`)}))
	tagged := func(in *sts.AssumeRoleInput) {
		in.Tags = []*sts.Tag{{Key: new("Level"), Value: new("low")}, {Key: new("Loose"), Value: new("x")}}
		in.TransitiveTagKeys = []string{"Level"}
		in.SourceIdentity = new("ann@home")
	}
	del := put
	del.Action = "dynamodb:DeleteTable"
	get := put
	get.Action = "dynamodb:GetItem"

	plain, err := w.assume(ann, role)
	must(t)(nil, err)
	wants(t, "the role's rights", w.Authorize(w.as(plain, "dynamodb"), put, get, del), "", "")
	c := api.RequestOf(w.as(plain)).Caller
	if c.ARN != "arn:aws:sts::111111111111:assumed-role/r/s1" || c.Principal != role || c.Type != api.RoleCaller {
		t.Errorf("%+v", c)
	}
	narrow, err := w.assume(ann, role, func(in *sts.AssumeRoleInput) { in.Policy = new(allow("dynamodb:GetItem", "*")) })
	must(t)(nil, err)
	wants(t, "session policy allows", w.Authorize(w.as(narrow, "dynamodb"), get), "", "")
	wants(t, "session policy does not", w.Authorize(w.as(narrow, "dynamodb"), put), "AccessDeniedException",
		"User: arn:aws:sts::111111111111:assumed-role/r/s1 is not authorized to perform: dynamodb:PutItem on resource: "+table+" because no session policy allows the dynamodb:PutItem action")
	managed, err := w.assume(ann, role, func(in *sts.AssumeRoleInput) {
		in.PolicyArns = []*sts.PolicyDescriptorType{{Arn: new("arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess")}}
	})
	must(t)(nil, err)
	wants(t, "managed session policy allows", w.Authorize(w.as(managed, "dynamodb"), get), "", "")
	wants(t, "managed session policy does not", w.Authorize(w.as(managed, "dynamodb"), put), "AccessDeniedException", "")

	low, err := w.assume(ann, role, tagged)
	must(t)(nil, err)
	wants(t, "denied by a session tag", w.Authorize(w.as(low, "dynamodb"), del), "AccessDeniedException", "")
	chained, err := w.assume(low, role)
	must(t)(nil, err)
	wants(t, "denied by a tag that goes along", w.Authorize(w.as(chained, "dynamodb"), del), "AccessDeniedException", "")
	_, err = w.assume(low, role, tagged)
	wants(t, "a tag that goes along, again", err, "InvalidParameterValue", "")
	_, err = w.assume(low, role, func(in *sts.AssumeRoleInput) { in.SourceIdentity = new("other") })
	wants(t, "another source identity", err, "ValidationError", "")
	must(t)(w.UpdateRole(admin, &iam.UpdateRoleInput{RoleName: new("r"), MaxSessionDuration: new(int64(43200))}))
	long := func(in *sts.AssumeRoleInput) { in.DurationSeconds = new(int64(7200)) }
	must(t)(w.assume(ann, role, long))
	_, err = w.assume(plain, role, long)
	wants(t, "a chained session over an hour", err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")

	if got, err := w.GetRole(admin, &iam.GetRoleInput{RoleName: new("r")}); err != nil || got.Role.RoleLastUsed.LastUsedDate == nil {
		t.Errorf("%+v %v", got, err)
	}
	must(t)(w.DeleteRolePolicy(admin, &iam.DeleteRolePolicyInput{RoleName: new("r"), PolicyName: new("p")}))
	wants(t, "the role lost its policy", w.Authorize(w.as(plain, "dynamodb"), put), "AccessDeniedException", "")
	must(t)(w.DeleteRole(admin, &iam.DeleteRoleInput{RoleName: new("r")}))
	w.role(root, "r", trust(home))
	if _, err := w.try(w.Service, plain); err != sigv4.InvalidToken {
		t.Errorf("the session of a role that was made again: %v", err)
	}
}

func TestGetSessionToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ann := w.user(root, "ann", allow("*", "*"))
	make := func(k keys) keys {
		t.Helper()
		out, err := w.GetSessionToken(w.as(k, "sts"), &sts.GetSessionTokenInput{})
		if err != nil {
			t.Fatal(err)
		}
		c := out.Credentials
		return keys{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken}
	}
	session, roots := make(ann), make(root)
	if c := api.RequestOf(w.as(session)).Caller; c.ARN != "arn:aws:iam::111111111111:user/ann" || c.Type != api.UserCaller {
		t.Errorf("%+v", c)
	}
	wants(t, "as the user", w.Authorize(w.as(session, "dynamodb"), put), "", "")
	wants(t, "as root", w.Authorize(w.as(roots, "dynamodb"), put), "", "")
	_, err := w.ListUsers(w.as(session), &iam.ListUsersInput{})
	wants(t, "IAM in a session without a device", err, "InvalidClientTokenId", "")
	_, err = w.GetSessionToken(w.as(session, "sts"), &sts.GetSessionTokenInput{})
	wants(t, "a session of a session", err, "AccessDenied", "")
	w.sleep(2 * time.Hour)
	w.as(session)
	if _, err := w.try(w.Service, roots); err != sigv4.ExpiredToken {
		t.Errorf("root's session after two hours: %v", err)
	}
	must(t)(w.UpdateAccessKey(w.as(root), &iam.UpdateAccessKeyInput{UserName: new("ann"), AccessKeyId: &ann.id, Status: new("Inactive")}))
	if _, err := w.try(w.Service, session); err != sigv4.InvalidToken {
		t.Errorf("after the key that made it: %v", err)
	}
}

// A role assumed from another account is in the trail of both.
func TestAssumeRoleIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	eve := w.user(w.root(abroad), "eve", allow("sts:*", "*"))
	role := w.role(root, "r", trust(abroad))
	*w.events = nil
	session, err := w.assume(eve, role)
	must(t)(nil, err)
	if len(*w.events) != 2 || (*w.events)[0].Account != "" || (*w.events)[1].Account != home {
		t.Fatalf("%+v", *w.events)
	}
	e := (*w.events)[0]
	response := `{"assumedRoleUser":{"arn":"arn:aws:sts::111111111111:assumed-role/r/s1","assumedRoleId":"AROA`
	if string(e.Parameters) != `{"roleArn":"arn:aws:iam::111111111111:role/r","roleSessionName":"s1"}` || !strings.HasPrefix(string(e.Response), response) ||
		!strings.HasSuffix(string(e.Response), fmt.Sprintf(`"credentials":{"accessKeyId":%q,"expiration":"2026-03-01T13:00:00Z"}}`, session.id)) {
		t.Errorf("%s %s", e.Parameters, e.Response)
	}
}

func TestAccessKeyInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ann := w.user(root, "ann", allow("sts:*", "*"))
	session, err := w.assume(ann, w.role(root, "r", trust(home)))
	must(t)(nil, err)
	for id, want := range map[string]string{ann.id: home, session.id: home, root.id: home} {
		out, err := w.GetAccessKeyInfo(w.as(ann, "sts"), &sts.GetAccessKeyInfoInput{AccessKeyId: &id})
		if err != nil || *out.Account != want {
			t.Errorf("%s: %+v %v", id, out, err)
		}
	}
	_, err = w.GetAccessKeyInfo(w.as(ann, "sts"), &sts.GetAccessKeyInfoInput{AccessKeyId: new("nonsense-nonsense")})
	wants(t, "nonsense", err, "ValidationError", "")
	_, err = w.DecodeAuthorizationMessage(w.as(ann, "sts"), &sts.DecodeAuthorizationMessageInput{EncodedMessage: new("x")})
	wants(t, "decode", err, "InvalidAuthorizationMessageException", "")
}

// A stranger learns nothing of the roles of another account, not even their names.
func TestStrangersLearnNothingOfRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root, stranger := w.root(home), w.root(abroad)
	role := w.role(root, "secret", trust(home))
	for name, own := range map[string]string{"able": allow("sts:*", "*"), "weak": ""} {
		k := w.user(stranger, name, own)
		for _, arn := range []string{role, role + "-not"} {
			_, err := w.assume(k, arn)
			wants(t, name+" "+arn, err, "AccessDenied",
				"User: arn:aws:iam::222222222222:user/"+name+" is not authorized to perform: sts:AssumeRole on resource: "+arn)
		}
	}
}

// TestBareSessions asks for what a session of GetSessionToken may not do.
func TestBareSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.user(w.root(home), "ann", allow("*", "*"))
	out, err := w.GetSessionToken(w.as(ann, "sts"), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	ctx := w.as(keys{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken}, "sts")
	must(t)(w.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	_, err = w.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &ann.id})
	wants(t, "GetAccessKeyInfo", err, "InvalidClientTokenId", "")
	_, err = w.DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: new("x")})
	wants(t, "DecodeAuthorizationMessage", err, "InvalidClientTokenId", "")
	_, err = w.ListUsers(ctx, &iam.ListUsersInput{})
	wants(t, "ListUsers", err, "InvalidClientTokenId", "")
}
