package dynamodb_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	throttledTable = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."
	throttledIndex = "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. " +
		"Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API"
	throttledOnDemand = "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
)

// provisionedTable makes a table with the key "id" and a capacity; the index byKind has
// one of its own.
func provisionedTable(t testing.TB, c *sdk.Client, name string, read, write, indexRead, indexWrite int64) string {
	t.Helper()
	in := &sdk.CreateTableInput{
		TableName: &name, ProvisionedThroughput: throughput(read, write),
		KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S", "kind:S"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("byKind"), KeySchema: keySchema("kind", ""), Projection: projection("ALL"),
			ProvisionedThroughput: throughput(indexRead, indexWrite),
		}},
	}
	if _, err := c.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return name
}

// untilThrottled counts how often fn succeeds before it is refused.
func untilThrottled(t testing.TB, fn func() error) (n int, err error) {
	t.Helper()
	for ; n < 5000; n++ {
		if err := fn(); err != nil {
			return n, err
		}
	}
	t.Fatal("never throttled")
	return n, nil
}

// wantThrottled fails the test unless err is the refusal of one resource for a reason.
func wantThrottled(t testing.TB, err error, message, reason, resource string) {
	t.Helper()
	var reasons []types.ThrottlingReason
	if e, ok := errors.AsType[*types.ProvisionedThroughputExceededException](err); ok {
		wantError(t, err, "ProvisionedThroughputExceededException", message)
		reasons = e.ThrottlingReasons
	} else if e, ok := errors.AsType[*types.ThrottlingException](err); ok {
		wantError(t, err, "ThrottlingException", message)
		reasons = e.ThrottlingReasons
	} else {
		t.Errorf("got %v, want to be throttled", err)
		return
	}
	if len(reasons) != 1 || *reasons[0].Reason != reason || !strings.HasSuffix(*reasons[0].Resource, ":table/"+resource) {
		for _, r := range reasons {
			t.Errorf("reason %s %s, want %s %s", *r.Reason, *r.Resource, reason, resource)
		}
	}
}

func putter(t testing.TB, c *sdk.Client, table string, item attrs) func() error {
	return func() error {
		_, err := c.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: item})
		return err
	}
}

func getter(t testing.TB, c *sdk.Client, table string) func() error {
	return func() error {
		_, err := c.GetItem(t.Context(), &sdk.GetItemInput{TableName: &table, Key: attrs{"id": str("a")}})
		return err
	}
}

// TestThrottleTable has 300 seconds of units for reads and for writes, then what flows
// in each second.
func TestThrottleTable(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	table := provisionedTable(t, c, "small", 1, 1, 1, 1)
	get, put := getter(t, c, table), putter(t, c, table, attrs{"id": str("a")})

	n, err := untilThrottled(t, get) // half a unit each
	if n != 600 {
		t.Errorf("%d reads, want 600", n)
	}
	wantThrottled(t, err, throttledTable, "TableReadProvisionedThroughputExceeded", table)
	if n, err = untilThrottled(t, put); n != 300 {
		t.Errorf("%d writes, want 300", n)
	}
	wantThrottled(t, err, throttledTable, "TableWriteProvisionedThroughputExceeded", table)

	f.clock.advance(time.Second)
	if n, _ := untilThrottled(t, get); n != 2 {
		t.Errorf("%d reads a second later, want 2", n)
	}
	if n, _ := untilThrottled(t, put); n != 1 {
		t.Errorf("%d writes a second later, want 1", n)
	}
	f.clock.advance(time.Hour)
	if n, _ := untilThrottled(t, get); n != 600 {
		t.Errorf("%d reads an hour later, want 600", n)
	}
	// A failed condition costs as much as a write.
	n, err = untilThrottled(t, func() error {
		_, err := c.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: attrs{"id": str("a")}, ConditionExpression: aws.String("attribute_not_exists(id)")})
		if _, failed := errors.AsType[*types.ConditionalCheckFailedException](err); failed {
			return nil
		}
		return err
	})
	if n != 300 {
		t.Errorf("%d failed conditions, want 300", n)
	}
	wantThrottled(t, err, throttledTable, "TableWriteProvisionedThroughputExceeded", table)
	// What is wrong with a request is told before that there is no capacity.
	_, err = c.GetItem(t.Context(), &sdk.GetItemInput{TableName: &table, Key: attrs{"id": num("1")}})
	wantError(t, err, validation, "The provided key element does not match the schema")
}

