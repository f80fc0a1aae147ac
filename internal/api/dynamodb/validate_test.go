package dynamodb_test

import (
	"strings"
	"testing"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

func check(in api.Input) error {
	var v api.Violations
	in.Validate(&v)
	return v.Err()
}

func TestViolations(t *testing.T) {
	t.Parallel()
	const failed = " failed to satisfy constraint: "
	for _, c := range []struct {
		in   codec.Shape
		body string
		want []string
	}{
		{new(dynamodb.GetItemInput), `{"TableName":"abc","Key":{}}`, nil},
		{new(dynamodb.GetItemInput), `{}`, []string{
			"Value null at 'tableName'" + failed + "Member must not be null",
			"Value null at 'key'" + failed + "Member must not be null",
		}},
		{new(dynamodb.GetItemInput), `{"TableName":"","Key":{}}`, []string{
			"Value '' at 'tableName'" + failed + "Member must have length greater than or equal to 1",
		}},
		{new(dynamodb.UpdateItemInput), `{"ReturnConsumedCapacity":"x","ReturnValues":"y"}`, []string{
			"Value 'x' at 'returnConsumedCapacity'" + failed + "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]",
			"Value null at 'tableName'" + failed + "Member must not be null",
			"Value 'y' at 'returnValues'" + failed + "Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]",
			"Value null at 'key'" + failed + "Member must not be null",
		}},
		{new(dynamodb.CreateTableInput), `{"TableName":"abc","KeySchema":[{"AttributeName":"a","KeyType":"X"}],"AttributeDefinitions":[{}],` +
			`"LocalSecondaryIndexes":[{"IndexName":"i","KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],"Projection":{}}],` +
			`"GlobalSecondaryIndexes":[{"IndexName":"abc","Projection":{"NonKeyAttributes":[]}}]}`, []string{
			"Value null at 'attributeDefinitions.1.member.attributeName'" + failed + "Member must not be null",
			"Value null at 'attributeDefinitions.1.member.attributeType'" + failed + "Member must not be null",
			"Value 'X' at 'keySchema.1.member.keyType'" + failed + "Member must satisfy enum value set: [HASH, RANGE]",
			"Value null at 'globalSecondaryIndexes.1.member.keySchema'" + failed + "Member must not be null",
			"Value '[]' at 'globalSecondaryIndexes.1.member.projection.nonKeyAttributes'" + failed + "Member must have length greater than or equal to 1",
			"Value 'i' at 'localSecondaryIndexes.1.member.indexName'" + failed + "Member must have length greater than or equal to 3",
		}},
		{new(dynamodb.ScanInput), `{"TableName":"abc","Limit":0,"TotalSegments":1000001}`, []string{
			"Value '0' at 'limit'" + failed + "Member must have value greater than or equal to 1",
			"Value '1000001' at 'totalSegments'" + failed + "Member must have value less than or equal to 1000000",
		}},
		{new(dynamodb.BatchWriteItemInput), `{"RequestItems":{"abc":[]}}`, []string{
			"Value '{abc=[]}' at 'requestItems'" + failed + "Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]",
		}},
		{new(dynamodb.BatchWriteItemInput), `{"RequestItems":{"abc":[` + strings.Repeat(`{"DeleteRequest":{"Key":{"k":{"S":"x"},"l":{"N":"1"}}}},`, 25) + `{}]}}`, []string{
			"Value '{abc=[" + strings.Repeat("WriteRequest(putRequest=null, deleteRequest=DeleteRequest(key={k={S:x}, l={N:1}})), ", 25) +
				"WriteRequest(putRequest=null, deleteRequest=null)]}' at 'requestItems'" + failed +
				"Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]",
		}},
		{new(dynamodb.BatchWriteItemInput), `{"RequestItems":{"abc":[{"PutRequest":{}}]}}`, []string{
			"Value null at 'requestItems.abc.member.1.member.putRequest.item'" + failed + "Member must not be null",
		}},
		{new(dynamodb.BatchGetItemInput), `{"RequestItems":{"abc":{}}}`, []string{
			"Value null at 'requestItems.abc.member.keys'" + failed + "Member must not be null",
		}},
		{new(dynamodb.UntagResourceInput), `{"ResourceArn":"a","TagKeys":[""]}`, []string{
			"Value '[]' at 'tagKeys'" + failed + "Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]",
		}},
	} {
		if err := c.in.DecodeJSON(jx.DecodeStr(c.body)); err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		want := ""
		switch n := len(c.want); n {
		case 0:
		case 1:
			want = "ValidationException: 1 validation error detected: " + c.want[0]
		default:
			want = "ValidationException: " + string(rune('0'+n)) + " validation errors detected: " + strings.Join(c.want, "; ")
		}
		got := ""
		if err := check(c.in.(api.Input)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.body, got, want)
		}
	}
}
