package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
)

const abroad = "222222222222"

// foreign makes another account, and returns the access keys of its root and of a user
// called ann whom its own policies allow everything.
func (f *fixture) foreign(t *testing.T) (root, ann string) {
	t.Helper()
	key, err := f.identity.EnsureRoot(t.Context(), abroad, "", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := wharf.WithRequest(t.Context(), &wharf.Request{
		ID: "test", Service: "iam", Region: "us-east-1",
		Caller: wharf.Caller{Account: abroad, ARN: "arn:aws:iam::" + abroad + ":root", Type: wharf.RootCaller},
	})
	name := "ann"
	if _, err := f.identity.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	all := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	if _, err := f.identity.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("all"), PolicyDocument: &all}); err != nil {
		t.Fatal(err)
	}
	out, err := f.identity.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return key.AccessKeyID, *out.AccessKey.AccessKeyId
}

func tableARN(name string) string { return "arn:aws:dynamodb:us-east-1:" + account + ":table/" + name }

// policyOf is a policy of one statement.
func policyOf(effect, principal, action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Principal":{"AWS":%q},"Action":%q,"Resource":%q}]}`, effect, principal, action, resource)
}

func putPolicy(t testing.TB, c *sdk.Client, table, document string) string {
	t.Helper()
	out, err := c.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: aws.String(tableARN(table)), Policy: &document})
	if err != nil {
		t.Fatal(err)
	}
	return *out.RevisionId
}

// TestResourcePolicyForeign has the users of another account: what a table's policy does
// not allow them is refused, whatever their own policies say.
func TestResourcePolicyForeign(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := indexedTable(t, c)
	arn := aws.String(tableARN(table))
	item := attrs{"id": str("a"), "at": num("1"), "kind": str("k")}
	mustPut(t, c, table, item)
	rootKey, annKey := f.foreign(t)
	root, ann := f.as(rootKey), f.as(annKey)
	put := func(c *sdk.Client) error {
		_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: arn, Item: item})
		return err
	}
	get := func(c *sdk.Client) error {
		_, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: arn, Key: attrs{"id": str("a"), "at": num("1")}})
		return err
	}
	query := func(c *sdk.Client) error {
		_, err := c.Query(ctx, &sdk.QueryInput{
			TableName: arn, IndexName: aws.String("byKind"), KeyConditionExpression: aws.String("kind = :k"), ExpressionAttributeValues: attrs{":k": str("k")},
		})
		return err
	}
	const denied = "AccessDeniedException"
	for _, client := range []*sdk.Client{root, ann} {
		wantError(t, put(client), denied, "…is not authorized to perform: dynamodb:PutItem on resource: "+*arn+"…")
		wantError(t, get(client), denied, "…")
	}
	putPolicy(t, c, table, policyOf("Allow", abroad, "dynamodb:GetItem", *arn))
	for _, client := range []*sdk.Client{root, ann} {
		if err := get(client); err != nil {
			t.Error(err)
		}
		wantError(t, put(client), denied, "…")
		wantError(t, query(client), denied, "…")
	}
	putPolicy(t, c, table, policyOf("Allow", "arn:aws:iam::"+abroad+":user/ann", "dynamodb:*", *arn+"/index/*"))
	if err := query(ann); err != nil {
		t.Error(err)
	}
	wantError(t, query(root), denied, "…")
	wantError(t, get(ann), denied, "…")

	// Statements, batches and transactions are asked for by the same policy.
	putPolicy(t, c, table, policyOf("Allow", abroad, "dynamodb:PutItem", "*"))
	transactPut := func(client *sdk.Client) error { return transact(t, client, putAction(*arn, item)) }
	if err := transactPut(ann); err != nil {
		t.Error(err)
	}
	_, err := ann.ExecuteStatement(ctx, &sdk.ExecuteStatementInput{Statement: aws.String(`SELECT * FROM "` + *arn + `" WHERE id = 'a'`)})
	wantError(t, err, denied, "…dynamodb:PartiQLSelect…")
	_, err = ann.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*arn: {{PutRequest: &types.PutRequest{Item: item}}}}})
	wantError(t, err, denied, "…dynamodb:BatchWriteItem…")
	_, err = ann.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: arn})
	wantError(t, err, denied, "…dynamodb:DescribeTable…")

	// A table that is made again under the name has no policy.
	if _, err := c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: &table}); err != nil {
		t.Fatal(err)
	}
	indexedTable(t, c)
	wantError(t, put(ann), denied, "…")
}