// TestThrottleDebt has a request that takes more than there is, and is paid for later.
func TestThrottleDebt(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "debtor", 10, 1, 1, 1)
	large := attrs{"id": str("a"), "body": str(strings.Repeat("x", 99<<10))} // 100 units
	put := putter(t, c, table, large)
	if n, _ := untilThrottled(t, put); n != 3 { // 100 + 100 + 100
		t.Errorf("%d large writes, want 3", n)
	}
	f.clock.advance(time.Second)
	if n, _ := untilThrottled(t, put); n != 1 {
		t.Errorf("%d large writes with one unit, want 1", n)
	}
	f.clock.advance(99 * time.Second)
	if n, _ := untilThrottled(t, put); n != 0 {
		t.Errorf("%d large writes in debt, want none", n)
	}
	f.clock.advance(time.Second)
	if n, _ := untilThrottled(t, put); n != 1 {
		t.Errorf("%d large writes after the debt, want 1", n)
	}

	// A page of a scan costs what it reads, wherever it is counted from.
	scan := func() error {
		_, err := c.Scan(ctx, &sdk.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
		return err
	}
	n, err := untilThrottled(t, scan) // 25 units each of 3,000
	if n != 120 {
		t.Errorf("%d scans, want 120", n)
	}
	wantThrottled(t, err, throttledTable, "TableReadProvisionedThroughputExceeded", table)
	_, err = c.ExecuteStatement(ctx, &sdk.ExecuteStatementInput{Statement: aws.String(`SELECT * FROM debtor WHERE id = 'a'`)})
	wantThrottled(t, err, throttledTable, "TableReadProvisionedThroughputExceeded", table)
	_, err = c.ExecuteStatement(ctx, &sdk.ExecuteStatementInput{Statement: aws.String(`DELETE FROM debtor WHERE id = 'a'`)})
	wantThrottled(t, err, throttledTable, "TableWriteProvisionedThroughputExceeded", table)
}

// TestThrottleIndex has a global index whose writes hold up those of its table, and
// whose reads are apart from the table's.
func TestThrottleIndex(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "indexed", 100, 100, 1, 1)
	i := 0
	put := func() error {
		i++
		return putter(t, c, table, attrs{"id": str("a"), "kind": str(fmt.Sprint(i))})()
	}
	n, err := untilThrottled(t, put) // 1, then 2 each for the move of the entry: 1 + 2 × 150
	if n != 151 {
		t.Errorf("%d writes, want 151", n)
	}
	wantThrottled(t, err, throttledIndex, "IndexWriteProvisionedThroughputExceeded", table+"/index/byKind")
	if got := mustGet(t, c, table, attrs{"id": str("a")}); got["kind"].(*types.AttributeValueMemberS).Value != "151" {
		t.Errorf("a write that was refused is there: %v", got)
	}
	mustPut(t, c, table, attrs{"id": str("b")}) // not in the index
	query := func() error {
		_, err := c.Query(ctx, &sdk.QueryInput{
			TableName: &table, IndexName: aws.String("byKind"), KeyConditionExpression: aws.String("kind = :k"),
			ExpressionAttributeValues: attrs{":k": str("151")},
		})
		return err
	}
	n, err = untilThrottled(t, query)
	if n != 600 {
		t.Errorf("%d queries of the index, want 600", n)
	}
	wantThrottled(t, err, "The level of configured provisioned throughput for the index was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
		"IndexReadProvisionedThroughputExceeded", table+"/index/byKind")
	mustGet(t, c, table, attrs{"id": str("a")})
}

