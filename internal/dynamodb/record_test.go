package dynamodb_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/prometheus/client_golang/prometheus"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// TestAudit sees each change leave a record, those of items with the key and no
// other value, and what changes nothing leave none.
func TestAudit(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := aws.String(hashTable(t, c))
	mustPut(t, c, *table, attrs{"id": str("a"), "secret": str("hidden")})
	mustPut(t, c, *table, attrs{"id": str("a"), "secret": str("hidden")}) // changes nothing
	mustGet(t, c, *table, attrs{"id": str("a")})
	_, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: {
		{PutRequest: &types.PutRequest{Item: attrs{"id": str("b"), "secret": str("hidden")}}},
		{DeleteRequest: &types.DeleteRequest{Key: attrs{"id": str("a")}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: table}); err != nil {
		t.Fatal(err)
	}
	found, err := audit.Search(ctx, f.store, audit.Query{Account: account, Data: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range found.Events {
		if len(e.Resources) != 1 || e.Resources[0].ARN != "arn:aws:dynamodb:us-east-1:000000000000:table/"+*table {
			t.Errorf("%s is about %v", e.Operation, e.Resources)
		}
		if strings.Contains(string(e.Parameters), "hidden") {
			t.Errorf("%s tells a value: %s", e.Operation, e.Parameters)
		}
		got = append(got, e.Operation+" "+string(e.Parameters))
	}
	slices.Reverse(got)
	want := []string{
		`CreateTable {"AttributeDefinitions"`,
		`PutItem {"tableName":"` + *table + `","key":{"id":{"S":"a"}}}`,
		`BatchWriteItem {"requestItems":{"` + *table + `":[{"put":{"id":{"S":"b"}}},{"delete":{"id":{"S":"a"}}}]}}`,
		`DeleteTable {"TableName":"` + *table + `"}`,
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestMetrics reads the counters of a table, which go with it.
func TestMetrics(t *testing.T) {
	t.Parallel()
	store, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	metrics := prometheus.NewPedanticRegistry()
	s := dynamodb.New(dynamodb.Config{Store: store, Identity: newIdentity(t, store), Metrics: metrics})
	ctx := rootContext()
	createBenchTable(t, s, ctx)
	for i := range 3 {
		if err := put(ctx, s, 1, i); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := s.GetItem(ctx, &api.GetItemInput{TableName: new(benchTable), Key: benchKey(1, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: benchItem(1, 0), ConditionExpression: new("attribute_not_exists(body)")})
	wantFailed(t, err)
	want := map[string]float64{
		"consumed_read_capacity_units": 1, "consumed_write_capacity_units": 4, "conditional_check_failed": 1, "items_read": 2, "items_written": 3,
		"items_expired": 0, "items_returned": 0, "transaction_conflicts": 0, "read_throttle_events": 0, "write_throttle_events": 0,
	}
	if got := counters(t, metrics); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := s.DeleteTable(ctx, &api.DeleteTableInput{TableName: new(benchTable)}); err != nil {
		t.Fatal(err)
	}
	if got := counters(t, metrics); len(got) > 0 {
		t.Errorf("%v are left", got)
	}
}

// counters are the values of the test's table, by the middle of their names.
func counters(t *testing.T, metrics prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		name := strings.TrimSuffix(strings.TrimPrefix(family.GetName(), "modelwharf_dynamodb_"), "_total")
		for _, m := range family.GetMetric() {
			if len(m.GetLabel()) == 0 {
				continue // of no table
			}
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			delete(labels, "index")
			if want := map[string]string{"account": account, "region": "us-east-1", "table": benchTable}; !maps.Equal(labels, want) {
				t.Errorf("%s has the labels %v", name, labels)
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}

func wantFailed(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "ConditionalCheckFailedException") {
		t.Errorf("got %v", err)
	}
}
