package predictions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tables "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// TestKey changes one part of a question after the other: each makes another question, and so
// does a byte that moves from one part to the next.
func TestKey(t *testing.T) {
	bubble(t, func(w *world) {
		w.want("miss", `{"call":1}`, w.question())
		w.want("hit", `{"call":1}`, w.question())
		seen := map[predictions.Key]string{w.question().Key(): "nothing"}
		parts := reflect.TypeFor[predictions.Question]()
		for i := range parts.NumField() {
			p := w.question()
			if field := reflect.ValueOf(&p.Question).Elem().Field(i); field.Kind() == reflect.String {
				field.SetString(field.String() + "x")
			} else {
				field.SetBytes([]byte("x"))
			}
			name := parts.Field(i).Name
			if same, is := seen[p.Key()]; is {
				t.Errorf("to change %s is to change %s", name, same)
			}
			seen[p.Key()] = name
			want := predictions.Miss
			if name == "Region" {
				want = predictions.Bypass // where there is no such table
			}
			if r := w.predict(p); r.Outcome != want {
				t.Errorf("another %s is a %s", name, r.Outcome)
			}
		}
		a := w.question(func(p *predictions.Prediction) { p.Endpoint, p.Generation = "ab", "c" })
		b := w.question(func(p *predictions.Prediction) { p.Endpoint, p.Generation = "a", "bc" })
		if a.Key() == b.Key() {
			t.Error("parts run into each other")
		}
	})
}

// TestCanonicalJSON asks the same in other words, which is the same question only where it is
// asked for, and never if it might be another one.
func TestCanonicalJSON(t *testing.T) {
	bubble(t, func(w *world) {
		asked := func(body string, change ...func(*predictions.Prediction)) *predictions.Prediction {
			p := w.question(change...)
			p.Settings.CanonicalJSON = true
			p.Body = []byte(body)
			return p
		}
		w.want("miss", `{"call":1}`, asked(`{"b":1,"a":2}`))
		w.want("hit", `{"call":1}`, asked(`{ "a": 2.0, "b": 1e0 }`))
		w.want("hit", `{"call":1}`, asked(`{ "a": 2.0, "b": 1e0 }`))
		w.restart()
		w.want("hit", `{"call":1}`, asked("\n{\"\\u0061\":2,\"b\":1}"))
		// The canonical form itself, compared as it is: nobody asked for that yet.
		exactly := w.question()
		exactly.Body = []byte(`{"a":2,"b":1}`)
		w.want("miss", `{"call":2}`, exactly)
		w.want("hit", `{"call":1}`, asked(`{"a":2,"b":1}`))

		for i, body := range []string{
			`{"a":1,"a":2}`, `{"a":2,"a":1}`, `{"n":9007199254740993}`, `{"n":9007199254740992.5}`, `{"n":1e400}`,
			"{\"s\":\"\xff\"}", `{"s":"\ud800"}`, `{`, `{} {}`, strings.Repeat("[", 10_000), "\ufeff{}",
		} {
			answer := fmt.Sprintf(`{"call":%d}`, i+3)
			w.want("miss", answer, asked(body))
			w.want("hit", answer, asked(body))
		}
		w.calls.Store(100)
		asCSV := func(p *predictions.Prediction) { p.ContentType = "text/csv" }
		w.want("miss", `{"call":101}`, asked("1, 2", asCSV))
		w.want("miss", `{"call":102}`, asked("1,2", asCSV))
	})
}

