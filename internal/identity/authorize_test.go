package identity_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity"
)

func TestDenialTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	none := w.user(root, "none", "")
	denied := w.user(root, "denied", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
	must(t)(w.CreatePolicy(w.as(root), &iam.CreatePolicyInput{PolicyName: new("small"), PolicyDocument: new(allow("s3:*", "*"))}))
	bound := w.user(root, "bound", allow("*", "*"))
	must(t)(w.PutUserPermissionsBoundary(w.as(root), &iam.PutUserPermissionsBoundaryInput{UserName: new("bound"), PermissionsBoundary: new("arn:aws:iam::111111111111:policy/small")}))
	for _, c := range []struct {
		k       keys
		service string
		code    string
		text    string
	}{
		{none, "dynamodb", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/none is not authorized to perform: dynamodb:PutItem on resource: " + table + " because no identity-based policy allows the dynamodb:PutItem action"},
		{denied, "dynamodb", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/denied is not authorized to perform: dynamodb:PutItem on resource: " + table + " with an explicit deny in an identity-based policy"},
		{bound, "dynamodb", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/bound is not authorized to perform: dynamodb:PutItem on resource: " + table + " because no permissions boundary allows the dynamodb:PutItem action"},
		{none, "iam", "AccessDenied", ""},
	} {
		wants(t, c.k.id, w.Authorize(w.as(c.k, c.service), put), c.code, c.text)
	}
	_, err := w.CreateUser(w.as(none), &iam.CreateUserInput{UserName: new("x"), Path: new("/p/")})
	wants(t, "CreateUser", err, "AccessDenied", "User: arn:aws:iam::111111111111:user/none is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::111111111111:user/p/x because no identity-based policy allows the iam:CreateUser action")
	_, err = w.GetUser(w.as(none), &iam.GetUserInput{UserName: new("who")})
	wants(t, "GetUser of one who is not there", err, "AccessDenied", "")
}

func TestConditionKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	for i, c := range []struct {
		condition string
		allowed   bool
	}{
		{`"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`, true},
		{`"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}`, false},
		{`"DateLessThan":{"aws:CurrentTime":"2026-03-01T12:00:01Z"}`, true},
		{`"DateLessThan":{"aws:CurrentTime":"2026-03-01T12:00:00Z"}`, false},
		{`"NumericEquals":{"aws:EpochTime":"1772366400"}`, true},
		{`"Bool":{"aws:SecureTransport":"true"}`, true},
		{`"StringLike":{"aws:UserAgent":"test/*"}`, true},
		{`"StringEquals":{"aws:RequestedRegion":"us-east-1"}`, true},
		{`"StringEquals":{"aws:RequestedRegion":"eu-west-1"}`, false},
		{`"StringLike":{"aws:username":"u*"}`, true},
		{`"StringLike":{"aws:userid":"AIDA*"}`, true},
		{`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/u*"}`, true},
		{`"StringEquals":{"aws:PrincipalAccount":"111111111111"}`, true},
		{`"StringEquals":{"aws:PrincipalType":"User"}`, true},
		{`"StringEquals":{"aws:PrincipalTag/Team":"ml"}`, true},
		{`"StringEquals":{"aws:PrincipalTag/team":"ml"}`, true},
		{`"StringEquals":{"aws:PrincipalTag/Other":"ml"}`, false},
		{`"Null":{"aws:TokenIssueTime":"true"}`, true},
		{`"Null":{"aws:MultiFactorAuthPresent":"true"}`, true},
		{`"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}`, true},
		{`"Bool":{"aws:MultiFactorAuthPresent":"true"}`, false},
		{`"StringEquals":{"aws:PrincipalIsAWSService":"false"}`, true},
		{`"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["a","b"]}`, true},
		{`"ForAllValues:StringEquals":{"DYNAMODB:leadingkeys":["a"]}`, false},
		{`"StringEquals":{"dynamodb:Nothing":"x"}`, false},
	} {
		name := fmt.Sprint("u", i)
		k := w.user(root, name, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+c.condition+`}}}`)
		must(t)(w.TagUser(w.as(root), &iam.TagUserInput{UserName: &name, Tags: []*iam.Tag{{Key: new("Team"), Value: new("ml")}}}))
		check := put
		check.Conditions = map[string][]string{"dynamodb:LeadingKeys": {"a", "b"}}
		if err := w.Authorize(w.as(k, "dynamodb"), check); (err == nil) != c.allowed {
			t.Errorf("%s: %v", c.condition, err)
		}
	}
}

func TestResourcePolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root, stranger := w.root(home), w.root(abroad)
	ann := w.user(root, "ann", "")
	bob := w.user(stranger, "bob", allow("dynamodb:*", "*"))
	weak := w.user(stranger, "weak", "")
	statement := func(effect, principal string) []byte {
		return fmt.Appendf(nil, `{"Version":"2012-10-17","Statement":[{"Effect":%q,"Principal":{"AWS":%q},"Action":"dynamodb:*","Resource":"*"}]}`, effect, principal)
	}
	for _, c := range []struct {
		name   string
		k      keys
		policy []byte
		code   string
	}{
		{"names the user", ann, statement("Allow", "arn:aws:iam::111111111111:user/ann"), ""},
		{"names the account", ann, statement("Allow", home), "AccessDeniedException"},
		{"another account, both allow", bob, statement("Allow", abroad), ""},
		{"another account, its policies do not", weak, statement("Allow", "arn:aws:iam::222222222222:user/weak"), "AccessDeniedException"},
		{"another account, the resource does not", bob, nil, "AccessDeniedException"},
		{"another account's root", stranger, statement("Allow", abroad), ""},
		{"root, denied", root, statement("Deny", "*"), "AccessDeniedException"},
		{"root, not mentioned", root, statement("Allow", abroad), ""},
	} {
		check := put
		check.ResourcePolicy = c.policy
		wants(t, c.name, w.Authorize(w.as(c.k, "dynamodb"), check), c.code, "")
	}
	check := put
	check.ResourcePolicy = []byte("{")
	wants(t, "a broken policy", w.Authorize(w.as(root, "dynamodb"), check), "InternalServerError", "")
}

// What a request costs once everything is cached.
func BenchmarkLookup(b *testing.B) {
	w := newWorld(b)
	k := w.user(w.root(home), "ann", allow("dynamodb:*", "*"))
	w.as(k)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.Lookup(context.Background(), k.id, ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthorize(b *testing.B) {
	w := newWorld(b)
	root := w.root(home)
	k := w.user(root, "ann", allow("dynamodb:*", "arn:aws:dynamodb:*:*:table/models"))
	must(b)(w.AttachUserPolicy(w.as(root), &iam.AttachUserPolicyInput{UserName: new("ann"), PolicyArn: new("arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess")}))
	conditional := w.user(root, "con", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"},"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${aws:username}"]}}}}`)
	for _, c := range []struct {
		name string
		k    keys
	}{{"root", root}, {"user", k}, {"conditions", conditional}} {
		b.Run(c.name, func(b *testing.B) {
			ctx := w.as(c.k, "dynamodb")
			check := identity.Check{Action: put.Action, Resource: put.Resource, Conditions: map[string][]string{"dynamodb:LeadingKeys": {"con"}}}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Authorize(ctx, check); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestResourceConditions asks about the owner of a resource, and about tags that
// differ in case alone, which are one key to a policy.
func TestResourceConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	owner := w.user(root, "owner", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}}}]}`)
	tagged := w.user(root, "tagged", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/team":"ml"}}}]}`)
	for range 20 { // the order of a map's keys changes
		wants(t, "own", w.Authorize(w.as(owner, "dynamodb"), put), "", "")
		both := put
		both.Conditions = map[string][]string{"aws:ResourceTag/team": {"ml"}, "aws:ResourceTag/Team": {"ops"}}
		wants(t, "two tags", w.Authorize(w.as(tagged, "dynamodb"), both), "", "")
	}
	wants(t, "no resource", w.Authorize(w.as(owner, "dynamodb"), identity.Check{Action: "dynamodb:ListTables", Resource: "*"}), "AccessDeniedException", "")
}
