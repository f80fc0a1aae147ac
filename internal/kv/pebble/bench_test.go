package pebble_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
)

// The benchmarks run on a store of 80,000 values of 1 KB, which the default cache holds. They report the rate
// and the CPU time of the whole process for each operation.
const benchKeys = 80_000

func benchKey(i int) []byte {
	return binary.BigEndian.AppendUint64([]byte("\x03item\x00"), uint64(i)*0x9E3779B97F4A7C15)
}

func benchStore(b *testing.B) *kv.DB {
	engine, err := pebble.Open(b.TempDir(), pebble.Options{})
	if err != nil {
		b.Fatal(err)
	}
	db, err := kv.Open(engine, kv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	val := benchValue()
	for i := 0; i < benchKeys; {
		_, err := db.Update(b.Context(), func(tx kv.Txn) error {
			for range 1000 {
				tx.Put(benchKey(i), val)
				i++
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return db
}

// benchValue is half random, so that it compresses as JSON does.
func benchValue() []byte {
	val := make([]byte, 1024)
	for i := range val[:512] {
		val[i] = byte(rand.Uint32())
	}
	return val
}

// drive runs op b.N times from the given number of goroutines.
func drive(b *testing.B, workers int, op func(ctx context.Context, i int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ResetTimer()
	for range workers {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := op(b.Context(), rand.IntN(benchKeys)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-µs/op")
}

func BenchmarkUpdate(b *testing.B) {
	db := benchStore(b)
	for _, workers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("read-modify-write/%d", workers), func(b *testing.B) {
			b.ReportAllocs()
			drive(b, workers, func(ctx context.Context, i int) error {
				key := benchKey(i)
				_, err := db.Update(ctx, func(tx kv.Txn) error {
					val, err := tx.Get(ctx, key)
					if err != nil {
						return err
					}
					val[0]++
					tx.Put(key, val)
					return nil
				})
				return err
			})
		})
	}
	val := benchValue()
	for _, workers := range []int{16, 64} {
		b.Run(fmt.Sprintf("put/%d", workers), func(b *testing.B) {
			b.ReportAllocs()
			drive(b, workers, func(ctx context.Context, i int) error {
				_, err := db.Update(ctx, func(tx kv.Txn) error {
					tx.Put(benchKey(i), val)
					return nil
				})
				return err
			})
		})
	}
}

func BenchmarkView(b *testing.B) {
	db := benchStore(b)
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		drive(b, 4, func(ctx context.Context, i int) error {
			key := benchKey(i)
			return db.View(ctx, func(r kv.Reader) error {
				_, err := r.Get(ctx, key)
				return err
			})
		})
	})
	b.Run("scan-100", func(b *testing.B) {
		b.ReportAllocs()
		drive(b, 4, func(ctx context.Context, i int) error {
			key := benchKey(i)
			return db.View(ctx, func(r kv.Reader) error {
				for _, err := range r.Scan(ctx, kv.Range{From: key, Limit: 100}) {
					if err != nil {
						return err
					}
				}
				return nil
			})
		})
	})
}