// TestVariantIsReplayed keeps variants apart, and tells which one answered.
func TestVariantIsReplayed(t *testing.T) {
	bubble(t, func(w *world) {
		for range 2 {
			for _, variant := range []string{"blue", "green"} {
				p := w.question(func(p *predictions.Prediction) { p.Variant, p.Model = variant, "iris-"+variant })
				if r := w.predict(p); r.Variant != variant {
					t.Errorf("%s answered for %s", r.Variant, variant)
				}
			}
			w.restart()
		}
		if n := w.calls.Load(); n != 2 {
			t.Errorf("%d calls", n)
		}
		// The answer of another variant is none to this question.
		w.model = func(context.Context) (*predictions.Answer, error) {
			return &predictions.Answer{Status: 200, Variant: "other", Body: []byte("x")}, nil
		}
		for range 2 {
			if r := w.predict(w.question()); r.Outcome != predictions.Miss || r.Variant != "other" {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestPromotionChangesGeneration promotes and rolls back: no answer of before is found.
func TestPromotionChangesGeneration(t *testing.T) {
	bubble(t, func(w *world) {
		w.want("miss", `{"call":1}`, w.question())
		w.promote("g2")
		w.want("miss", `{"call":2}`, w.question())
		w.want("hit", `{"call":2}`, w.question())
		w.promote("g3") // back to the model of before
		w.restart()
		w.want("miss", `{"call":3}`, w.question())
	})
}

// TestFillOfAnotherGenerationIsDropped promotes while the model is being asked.
func TestFillOfAnotherGenerationIsDropped(t *testing.T) {
	bubble(t, func(w *world) {
		p := w.question()
		w.model = func(context.Context) (*predictions.Answer, error) {
			w.promote("g2")
			return &predictions.Answer{Status: 200, Body: []byte("old")}, nil
		}
		w.want("miss", "old", p)
		if rows := w.rows(); len(rows) > 0 {
			t.Errorf("%s", rows)
		}
		w.model = nil
		w.want("miss", `{"call":2}`, p)
		w.want("miss", `{"call":3}`, w.question())
	})
}

// TestTableIsUsedInTheRole takes permissions from the model's role and gives them back.
func TestTableIsUsedInTheRole(t *testing.T) {
	bubble(t, func(w *world) {
		w.want("miss", `{"call":1}`, w.question())
		w.want("hit", `{"call":1}`, w.question())
		// Another role, which may not read, is not served what memory has for this one.
		w.permit("reader", `"dynamodb:GetItem"`)
		asReader := func(p *predictions.Prediction) { p.Role = readsOnly }
		w.want("bypass", `{"call":2}`, w.question(asReader))
		w.want("bypass", `{"call":3}`, w.question(asReader))
		w.want("hit", `{"call":1}`, w.question())
		// One that may read but not write is served what others wrote.
		w.permit("reader", `"dynamodb:Query"`)
		time.Sleep(time.Minute)
		w.want("hit", `{"call":1}`, w.question(asReader))
		other := func(p *predictions.Prediction) { p.Body = []byte("2") }
		w.want("miss", `{"call":4}`, w.question(asReader, other))
		w.want("miss", `{"call":5}`, w.question(asReader, other))
		w.want("hit", `{"call":1}`, w.question(asReader))
		// A permission that is taken away is felt in memory within ten seconds, and at once where
		// the table was asked for anything else.
		w.want("hit", `{"call":1}`, w.question())
		w.permit("model", `"dynamodb:PutItem"`)
		w.want("hit", `{"call":1}`, w.question())
		w.want("bypass", `{"call":6}`, w.question(func(p *predictions.Prediction) { p.Body = []byte("3") }))
		w.want("bypass", `{"call":7}`, w.question())
		w.permit("model", `["dynamodb:Query","dynamodb:PutItem","dynamodb:DeleteItem"]`)
		time.Sleep(10 * time.Second)
		w.want("hit", `{"call":1}`, w.question())
		// Neither a role that does not trust the service nor one that is not there is a way in.
		w.want("bypass", `{"call":8}`, w.question(func(p *predictions.Prediction) { p.Role = "arn:aws:iam::" + account + ":role/none" }))
	})
}

// TestHeaders shows what a client is told.
func TestHeaders(t *testing.T) {
	bubble(t, func(w *world) {
		told := func(p *predictions.Prediction) string {
			r, h := w.predict(p), http.Header{}
			r.SetHeaders(h)
			return h.Get("x-modelwharf-cache") + " " + h.Get("age")
		}
		for i, want := range []string{"miss ", "hit 0", "hit 90"} {
			if i == 2 {
				time.Sleep(90 * time.Second)
			}
			if got := told(w.question()); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		if got := told(w.question(func(p *predictions.Prediction) { p.SessionID = "s" })); got != "bypass " {
			t.Error(got)
		}
		if got := told(w.question(func(p *predictions.Prediction) { p.Settings = nil })); got != " " {
			t.Error(got)
		}
	})
}

// TestBypass asks around the cache, which is neither read nor written.
func TestBypass(t *testing.T) {
	bubble(t, func(w *world) {
		around := map[string]func(*predictions.Prediction){
			"a session":       func(p *predictions.Prediction) { p.SessionID = "s" },
			"a stream":        func(p *predictions.Prediction) { p.Streaming = true },
			"no-cache":        func(p *predictions.Prediction) { p.CacheControl = "No-Cache" },
			"one of several":  func(p *predictions.Prediction) { p.CacheControl = "max-age=0, no-cache" },
			"no-store":        func(p *predictions.Prediction) { p.CacheControl = "no-store" },
			"with a field":    func(p *predictions.Prediction) { p.CacheControl = `no-cache="x"` },
			"nothing is kept": func(p *predictions.Prediction) { p.Streaming = true },
		}
		for name, change := range around {
			if r := w.predict(w.question(change)); r.Outcome != predictions.Bypass {
				t.Errorf("%s: %s", name, r.Outcome)
			}
		}
		if len(w.rows()) > 0 || w.table.count("Newest") > 0 {
			t.Error("the table was asked")
		}
		w.want("miss", fmt.Sprintf(`{"call":%d}`, len(around)+1), w.question(func(p *predictions.Prediction) { p.CacheControl = "max-age=0" }))
		w.want("bypass", fmt.Sprintf(`{"call":%d}`, len(around)+2), w.question(around["no-cache"]))
		w.want("hit", fmt.Sprintf(`{"call":%d}`, len(around)+1), w.question())
	})
}

// stampede asks the same n times at once of each cache, and returns how often each outcome came.
func (w *world) stampede(n int, p *predictions.Prediction, caches ...*predictions.Cache) map[predictions.Outcome]int {
	outcomes := map[predictions.Outcome]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, c := range caches {
		for range n {
			all.Go(func() {
				r, err := c.Predict(w.ctx, p, w.call)
				if err != nil {
					w.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				outcomes[r.Outcome]++
				if string(r.Body) != "one" {
					w.Errorf("%s", r.Body)
				}
			})
		}
	}
	all.Wait()
	for _, c := range caches {
		c.Wait()
	}
	return outcomes
}

// slowly is a model that takes a time.
func slowly(d time.Duration) predictions.Model {
	return func(ctx context.Context) (*predictions.Answer, error) {
		select {
		case <-time.After(d):
			return &predictions.Answer{Status: 200, Body: []byte("one")}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// TestStampede has a thousand equal questions wait for one call.
func TestStampede(t *testing.T) {
	bubble(t, func(w *world) {
		w.model = slowly(20 * time.Second)
		outcomes := w.stampede(1000, w.question(), w.Cache)
		if w.calls.Load() != 1 || outcomes[predictions.Miss] != 1 || outcomes[predictions.Hit] != 999 {
			t.Errorf("%d calls, %v", w.calls.Load(), outcomes)
		}
	})
}

// TestStampedeOnServers has a thousand equal questions of two servers wait for one call, which
// takes longer than a lease.
func TestStampedeOnServers(t *testing.T) {
	bubble(t, func(w *world) {
		w.model = slowly(20 * time.Second)
		outcomes := w.stampede(500, w.question(), w.Cache, w.node(predictions.Config{}))
		if w.calls.Load() != 1 || outcomes[predictions.Miss] != 1 || outcomes[predictions.Hit] != 999 {
			t.Errorf("%d calls, %v", w.calls.Load(), outcomes)
		}
		if rows := w.rows(); len(rows) != 1 {
			t.Errorf("the lease is left: %s", rows)
		}
	})
}

// TestLeaseLooksAgain has another server answer, and give its lease back, just before this one
// takes its own: the model is not asked again.
func TestLeaseLooksAgain(t *testing.T) {
	bubble(t, func(w *world) {
		var once sync.Once
		w.table.set(func(_ context.Context, operation string) error {
			if operation == "Take" {
				once.Do(func() {
					w.table.set(nil)
					w.predictOn(w.node(predictions.Config{}), w.question())
				})
			}
			return nil
		})
		w.want("hit", `{"call":1}`, w.question())
		if rows := w.rows(); len(rows) != 1 {
			t.Errorf("the lease is left: %s", rows)
		}
	})
}

// TestCallerLeaves lets the first of two leave: the other one is answered, and so is the next.
func TestCallerLeaves(t *testing.T) {
	bubble(t, func(w *world) {
		w.model = slowly(time.Second)
		ctx, leave := context.WithCancel(w.ctx)
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := w.Predict(ctx, w.question(), w.call); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		both.Go(func() { w.want("hit", "one", w.question()) })
		synctest.Wait()
		leave()
		both.Wait()
		w.want("hit", "one", w.question())
		if n := w.calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestServerDiesInMidFill leaves a lease behind: another server waits for its end, and asks.
func TestServerDiesInMidFill(t *testing.T) {
	bubble(t, func(w *world) {
		at := predictions.Place{Account: account, Region: region, Table: table, Role: role}
		p := w.question()
		dead := &predictions.Lease{ID: p.Key().String(), Owner: "dead", Until: time.Now().Add(3 * time.Second)}
		if err := w.table.Take(w.ctx, at, dead, time.Now()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		w.want("miss", `{"call":1}`, p)
		if waited := time.Since(began); waited < 3*time.Second || waited > 3200*time.Millisecond {
			t.Errorf("it waited for %v", waited)
		}
		w.want("hit", `{"call":1}`, p)
		// What the dead one would still write is not written.
		row := &predictions.Row{ID: p.Key().String(), Created: time.Now(), Expires: time.Now().Add(time.Hour), Answer: predictions.Answer{Status: 200, Body: []byte("late")}}
		if err := w.table.Put(w.ctx, at, row, dead); !errors.Is(err, predictions.ErrLeased) {
			t.Error(err)
		}
		w.restart()
		w.want("hit", `{"call":1}`, p)
	})
}

// TestOnlySuccessIsKept asks a model that fails in every way.
func TestOnlySuccessIsKept(t *testing.T) {
	bubble(t, func(w *world) {
		for _, status := range []int{100, 199, 300, 304, 400, 404, 429, 500, 503} {
			w.model = func(context.Context) (*predictions.Answer, error) {
				return &predictions.Answer{Status: status, Body: []byte("no")}, nil
			}
			w.want("miss", "no", w.question())
		}
		failed := errors.New("failed")
		for _, model := range []predictions.Model{
			func(context.Context) (*predictions.Answer, error) { return nil, failed },
			func(context.Context) (*predictions.Answer, error) { return nil, nil },
		} {
			w.model = model
			for _, change := range []func(*predictions.Prediction){
				func(*predictions.Prediction) {}, func(p *predictions.Prediction) { p.Streaming = true }, func(p *predictions.Prediction) { p.Settings = nil },
			} {
				if r, err := w.Predict(w.ctx, w.question(change), w.call); err == nil || r.Answer != nil {
					t.Errorf("%+v %v", r, err)
				}
				w.Wait()
			}
		}
		// On a flight nobody recovers but the cache.
		w.model = func(context.Context) (*predictions.Answer, error) { panic(failed) }
		if r, err := w.Predict(w.ctx, w.question(), w.call); err == nil || r.Answer != nil {
			t.Errorf("%+v %v", r, err)
		}
		w.Wait()
		if rows := w.rows(); len(rows) > 0 {
			t.Errorf("%s", rows)
		}
		w.model = func(context.Context) (*predictions.Answer, error) {
			return &predictions.Answer{Status: 201, ContentType: "text/plain", CustomAttributes: "a=b", Body: []byte("yes")}, nil
		}
		w.want("miss", "yes", w.question())
		w.restart()
		if r := w.predict(w.question()); r.Outcome != predictions.Hit || r.Status != 201 || r.ContentType != "text/plain" || r.CustomAttributes != "a=b" {
			t.Errorf("%+v", r.Answer)
		}
	})
}

// TestTooLargeIsNotKept asks for answers around what an item may have.
func TestTooLargeIsNotKept(t *testing.T) {
	bubble(t, func(w *world) {
		random := make([]byte, 450_000)
		for i := range random {
			random[i] = byte(rand.Uint32())
		}
		for name, test := range map[string]struct {
			body []byte
			kept bool
		}{
			"packed, it fits":         {bytes.Repeat([]byte("abcdefgh"), 786_432), true},
			"nothing":                 {nil, true},
			"an item in all":          {random[:409_000], true},
			"the body alone fits":     {random[:409_599], false},
			"not even the body alone": {random, false},
		} {
			w.model = func(context.Context) (*predictions.Answer, error) {
				return &predictions.Answer{Status: 200, Body: test.body}, nil
			}
			p := w.question(func(p *predictions.Prediction) { p.Body = []byte(name) })
			if r := w.predict(p); r.Outcome != predictions.Miss || !bytes.Equal(r.Body, test.body) {
				t.Errorf("%s: %s", name, r.Outcome)
			}
			w.restart()
			if r := w.predict(p); (r.Outcome == predictions.Hit) != test.kept || !bytes.Equal(r.Body, test.body) {
				t.Errorf("%s: %s with %d bytes", name, r.Outcome, len(r.Body))
			}
		}
		if n := len(w.rows()); n != 3 {
			t.Errorf("%d items", n)
		}
	})
}

// TestExpiryIsComparedOnRead has nothing delete what is over.
func TestExpiryIsComparedOnRead(t *testing.T) {
	bubble(t, func(w *world) {
		ttl := func(d time.Duration) func(*predictions.Prediction) {
			return func(p *predictions.Prediction) { p.Settings.TTL = d }
		}
		w.want("miss", `{"call":1}`, w.question(ttl(5*time.Second)))
		time.Sleep(4 * time.Second)
		w.want("hit", `{"call":1}`, w.question(ttl(5*time.Second)))
		time.Sleep(time.Second)
		w.want("miss", `{"call":2}`, w.question(ttl(5*time.Second)))
		w.restart()
		w.want("hit", `{"call":2}`, w.question(ttl(5*time.Second)))
		time.Sleep(5 * time.Second)
		// A longer time says nothing of what is over.
		w.want("miss", `{"call":3}`, w.question(ttl(time.Hour)))
		time.Sleep(time.Minute)
		// A shorter time holds at once, and what was kept for longer is not in the way.
		w.want("miss", `{"call":4}`, w.question(ttl(20*time.Second)))
		w.want("hit", `{"call":4}`, w.question(ttl(20*time.Second)))
		w.restart()
		w.want("hit", `{"call":4}`, w.question(ttl(20*time.Second)))
		if n := len(w.rows()); n != 4 {
			t.Errorf("%d items", n)
		}
	})
}

// TestFailOpen has the table fail in every way: each prediction is answered, and few wait.
func TestFailOpen(t *testing.T) {
	hangs := func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	deaf := func(context.Context, string) error { time.Sleep(5 * time.Second); return nil }
	for name, fail := range map[string]func(context.Context, string) error{
		"unreachable": func(context.Context, string) error { return errUnreachable },
		"throttled": func(context.Context, string) error {
			return tables.ProvisionedThroughputExceededException("slower")
		},
		"hangs":  hangs,
		"deaf":   deaf,
		"panics": func(context.Context, string) error { panic("table") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.want("miss", `{"call":1}`, w.question())
				w.table.set(fail)
				// Memory still has what it had, for as long as it is good.
				time.Sleep(time.Minute)
				w.want("hit", `{"call":1}`, w.question())
				began := time.Now()
				for i := range 1000 {
					p := w.question(func(p *predictions.Prediction) { p.Body = fmt.Append(nil, i) })
					w.want("bypass", fmt.Sprintf(`{"call":%d}`, i+2), p)
				}
				if waited := time.Since(began); waited > 300*time.Millisecond {
					t.Errorf("a thousand predictions waited for %v", waited)
				}
				w.table.set(nil)
				time.Sleep(10 * time.Second)
				p := w.question(func(p *predictions.Prediction) { p.Body = []byte("back") })
				w.want("miss", `{"call":1002}`, p)
				w.want("hit", `{"call":1002}`, p)
			})
		})
	}
	for _, operation := range []string{"Newest", "Take", "Renew", "Put", "Drop"} {
		t.Run(operation, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.model = slowly(5 * time.Second)
				w.table.set(func(ctx context.Context, asked string) error {
					if asked == operation {
						return hangs(ctx, asked)
					}
					return nil
				})
				for range 3 {
					began := time.Now()
					if r := w.predict(w.question()); string(r.Body) != "one" {
						t.Errorf("%+v", r)
					}
					if waited := time.Since(began); waited > 13*time.Second {
						t.Errorf("it took %v", waited)
					}
				}
			})
		})
	}
}
