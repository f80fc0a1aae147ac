package dynamodb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestThrottleIndexChange has a global index whose throughput is changed, and the table's
// with it, until the index is deleted: what is in force for the next write follows.
func TestThrottleIndexChange(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "reindexed", 100, 1000, 1, 1)
	i := 0
	put := func() error {
		i++
		return putter(t, c, table, attrs{"id": str(fmt.Sprint(i)), "kind": str("k")})()
	}
	change := func(in *sdk.UpdateTableInput, updates ...types.GlobalSecondaryIndexUpdate) {
		t.Helper()
		in.TableName, in.GlobalSecondaryIndexUpdates = &table, updates
		if _, err := c.UpdateTable(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	update := func(u types.UpdateGlobalSecondaryIndexAction) types.GlobalSecondaryIndexUpdate {
		u.IndexName = aws.String("byKind")
		return types.GlobalSecondaryIndexUpdate{Update: &u}
	}
	index := table + "/index/byKind"

	n, err := untilThrottled(t, put)
	if n != 300 {
		t.Errorf("%d writes, want 300", n)
	}
	wantThrottled(t, err, throttledIndex, "IndexWriteProvisionedThroughputExceeded", index)
	change(&sdk.UpdateTableInput{}, update(types.UpdateGlobalSecondaryIndexAction{ProvisionedThroughput: throughput(1, 20)}))
	f.clock.advance(2 * time.Second)
	if n, _ := untilThrottled(t, put); n != 40 {
		t.Errorf("%d writes two seconds later, want 40", n)
	}

	// On demand the index is limited by its own maximum, of which nothing is left when
	// the table is provisioned again.
	change(&sdk.UpdateTableInput{BillingMode: types.BillingModePayPerRequest})
	for range 20 {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	change(&sdk.UpdateTableInput{}, update(types.UpdateGlobalSecondaryIndexAction{OnDemandThroughput: &types.OnDemandThroughput{MaxWriteRequestUnits: aws.Int64(2)}}))
	_, err = untilThrottled(t, put)
	wantThrottled(t, err, throttledOnDemand, "IndexWriteMaxOnDemandThroughputExceeded", index)
	if x := describeTable(t, c, table).GlobalSecondaryIndexes[0]; x.OnDemandThroughput == nil || *x.OnDemandThroughput.MaxWriteRequestUnits != 2 {
		t.Errorf("%+v", x.OnDemandThroughput)
	}
	change(&sdk.UpdateTableInput{BillingMode: types.BillingModeProvisioned, ProvisionedThroughput: throughput(1, 1000)},
		update(types.UpdateGlobalSecondaryIndexAction{ProvisionedThroughput: throughput(1, 1)}))
	if d := describeTable(t, c, table); d.OnDemandThroughput != nil || d.GlobalSecondaryIndexes[0].OnDemandThroughput != nil {
		t.Errorf("maximums are left: %+v, %+v", d.OnDemandThroughput, d.GlobalSecondaryIndexes[0].OnDemandThroughput)
	}
	_, err = untilThrottled(t, put)
	wantThrottled(t, err, throttledIndex, "IndexWriteProvisionedThroughputExceeded", index)

	if got := series(t, f.metrics, table); got["write_throttle_events_total{byKind}"] < 3 || got["write_throttle_events_total{}"] != 0 {
		t.Errorf("%v", got)
	}
	change(&sdk.UpdateTableInput{}, types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: aws.String("byKind")}})
	for range 20 {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
}
