package predictions_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// upkeep has the tables at work in the background.
func (w *world) upkeep() (stop func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); w.items.Run(ctx) }()
	return func() { cancel(); <-ended }
}

// know asks until the keys of the table are known.
func (w *world) know(c *predictions.Cache) {
	w.Helper()
	for i := range 3 {
		w.predictOn(c, w.other("know %d", i))
		synctest.Wait()
	}
}

// other is a question of its own.
func (w *world) other(format string, args ...any) *predictions.Prediction {
	return w.question(func(p *predictions.Prediction) { p.Body = fmt.Appendf(nil, format, args...) })
}

// TestNewQuestionsAreNotLookedFor has a server alone that knows which answers its table does not
// have: it looks only for those that may be there, and now and then whether it still may.
func TestNewQuestionsAreNotLookedFor(t *testing.T) {
	bubble(t, func(w *world) {
		defer w.upkeep()()
		for i := range 100 {
			w.predict(w.other("old %d", i))
		}
		c := w.node(predictions.Config{Alone: true, Memory: -1})
		w.know(c)
		looks := w.table.count("Newest")
		for i := range 100 {
			if r := w.predictOn(c, w.other("new %d", i)); r.Outcome != predictions.Miss {
				t.Errorf("%d: %s", i, r.Outcome)
			}
		}
		if n := w.table.count("Newest") - looks; n > 5 { // a filter may take a few for present
			t.Errorf("it looked for %d new ones of 100", n)
		}
		for _, kind := range []string{"old", "new"} {
			for i := range 100 {
				if r := w.predictOn(c, w.other("%s %d", kind, i)); r.Outcome != predictions.Hit {
					t.Errorf("%s %d: %s", kind, i, r.Outcome)
				}
			}
		}
		looks = w.table.count("Newest")
		time.Sleep(11 * time.Second)
		for i := range 3 {
			w.predictOn(c, w.other("later %d", i))
		}
		if n := w.table.count("Newest") - looks; n != 1 {
			t.Errorf("it looked %d times after a while, not once", n)
		}
	})
}

// TestSharedTableIsLookedInto has two servers on a table: neither knows what the other one wrote.
func TestSharedTableIsLookedInto(t *testing.T) {
	bubble(t, func(w *world) {
		defer w.upkeep()()
		w.know(w.Cache)
		w.predict(w.other("shared"))
		if w.table.count("Lacks") != 0 {
			t.Error("a table that others write to was taken for known")
		}
	})
}

// TestRoleIsAskedAgain takes away that a role may read: within ten seconds that shows, as it does
// of memory.
func TestRoleIsAskedAgain(t *testing.T) {
	bubble(t, func(w *world) {
		defer w.upkeep()()
		c := w.node(predictions.Config{Alone: true})
		w.know(c)
		w.permit("model", `"dynamodb:PutItem"`)
		time.Sleep(10 * time.Second)
		for i := range 3 {
			if r := w.predictOn(c, w.other("refused %d", i)); r.Outcome != predictions.Bypass {
				t.Errorf("%d: %s", i, r.Outcome)
			}
		}
		w.permit("model", `["dynamodb:Query","dynamodb:PutItem"]`)
		time.Sleep(10 * time.Second)
		looks := w.table.count("Newest")
		for i := range 3 {
			if r := w.predictOn(c, w.other("allowed %d", i)); r.Outcome != predictions.Miss {
				t.Errorf("%d: %s", i, r.Outcome)
			}
		}
		if n := w.table.count("Newest") - looks; n != 1 {
			t.Errorf("it looked %d times", n)
		}
	})
}

// TestRefusalIsNoted has the table refuse the role a question that may be there: from then on it is
// asked for new ones, too.
func TestRefusalIsNoted(t *testing.T) {
	bubble(t, func(w *world) {
		defer w.upkeep()()
		c := w.node(predictions.Config{Alone: true, Memory: -1})
		w.know(c)
		w.permit("model", `"dynamodb:PutItem"`)
		for _, kind := range []string{"know", "new"} {
			if r := w.predictOn(c, w.other("%s %d", kind, 0)); r.Outcome != predictions.Bypass {
				t.Errorf("%s: %s", kind, r.Outcome)
			}
		}
	})
}

// TestPanicInFill has a fill panic after the answer: it is not kept, and nothing else comes of it.
func TestPanicInFill(t *testing.T) {
	bubble(t, func(w *world) {
		c := predictions.New(predictions.Config{
			Table: w.table, Log: slog.New(slog.DiscardHandler),
			Generation: func(context.Context, *predictions.Question) (string, error) { panic("generation") },
		})
		for i := range 2 {
			if r := w.predictOn(c, w.question()); r.Outcome != predictions.Miss {
				t.Errorf("%d: %s", i, r.Outcome)
			}
		}
		if rows := w.rows(); len(rows) != 0 {
			t.Errorf("there is something left: %s", rows)
		}
	})
}

// TestAbsenceNeedsNoTable has a table hang whose keys are known: nobody waits for it.
func TestAbsenceNeedsNoTable(t *testing.T) {
	bubble(t, func(w *world) {
		defer w.upkeep()()
		c := w.node(predictions.Config{Alone: true})
		w.know(c)
		w.table.set(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		began := time.Now()
		if r, err := c.Predict(w.ctx, w.other("new"), w.call); err != nil || r.Outcome != predictions.Miss || time.Since(began) != 0 {
			t.Errorf("%s after %v: %v", r.Outcome, time.Since(began), err)
		}
		c.Wait()
	})
}
