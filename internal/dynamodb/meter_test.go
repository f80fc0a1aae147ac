package dynamodb_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/prometheus/client_golang/prometheus"
)

// series returns the values of the series of a table, as "name{index or operation}"; of
// a histogram it is the number of observations.
func series(t testing.TB, metrics prometheus.Gatherer, table string) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		name := strings.TrimPrefix(family.GetName(), "modelwharf_dynamodb_")
		for _, m := range family.GetMetric() {
			of, by := "", ""
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "table":
					of = l.GetValue()
				case "index", "operation":
					by = "{" + l.GetValue() + "}"
				}
			}
			if of != table {
				continue
			}
			if h := m.GetHistogram(); h != nil {
				values[name+by] = float64(h.GetSampleCount())
			} else {
				values[name+by] = m.GetCounter().GetValue()
			}
		}
	}
	return values
}

// TestMeterOfTable has what is counted of a table's requests.
func TestMeterOfTable(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := provisionedTable(t, c, "counted", 1, 100, 100, 1)
	for i := range 3 {
		mustPut(t, c, table, attrs{"id": str(fmt.Sprint(i)), "kind": str("k")})
	}
	_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: attrs{"id": str("1")}, ConditionExpression: aws.String("attribute_not_exists(id)")})
	wantError(t, err, "ConditionalCheckFailedException", "…")
	_, err = c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: attrs{"id": num("1")}})
	wantError(t, err, validation, "…")
	for _, index := range []*string{nil, aws.String("byKind")} {
		if _, err := c.Scan(ctx, &sdk.ScanInput{TableName: &table, IndexName: index, FilterExpression: aws.String("id = :id"), ExpressionAttributeValues: attrs{":id": str("1")}}); err != nil {
			t.Fatal(err)
		}
	}
	reads, _ := untilThrottled(t, getter(t, c, table))
	_, err = c.ExecuteStatement(ctx, &sdk.ExecuteStatementInput{Statement: aws.String("SELECT * FROM counted")})
	wantThrottled(t, err, throttledTable, "TableReadProvisionedThroughputExceeded", table)
	_, err = transactGet(t, c, getAction(table, attrs{"id": str("1")}))
	wantError(t, err, "TransactionCanceledException", "…")
	other := hashTable(t, c)
	if err := transact(t, c, putAction(table, attrs{"id": str("a")}), putAction(other, attrs{"id": str("a")})); err != nil {
		t.Fatal(err)
	}

	got := series(t, f.metrics, table)
	for name, want := range map[string]float64{
		"consumed_read_capacity_units_total{}":         0.5 + float64(reads)/2,
		"consumed_read_capacity_units_total{byKind}":   0.5,
		"consumed_write_capacity_units_total{}":        3 + 1 + 2,
		"consumed_write_capacity_units_total{byKind}":  3,
		"read_throttle_events_total{}":                 3,
		"write_throttle_events_total{byKind}":          0,
		"items_read_total":                             6 + float64(reads),
		"items_returned_total":                         2,
		"items_written_total":                          4,
		"conditional_check_failed_total":               1,
		"items_expired_total":                          0,
		"request_duration_seconds{GetItem}":            float64(reads) + 1,
		"request_duration_seconds{PutItem}":            5,
		"request_duration_seconds{Scan}":               2,
		"request_duration_seconds{TransactWriteItems}": 1,
		"throttled_requests_total{GetItem}":            1,
		"throttled_requests_total{ExecuteStatement}":   1,
		"throttled_requests_total{TransactGetItems}":   1,
		"throttled_requests_total{PutItem}":            0,
		"user_errors_total{PutItem}":                   1,
		"system_errors_total{PutItem}":                 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%v), want %v", name, v, ok, want)
		}
	}
	if got := series(t, f.metrics, other); got["request_duration_seconds{TransactWriteItems}"] != 1 {
		t.Errorf("the other table of the transaction: %v", got)
	}
	// Nothing is kept of tables that are not there, or of strangers' requests to them.
	if _, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: aws.String("absent"), Key: attrs{"id": str("a")}}); err == nil {
		t.Error("an absent table was read")
	}
	if got := series(t, f.metrics, "absent"); len(got) > 0 {
		t.Errorf("an absent table has %v", got)
	}
	if _, err := c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: &table}); err != nil {
		t.Fatal(err)
	}
	if got := series(t, f.metrics, table); len(got) > 0 {
		t.Errorf("a dropped table has %v", got)
	}
}

// TestMeterOfConflicts has writers of one item, which get in each other's way.
func TestMeterOfConflicts(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	for tries := 0; series(t, f.metrics, table)["transaction_conflicts_total"] == 0; tries++ {
		if tries == 100 {
			t.Fatal("no conflict was counted")
		}
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				putter(t, f.client, table, attrs{"id": str("a"), "n": num(fmt.Sprint(tries*16 + i))})()
			})
		}
		all.Wait()
	}
}

// TestMeterWhileDropped has requests that end when their table is gone: they bring
// no series of it back.
func TestMeterWhileDropped(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := tableFor(t)
	for range 20 {
		hashTable(t, f.client)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for _, call := range []func() error{getter(t, f.client, table), putter(t, f.client, table, attrs{"id": str("a")})} {
					call()
				}
			})
		}
		if _, err := f.client.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: &table}); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if got := series(t, f.metrics, table); len(got) > 0 {
			t.Fatalf("a dropped table has %v", got)
		}
	}
}
