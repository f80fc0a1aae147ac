package dynamodb_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// wantDenied fails the test unless err says that policy does not allow it.
func wantDenied(t *testing.T, err error) {
	t.Helper()
	wantError(t, err, "AccessDeniedException", "…is not authorized to perform: dynamodb:…")
}

// TestPolicyOnTables lets a user do what its policy allows, and no more: it does
// not even learn which tables there are.
func TestPolicyOnTables(t *testing.T) {
	t.Parallel()
	f := start(t)
	ctx := t.Context()
	table := aws.String(hashTable(t, f.client))
	reader := f.user(t, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"arn:aws:dynamodb:*:*:table/`+*table+`"}]}`)
	mustPut(t, f.client, *table, attrs{"id": str("a"), "v": num("1")})
	if got := mustGet(t, reader, *table, attrs{"id": str("a")}); text(got["v"]) != "1" {
		t.Errorf("got %v", got)
	}
	_, err := reader.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("a")}})
	wantDenied(t, err)
	for _, name := range []*string{table, aws.String("absent")} {
		_, err = reader.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: name})
		wantDenied(t, err)
		_, err = reader.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: name})
		wantDenied(t, err)
		_, err = reader.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: name, Key: attrs{"id": str("a")}})
		wantDenied(t, err)
	}
	_, err = reader.ListTables(ctx, &sdk.ListTablesInput{})
	wantDenied(t, err)
	lister := f.user(t, "lister", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:List*","Resource":"arn:aws:dynamodb:*:*:table/*"}]}`)
	if _, err := lister.ListTables(ctx, &sdk.ListTablesInput{}); err != nil {
		t.Error(err)
	}
	_, err = reader.BatchGetItem(ctx, &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{*table: {Keys: []attrs{{"id": str("a")}}}}})
	wantDenied(t, err)
	// Another account's tables need its consent too.
	_, err = f.client.GetItem(ctx, &sdk.GetItemInput{TableName: aws.String("arn:aws:dynamodb:us-east-1:111111111111:table/" + *table), Key: attrs{"id": str("a")}})
	wantDenied(t, err)
}

// TestPolicyConditions has policies that look at keys, attributes and tags.
func TestPolicyConditions(t *testing.T) {
	t.Parallel()
	f := start(t)
	ctx := t.Context()
	table := aws.String(hashTable(t, f.client))
	own := f.user(t, "own", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{
		"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["own-*"],"dynamodb:Attributes":["id","visible","x"]},"Null":{"dynamodb:LeadingKeys":"false","dynamodb:Attributes":"false"}}}]}`)
	mustPut(t, own, *table, attrs{"id": str("own-1"), "visible": num("1")})
	_, err := own.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("else-1")}})
	wantDenied(t, err)
	_, err = own.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("own-1"), "secret": num("1")}})
	wantDenied(t, err)
	_, err = own.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: attrs{"id": str("own-1")}, UpdateExpression: aws.String("SET x = secret")})
	wantDenied(t, err)
	_, err = own.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: attrs{"id": str("own-1")}, UpdateExpression: aws.String("REMOVE secret")})
	wantDenied(t, err)
	_, err = own.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: attrs{"id": str("own-1")}, UpdateExpression: aws.String("SET x = visible")})
	if err != nil {
		t.Error(err)
	}
	_, err = own.GetItem(ctx, &sdk.GetItemInput{TableName: table, Key: attrs{"id": str("own-1")}})
	wantDenied(t, err) // all attributes
	if _, err = own.GetItem(ctx, &sdk.GetItemInput{TableName: table, Key: attrs{"id": str("own-1")}, ProjectionExpression: aws.String("id, visible")}); err != nil {
		t.Error(err)
	}
	_, err = own.Query(ctx, &sdk.QueryInput{TableName: table, KeyConditionExpression: aws.String("id = :id"), ProjectionExpression: aws.String("x"),
		FilterExpression: aws.String("secret = :id"), ExpressionAttributeValues: attrs{":id": str("own-1")}})
	wantDenied(t, err)
	_, err = own.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: {
		{PutRequest: &types.PutRequest{Item: attrs{"id": str("own-2")}}}, {DeleteRequest: &types.DeleteRequest{Key: attrs{"id": str("else-1")}}},
	}}})
	wantDenied(t, err)

	tagged := f.user(t, "tagged", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"ml"}}}]}`)
	_, err = tagged.Scan(ctx, &sdk.ScanInput{TableName: table})
	wantDenied(t, err)
	arn := "arn:aws:dynamodb:us-east-1:000000000000:table/" + *table
	if _, err := f.client.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("ml")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err = tagged.Scan(ctx, &sdk.ScanInput{TableName: table}); err != nil {
		t.Error(err)
	}
	if _, err := f.client.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"Team"}}); err != nil {
		t.Fatal(err)
	}
	_, err = tagged.Scan(ctx, &sdk.ScanInput{TableName: table})
	wantDenied(t, err)
}
