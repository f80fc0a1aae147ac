package dynamodb_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestThrottleBatch has batches of which a part finds capacity.
func TestThrottleBatch(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "batched", 1, 1, 1, 1)
	other := hashTable(t, c)
	requests := func(n int) (all []types.WriteRequest) {
		for i := range n {
			all = append(all, types.WriteRequest{PutRequest: &types.PutRequest{Item: attrs{"id": str(fmt.Sprint("item-", i))}}})
		}
		return all
	}
	write := func(in map[string][]types.WriteRequest) (map[string][]types.WriteRequest, error) {
		out, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: in})
		if err != nil {
			return nil, err
		}
		return out.UnprocessedItems, nil
	}
	if _, err := untilThrottled(t, putter(t, c, table, attrs{"id": str("x")})); err == nil {
		t.Fatal("not throttled")
	}
	_, err := write(map[string][]types.WriteRequest{table: requests(3)})
	wantThrottled(t, err, throttledTable, "TableWriteProvisionedThroughputExceeded", table)
	left, err := write(map[string][]types.WriteRequest{table: requests(3), other: requests(2)})
	if err != nil || len(left) != 1 || len(left[table]) != 3 {
		t.Errorf("unprocessed %v, %v", left, err)
	}
	f.clock.advance(2 * time.Second)
	left, err = write(map[string][]types.WriteRequest{table: requests(5)})
	if err != nil || len(left[table]) != 3 || left[table][0].PutRequest.Item["id"].(*types.AttributeValueMemberS).Value != "item-2" {
		t.Errorf("unprocessed %v, %v", left, err)
	}
	if mustGet(t, c, table, attrs{"id": str("item-1")}) == nil || mustGet(t, c, table, attrs{"id": str("item-2")}) != nil {
		t.Error("other items were written than those that had capacity")
	}

	if _, err := untilThrottled(t, getter(t, c, table)); err == nil {
		t.Fatal("not throttled")
	}
	read := func(tables ...string) (*sdk.BatchGetItemOutput, error) {
		in := &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{}}
		for _, name := range tables {
			ka := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
			for i := range 4 {
				ka.Keys = append(ka.Keys, attrs{"id": str(fmt.Sprint("item-", i))})
			}
			in.RequestItems[name] = ka
		}
		return c.BatchGetItem(ctx, in)
	}
	_, err = read(table)
	wantThrottled(t, err, throttledTable, "TableReadProvisionedThroughputExceeded", table)
	out, err := read(table, other)
	if err != nil || len(out.UnprocessedKeys[table].Keys) != 4 || len(out.Responses[other]) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
	f.clock.advance(2 * time.Second)
	out, err = read(table)
	if err != nil || len(out.UnprocessedKeys[table].Keys) != 2 || len(out.Responses[table]) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestThrottleTransaction has transactions that are cancelled for want of capacity.
func TestThrottleTransaction(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "transacted", 1, 1, 1, 1)
	other := hashTable(t, c)
	put := func() error {
		return transact(t, c, putAction(table, attrs{"id": str("a")}), putAction(other, attrs{"id": str("a")}))
	}
	n, err := untilThrottled(t, put) // 2 units each
	if n != 150 {
		t.Errorf("%d transactions, want 150", n)
	}
	const open = "Transaction cancelled, please refer cancellation reasons for specific reasons "
	wantError(t, err, "TransactionCanceledException", open+"[ProvisionedThroughputExceeded, None]")
	if e, ok := errors.AsType[*types.TransactionCanceledException](err); !ok || *e.CancellationReasons[0].Message != throttledTable {
		t.Errorf("%+v", e)
	}
	_, err = c.ExecuteTransaction(ctx, &sdk.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{
		{Statement: aws.String(`INSERT INTO transacted VALUE {'id': 'z'}`)},
	}})
	wantError(t, err, "TransactionCanceledException", open+"[ProvisionedThroughputExceeded]")
	batch, err := c.BatchExecuteStatement(ctx, &sdk.BatchExecuteStatementInput{Statements: []types.BatchStatementRequest{
		{Statement: aws.String(`INSERT INTO transacted VALUE {'id': 'z'}`)},
	}})
	if err != nil || batch.Responses[0].Error.Code != types.BatchStatementErrorCodeEnumProvisionedThroughputExceeded {
		t.Errorf("%+v, %v", batch, err)
	}
	get := func() error {
		_, err := transactGet(t, c, getAction(other, attrs{"id": str("a")}), getAction(table, attrs{"id": str("a")}))
		return err
	}
	if n, err = untilThrottled(t, get); n != 150 {
		t.Errorf("%d reads, want 150", n)
	}
	wantError(t, err, "TransactionCanceledException", open+"[None, ProvisionedThroughputExceeded]")
}
