package lambda_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	functions "github.com/modelwharf/modelwharf/internal/api/lambda"
)

// BenchmarkInvoke invokes a function on this machine that answers at once.
func BenchmarkInvoke(b *testing.B) {
	w := newWorldOn(b, nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	b.Cleanup(s.Close)
	w.function("f", s.URL)
	payload := []byte(`{"model":"churn","features":[1,2,3]}`)
	for b.Loop() {
		out := must(w, "lambda", w.lambda.Invoke, &functions.InvocationRequest{FunctionName: new("f"), Payload: payload})
		if out.FunctionError != nil {
			b.Fatal(string(out.Payload))
		}
	}
}

// BenchmarkMapping delivers a backlog of changes in batches of 100.
func BenchmarkMapping(b *testing.B) {
	const backlog = 5000
	w := newWorldOn(b, nil)
	w.table()
	for i := range backlog {
		w.put(fmt.Sprint("item-", i%500), fmt.Sprint(i))
	}
	got := make(chan int, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ Records []json.RawMessage }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &event)
		got <- len(event.Records)
	}))
	b.Cleanup(s.Close)
	runs := 0
	for b.Loop() {
		name := fmt.Sprint("f", runs)
		runs++
		w.function(name, s.URL)
		must(w, "lambda", w.lambda.CreateEventSourceMapping, &functions.CreateEventSourceMappingRequest{
			FunctionName: &name, EventSourceArn: &w.stream, StartingPosition: new("TRIM_HORIZON")})
		for n := 0; n < backlog; n += <-got {
		}
	}
	b.ReportMetric(float64(b.N*backlog)/b.Elapsed().Seconds(), "records/s")
}
