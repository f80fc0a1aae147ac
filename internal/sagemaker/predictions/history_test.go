package predictions_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// promotion is what a client does in a history: it promotes a generation, or asks, and is
// answered by one.
type promotion struct {
	promote    bool
	generation string
}

// live is an endpoint as its clients see it: a register that holds the live generation.
var live = porcupine.Model{
	Init: func() any { return "g1" },
	Step: func(state, input, output any) (bool, any) {
		if in := input.(promotion); in.promote {
			return true, in.generation
		}
		return output == state, state
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v → %v", input, output) },
}

// TestNeverAnotherVersion has three servers answer many clients while their endpoint is
// promoted and rolled back again and again, and their table fails and dawdles: each answer is
// one of the generation that was live when it was asked for, to this very question of this
// very account.
func TestNeverAnotherVersion(t *testing.T) {
	for _, leases := range []bool{true, false} {
		t.Run(fmt.Sprintf("leases=%v", leases), func(t *testing.T) {
			bubble(t, func(w *world) {
				w.table.set(func(ctx context.Context, _ string) error {
					switch n := rand.IntN(100); {
					case n < 3:
						return errUnreachable
					case n < 6:
						time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond) // some of it too long, and not cut short
					}
					return nil
				})
				defer w.upkeep()() // so that the three, if they know of no others, know the table's keys
				var nodes [3]*predictions.Cache
				for i := range nodes {
					nodes[i] = w.node(predictions.Config{Alone: !leases, Memory: 1 << 20})
				}
				var tick, hits atomic.Int64
				var mu sync.Mutex
				var history []porcupine.Operation
				note := func(client int, began int64, in promotion, out any) {
					mu.Lock()
					defer mu.Unlock()
					history = append(history, porcupine.Operation{ClientId: client, Call: began, Input: in, Output: out, Return: tick.Add(1)})
				}
				var all sync.WaitGroup
				all.Go(func() {
					for i := range 40 {
						time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
						began, in := tick.Add(1), promotion{true, "g" + strconv.Itoa(i+2)}
						w.promote(in.generation)
						note(0, began, in, nil)
					}
				})
				for client := 1; client <= 24; client++ {
					all.Go(func() {
						for range 80 {
							time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
							began := tick.Add(1)
							p := w.question(func(p *predictions.Prediction) {
								p.Settings.TTL = 3 * time.Second
								p.Account = [...]string{account, "222222222222"}[rand.IntN(2)]
								p.Body = []byte{'0' + byte(rand.IntN(3))}
							})
							r, err := nodes[rand.IntN(len(nodes))].Predict(w.ctx, p, func(context.Context) (*predictions.Answer, error) {
								time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
								return &predictions.Answer{Status: 200, Body: []byte(p.Generation + " " + p.Account + " " + string(p.Body))}, nil
							})
							if err != nil {
								t.Error(err)
								continue
							}
							if r.Outcome == predictions.Hit {
								hits.Add(1)
							}
							var generation, owner, body string
							if n, err := fmt.Sscan(string(r.Body), &generation, &owner, &body); n != 3 || owner != p.Account || body != string(p.Body) {
								t.Errorf("%s of %s was answered %q: %v", p.Body, p.Account, r.Body, err)
							}
							note(client, began, promotion{}, generation)
						}
					})
				}
				all.Wait()
				for _, c := range nodes {
					c.Wait()
				}
				time.Sleep(time.Second) // for what was not cut short
				if lacks := w.table.count("Lacks"); leases != (lacks == 0) {
					t.Errorf("%d questions were known to be new", lacks)
				}
				if hits.Load() < 100 {
					t.Errorf("only %d hits", hits.Load())
				}
				if !porcupine.CheckOperations(live, history) {
					t.Error("an answer of a generation that was not live")
				}
			})
		})
	}
}
