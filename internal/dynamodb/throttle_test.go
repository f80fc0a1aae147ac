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
	for range 1000 {
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
	for range 1000 {
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

// TestThroughputErrors has what is refused of OnDemandThroughput and WarmThroughput.
func TestThroughputErrors(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	most := func(read, write int64) *types.OnDemandThroughput {
		return &types.OnDemandThroughput{MaxReadRequestUnits: &read, MaxWriteRequestUnits: &write}
	}
	warm := func(read, write int64) *types.WarmThroughput {
		return &types.WarmThroughput{ReadUnitsPerSecond: &read, WriteUnitsPerSecond: &write}
	}
	for _, test := range []struct {
		name   string
		change func(*sdk.CreateTableInput)
		want   string
	}{
		{"zero", func(in *sdk.CreateTableInput) { in.OnDemandThroughput = most(0, 5) }, "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range"},
		{"none", func(in *sdk.CreateTableInput) { in.OnDemandThroughput = most(5, -1) }, "Requested MaxWriteRequestUnits for OnDemandThroughput for table is outside of valid range"},
		{"index", func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes[1].OnDemandThroughput = most(0, 1) },
			"Requested MaxReadRequestUnits for OnDemandThroughput for index : byScore is outside of valid range"},
		{"provisioned", func(in *sdk.CreateTableInput) {
			in.BillingMode, in.ProvisionedThroughput, in.OnDemandThroughput = types.BillingModeProvisioned, throughput(1, 1), most(1, 1)
		}, "MaxReadRequestUnits for OnDemandThroughput cannot be specified when table BillingMode is PROVISIONED."},
		{"cold", func(in *sdk.CreateTableInput) { in.WarmThroughput = warm(12000, 1) },
			"Requested WriteUnitsPerSecond for WarmThroughput for table is lower than initial throughput for OnDemand. " +
				"See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial"},
		{"cold, provisioned", func(in *sdk.CreateTableInput) {
			in.BillingMode, in.ProvisionedThroughput, in.WarmThroughput = types.BillingModeProvisioned, throughput(10, 10), warm(5, 5)
		}, "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than ReadCapacityUnits of ProvisionedThroughput"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := indexedInput(t)
			test.change(in)
			_, err := c.CreateTable(ctx, in)
			wantError(t, err, validation, invalidOpen+test.want)
		})
	}

	table := provisionedTable(t, c, "changing", 1, 1, 1, 1)
	for _, test := range []struct {
		in   sdk.UpdateTableInput
		want string
	}{
		{sdk.UpdateTableInput{OnDemandThroughput: most(1, 1)}, "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"},
		{sdk.UpdateTableInput{OnDemandThroughput: most(1, 1), ProvisionedThroughput: throughput(2, 2)}, "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"},
		{sdk.UpdateTableInput{OnDemandThroughput: most(-2, 1), BillingMode: types.BillingModePayPerRequest}, "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range"},
		{sdk.UpdateTableInput{BillingMode: types.BillingModeProvisioned}, "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"},
		{sdk.UpdateTableInput{WarmThroughput: warm(1, 1), BillingMode: types.BillingModePayPerRequest}, "WarmThroughput must be the only operation in the request"},
		{sdk.UpdateTableInput{WarmThroughput: warm(1, 0)}, "Requested WriteUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput, decreasing WarmThroughput is not supported"},
	} {
		test.in.TableName = &table
		_, err := c.UpdateTable(ctx, &test.in)
		wantError(t, err, validation, invalidOpen+test.want)
	}
}

// TestWarmThroughput has the most that a table could ever do, as AWS tells it.
func TestWarmThroughput(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "warm", 5, 5, 3, 3)
	want := func(read, write, indexRead int64) {
		t.Helper()
		d := describeTable(t, c, table)
		if w, x := d.WarmThroughput, d.GlobalSecondaryIndexes[0].WarmThroughput; *w.ReadUnitsPerSecond != read || *w.WriteUnitsPerSecond != write || *x.ReadUnitsPerSecond != indexRead {
			t.Errorf("warm for %d reads and %d writes, the index for %d reads; want %d, %d, %d",
				*w.ReadUnitsPerSecond, *w.WriteUnitsPerSecond, *x.ReadUnitsPerSecond, read, write, indexRead)
		}
	}
	want(5, 5, 3)
	for _, step := range []struct {
		in                     sdk.UpdateTableInput
		read, write, indexRead int64
	}{
		{sdk.UpdateTableInput{ProvisionedThroughput: throughput(20, 2)}, 20, 5, 3},
		{sdk.UpdateTableInput{ProvisionedThroughput: throughput(1, 1)}, 20, 5, 3},
		{sdk.UpdateTableInput{WarmThroughput: &types.WarmThroughput{WriteUnitsPerSecond: aws.Int64(50)}}, 20, 50, 3},
		{sdk.UpdateTableInput{BillingMode: types.BillingModePayPerRequest}, 12000, 4000, 12000},
	} {
		step.in.TableName = &table
		if _, err := c.UpdateTable(ctx, &step.in); err != nil {
			t.Fatal(err)
		}
		want(step.read, step.write, step.indexRead)
	}
}

func describeTable(t testing.TB, c *sdk.Client, table string) *types.TableDescription {
	t.Helper()
	out, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	return out.Table
}
