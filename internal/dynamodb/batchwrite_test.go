package dynamodb_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestBatchByTwoNames has a batch that calls one table by its name and by its ARN: the
// table's size stays exact, and an item that is there twice is refused.
func TestBatchByTwoNames(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := hashTable(t, c)
	arn := "arn:aws:dynamodb:us-east-1:000000000000:table/" + table
	write := func(first, second string) (*sdk.BatchWriteItemOutput, error) {
		put := func(id string) []types.WriteRequest {
			return []types.WriteRequest{{PutRequest: &types.PutRequest{Item: attrs{"id": str(id)}}}}
		}
		return c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{
			RequestItems:           map[string][]types.WriteRequest{table: put(first), arn: put(second)},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
	}
	out, err := write("a", "b")
	if err != nil || len(out.ConsumedCapacity) != 1 || *out.ConsumedCapacity[0].CapacityUnits != 2 {
		t.Fatal(out, err)
	}
	if d, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &table}); err != nil || *d.Table.ItemCount != 2 {
		t.Errorf("%d items, %v", *d.Table.ItemCount, err)
	}
	_, err = write("c", "c")
	wantError(t, err, validation, "Provided list of item keys contains duplicates")
}
