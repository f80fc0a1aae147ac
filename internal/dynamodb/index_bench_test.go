package dynamodb_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// indexedBench is benchService with so many indexes of whole items on its table, of the
// hash key kind and the table's range key.
func indexedBench(b *testing.B, s *dynamodb.Service, ctx context.Context, indexes int) {
	b.Helper()
	if _, err := s.DeleteTable(ctx, &api.DeleteTableInput{TableName: new(benchTable)}); err != nil {
		b.Fatal(err)
	}
	in := &api.CreateTableInput{
		TableName: new(benchTable), BillingMode: new("PAY_PER_REQUEST"),
		KeySchema:            []*api.KeySchemaElement{{AttributeName: new("predictionId"), KeyType: new("HASH")}, {AttributeName: new("timestamp"), KeyType: new("RANGE")}},
		AttributeDefinitions: []*api.AttributeDefinition{{AttributeName: new("predictionId"), AttributeType: new("S")}, {AttributeName: new("timestamp"), AttributeType: new("N")}},
	}
	for i := range indexes {
		kind := fmt.Sprint("kind", i)
		in.AttributeDefinitions = append(in.AttributeDefinitions, &api.AttributeDefinition{AttributeName: &kind, AttributeType: new("S")})
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, &api.GlobalSecondaryIndex{
			IndexName: new(fmt.Sprint("index", i)), Projection: &api.Projection{ProjectionType: new("ALL")},
			KeySchema: []*api.KeySchemaElement{{AttributeName: &kind, KeyType: new("HASH")}, {AttributeName: new("timestamp"), KeyType: new("RANGE")}},
		})
	}
	if _, err := s.CreateTable(ctx, in); err != nil {
		b.Fatal(err)
	}
}

// indexedItem is benchItem with the hash keys of five indexes.
func indexedItem(partition, row int) api.Attributes {
	it := benchItem(partition, row)
	for i := range 5 {
		it = it.Set(fmt.Sprint("kind", i), api.AttributeValue{Type: api.TypeS, S: fmt.Sprintf("kind-%08d", partition)})
	}
	return it
}

func BenchmarkPutItemIndexed(b *testing.B) {
	for _, engine := range engines {
		for _, indexes := range []int{0, 1, 5} {
			b.Run(fmt.Sprint(engine.name, "/indexes=", indexes), func(b *testing.B) {
				s, ctx := benchService(b, engine.open(b), dynamodb.Config{})
				indexedBench(b, s, ctx, indexes)
				var n atomic.Int64
				b.SetParallelism(32)
				b.ReportAllocs()
				b.ResetTimer()
				defer processor(b)()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: indexedItem(int(n.Add(1)), 0)}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// BenchmarkQueryIndexed queries 100 items of 1 KB of the table, and of an index.
func BenchmarkQueryIndexed(b *testing.B) {
	for _, engine := range engines {
		for _, index := range []string{"", "index0"} {
			b.Run(fmt.Sprint(engine.name, "/index=", index), func(b *testing.B) {
				s, ctx := benchService(b, engine.open(b), dynamodb.Config{})
				indexedBench(b, s, ctx, 1)
				const rows = 100
				for i := range rows {
					if _, err := s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: indexedItem(7, i)}); err != nil {
						b.Fatal(err)
					}
				}
				in := api.QueryInput{TableName: new(benchTable), KeyConditionExpression: new("predictionId = :id"),
					ExpressionAttributeValues: api.Attributes{{Name: ":id", Value: benchKey(7, 0)[0].Value}}}
				if index != "" {
					in.IndexName, in.KeyConditionExpression = &index, new("kind0 = :id")
					in.ExpressionAttributeValues[0].Value.S = "kind-00000007"
				}
				b.ReportAllocs()
				defer processor(b)()
				for b.Loop() {
					ask := in
					out, err := s.Query(ctx, &ask)
					if err != nil || len(out.Items) != rows {
						b.Fatal(out, err)
					}
				}
			})
		}
	}
}

// BenchmarkIndexBackfill fills a new index of whole items with 20,000 items of 1 KB.
func BenchmarkIndexBackfill(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine.name, func(b *testing.B) {
			s, ctx := benchService(b, engine.open(b), dynamodb.Config{AuditData: dynamodb.AuditNone})
			const items = 20_000
			var writers sync.WaitGroup
			for w := range 32 {
				writers.Go(func() {
					for i := w; i < items; i += 32 {
						if err := put(ctx, s, i, 0); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			writers.Wait()
			e := &indexBench{b, s, ctx}
			var filling time.Duration
			for b.Loop() {
				begun := time.Now()
				e.update(&api.GlobalSecondaryIndexUpdate{Create: &api.CreateGlobalSecondaryIndexAction{IndexName: new("index"), Projection: &api.Projection{ProjectionType: new("ALL")},
					KeySchema: []*api.KeySchemaElement{{AttributeName: new("timestamp"), KeyType: new("HASH")}}}})
				e.until("ACTIVE")
				filling += time.Since(begun)
				e.update(&api.GlobalSecondaryIndexUpdate{Delete: &api.DeleteGlobalSecondaryIndexAction{IndexName: new("index")}})
				e.until("")
			}
			b.ReportMetric(float64(b.N)*items/filling.Seconds(), "items/s")
		})
	}
}

type indexBench struct {
	*testing.B
	s   *dynamodb.Service
	ctx context.Context
}

func (e *indexBench) update(u *api.GlobalSecondaryIndexUpdate) {
	e.Helper()
	_, err := e.s.UpdateTable(e.ctx, &api.UpdateTableInput{TableName: new(benchTable), GlobalSecondaryIndexUpdates: []*api.GlobalSecondaryIndexUpdate{u},
		AttributeDefinitions: []*api.AttributeDefinition{{AttributeName: new("timestamp"), AttributeType: new("N")}}})
	if err != nil {
		e.Fatal(err)
	}
}

// until waits until the table's index has a status; "" is for no index.
func (e *indexBench) until(status string) {
	e.Helper()
	for is := "unknown"; is != status; time.Sleep(time.Millisecond) {
		out, err := e.s.DescribeTable(e.ctx, &api.DescribeTableInput{TableName: new(benchTable)})
		if err != nil {
			e.Fatal(err)
		}
		is = ""
		for _, x := range out.Table.GlobalSecondaryIndexes {
			is = *x.IndexStatus
		}
	}
}
