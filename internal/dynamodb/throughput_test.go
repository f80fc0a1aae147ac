package dynamodb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

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

// TestThroughputDecreasesOfADay lowers a table's throughput as often as it is let: four
// times at any time, and then once an hour, which makes 27 times a day.
func TestThroughputDecreasesOfADay(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "lowered", 1000, 1, 1, 1)
	midnight := time.Date(2026, time.November, 21, 0, 0, 0, 0, time.UTC)
	f.clock.advance(midnight.Sub(f.clock.now()))
	read := int64(1000)
	for day := range 2 {
		lowered := int64(0)
		for range 24 * 6 {
			_, err := c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: &table, ProvisionedThroughput: throughput(read-1, 1)})
			if err == nil {
				read, lowered = read-1, lowered+1
			} else {
				wantError(t, err, "LimitExceededException", "…Number of decreases today: "+fmt.Sprint(lowered)+"…")
			}
			if p := describeTable(t, c, table).ProvisionedThroughput; *p.NumberOfDecreasesToday != lowered || *p.ReadCapacityUnits != read {
				t.Fatalf("%d decreases to %d, want %d to %d", *p.NumberOfDecreasesToday, *p.ReadCapacityUnits, lowered, read)
			}
			f.clock.advance(10 * time.Minute)
		}
		if lowered != 27 {
			t.Errorf("day %d: %d decreases, want 27", day, lowered)
		}
	}
}
