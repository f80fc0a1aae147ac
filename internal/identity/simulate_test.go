package identity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ctx := w.as(root)
	w.user(root, "ann", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"dynamodb:*","Resource":"arn:aws:dynamodb:*:*:table/${aws:username}-*"},
		{"Effect":"Deny","Action":"dynamodb:DeleteTable","Resource":"*"},
		{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}]}`)
	arn := func(table string) string { return "arn:aws:dynamodb:us-east-1:111111111111:table/" + table }
	for _, c := range []struct {
		action, resource string
		context          []*iam.ContextEntry
		want, missing    string
		matched          int
	}{
		{"dynamodb:PutItem", arn("ann-x"), nil, "allowed", "[]", 1},
		{"dynamodb:PutItem", arn("bob-x"), nil, "implicitDeny", "[]", 0},
		{"dynamodb:DeleteTable", arn("ann-x"), nil, "explicitDeny", "[]", 2},
		{"s3:GetObject", "arn:aws:s3:::b/k", nil, "implicitDeny", "[aws:RequestedRegion]", 0},
		{"s3:GetObject", "arn:aws:s3:::b/k", []*iam.ContextEntry{{ContextKeyName: new("aws:RequestedRegion"), ContextKeyType: new("string"), ContextKeyValues: []string{"us-east-1"}}}, "allowed", "[]", 1},
	} {
		out, err := w.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: new("arn:aws:iam::111111111111:user/ann"), ActionNames: []string{c.action}, ResourceArns: []string{c.resource}, ContextEntries: c.context,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := out.EvaluationResults[0]
		if *r.EvalDecision != c.want || len(r.MatchedStatements) != c.matched || !strings.EqualFold(fmt.Sprint(r.MissingContextValues), c.missing) {
			t.Errorf("%s on %s: %s, %d matched, missing %v", c.action, c.resource, *r.EvalDecision, len(r.MatchedStatements), r.MissingContextValues)
		}
	}
	out, err := w.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: new("arn:aws:iam::111111111111:user/ann"), ActionNames: []string{"s3:PutObject", "s3:DeleteObject"},
		PolicyInputList: []string{allow("s3:*", "*")}, PermissionsBoundaryPolicyInputList: []string{allow("s3:PutObject", "*")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range out.EvaluationResults {
		got = append(got, fmt.Sprint(*r.EvalActionName, *r.EvalDecision, *r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary))
	}
	if fmt.Sprint(got) != "[s3:PutObjectallowedtrue s3:DeleteObjectimplicitDenyfalse]" {
		t.Error(got)
	}
	_, err = w.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:iam::111111111111:user/x"), ActionNames: []string{"s3:*"}})
	wants(t, "no such user", err, "NoSuchEntity", "")
	_, err = w.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: new("x"), ActionNames: []string{"s3:*"}})
	wants(t, "no ARN", err, "InvalidInput", "")
}

func TestSimulateCustomPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := w.as(w.root(home))
	in := &iam.SimulateCustomPolicyInput{
		PolicyInputList: []string{allow("s3:Get*", "*")}, ActionNames: []string{"s3:GetObject", "s3:PutObject"}, MaxItems: new(int64(1)),
	}
	var got []string
	for {
		out, err := w.SimulateCustomPolicy(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.EvaluationResults {
			got = append(got, *r.EvalDecision)
		}
		if in.Marker = out.Marker; !*out.IsTruncated {
			break
		}
	}
	if fmt.Sprint(got) != "[allowed implicitDeny]" {
		t.Error(got)
	}
	_, err := w.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{"{"}, ActionNames: []string{"s3:*"}})
	wants(t, "a broken policy", err, "InvalidInput", "")
}
