package predictions_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	tables "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// asks is a question of an account.
func (w *world) asks(account string, n int) *predictions.Prediction {
	return w.question(func(p *predictions.Prediction) { p.Account, p.Body = account, fmt.Append(nil, n) })
}

// fromTable tells whether a prediction was answered by the table.
func (w *world) fromTable(p *predictions.Prediction) bool {
	w.Helper()
	before := w.table.count("Newest")
	if r := w.predict(p); r.Outcome != predictions.Hit {
		w.Errorf("a %s", r.Outcome)
	}
	return w.table.count("Newest") > before
}

// TestMemoryIsShared has one account ask without end: memory stays within its bound, and an
// account that uses less than its share loses nothing.
func TestMemoryIsShared(t *testing.T) {
	bubble(t, func(w *world) {
		metrics := prometheus.NewRegistry()
		const limit = 100_000
		w.Cache = w.node(predictions.Config{Memory: limit, Metrics: metrics})
		for i := range 50 {
			w.predict(w.asks("modest", i))
		}
		for i := range 500 {
			w.predict(w.asks("greedy", i))
			w.predict(w.asks("third", i%3))
		}
		for i := range 50 {
			if w.fromTable(w.asks("modest", i)) {
				t.Fatalf("the modest account lost its question %d", i)
			}
		}
		if w.fromTable(w.asks("greedy", 499)) || !w.fromTable(w.asks("greedy", 0)) {
			t.Error("the last one used is not the one that stays")
		}
		const held = "modelwharf_prediction_cache_memory_bytes"
		if n := numbers(t, metrics)[held]; n > limit || n < limit*9/10 {
			t.Errorf("%v bytes are held", n)
		}
	})
}

// numbers are those of a registry, by name and the values of labels.
func numbers(t *testing.T, r prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			all[name] = m.Counter.GetValue() + m.Gauge.GetValue()
		}
	}
	return all
}