// TestResourcePolicyOwn has policies for the users of the table's own account.
func TestResourcePolicyOwn(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := hashTable(t, c)
	bob := f.user(t, "bob", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*ResourcePolicy","Resource":"*"}]}`)
	put := putter(t, bob, table, attrs{"id": str("a")})
	wantError(t, put(), "AccessDeniedException", "…")
	arn := "arn:aws:iam::" + account + ":user/bob"
	putPolicy(t, c, table, policyOf("Allow", arn, "dynamodb:PutItem", tableARN(table)))
	if err := put(); err != nil {
		t.Error(err)
	}
	// One who comes later under the same name is not meant.
	ctxRoot, name := rootContext(), "bob"
	for _, undo := range []func() error{
		func() error {
			keys, err := f.identity.ListAccessKeys(ctxRoot, &iam.ListAccessKeysInput{UserName: &name})
			if err == nil {
				_, err = f.identity.DeleteAccessKey(ctxRoot, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: keys.AccessKeyMetadata[0].AccessKeyId})
			}
			return err
		},
		func() error {
			_, err := f.identity.DeleteUserPolicy(ctxRoot, &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: new("own")})
			return err
		},
		func() error {
			_, err := f.identity.DeleteUser(ctxRoot, &iam.DeleteUserInput{UserName: &name})
			return err
		},
	} {
		if err := undo(); err != nil {
			t.Fatal(err)
		}
	}
	bob = f.user(t, "bob", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*ResourcePolicy","Resource":"*"}]}`)
	wantError(t, putter(t, bob, table, attrs{"id": str("a")})(), "AccessDeniedException", "…")
	putPolicy(t, c, table, policyOf("Allow", arn, "dynamodb:PutItem", tableARN(table)))
	if err := putter(t, bob, table, attrs{"id": str("a")})(); err != nil {
		t.Error(err)
	}
	// A condition on the keys binds also the root of the account.
	putPolicy(t, c, table, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:PutItem","Resource":"*",
		"Condition":{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":["a"]}}}]}`)
	wantError(t, putter(t, c, table, attrs{"id": str("a")})(), "AccessDeniedException", "…explicit deny in a resource-based policy…")
	mustPut(t, c, table, attrs{"id": str("b")})

	// Nobody locks themselves out, unless they say so.
	in := &sdk.PutResourcePolicyInput{ResourceArn: aws.String(tableARN(table)), Policy: aws.String(policyOf("Deny", "*", "dynamodb:*ResourcePolicy", "*"))}
	_, err := bob.PutResourcePolicy(ctx, in)
	wantError(t, err, "AccessDeniedException", "The new resource policy will not allow you to update the resource policy in the future.")
	in.ConfirmRemoveSelfResourceAccess = true
	if _, err := bob.PutResourcePolicy(ctx, in); err != nil {
		t.Error(err)
	}
	del := &sdk.DeleteResourcePolicyInput{ResourceArn: in.ResourceArn}
	_, err = bob.DeleteResourcePolicy(ctx, del)
	wantError(t, err, "AccessDeniedException", "…explicit deny in a resource-based policy…")
	if _, err := c.DeleteResourcePolicy(ctx, del); err != nil {
		t.Errorf("the root is locked out: %v", err)
	}
}

// TestResourcePolicyRevisions has the revisions of a policy.
func TestResourcePolicyRevisions(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := hashTable(t, c)
	arn := aws.String(tableARN(table))
	read := policyOf("Allow", account, "dynamodb:GetItem", *arn)
	write := policyOf("Allow", account, "dynamodb:PutItem", *arn)
	get := func() (policy, revision string, err error) {
		out, err := c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: arn})
		if err != nil {
			return "", "", err
		}
		return *out.Policy, *out.RevisionId, nil
	}
	put := func(document string, expected *string) (string, error) {
		out, err := c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: arn, Policy: &document, ExpectedRevisionId: expected})
		if err != nil {
			return "", err
		}
		return *out.RevisionId, nil
	}
	del := func(expected *string) (*string, error) {
		out, err := c.DeleteResourcePolicy(ctx, &sdk.DeleteResourcePolicyInput{ResourceArn: arn, ExpectedRevisionId: expected})
		if err != nil {
			return nil, err
		}
		return out.RevisionId, nil
	}
	const notFound, open = "PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn: "
	_, _, err := get()
	wantError(t, err, notFound, open+*arn)
	if revision, err := del(nil); revision != nil || err != nil {
		t.Error(revision, err)
	}
	_, err = put(read, aws.String("123"))
	wantError(t, err, notFound, open+"Requested update for policy with revision id 123, but table "+table+" has no associated policy.")
	first, err := put(read, aws.String("NO_POLICY"))
	if err != nil || first != fmt.Sprint(f.clock.now().UnixMilli()) {
		t.Error(first, err)
	}
	_, err = put(write, aws.String("NO_POLICY"))
	wantError(t, err, notFound, open+"Requested policy update expecting none to be present for table "+table+", but a policy exists with revision id "+first+".")
	f.clock.advance(time.Minute)

	// The same policy in another form is no change.
	want := strings.ReplaceAll(read, account+`"}`, "arn:aws:iam::"+account+`:root"}`)
	for _, same := range []string{
		read, "  " + strings.ReplaceAll(read, ",", ",\n  "),
		strings.ReplaceAll(read, `"dynamodb:GetItem"`, `["dynamodb:GetItem"]`),
	} {
		if revision, err := put(same, nil); revision != first || err != nil {
			t.Errorf("%s: revision %s, want %s; %v", same, revision, first, err)
		}
	}
	if policy, revision, err := get(); policy != want || revision != first || err != nil {
		t.Errorf("%s %s %v", policy, revision, err)
	}
	second, err := put(write, &first)
	if err != nil || second <= first {
		t.Error(second, err)
	}
	mismatch := open + "Requested update for policy with revision id " + first + ", but the policy associated to target table " + table + " has revision id " + second + "."
	_, err = put(read, &first)
	wantError(t, err, notFound, mismatch)
	_, err = del(&first)
	wantError(t, err, notFound, mismatch)
	if revision, err := del(&second); err != nil || *revision != second {
		t.Error(revision, err)
	}
	if revision, err := del(nil); err != nil || *revision <= second {
		t.Error(revision, err)
	}
	_, _, err = get()
	wantError(t, err, notFound, open+*arn)
	third, err := put(read, nil)
	if err != nil || third <= second {
		t.Error(third, err)
	}
}

