package dynamodb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/prometheus/client_golang/prometheus"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// TestTransactionsCapacity has what transactions consume: twice what the actions
// would alone, told for each table.
func TestTransactionsCapacity(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	one, two := hashTable(t, c), "second"
	makeNamed(t, c, two)
	sized := func(id string, bytes int) attrs {
		return attrs{"id": str(id), "v": str(strings.Repeat("x", bytes-3-len(id)))}
	}
	mustPut(t, c, two, sized("checked", 3000))
	mustPut(t, c, two, sized("deleted", 2000))
	told := func(all []types.ConsumedCapacity) (s []string) {
		for _, x := range all {
			line := fmt.Sprint(*x.TableName == one, " ", *x.CapacityUnits, " r", aws.ToFloat64(x.ReadCapacityUnits), " w", aws.ToFloat64(x.WriteCapacityUnits))
			if x.Table != nil {
				line += fmt.Sprint(" (", *x.Table.CapacityUnits, " r", aws.ToFloat64(x.Table.ReadCapacityUnits), " w", aws.ToFloat64(x.Table.WriteCapacityUnits), ")")
			}
			s = append(s, line)
		}
		return s
	}
	in := &sdk.TransactWriteItemsInput{
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, ReturnItemCollectionMetrics: types.ReturnItemCollectionMetricsSize,
		ClientRequestToken: aws.String("capacity"),
		TransactItems: []types.TransactWriteItem{
			putAction(one, sized("put", 1025)),
			checkAction(two, attrs{"id": str("checked")}, "attribute_exists(v)", nil),
			putAction(one, sized("small", 10)),
			deleteAction(two, attrs{"id": str("deleted")}),
			deleteAction(two, attrs{"id": str("absent")}),
		},
	}
	for _, step := range []struct {
		detail types.ReturnConsumedCapacity
		want   []string
	}{
		{types.ReturnConsumedCapacityTotal, []string{"true 6 r0 w6", "false 12 r0 w12"}},
		// A repetition reads what there is now.
		{types.ReturnConsumedCapacityTotal, []string{"true 4 r4 w0", "false 6 r6 w0"}},
		{types.ReturnConsumedCapacityIndexes, []string{"true 4 r4 w0 (4 r4 w0)", "false 6 r6 w0 (6 r6 w0)"}},
		{types.ReturnConsumedCapacityNone, nil},
	} {
		in.ReturnConsumedCapacity = step.detail
		out, err := c.TransactWriteItems(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := told(out.ConsumedCapacity); !slices.Equal(got, step.want) {
			t.Errorf("writing: got %q, want %q", got, step.want)
		}
		if len(out.ItemCollectionMetrics) > 0 {
			t.Errorf("got %v", out.ItemCollectionMetrics)
		}
	}
	mustPut(t, c, one, sized("page", 4097))
	out, err := c.TransactGetItems(ctx, &sdk.TransactGetItemsInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes, TransactItems: []types.TransactGetItem{
		getAction(two, attrs{"id": str("checked")}), getAction(one, attrs{"id": str("page")}), getAction(two, attrs{"id": str("absent")}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := told(out.ConsumedCapacity), []string{"false 4 r4 w0 (4 r4 w0)", "true 4 r4 w0 (4 r4 w0)"}; !slices.Equal(got, want) {
		t.Errorf("reading: got %q, want %q", got, want)
	}
}

// TestTransactionsMetrics reads the counters of a table after a transaction that was
// done, its repetition, and one that was cancelled.
func TestTransactionsMetrics(t *testing.T) {
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
	action := func(row int, condition *string) *api.TransactWriteItem {
		return &api.TransactWriteItem{Put: &api.Put{TableName: new(benchTable), Item: benchItem(1, row), ConditionExpression: condition}}
	}
	for range 2 {
		in := &api.TransactWriteItemsInput{ClientRequestToken: new("once"), TransactItems: []*api.TransactWriteItem{action(0, nil), action(1, nil)}}
		if _, err := s.TransactWriteItems(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	in := &api.TransactWriteItemsInput{TransactItems: []*api.TransactWriteItem{action(2, nil), action(0, new("attribute_not_exists(body)"))}}
	if _, err := s.TransactWriteItems(ctx, in); err == nil {
		t.Error("a condition held that does not")
	}
	for name, want := range map[string]float64{
		"items_written": 2, "consumed_write_capacity_units": 8, "items_read": 2, "consumed_read_capacity_units": 4, "conditional_check_failed": 1,
	} {
		if got := counters(t, metrics)[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}
