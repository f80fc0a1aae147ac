package dynamodb_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// enableBenchExpiry enables expiry on the benchmarks' table and waits for it.
func enableBenchExpiry(b *testing.B, s *dynamodb.Service, ctx context.Context) {
	b.Helper()
	_, err := s.UpdateTimeToLive(ctx, &api.UpdateTimeToLiveInput{TableName: new(benchTable),
		TimeToLiveSpecification: &api.TimeToLiveSpecification{Enabled: new(true), AttributeName: new("expires")}})
	for err == nil {
		var out *api.DescribeTimeToLiveOutput
		if out, err = s.DescribeTimeToLive(ctx, &api.DescribeTimeToLiveInput{TableName: new(benchTable)}); err == nil && *out.TimeToLiveDescription.TimeToLiveStatus == "ENABLED" {
			return
		}
	}
	b.Fatal(err)
}

func expiringItem(partition, row int, at time.Time) api.Attributes {
	return benchItem(partition, row).Set("expires", number(at.Unix()))
}

// BenchmarkPutItemWithExpiry puts items with an expiry into a table that has it
// enabled, and into one that has not.
func BenchmarkPutItemWithExpiry(b *testing.B) {
	for _, enabled := range []bool{false, true} {
		b.Run(fmt.Sprint("enabled=", enabled), func(b *testing.B) {
			s, ctx := benchService(b, engines[1].open(b), dynamodb.Config{AuditData: dynamodb.AuditNone})
			if enabled {
				enableBenchExpiry(b, s, ctx)
			}
			var n atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.ResetTimer()
			defer processor(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					it := expiringItem(int(i), 0, time.Now().Add(time.Duration(i)*time.Second))
					if _, err := s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: it}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkExpiry has 16 clients put items for five seconds, and then while 100,000
// others expire at once. It reports what one put in a hundred takes, before and
// meanwhile, and how long the items take to go.
func BenchmarkExpiry(b *testing.B) {
	const items, writers = 100_000, 16
	for b.Loop() {
		now := &clock{t: time.Now()}
		s, ctx := benchService(b, engines[1].open(b), dynamodb.Config{AuditData: dynamodb.AuditNone, Now: now.now})
		enableBenchExpiry(b, s, ctx)
		var n atomic.Int64
		write := func(until func() bool, expiry time.Duration) (took []time.Duration) {
			var mu sync.Mutex
			var working sync.WaitGroup
			for range writers {
				working.Go(func() {
					var own []time.Duration
					for !until() {
						it := expiringItem(int(n.Add(1)), 0, now.now().Add(expiry))
						start := time.Now()
						if _, err := s.PutItem(ctx, &api.PutItemInput{TableName: new(benchTable), Item: it}); err != nil {
							b.Error(err)
							return
						}
						own = append(own, time.Since(start))
					}
					mu.Lock()
					defer mu.Unlock()
					took = append(took, own...)
				})
			}
			working.Wait()
			slices.Sort(took)
			return took
		}
		size := func() int64 {
			out, err := s.DescribeTable(ctx, &api.DescribeTableInput{TableName: new(benchTable)})
			if err != nil {
				b.Fatal(err)
			}
			return *out.Table.ItemCount
		}
		write(func() bool { return n.Load() >= items }, time.Hour)
		doomed := size()
		end := time.Now().Add(5 * time.Second)
		before := write(func() bool { return time.Now().After(end) }, 24*time.Hour)
		now.advance(time.Hour)
		start, done := time.Now(), atomic.Bool{}
		var drain sync.WaitGroup
		var gone time.Duration
		drain.Go(func() {
			for time.Since(start) < time.Minute {
				time.Sleep(100 * time.Millisecond)
				if size()-n.Load() <= -doomed {
					break
				}
			}
			gone = time.Since(start)
			done.Store(true)
		})
		meanwhile := write(done.Load, 24*time.Hour)
		drain.Wait()
		b.ReportMetric(float64(before[len(before)*99/100].Microseconds()), "p99-µs-before")
		b.ReportMetric(float64(meanwhile[len(meanwhile)*99/100].Microseconds()), "p99-µs-meanwhile")
		b.ReportMetric(float64(len(before))/5, "puts/s-before")
		b.ReportMetric(float64(len(meanwhile))/gone.Seconds(), "puts/s-meanwhile")
		b.ReportMetric(gone.Seconds(), "s-to-go")
	}
}
