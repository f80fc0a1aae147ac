package dynamodb_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
)

// The benchmarks call the operations as the wire does after decoding, so that
// their figures are the service's own share of a request.

var engines = []struct {
	name string
	open func(*testing.B) kv.Engine
}{
	{"mem", func(*testing.B) kv.Engine { return mem.New() }},
	{"pebble", func(b *testing.B) kv.Engine {
		e, err := pebble.Open(b.TempDir(), pebble.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return e
	}},
}

const benchTable = "predictions"

func benchService(b *testing.B, engine kv.Engine, c dynamodb.Config) (*dynamodb.Service, context.Context) {
	store, err := kv.Open(engine, kv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	c.Store, c.Identity = store, newIdentity(b, store)
	s := dynamodb.New(c)
	ctx := rootContext()
	run, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { s.Run(run); close(done) }()
	b.Cleanup(func() { stop(); <-done; store.Close() })
	createBenchTable(b, s, ctx)
	return s, ctx
}

func createBenchTable(t testing.TB, s *dynamodb.Service, ctx context.Context) {
	t.Helper()
	_, err := s.CreateTable(ctx, &api.CreateTableInput{
		TableName: new(benchTable), BillingMode: new("PAY_PER_REQUEST"),
		KeySchema: []*api.KeySchemaElement{
			{AttributeName: new("predictionId"), KeyType: new("HASH")},
			{AttributeName: new("timestamp"), KeyType: new("RANGE")},
		},
		AttributeDefinitions: []*api.AttributeDefinition{
			{AttributeName: new("predictionId"), AttributeType: new("S")},
			{AttributeName: new("timestamp"), AttributeType: new("N")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// benchItem is an item of about 1 KB.
func benchItem(partition, row int) api.Attributes {
	return api.Attributes{
		{Name: "body", Value: api.AttributeValue{Type: api.TypeS, S: strings.Repeat("x", 900)}},
		{Name: "predictionId", Value: api.AttributeValue{Type: api.TypeS, S: fmt.Sprintf("prediction-%08d", partition)}},
		{Name: "timestamp", Value: api.AttributeValue{Type: api.TypeN, S: fmt.Sprint(1700000000 + row)}},
	}
}

func benchKey(partition, row int) api.Attributes { return benchItem(partition, row)[1:] }

// processor reports how much of the processors' time an operation took, with all
// that goes on behind it, and the making of the request. The function that it
// returns is called at the end.
func processor(b *testing.B) (report func()) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func put(ctx context.Context, s *dynamodb.Service, partition, row int) error {
	_, err := s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: benchItem(partition, row)})
	return err
}

func BenchmarkPutItem(b *testing.B) {
	for _, engine := range engines {
		for _, audit := range []dynamodb.AuditData{dynamodb.AuditWrites, dynamodb.AuditNone} {
			b.Run(engine.name+"/audit="+string(audit), func(b *testing.B) {
				s, ctx := benchService(b, engine.open(b), dynamodb.Config{AuditData: audit})
				var n atomic.Int64
				b.SetParallelism(32) // durable writes wait for the disk together
				b.ReportAllocs()
				b.ResetTimer()
				defer processor(b)()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := put(ctx, s, int(n.Add(1)), 0); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// BenchmarkTransactWriteItems puts 25 items at once.
func BenchmarkTransactWriteItems(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine.name, func(b *testing.B) {
			s, ctx := benchService(b, engine.open(b), dynamodb.Config{})
			var n atomic.Int64
			b.SetParallelism(8)
			b.ReportAllocs()
			b.ResetTimer()
			defer processor(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id := int(n.Add(1))
					in := &api.TransactWriteItemsInput{ClientRequestToken: new(fmt.Sprint(id))}
					for row := range 25 {
						in.TransactItems = append(in.TransactItems, &api.TransactWriteItem{Put: &api.Put{TableName: new(benchTable), Item: benchItem(id, row)}})
					}
					if _, err := s.TransactWriteItems(ctx, in); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkPutItemOfOneKey is the worst case of optimistic commits: all writers
// want the same item.
func BenchmarkPutItemOfOneKey(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine.name, func(b *testing.B) {
			s, ctx := benchService(b, engine.open(b), dynamodb.Config{})
			var n atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.ResetTimer()
			defer processor(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					it := append(benchItem(1, 0), api.Attribute{Name: "writer", Value: api.AttributeValue{Type: api.TypeN, S: fmt.Sprint(n.Add(1))}})
					if _, err := s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: it}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkGetItem(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine.name, func(b *testing.B) {
			s, ctx := benchService(b, engine.open(b), dynamodb.Config{})
			const items = 1000
			for i := range items {
				if err := put(ctx, s, i, 0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			defer processor(b)()
			for i := 0; b.Loop(); i++ {
				out, err := s.GetItem(ctx, &api.GetItemInput{TableName: new(benchTable), Key: benchKey(i%items, 0), ConsistentRead: new(true)})
				if err != nil || out.Item == nil {
					b.Fatal(out, err)
				}
			}
		})
	}
}

func BenchmarkQuery(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine.name, func(b *testing.B) {
			s, ctx := benchService(b, engine.open(b), dynamodb.Config{})
			const rows = 100
			for i := range rows {
				if err := put(ctx, s, 7, i); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			defer processor(b)()
			for b.Loop() {
				out, err := s.Query(ctx, &api.QueryInput{
					TableName:                 new(benchTable),
					KeyConditionExpression:    new("predictionId = :id"),
					ExpressionAttributeValues: api.Attributes{{Name: ":id", Value: benchKey(7, 0)[0].Value}},
				})
				if err != nil || len(out.Items) != rows {
					b.Fatal(out, err)
				}
			}
		})
	}
}
