package dynamodb_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-faster/jx"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// BenchmarkGetRecords reads a stream of changes of items again and again, a page of
// 1,000 at a time, and writes the answers as the wire does. An operation is a record.
func BenchmarkGetRecords(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("pebble/%dB", size), func(b *testing.B) {
			s, ctx := benchService(b, engines[1].open(b), dynamodb.Config{AuditData: dynamodb.AuditNone})
			out, err := s.UpdateTable(ctx, &api.UpdateTableInput{TableName: new(benchTable),
				StreamSpecification: &api.StreamSpecification{StreamEnabled: new(true), StreamViewType: new("NEW_AND_OLD_IMAGES")}})
			if err != nil {
				b.Fatal(err)
			}
			arn := out.TableDescription.LatestStreamArn
			for batch := range 400 {
				in := &api.BatchWriteItemInput{RequestItems: map[string][]*api.WriteRequest{}}
				for row := range 25 {
					it := benchItem(batch, row).Set("body", word(strings.Repeat("x", size-60)))
					in.RequestItems[benchTable] = append(in.RequestItems[benchTable], &api.WriteRequest{PutRequest: &api.PutRequest{Item: it}})
				}
				if _, err := s.BatchWriteItem(ctx, in); err != nil {
					b.Fatal(err)
				}
			}
			d, err := s.DescribeStream(ctx, &streams.DescribeStreamInput{StreamArn: arn})
			if err != nil {
				b.Fatal(err)
			}
			first, err := s.GetShardIterator(ctx, &streams.GetShardIteratorInput{StreamArn: arn, ShardId: d.StreamDescription.Shards[0].ShardId, ShardIteratorType: new("TRIM_HORIZON")})
			if err != nil {
				b.Fatal(err)
			}
			var e jx.Encoder
			at, read := first.ShardIterator, 0
			b.ReportAllocs()
			b.ResetTimer()
			defer processor(b)()
			for read < b.N {
				out, err := s.GetRecords(ctx, &streams.GetRecordsInput{ShardIterator: at})
				if err != nil {
					b.Fatal(err)
				}
				e.Reset()
				out.EncodeJSON(&e)
				read += len(out.Records)
				if at = out.NextShardIterator; len(out.Records) == 0 {
					at = first.ShardIterator
				}
			}
			b.SetBytes(int64(len(e.Bytes()) / 1000))
		})
	}
}

// BenchmarkPutItemStreamed compares writes of a table without a log with those of one
// that keeps a log of both images.
func BenchmarkPutItemStreamed(b *testing.B) {
	for _, view := range []string{"", "KEYS_ONLY", "NEW_AND_OLD_IMAGES"} {
		b.Run("pebble/"+view, func(b *testing.B) {
			s, ctx := benchService(b, engines[1].open(b), dynamodb.Config{})
			if view != "" {
				if _, err := s.UpdateTable(ctx, &api.UpdateTableInput{TableName: new(benchTable),
					StreamSpecification: &api.StreamSpecification{StreamEnabled: new(true), StreamViewType: &view}}); err != nil {
					b.Fatal(err)
				}
			}
			var n atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.ResetTimer()
			defer processor(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := int(n.Add(1))
					it := benchItem(i%1000, 0).Set("n", number(int64(i)))
					if _, err := s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: it}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
