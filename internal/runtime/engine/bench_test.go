package engine_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/process"
	"github.com/modelwharf/modelwharf/internal/runtime/runtimetest"
)

// beside runs a benchmark on a container and, to compare, on the same program as a process of
// the machine, at its loopback interface.
func beside(b *testing.B, run func(*testing.B, runtime.Container)) {
	needEngine(b)
	quiet := slog.New(slog.DiscardHandler)
	plain, err := process.New(process.Config{Folder: filepath.Join(b.TempDir(), "processes"), Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range []struct {
		name string
		runtime.Runtime
	}{{"container", open(b, filepath.Join(b.TempDir(), "containers"))}, {"loopback", plain}} {
		c := runtimetest.Serve(b, r, "bench")
		b.Run(r.name, func(b *testing.B) { run(b, c) })
		if err := r.Close(); err != nil {
			b.Error(err)
		}
	}
}

// reportMedian reports the middle one of durations.
func reportMedian(b *testing.B, all []time.Duration) {
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Nanoseconds())/1e3, "p99-µs")
}

// BenchmarkExchange is one request and its answer, over a connection that is kept.
func BenchmarkExchange(b *testing.B) {
	beside(b, func(b *testing.B, c runtime.Container) {
		client := &http.Client{Transport: runtimetest.Transport(c)}
		var took []time.Duration
		for b.Loop() {
			begin := time.Now()
			answer, err := client.Get("http://container/args")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, answer.Body); err != nil {
				b.Fatal(err)
			}
			answer.Body.Close()
			took = append(took, time.Since(begin))
		}
		reportMedian(b, took)
	})
}

// BenchmarkDial is a new connection.
func BenchmarkDial(b *testing.B) {
	beside(b, func(b *testing.B, c runtime.Container) {
		var took []time.Duration
		for b.Loop() {
			begin := time.Now()
			to, err := c.Dial(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begin))
			to.Close()
		}
		reportMedian(b, took)
	})
}

// BenchmarkStart is from the call until the program answers, with an image that the engine has.
func BenchmarkStart(b *testing.B) {
	needEngine(b)
	r := open(b, filepath.Join(b.TempDir(), "containers"))
	defer r.Close()
	if err := runtimetest.Serve(b, r, "first").Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		begin := time.Now()
		c := runtimetest.Serve(b, r, fmt.Sprintf("n%d", i))
		took = append(took, time.Since(begin))
		b.StopTimer()
		if err := c.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	reportMedian(b, took)
}
