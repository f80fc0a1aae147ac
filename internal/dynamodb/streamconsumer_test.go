package dynamodb_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	stream "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// step is a change of an item from one value to another; "" is no item.
type step struct{ old, new string }

// history is the changes of each item: what writers were told, in no order, or what a
// stream told, in its order.
type history struct {
	mu    sync.Mutex
	items map[string][]step
	n     int
}

func (h *history) add(item string, s step) {
	if s.old == s.new {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.items == nil {
		h.items = map[string][]step{}
	}
	h.items[item] = append(h.items[item], s)
	h.n++
}

// record adds what a record of a stream says.
func (h *history) record(t testing.TB, r stream.Record) {
	of := func(image map[string]stream.AttributeValue) string {
		if v, ok := image["v"].(*stream.AttributeValueMemberS); ok {
			return v.Value
		}
		return ""
	}
	s := step{of(r.Dynamodb.OldImage), of(r.Dynamodb.NewImage)}
	want := stream.OperationTypeModify
	switch "" {
	case s.old:
		want = stream.OperationTypeInsert
	case s.new:
		want = stream.OperationTypeRemove
	}
	if r.EventName != want {
		t.Errorf("%+v is told as %s", s, r.EventName)
	}
	h.add(r.Dynamodb.Keys["id"].(*stream.AttributeValueMemberS).Value, s)
}

// wantOf compares what a stream told with what its writers were told: the same changes
// of each item, each following the one before it.
func (h *history) wantOf(t testing.TB, writers *history) {
	t.Helper()
	if !slices.Equal(slices.Sorted(maps.Keys(h.items)), slices.Sorted(maps.Keys(writers.items))) {
		t.Errorf("the stream tells of the items %v, the writers of %v", slices.Sorted(maps.Keys(h.items)), slices.Sorted(maps.Keys(writers.items)))
	}
	for item, told := range h.items {
		last := ""
		for i, s := range told {
			if s.old != last {
				t.Errorf("item %s: change %d is from %q, and the one before it to %q", item, i, s.old, last)
			}
			last = s.new
		}
		order := func(a, b step) int {
			if a.old+"\x00"+a.new < b.old+"\x00"+b.new {
				return -1
			}
			return 1
		}
		got, want := slices.SortedFunc(slices.Values(told), order), slices.SortedFunc(slices.Values(writers.items[item]), order)
		if !slices.Equal(got, want) {
			t.Errorf("item %s: the stream tells of %d changes, the writers of %d, or of others", item, len(got), len(want))
		}
	}
}

// scribble makes n changes of a few items, by every operation, and returns each with
// what it replaced.
func scribble(t testing.TB, c *sdk.Client, table, name string, n int, told func(item string, s step)) {
	value := func(a attrs) string {
		if v, ok := a["v"].(*types.AttributeValueMemberS); ok {
			return v.Value
		}
		return ""
	}
	for i := range n {
		item, next := fmt.Sprint("item-", rand.N(5)), fmt.Sprint(name, "-", i)
		key := attrs{"id": str(item)}
		switch rand.N(4) {
		case 0:
			out, err := c.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: &table, Key: key, ReturnValues: "ALL_OLD"})
			if err != nil {
				t.Error(err)
				return
			}
			told(item, step{value(out.Attributes), ""})
		case 1:
			out, err := c.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: &table, Key: key, ReturnValues: "ALL_OLD",
				UpdateExpression: aws.String("SET v = :v"), ExpressionAttributeValues: attrs{":v": str(next)}})
			if err != nil {
				t.Error(err)
				return
			}
			told(item, step{value(out.Attributes), next})
		case 2: // of an item of its own, since a transaction does not return what it replaces
			item := next + "-own"
			if _, err := c.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: &table, Item: attrs{"id": str(item), "v": str("1")}}},
				{Put: &types.Put{TableName: &table, Item: attrs{"id": str(item + "2"), "v": str("2")}}},
			}}); err != nil {
				t.Error(err)
				return
			}
			told(item, step{"", "1"})
			told(item+"2", step{"", "2"})
		default:
			out, err := c.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: with(key, "v", str(next)), ReturnValues: "ALL_OLD"})
			if err != nil {
				t.Error(err)
				return
			}
			told(item, step{value(out.Attributes), next})
		}
	}
}

// TestStreamConsumer has many write to a few items while shards begin and end, and a
// consumer follow: it must see each change once, in order.
func TestStreamConsumer(t *testing.T) {
	t.Parallel()
	f := start(t, func(c *dynamodb.Config) { c.ShardLife = time.Second })
	c := f.client
	table, arn := streamed(t, c, types.StreamViewTypeNewAndOldImages)
	var writers, told history
	shards, numbers := map[string]bool{}, []string{}
	follow := &consumer{client: f.streams(f.root), arn: arn, limit: 7, next: map[string]*string{}, seen: func(shard string, r stream.Record) {
		shards[shard] = true
		numbers = append(numbers, *r.Dynamodb.SequenceNumber)
		told.record(t, r)
	}}
	var writing sync.WaitGroup
	for w := range 8 {
		writing.Go(func() {
			changes := 0
			scribble(t, c, table, fmt.Sprint("w", w), 60, func(item string, s step) {
				writers.add(item, s)
				if changes++; changes%20 == 0 {
					f.tend(t, time.Second)
				}
			})
		})
	}
	ended := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
			}
			if err := follow.look(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	writing.Wait()
	close(ended)
	following.Wait()
	if err := follow.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	told.wantOf(t, &writers)
	if !slices.IsSorted(numbers) {
		t.Error("the numbers do not grow")
	}
	if len(shards) < 5 {
		t.Errorf("%d changes in %d shards only", told.n, len(shards))
	}
}

// TestStreamDisabledWhileWritten disables and enables a stream again and again under
// writers. Each stream must tell every change from its beginning to its end: of each
// item, changes that follow each other without a gap.
func TestStreamDisabledWhileWritten(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table, arn := streamed(t, c, types.StreamViewTypeNewAndOldImages)
	arns := []string{arn}
	var writers history
	var writing sync.WaitGroup
	for w := range 4 {
		writing.Go(func() { scribble(t, c, table, fmt.Sprint("w", w), 60, writers.add) })
	}
	for range 20 {
		disable(t, c, table)
		arns = append(arns, enable(t, c, table, types.StreamViewTypeNewAndOldImages))
	}
	writing.Wait()
	told := 0
	made := map[string]bool{}
	for item, steps := range writers.items {
		for _, s := range steps {
			made[fmt.Sprint(item, s)] = true
		}
	}
	for _, arn := range arns {
		var one history
		for _, r := range allRecords(t, streams, arn) {
			one.record(t, r)
		}
		for item, steps := range one.items {
			for i, s := range steps {
				if i > 0 && steps[i-1].new != s.old {
					t.Errorf("%s: item %s: a change from %q follows one to %q", arn, item, s.old, steps[i-1].new)
				}
				if !made[fmt.Sprint(item, s)] {
					t.Errorf("%s: item %s: nobody made the change %v", arn, item, s)
				}
				delete(made, fmt.Sprint(item, s))
			}
		}
		told += one.n
	}
	if told == 0 || told+len(made) != writers.n {
		t.Errorf("%d changes are told, %d are not, of %d", told, len(made), writers.n)
	}
}