// TestResourcePolicyOfStream has a stream whose policy lets another account read it; it
// is apart from the table's.
func TestResourcePolicyOfStream(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table, arn := streamed(t, c, types.StreamViewTypeKeysOnly)
	mustPut(t, c, table, attrs{"id": str("a")})
	_, annKey := f.foreign(t)
	ann := f.streams(annKey)
	describe := func() error {
		_, err := ann.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &arn})
		return err
	}
	putPolicy(t, c, table, policyOf("Allow", abroad, "dynamodb:*", "*"))
	wantError(t, describe(), "AccessDeniedException", "…")
	policy := policyOf("Allow", abroad, "dynamodb:GetItem", arn)
	in := &sdk.PutResourcePolicyInput{ResourceArn: &arn, Policy: &policy}
	_, err := c.PutResourcePolicy(ctx, in)
	wantError(t, err, validation, invalidOpen+`Invalid policy document: The following action names are invalid: "dynamodb:GetItem"`)
	for _, action := range []string{"dynamodb:DescribeStream", "dynamodb:Get*"} {
		policy = policyOf("Allow", abroad, action, arn)
		if _, err := c.PutResourcePolicy(ctx, in); err != nil {
			t.Fatal(err)
		}
		_, err = ann.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
			StreamArn: &arn, ShardId: describeStream(t, f.streams(f.root), arn).Shards[0].ShardId, ShardIteratorType: "LATEST",
		})
		if action == "dynamodb:Get*" {
			if err != nil {
				t.Error(err)
			}
			wantError(t, describe(), "AccessDeniedException", "…")
		} else {
			wantError(t, err, "AccessDeniedException", "…")
			if err := describe(); err != nil {
				t.Error(err)
			}
		}
	}
	got, err := c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: &arn})
	if err != nil || !strings.Contains(*got.Policy, "dynamodb:Get*") {
		t.Error(got, err)
	}
	if _, err := c.DeleteResourcePolicy(ctx, &sdk.DeleteResourcePolicyInput{ResourceArn: &arn}); err != nil {
		t.Error(err)
	}
	_, err = c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: &arn})
	wantError(t, err, "PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn: "+arn)
	_, err = c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: aws.String(tableARN(table) + "/stream/2000-01-01T00:00:00.000")})
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found: Stream: 2000-01-01T00:00:00.000 not found for Table: "+table)
}

// TestResourcePolicyOfNewTable has a table that is made with a policy.
func TestResourcePolicyOfNewTable(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	_, annKey := f.foreign(t)
	ann := f.as(annKey)
	in := indexedInput(t)
	in.ResourcePolicy = aws.String(policyOf("Allow", abroad, "dynamodb:PutItem", "*"))
	if _, err := c.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	arn := tableARN(*in.TableName)
	if err := putter(t, ann, arn, attrs{"id": str("a"), "at": num("1")})(); err != nil {
		t.Error(err)
	}
	out, err := c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: &arn})
	if err != nil || !strings.Contains(*out.Policy, "dynamodb:PutItem") {
		t.Error(out, err)
	}
	in.TableName, in.ResourcePolicy = aws.String("another"), aws.String("{")
	_, err = c.CreateTable(ctx, in)
	wantError(t, err, validation, invalidOpen+"Invalid policy document: This policy contains invalid Json")
}
