package dynamodb_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// TestResourcePolicyErrors has what is refused of a policy.
func TestResourcePolicyErrors(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := hashTable(t, c)
	good := policyOf("Allow", account, "dynamodb:GetItem", "*")
	for _, test := range []struct{ name, document, want string }{
		{"no JSON", `{not json`, "Invalid policy document: This policy contains invalid Json"},
		{"empty", ``, "Invalid policy document: This policy contains invalid Json"},
		{"no statement", `{"Version":"2012-10-17","Statement":[]}`, "Invalid policy document: Could not parse the policy: Statement is empty!"},
		{"long", good + strings.Repeat(" ", 20481-len(good)), "Maximum policy size of 20480 bytes exceeded"},
		{"no resource", strings.ReplaceAll(good, `,"Resource":"*"`, ""), "Invalid policy document: Missing required field Resource"},
		{"no principal", strings.ReplaceAll(good, `"Principal":{"AWS":"`+account+`"},`, ""), "Invalid policy document: Missing required field Principal"},
		{"actions of streams", strings.ReplaceAll(good, `"dynamodb:GetItem"`, `["dynamodb:GetItem","dynamodb:GetRecords","s3:GetObject"]`),
			`Invalid policy document: The following action names are invalid: "dynamodb:GetRecords", "s3:GetObject"`},
		{"same Sid", `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"dynamodb:GetItem","Resource":"*"},` +
			`{"Sid":"a","Effect":"Deny","Principal":"*","Action":"dynamodb:GetItem","Resource":"*"}]}`,
			"Invalid policy document: The Statement Ids in the policy are not unique"},
		{"nobody", policyOf("Allow", "arn:aws:iam::"+account+":user/nobody", "dynamodb:GetItem", "*"), "Invalid principal in policy document."},
		{"no account", policyOf("Allow", "999999999999", "dynamodb:GetItem", "*"), "Invalid principal in policy document."},
		{"service", strings.ReplaceAll(good, `{"AWS":"`+account+`"}`, `{"Service":"lambda.amazonaws.com"}`), "Invalid policy document: Policy contains invalid service principal"},
		{"version", strings.ReplaceAll(good, "2012-10-17", "2020-01-01"), "Invalid policy document: Syntax errors in policy."},
	} {
		_, err := c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: aws.String(tableARN(table)), Policy: &test.document})
		t.Run(test.name, func(t *testing.T) { wantError(t, err, validation, invalidOpen+test.want) })
	}
	for _, everyone := range []string{`"*"`, `{"AWS":"*"}`, `{"AWS":["` + account + `","*"]}`} {
		document := strings.ReplaceAll(good, `{"AWS":"`+account+`"}`, everyone)
		_, err := c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: aws.String(tableARN(table)), Policy: &document})
		wantError(t, err, validation, "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure least-privilege form of access")
	}
	for _, test := range []struct{ arn, code, want string }{
		{"a-table-of-no-arn-at-all", validation, invalidOpen + "ARNs must start with 'arn:': a-table-of-no-arn-at-all"},
		{tableARN("absent"), "ResourceNotFoundException", "Requested resource not found: Table: absent not found"},
		{strings.ReplaceAll(tableARN(table), account, abroad), validation, "This action is only supported by accounts that match the resource owner’s account."},
		{strings.ReplaceAll(tableARN(table), "us-east-1", "us-west-2"), validation, invalidOpen + "Invalid resource Arn: …"},
		{tableARN(table) + "/index/byKind", validation, invalidOpen + "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: …"},
		{tableARN(table) + "/backup/0170", validation, invalidOpen + "Provided Arn is not a DynamoDB resource arn: …"},
	} {
		_, err := c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: &test.arn, Policy: &good})
		wantError(t, err, test.code, test.want)
		_, err = c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: &test.arn})
		wantError(t, err, test.code, test.want)
		_, err = c.DeleteResourcePolicy(ctx, &sdk.DeleteResourcePolicyInput{ResourceArn: &test.arn})
		wantError(t, err, test.code, test.want)
	}
}

// FuzzResourcePolicy has no document that is no error and no policy.
func FuzzResourcePolicy(f *testing.F) {
	x := start(f)
	table := hashTable(f, x.client)
	for _, seed := range []string{
		policyOf("Allow", account, "dynamodb:*", "*"), `{}`, `{"Statement":{}}`, `{"Statement":[1]}`, `[]`, `null`,
		`{"Statement":{"Effect":"Deny","Principal":{"AWS":["*",1,null]},"NotAction":"dynamodb:*a*b*?","Resource":["*","*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}}`,
	} {
		f.Add(seed)
	}
	arn := tableARN(table)
	f.Fuzz(func(t *testing.T, document string) {
		in := &sdk.PutResourcePolicyInput{ResourceArn: &arn, Policy: &document, ConfirmRemoveSelfResourceAccess: true}
		first, err := x.client.PutResourcePolicy(t.Context(), in)
		if err != nil {
			if strings.Contains(err.Error(), "InternalServerError") {
				t.Fatal(err)
			}
			return
		}
		defer x.client.DeleteResourcePolicy(t.Context(), &sdk.DeleteResourcePolicyInput{ResourceArn: &arn})
		// What is told of a policy is the same policy.
		out, err := x.client.GetResourcePolicy(t.Context(), &sdk.GetResourcePolicyInput{ResourceArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		in.Policy = out.Policy
		if second, err := x.client.PutResourcePolicy(t.Context(), in); err != nil || *second.RevisionId != *first.RevisionId {
			t.Fatal(*out.Policy, err)
		}
	})
}
