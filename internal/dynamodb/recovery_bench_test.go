package dynamodb_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// sizedItem is an item of about so many bytes.
func sizedItem(i, bytes int) api.Attributes {
	it := benchItem(i, 0)
	it[0].Value.S = strings.Repeat("x", bytes)
	return it
}

// BenchmarkRestore restores a table to a time since which a tenth of its items has
// changed. It has a million of them in the long tests, else a fiftieth of that.
func BenchmarkRestore(b *testing.B) {
	items := 20_000
	if os.Getenv("MODELWHARF_SOAK") != "" {
		items = 1_000_000
	}
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("items=%d/bytes=%d", items, size), func(b *testing.B) {
			s, ctx := benchService(b, engines[1].open(b), dynamodb.Config{AuditData: dynamodb.AuditNone})
			putMany(b, s, ctx, items, size)
			if _, err := s.UpdateContinuousBackups(ctx, &api.UpdateContinuousBackupsInput{TableName: new(benchTable),
				PointInTimeRecoverySpecification: &api.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: new(true)}}); err != nil {
				b.Fatal(err)
			}
			time.Sleep(1100 * time.Millisecond)
			second := time.Now().Add(-time.Second)
			putMany(b, s, ctx, items/10, size+1)
			time.Sleep(1100 * time.Millisecond)
			n := 0
			for b.Loop() {
				n++
				name := fmt.Sprint("restored-", n)
				if _, err := s.RestoreTableToPointInTime(ctx, restoreInput(benchTable, name, second)); err != nil {
					b.Fatal(err)
				}
				for {
					out, err := s.DescribeTable(ctx, &api.DescribeTableInput{TableName: &name})
					if err != nil {
						b.Fatal(err)
					}
					if *out.Table.TableStatus == "ACTIVE" {
						if *out.Table.ItemCount != int64(items) {
							b.Fatal(*out.Table.ItemCount)
						}
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
			b.ReportMetric(float64(items*n)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

// putMany puts items in batches.
func putMany(b *testing.B, s *dynamodb.Service, ctx context.Context, items, size int) {
	b.Helper()
	var next atomic.Int64
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for {
				from := int(next.Add(25)) - 25
				if from >= items {
					return
				}
				var all []*api.WriteRequest
				for i := range 25 {
					all = append(all, &api.WriteRequest{PutRequest: &api.PutRequest{Item: sizedItem(from+i, size)}})
				}
				if _, err := s.BatchWriteItem(ctx, &api.BatchWriteItemInput{RequestItems: map[string][]*api.WriteRequest{benchTable: all}}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
}

// BenchmarkPutItemRecovery replaces items of a table whose recovery is off, and on.
func BenchmarkPutItemRecovery(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprint("on=", on), func(b *testing.B) {
			s, ctx := benchService(b, engines[1].open(b), dynamodb.Config{})
			if _, err := s.UpdateContinuousBackups(ctx, &api.UpdateContinuousBackupsInput{TableName: new(benchTable),
				PointInTimeRecoverySpecification: &api.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: &on}}); err != nil {
				b.Fatal(err)
			}
			const items = 10_000
			putMany(b, s, ctx, items, 900)
			var n atomic.Int64
			b.SetParallelism(32)
			b.ResetTimer()
			defer processor(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := int(n.Add(1))
					it := sizedItem(i%items, 890).Set("writer", number(int64(i)))
					if _, err := s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: it}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
