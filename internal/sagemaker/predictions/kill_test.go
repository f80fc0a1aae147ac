package predictions_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-faster/jx"

	tables "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// killedFolder is where a process that is to be killed has its data.
const killedFolder = "MODELWHARF_TEST_KILLED_FOLDER"

// telling is a question to a model of a generation, and its one right answer.
func (w *world) telling(generation string, n int) (*predictions.Prediction, predictions.Model) {
	p := w.question(func(p *predictions.Prediction) {
		p.Generation, p.Settings.TTL = generation, predictions.MaxTTL
		p.Body = fmt.Append(nil, n)
	})
	return p, func(context.Context) (*predictions.Answer, error) {
		return &predictions.Answer{Status: 200, Body: fmt.Appendf(nil, "%s %d %s", generation, n, strings.Repeat("=", 2000))}, nil
	}
}

// TestKilledFiller is the process that is killed: it answers until then, under promotions.
func TestKilledFiller(t *testing.T) {
	folder := os.Getenv(killedFolder)
	if folder == "" {
		t.Skip("it is started by TestKilledInMidFill")
	}
	engine, err := pebble.Open(folder, pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := openWorld(t, engine)
	nodes := []*predictions.Cache{w.node(predictions.Config{}), w.node(predictions.Config{Alone: true})}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				if rand.IntN(20) == 0 {
					w.promote(fmt.Sprint("g", rand.IntN(5)))
				}
				p, model := w.telling(*w.generation.Load(), rand.IntN(2000))
				if _, err := nodes[rand.IntN(2)].Predict(w.ctx, p, model); err != nil {
					t.Error(err)
				}
				fmt.Println("answered")
			}
		})
	}
	all.Wait()
}

// TestKilledInMidFill kills a process that fills a table, again and again: what is in the table
// then is whole, and under its own question, and the next process answers right.
func TestKilledInMidFill(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	open := func(how func(testing.TB, kv.Engine) *world) *world {
		engine, err := pebble.Open(folder, pebble.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return how(t, engine)
	}
	check := func(w *world) (leases int) {
		asked := map[string]string{}
		for n := range 2000 {
			for g := range 5 {
				generation := fmt.Sprint("g", g)
				p, _ := w.telling(generation, n)
				asked[p.Key().String()] = fmt.Sprintf("%s %d", generation, n)
			}
		}
		var start tables.Attributes
		for {
			out, err := w.items.Scan(w.ctx, &tables.ScanInput{TableName: new(table), ExclusiveStartKey: start})
			if err != nil {
				t.Fatal(err)
			}
			for _, raw := range out.Items {
				var a tables.Attributes
				if err := a.DecodeJSON(jx.DecodeBytes(raw)); err != nil {
					t.Fatal(err)
				}
				if _, is := a.Get("leaseOwner"); is {
					leases++
					continue
				}
				id, _ := a.Get("predictionId")
				row, err := predictions.NewTables(found{item: raw}, anyRole{}, time.Now).Newest(w.ctx, predictions.Place{}, "", time.Time{}, time.Time{})
				if err != nil || row == nil || string(row.Body) != asked[id.S]+" "+strings.Repeat("=", 2000) {
					t.Fatalf("%s: %s: %v", asked[id.S], raw, err)
				}
			}
			if start = out.LastEvaluatedKey; start == nil {
				return leases
			}
		}
	}
	closeWorld := func(w *world) {
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	closeWorld(open(newWorld))
	for range 4 {
		filler := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledFiller$")
		filler.Env = append(os.Environ(), killedFolder+"="+folder)
		out, err := filler.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := filler.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 100 + rand.IntN(300); n > 0 && lines.Scan(); n-- {
			if lines.Text() != "answered" {
				t.Error(lines.Text())
			}
		}
		if err := filler.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = filler.Wait()
		w := open(openWorld)
		t.Logf("%d leases were left", check(w))
		hits := 0
		w.Cache = w.node(predictions.Config{Alone: true})
		for n := range 300 {
			p, model := w.telling("g3", n)
			r, err := w.Predict(w.ctx, p, model)
			if err != nil || !strings.HasPrefix(string(r.Body), fmt.Sprintf("g3 %d =", n)) {
				t.Fatalf("%.20s %v", r.Body, err)
			}
			if r.Outcome == predictions.Hit {
				hits++
			}
		}
		t.Logf("%d hits", hits)
		w.Wait()
		closeWorld(w)
	}
}
