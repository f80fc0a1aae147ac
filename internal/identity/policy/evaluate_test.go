package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	r := policy.Request{
		Principal: policy.Principal{Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/a"},
		Action:    "dynamodb:PutItem", Resource: "arn:aws:dynamodb:us-east-1:111111111111:table/t",
	}
	const want = "User: arn:aws:iam::111111111111:user/a is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:111111111111:table/t because no identity-based policy allows the dynamodb:PutItem action"
	if got := policy.Evaluate(&r).Message(&r); got != want {
		t.Fatal(got)
	}
}

func TestExplanationInTheLog(t *testing.T) {
	t.Parallel()
	admin, _ := policy.ManagedByARN("arn:aws:iam::aws:policy/AdministratorAccess")
	r := policy.Request{
		Principal: policy.PrincipalOf(&api.Caller{Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/a", Type: api.UserCaller}),
		Action:    "s3:GetObject", Resource: "*",
		IdentityPolicies: []policy.Attached{{Name: admin.Name, Policy: admin.Policy}},
	}
	got, err := json.Marshal(policy.Explain(&r).Matched)
	if want := `[{"Layer":"identity-based policy","Policy":"AdministratorAccess","Statement":0,"Sid":"","Effect":"allowed"}]`; err != nil || string(got) != want {
		t.Fatal(string(got), err)
	}
}

func TestPrincipals(t *testing.T) {
	t.Parallel()
	p, err := policy.Parse([]byte(`{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":["111111111111","arn:aws:iam::111111111111:root","arn:aws:iam::111111111111:user/a"]}},{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::222222222222:role/r"}}]}`), policy.Trust)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Principals()); got != "[arn:aws:iam::111111111111:user/a arn:aws:iam::222222222222:role/r]" {
		t.Fatal(got)
	}
}

// TestEmptyRequest checks that outside of a request nothing is allowed.
func TestEmptyRequest(t *testing.T) {
	t.Parallel()
	if d := policy.Evaluate(&policy.Request{}); d.Allowed() {
		t.Fatal(d)
	}
	if d := policy.Evaluate(&policy.Request{Action: "s3:GetObject", Resource: "*", Keys: policy.Values{}}); d.Allowed() {
		t.Fatal(d)
	}
	// An identity policy in the place of a resource policy opens nothing.
	admin, _ := policy.ManagedByARN("arn:aws:iam::aws:policy/AdministratorAccess")
	r := policy.Request{Action: "s3:GetObject", Resource: "*", ResourcePolicy: &policy.Attached{Policy: admin.Policy}}
	if d := policy.Evaluate(&r); d.Allowed() {
		t.Fatal(d)
	}
}

// FuzzPolicy parses and evaluates: nothing may panic, and Explain must agree with
// Evaluate.
func FuzzPolicy(f *testing.F) {
	for _, doc := range []string{
		`{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":["s3:Get*","s3:?ist"],"Resource":"arn:aws:s3:::${aws:username, 'x'}/*","Condition":{"ForAllValues:StringLike":{"a:k":["${*}","b*"]},"DateLessThanIfExists":{"aws:CurrentTime":"2026-01-01"}}}]}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"*","NotResource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","::1"]},"Null":{"a:k":true},"NumericGreaterThan":{"a:n":1e3}}}}`,
		`{"Version":"2008-10-17","Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":["111111111111","arn:aws:iam::111111111111:user/a"],"Service":"x.amazonaws.com"},"Action":"*","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`,
	} {
		for kind := range uint8(3) {
			f.Add([]byte(doc), kind+1, "s3:GetObject", "arn:aws:s3:::b/k", "value")
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, kind uint8, action, resource, value string) {
		p, err := policy.Parse(doc, policy.Kind(kind%4))
		if err != nil {
			return
		}
		a := policy.Attached{Name: "p", Policy: p}
		for _, typ := range []api.PrincipalType{api.UserCaller, api.RoleCaller, api.AnonymousCaller, api.ServiceCaller} {
			r := policy.Request{
				Principal: policy.Principal{Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/a", Entity: value, UserID: value, Type: typ},
				Action:    action, Resource: resource,
				Keys:             policy.Values{"a:k": {value, "b"}, "aws:username": {value}, "aws:sourceip": {value}, "aws:currenttime": {value}, "a:n": {value}},
				IdentityPolicies: []policy.Attached{a}, ResourcePolicy: &a, SessionPolicies: []policy.Attached{a},
			}
			got, explained := policy.Evaluate(&r), policy.Explain(&r)
			if got.Effect != explained.Effect || got.Layer != explained.Layer {
				t.Fatal(got, explained)
			}
			_ = got.Message(&r) + got.String()
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	parse := func(doc string) policy.Attached {
		p, err := policy.Parse([]byte(doc), policy.Identity)
		if err != nil {
			b.Fatal(err)
		}
		return policy.Attached{Name: "p", Policy: p}
	}
	var ten strings.Builder
	for i := range 9 {
		fmt.Fprintf(&ten, `{"Effect":"Allow","Action":["svc%d:Get*","svc%d:List*","dynamodb:Describe*"],"Resource":"arn:aws:svc%d:*:*:thing/*"},`, i, i, i)
	}
	keys := policy.Values{"aws:securetransport": {"true"}, "aws:sourceip": {"10.0.0.1"}, "aws:username": {"alice"}}
	for _, bc := range []struct {
		name     string
		policies []policy.Attached
	}{
		{"admin", []policy.Attached{parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}},
		{"ten statements", []policy.Attached{parse(`{"Version":"2012-10-17","Statement":[` + ten.String() + `{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query"],"Resource":"arn:aws:dynamodb:*:111111111111:table/models*"}]}`)}},
		{"condition", []policy.Attached{parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`)}},
		{"variable", []policy.Attached{parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"arn:aws:dynamodb:*:*:table/models-${aws:username}"}}`)}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			r := policy.Request{
				Principal: policy.Principal{Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/alice", Type: api.UserCaller},
				Action:    "dynamodb:PutItem", Resource: "arn:aws:dynamodb:us-east-1:111111111111:table/models-alice",
				Keys: keys, IdentityPolicies: bc.policies,
			}
			b.ReportAllocs()
			for b.Loop() {
				if d := policy.Evaluate(&r); !d.Allowed() {
					b.Fatal(d)
				}
			}
		})
	}
}
