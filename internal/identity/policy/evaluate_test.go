package policy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

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

func TestRequestKeys(t *testing.T) {
	t.Parallel()
	k := policy.RequestKeys{
		Request: &api.Request{
			Region: "us-east-1", Secure: true, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), UserAgent: "aws-cli",
			SourceIP: netip.MustParseAddr("::ffff:10.0.0.1"),
			Caller: api.Caller{
				Account: "111111111111", ARN: "arn:aws:sts::111111111111:assumed-role/r/s", Principal: "arn:aws:iam::111111111111:role/path/r",
				UserID: "AROAX:s", Type: api.RoleCaller,
			},
		},
		Service:       map[string][]string{"dynamodb:LeadingKeys": {"a", "b"}, "aws:RequestTag/Team": {"red"}},
		PrincipalTags: map[string]string{"Team": "red", "Stage": "prod"},
		SessionTags:   map[string]string{"team": "blue"},
		TokenIssued:   time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
	}
	for name, want := range map[string]string{
		"aws:currenttime": "[2026-01-02T03:04:05Z]", "aws:epochtime": "[1767323045]", "aws:securetransport": "[true]", "aws:sourceip": "[10.0.0.1]",
		"aws:useragent": "[aws-cli]", "aws:requestedregion": "[us-east-1]", "aws:principalaccount": "[111111111111]",
		"aws:principalarn": "[arn:aws:iam::111111111111:role/path/r]", "aws:principaltype": "[AssumedRole]", "aws:userid": "[AROAX:s]",
		"aws:username": "[]", "aws:principaltag/team": "[blue]", "aws:principaltag/stage": "[prod]", "aws:principaltag/none": "[]",
		"aws:tokenissuetime": "[2026-01-02T00:00:00Z]", "aws:multifactorauthpresent": "[false]", "aws:principalisawsservice": "[false]",
		"dynamodb:leadingkeys": "[a b]", "aws:requesttag/team": "[red]", "aws:nothing": "[]", "x": "[]",
	} {
		got, ok := k.Key(name)
		if fmt.Sprint(got) != want || ok != (want != "[]") {
			t.Errorf("%s: %v %t", name, got, ok)
		}
	}
	k.Request.Caller = api.Caller{ARN: "arn:aws:iam::111111111111:user/path/alice", Type: api.UserCaller}
	if got, _ := k.Key("aws:username"); fmt.Sprint(got) != "[alice]" {
		t.Error(got)
	}
	if _, ok := (&policy.RequestKeys{}).Key("aws:userid"); ok {
		t.Error("a key without a request")
	}
}

// TestEmptyRequest checks that outside of a request nothing is allowed.
func TestEmptyRequest(t *testing.T) {
	t.Parallel()
	if d := policy.Evaluate(&policy.Request{}); d.Allowed() {
		t.Fatal(d)
	}
	if d := policy.Evaluate(&policy.Request{Action: "s3:GetObject", Resource: "*", Keys: &policy.RequestKeys{}}); d.Allowed() {
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
	read := &api.Request{Time: time.Now(), Secure: true, SourceIP: netip.MustParseAddr("10.0.0.1"), Caller: api.Caller{ARN: "arn:aws:iam::111111111111:user/alice", Type: api.UserCaller}}
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
				Keys: &policy.RequestKeys{Request: read}, IdentityPolicies: bc.policies,
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