// TestMemoryAsksAgain deletes what the table has: memory serves it for ten seconds at most.
func TestMemoryAsksAgain(t *testing.T) {
	bubble(t, func(w *world) {
		w.want("miss", `{"call":1}`, w.question())
		time.Sleep(9 * time.Second)
		if w.fromTable(w.question()) {
			t.Error("memory has nothing")
		}
		time.Sleep(time.Second)
		if !w.fromTable(w.question()) || w.fromTable(w.question()) {
			t.Error("the table is not asked once in a while")
		}
		if _, err := w.items.DeleteTable(w.ctx, &tables.DeleteTableInput{TableName: new(table)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		w.want("bypass", `{"call":2}`, w.question())
		w.createTable()
		time.Sleep(10 * time.Second)
		w.want("miss", `{"call":3}`, w.question())
	})
}

// TestMeters counts predictions, fills and failures.
func TestMeters(t *testing.T) {
	bubble(t, func(w *world) {
		w.predict(w.question())
		w.predict(w.question())
		w.predict(w.question(func(p *predictions.Prediction) { p.Streaming = true }))
		w.predict(w.question(func(p *predictions.Prediction) { p.Role = readsOnly; p.Body = []byte("1") }))
		time.Sleep(time.Minute)
		w.predict(w.question())
		got := numbers(t, w.metrics)
		delete(got, "modelwharf_prediction_cache_memory_bytes")
		want := map[string]float64{
			"modelwharf_prediction_cache_predictions_total 111111111111 iris bypass eu-west-1 model": 1,
			"modelwharf_prediction_cache_predictions_total 111111111111 iris hit eu-west-1 memory":   1,
			"modelwharf_prediction_cache_predictions_total 111111111111 iris hit eu-west-1 table":    1,
			"modelwharf_prediction_cache_predictions_total 111111111111 iris miss eu-west-1 model":   2,
			"modelwharf_prediction_cache_fills_total 111111111111 iris eu-west-1 failed":             1,
			"modelwharf_prediction_cache_fills_total 111111111111 iris eu-west-1 kept":               1,
			"modelwharf_prediction_cache_errors_total 111111111111 lease eu-west-1 predictions":      1,
		}
		if !maps.Equal(got, want) {
			t.Errorf("%v", got)
		}
		w.Forget(account, region, "iris")
		for name := range numbers(t, w.metrics) {
			if strings.Contains(name, "iris") {
				t.Error(name)
			}
		}
	})
}

// TestFlightsAreBounded has one account's clients ask without end and leave: what goes on
// without them is bounded, and no other account is hindered.
func TestFlightsAreBounded(t *testing.T) {
	bubble(t, func(w *world) {
		w.Cache = w.node(predictions.Config{Alone: true})
		w.model = slowly(time.Minute)
		var all sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[predictions.Outcome]int{}
		ask := func(p *predictions.Prediction) {
			all.Go(func() {
				r, err := w.Predict(w.ctx, p, w.call)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				outcomes[r.Outcome]++
			})
		}
		for i := range 4096 {
			ask(w.asks("greedy", i))
		}
		synctest.Wait()
		ask(w.asks("greedy", 4096))
		ask(w.asks("modest", 0))
		body := make([]byte, 100<<20)
		for _, endpoint := range []string{"a", "b", "c"} {
			ask(w.question(func(p *predictions.Prediction) { p.Account, p.Endpoint, p.Body = "long", endpoint, body }))
			synctest.Wait()
		}
		all.Wait()
		if outcomes[predictions.Bypass] != 2 || outcomes[predictions.Miss] != 4096+3 {
			t.Error(outcomes)
		}
	})
}

// TestForgedRows puts into the table what is none of the cache's: it is never served.
func TestForgedRows(t *testing.T) {
	bubble(t, func(w *world) {
		text := func(s string) tables.AttributeValue { return tables.AttributeValue{Type: tables.TypeS, S: s} }
		number := func(n int64) tables.AttributeValue {
			return tables.AttributeValue{Type: tables.TypeN, S: fmt.Sprint(n)}
		}
		bytes := func(s string) tables.AttributeValue { return tables.AttributeValue{Type: tables.TypeB, S: s} }
		put := func(p *predictions.Prediction, change map[string]tables.AttributeValue) {
			item := map[string]tables.AttributeValue{
				"predictionId": text(p.Key().String()), "timestamp": number(time.Now().Add(30 * time.Minute).Unix()), "createdAt": number(time.Now().Unix()),
				"contentType": text("text/plain"), "variant": text(p.Variant), "model": text(p.Model), "imageDigest": text(p.ImageDigest), "body": bytes("forged"),
			}
			maps.Copy(item, change)
			var a tables.Attributes
			for _, name := range slices.Sorted(maps.Keys(item)) {
				if item[name].Type != tables.TypeNone {
					a = a.Set(name, item[name])
				}
			}
			if _, err := w.items.PutItem(w.ctx, &tables.PutItemInput{TableName: new(table), Item: a}); err != nil {
				t.Fatal(err)
			}
		}
		p := w.question(func(p *predictions.Prediction) { p.Body = []byte("good") })
		put(p, nil)
		w.want("hit", "forged", p) // as every test below would be answered

		packer, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		bomb := string(packer.EncodeAll(make([]byte, 64<<20), nil))
		for name, change := range map[string]map[string]tables.AttributeValue{
			"another variant":     {"variant": text("other")},
			"another model":       {"model": text("other")},
			"another image":       {"imageDigest": text("other")},
			"no body":             {"body": {}},
			"a body of text":      {"body": text("forged")},
			"an unknown encoding": {"bodyEncoding": text("br")},
			"an encoding's type":  {"bodyEncoding": number(1)},
			"not packed":          {"bodyEncoding": text("zstd")},
			"a bomb":              {"bodyEncoding": text("zstd"), "body": bytes(bomb)},
			"no time":             {"createdAt": {}},
			"no whole time":       {"createdAt": {Type: tables.TypeN, S: "1.5"}},
			"an endless time":     {"createdAt": {Type: tables.TypeN, S: "1e100"}},
			"too old":             {"createdAt": number(time.Now().Add(-2 * time.Hour).Unix())},
			"too new":             {"timestamp": number(time.Now().Add(2 * time.Hour).Unix())},
			"of the past":         {"timestamp": number(time.Now().Unix())},
			"no success":          {"status": number(500)},
			"a status of text":    {"status": text("200")},
			"attributes":          {"customAttributes": number(1)},
		} {
			p := w.question(func(p *predictions.Prediction) { p.Body = []byte(name) })
			put(p, change)
			if r := w.predict(p); r.Outcome != predictions.Miss || string(r.Body) == "forged" {
				t.Errorf("%s: %s %.20s", name, r.Outcome, r.Body)
			}
		}
	})
}

// FuzzRow reads items that anybody may have written.
func FuzzRow(f *testing.F) {
	f.Add([]byte(`{"body":{"B":"eA=="},"bodyEncoding":{"S":"zstd"},"contentType":{"S":""},"createdAt":{"N":"1"},"imageDigest":{"S":""},"model":{"S":""},"predictionId":{"S":""},"timestamp":{"N":"1"},"variant":{"S":""}}`))
	f.Add([]byte(`{"body":{"B":"eA=="},"contentType":{"S":""},"createdAt":{"N":"1"},"imageDigest":{"S":""},"model":{"S":""},"predictionId":{"S":""},"status":{"N":"200"},"timestamp":{"N":"1"},"variant":{"S":""}}`))
	f.Fuzz(func(t *testing.T, item []byte) {
		row, err := predictions.NewTables(found{item: item}, anyRole{}, time.Now).Newest(t.Context(), predictions.Place{}, "", time.Time{}, time.Time{})
		if err != nil {
			t.Error(err)
		}
		if row != nil && len(row.Body) > 6_291_456 && len(row.Body) > len(item) {
			t.Errorf("a body of %d bytes", len(row.Body))
		}
	})
}

// found is a table of which every query finds an item.
type found struct {
	predictions.Items
	item []byte
}

func (f found) Query(context.Context, *tables.QueryInput) (*tables.QueryOutput, error) {
	return &tables.QueryOutput{Items: []tables.RawAttributes{f.item}}, nil
}

type anyRole struct{}

func (anyRole) ServiceRole(ctx context.Context, _, _, _ string) (context.Context, error) {
	return ctx, nil
}
