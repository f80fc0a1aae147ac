package predictions_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv/pebble"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// kilobyte is a question of 1 KB, which is not in canonical form.
var kilobyte = append(append([]byte(`{"rows": [`), bytes.Repeat([]byte("5.10, 3.5e0, "), 78)...), []byte("0]}")...)

func benchWorld(b *testing.B) *world {
	engine, err := pebble.Open(b.TempDir(), pebble.Options{})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, engine)
	w.model = func(context.Context) (*predictions.Answer, error) {
		return &predictions.Answer{Status: 200, ContentType: "application/json", Body: kilobyte}, nil
	}
	b.Cleanup(func() {
		w.Wait()
		if err := w.store.Close(); err != nil {
			b.Error(err)
		}
	})
	return w
}

// measure runs ask and then rest, and reports the median of what ask takes alone.
func measure(b *testing.B, ask func(i int), rest func()) {
	took := make([]time.Duration, 0, 1<<16)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		ask(i)
		took = append(took, time.Since(began))
		rest()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
}

// BenchmarkHit asks what memory has, and what the table has, with bodies that are compared
// exactly or in canonical form, be it as they are known or in other words.
func BenchmarkHit(b *testing.B) {
	for _, bench := range []struct {
		name      string
		canonical bool
		memory    int64
		other     bool
	}{
		{"memory", false, 0, false}, {"memory/canonical", true, 0, false}, {"memory/canonical/new", true, 0, true},
		{"table", false, -1, false}, {"table/canonical", true, -1, false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			w := benchWorld(b)
			p := w.question(func(p *predictions.Prediction) { p.Settings.CanonicalJSON, p.Body = bench.canonical, kilobyte })
			w.predict(p)
			w.Cache = w.node(predictions.Config{Memory: bench.memory, Alone: true})
			w.predict(p)
			measure(b, func(i int) {
				q := p
				if bench.other {
					q = w.question(func(q *predictions.Prediction) {
						q.Settings.CanonicalJSON, q.Body = true, slices.Clone(kilobyte)
						for bit := range 24 {
							q.Body = append(q.Body, " \t"[i>>bit&1])
						}
					})
				}
				if r, err := w.Predict(w.ctx, q, w.call); err != nil || r.Outcome != predictions.Hit {
					b.Fatal(r.Outcome, err)
				}
			}, func() {})
		})
	}
}

// BenchmarkMiss asks what nobody asked before, of a model that answers at once: what a
// prediction waits for the cache. With leases it waits for a durable write, too.
func BenchmarkMiss(b *testing.B) {
	for name, config := range map[string]predictions.Config{"alone": {Alone: true}, "lease": {}} {
		b.Run(name, func(b *testing.B) {
			w := benchWorld(b)
			w.Cache = w.node(config)
			measure(b, func(i int) {
				p := w.question(func(p *predictions.Prediction) { p.Body = fmt.Append(slices.Clone(kilobyte), i) })
				if r, err := w.Predict(w.ctx, p, w.call); err != nil || r.Outcome != predictions.Miss {
					b.Fatal(r.Outcome, err)
				}
			}, w.Wait)
		})
	}
}

// BenchmarkServed compares the hits of a server with a handler that answers the same bytes:
// ratio is hits a second by answers of the bare handler a second, in turns in one run.
func BenchmarkServed(b *testing.B) {
	w := benchWorld(b)
	w.Cache = w.node(predictions.Config{Alone: true})
	handlers := []http.HandlerFunc{
		func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			rw.Header().Set("Content-Type", "application/json")
			_, _ = rw.Write(kilobyte)
		},
		func(rw http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				b.Error(err)
				return
			}
			answer, err := w.Predict(w.ctx, w.question(func(p *predictions.Prediction) { p.Body = body }), w.call)
			if err != nil {
				b.Error(err)
				return
			}
			answer.SetHeaders(rw.Header())
			rw.Header().Set("Content-Type", answer.ContentType)
			_, _ = rw.Write(answer.Body)
		},
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	ask := func(url string, n int) {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range n {
					r, err := client.Post(url, "application/json", bytes.NewReader(kilobyte))
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					_ = r.Body.Close()
				}
			})
		}
		all.Wait()
	}
	var urls [2]string
	for i, h := range handlers {
		server := httptest.NewServer(h)
		defer server.Close()
		urls[i] = server.URL
		ask(server.URL, 100)
	}
	var took [2]time.Duration
	for b.Loop() {
		for i, url := range urls {
			began := time.Now()
			ask(url, 100)
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(b.N*1600)/took[1].Seconds(), "hits/s")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
}