// TestThrottleOnDemand has a table on demand with maximums.
func TestThrottleOnDemand(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	in := indexedInput(t)
	in.OnDemandThroughput = &types.OnDemandThroughput{MaxReadRequestUnits: aws.Int64(1), MaxWriteRequestUnits: aws.Int64(100)}
	in.GlobalSecondaryIndexes[0].OnDemandThroughput = &types.OnDemandThroughput{MaxWriteRequestUnits: aws.Int64(1)}
	if _, err := c.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	table := *in.TableName
	d := describeTable(t, c, table)
	if m := d.OnDemandThroughput; m == nil || *m.MaxReadRequestUnits != 1 || *m.MaxWriteRequestUnits != 100 {
		t.Errorf("%+v", m)
	}
	if m := d.GlobalSecondaryIndexes[0].OnDemandThroughput; m == nil || m.MaxReadRequestUnits != nil || *m.MaxWriteRequestUnits != 1 || d.GlobalSecondaryIndexes[1].OnDemandThroughput != nil {
		t.Errorf("%+v", m)
	}
	scan := func() error {
		_, err := c.Scan(ctx, &sdk.ScanInput{TableName: &table})
		return err
	}
	n, err := untilThrottled(t, scan)
	if n != 600 {
		t.Errorf("%d scans, want 600", n)
	}
	wantThrottled(t, err, throttledOnDemand, "TableReadMaxOnDemandThroughputExceeded", table)
	i := 0
	put := func() error {
		i++
		return putter(t, c, table, attrs{"id": str("a"), "at": num(fmt.Sprint(i)), "kind": str("k")})()
	}
	if n, err = untilThrottled(t, put); n != 300 {
		t.Errorf("%d writes, want 300", n)
	}
	wantThrottled(t, err, throttledOnDemand, "IndexWriteMaxOnDemandThroughputExceeded", table+"/index/byKind")
	err = transact(t, c, putAction(table, attrs{"id": str("a"), "at": num("0"), "kind": str("k")}))
	wantError(t, err, "TransactionCanceledException", "…[ThrottlingError]")

	// A maximum that is taken away is gone at once.
	_, err = c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: &table, OnDemandThroughput: &types.OnDemandThroughput{MaxReadRequestUnits: aws.Int64(-1)}})
	if err != nil {
		t.Fatal(err)
	}
	if m := describeTable(t, c, table).OnDemandThroughput; m == nil || m.MaxReadRequestUnits != nil || *m.MaxWriteRequestUnits != 100 {
		t.Errorf("%+v", m)
	}
	for range 20 {
		if err := scan(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestThrottleChange has throughput that is changed: it takes effect at once.
func TestThrottleChange(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "changed", 5, 1, 1, 1)
	put := putter(t, c, table, attrs{"id": str("a")})
	if n, _ := untilThrottled(t, put); n != 300 {
		t.Errorf("%d writes, want 300", n)
	}
	change := func(in *sdk.UpdateTableInput) {
		t.Helper()
		in.TableName = &table
		if _, err := c.UpdateTable(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	change(&sdk.UpdateTableInput{ProvisionedThroughput: throughput(5, 10)})
	if n, _ := untilThrottled(t, put); n != 0 {
		t.Errorf("%d writes at once, want none", n)
	}
	f.clock.advance(time.Second)
	if n, _ := untilThrottled(t, put); n != 10 {
		t.Errorf("%d writes a second later, want 10", n)
	}
	change(&sdk.UpdateTableInput{BillingMode: types.BillingModePayPerRequest})
	for range 20 {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	// A table that is made again has a full bucket.
	if _, err := c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: &table}); err != nil {
		t.Fatal(err)
	}
	provisionedTable(t, c, table, 1, 1, 1, 1)
	if n, _ := untilThrottled(t, put); n != 300 {
		t.Errorf("%d writes to the new table, want 300", n)
	}
}

// TestThrottleMany has many writers of a table: together they write no more than it
// takes, but for one write each.
func TestThrottleMany(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	table := provisionedTable(t, c, "crowded", 1, 2, 1, 1)
	const writers = 16
	var passed atomic.Int64
	var all sync.WaitGroup
	for i := range writers {
		put := putter(t, c, table, attrs{"id": str(fmt.Sprint(i))})
		all.Go(func() {
			for range 100 {
				if put() == nil {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := passed.Load(); n < 600 || n > 600+writers {
		t.Errorf("%d writes, want about 600", n)
	}
}
