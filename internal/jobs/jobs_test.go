package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// bench is a store and the runners on it, in a bubble in which time passes only
// when everything waits.
type bench struct {
	*testing.T
	store *severable
}

func bubble(t *testing.T, test func(b *bench)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, err := kv.Open(mem.New(), kv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		test(&bench{t, &severable{Store: db}})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// severable is a store that a runner can be cut off from.
type severable struct {
	kv.Store
	cut atomic.Bool
}

var errCut = errors.New("cut off")

func (s *severable) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	if s.cut.Load() {
		return 0, errCut
	}
	return s.Store.Update(ctx, fn)
}

// start runs a runner until stop is called, which waits for its end.
func (b *bench) start(store kv.Store, owner string, kinds ...jobs.Kind) (runner *jobs.Runner, stop func()) {
	runner = jobs.New(jobs.Config{Store: store, Owner: owner, Logger: slog.New(slog.DiscardHandler)})
	runner.Register(kinds...)
	ctx, cancel := context.WithCancel(b.Context())
	var ended sync.WaitGroup
	ended.Go(func() { runner.Run(ctx) })
	return runner, func() {
		cancel()
		ended.Wait()
	}
}

// sleep lets time pass and waits for what was done meanwhile.
func (b *bench) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) enqueue(kind, id, input string) {
	b.Helper()
	_, err := b.store.Store.Update(b.Context(), func(tx kv.Txn) error {
		return jobs.Enqueue(b.Context(), tx, kind, id, []byte(input))
	})
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) list() (all []jobs.Status) {
	b.Helper()
	err := b.store.View(b.Context(), func(r kv.Reader) error {
		for s, err := range jobs.List(b.Context(), r) {
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return all
}

func (b *bench) want(what string, got, want any) {
	b.Helper()
	if got != want {
		b.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestRunsOnceAndIsGone(t *testing.T) {
	bubble(t, func(b *bench) {
		var ran []string
		var mu sync.Mutex
		_, stop := b.start(b.store, "", jobs.Kind{Name: "k", Run: func(_ context.Context, j *jobs.Job) error {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, j.ID+"="+string(j.Input))
			return nil
		}})
		for i := range 20 {
			b.enqueue("k", fmt.Sprint(i), fmt.Sprint("input ", i))
		}
		b.enqueue("unknown", "x", "")
		b.sleep(time.Minute)
		stop()
		slices.Sort(ran)
		b.want("runs", len(slices.Compact(ran)), 20)
		b.want("input", ran[0], "0=input 0")
		b.want("left", len(b.list()), 1)
		b.want("left", b.list()[0].Kind, "unknown")
	})
}

func TestEnqueueBelongsToItsTransaction(t *testing.T) {
	bubble(t, func(b *bench) {
		no := errors.New("no")
		_, err := b.store.Update(t.Context(), func(tx kv.Txn) error {
			return errors.Join(jobs.Enqueue(t.Context(), tx, "k", "a", nil), no)
		})
		b.want("error", errors.Is(err, no), true)
		b.want("jobs", len(b.list()), 0)
		b.enqueue("k", "a", "first")
		b.enqueue("k", "a", "second")
		b.want("jobs", len(b.list()), 1)
		b.want("input", string(b.list()[0].Input), "first")
	})
}

// TestFailuresArePaused fails twelve times and notes when it was tried.
func TestFailuresArePaused(t *testing.T) {
	bubble(t, func(b *bench) {
		b.enqueue("k", "a", "")
		start, at := time.Now(), []time.Duration{}
		_, stop := b.start(b.store, "", jobs.Kind{Name: "k", Run: func(_ context.Context, j *jobs.Job) error {
			at = append(at, time.Since(start))
			if len(at) <= 12 {
				return fmt.Errorf("failure %d", j.Failures+1)
			}
			return nil
		}})
		b.sleep(time.Minute)
		status := b.list()[0]
		b.want("failures", status.Failures, 6) // at 0, 1, 3, 7, 15 and 31 seconds
		b.want("error", status.LastError, "failure 6")
		b.sleep(2 * time.Hour)
		stop()
		b.want("jobs", len(b.list()), 0)
		pause := time.Second
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; d < pause || d > pause+2*time.Second {
				t.Errorf("try %d came after %v, want %v", i, d, pause)
			}
			pause = min(2*pause, 10*time.Minute)
		}
		b.want("tries", len(at), 13)
	})
}

func TestPanicIsAFailure(t *testing.T) {
	bubble(t, func(b *bench) {
		b.enqueue("k", "a", "")
		runs := 0
		_, stop := b.start(b.store, "", jobs.Kind{Name: "k", Run: func(context.Context, *jobs.Job) error {
			if runs++; runs == 1 {
				panic("boom")
			}
			return nil
		}})
		synctest.Wait()
		b.want("error", strings.HasPrefix(b.list()[0].LastError, "jobs: panic: boom"), true)
		b.sleep(time.Minute)
		stop()
		b.want("runs", runs, 2)
	})
}

// counting counts to 10 in its progress, a step a second.
func counting(b *bench, steps *[]string) jobs.Kind {
	return jobs.Kind{Name: "count", Run: func(ctx context.Context, j *jobs.Job) error {
		for n := len(j.Progress); n < 10; n++ {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
			_, err := j.Update(ctx, func(tx kv.Txn) error {
				j.Save(tx, []byte(strings.Repeat("x", n+1)))
				return nil
			})
			if err != nil {
				return err
			}
			*steps = append(*steps, fmt.Sprint(n))
		}
		return nil
	}}
}

// TestStopAndResume stops the runner in the middle: another goes on at once, from
// where the first one was.
func TestStopAndResume(t *testing.T) {
	bubble(t, func(b *bench) {
		var steps []string
		b.enqueue("count", "a", "")
		_, stop := b.start(b.store, "first", counting(b, &steps))
		b.sleep(4500 * time.Millisecond)
		stop()
		b.want("steps", strings.Join(steps, ""), "0123")
		b.want("the lease is given back", b.list()[0].Owner, "")
		b.want("no failure", b.list()[0].Failures, 0)
		_, stop = b.start(b.store, "second", counting(b, &steps))
		b.sleep(7 * time.Second)
		stop()
		b.want("steps", strings.Join(steps, ""), "0123456789")
		b.want("jobs", len(b.list()), 0)
	})
}

// TestCrashAndResume cuts a runner off in the middle of a job, as a crash does. The
// next owner takes over when the lease ends; the first one, who comes back, can
// write nothing any more.
func TestCrashAndResume(t *testing.T) {
	bubble(t, func(b *bench) {
		b.enqueue("k", "a", "")
		var late error
		first := &severable{Store: b.store.Store}
		comeBack := make(chan struct{})
		_, stopFirst := b.start(first, "first", jobs.Kind{Name: "k", Run: func(ctx context.Context, j *jobs.Job) error {
			j.Update(ctx, func(tx kv.Txn) error {
				j.Save(tx, []byte("half"))
				return nil
			})
			first.cut.Store(true)
			<-comeBack
			first.cut.Store(false)
			_, late = j.Update(context.WithoutCancel(ctx), func(tx kv.Txn) error {
				tx.Put([]byte("damage"), nil)
				return nil
			})
			return late
		}})
		start := time.Now()
		b.sleep(5 * time.Second)
		var took time.Duration
		var progress string
		_, stopSecond := b.start(b.store, "second", jobs.Kind{Name: "k", Run: func(ctx context.Context, j *jobs.Job) error {
			took, progress = time.Since(start), string(j.Progress)
			close(comeBack)
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
			}
			return ctx.Err()
		}})
		b.sleep(time.Hour)
		stopFirst()
		stopSecond()
		if took < 30*time.Second || took > 35*time.Second {
			t.Errorf("taken over after %v", took)
		}
		b.want("progress", progress, "half")
		b.want("the deposed owner's error", errors.Is(late, jobs.ErrDeposed), true)
		b.want("jobs", len(b.list()), 0)
		b.store.View(t.Context(), func(r kv.Reader) error {
			val, err := r.Get(t.Context(), []byte("damage"))
			b.want("written by the deposed owner", val == nil, true)
			return err
		})
	})
}

// TestSameOwnerResumesAtOnce restarts a process that died with its name.
func TestSameOwnerResumesAtOnce(t *testing.T) {
	bubble(t, func(b *bench) {
		b.enqueue("k", "a", "")
		died := &severable{Store: b.store.Store}
		_, stopFirst := b.start(died, "server", jobs.Kind{Name: "k", Run: func(ctx context.Context, j *jobs.Job) error {
			died.cut.Store(true)
			<-ctx.Done()
			return ctx.Err()
		}})
		synctest.Wait()
		stopFirst()
		b.want("the lease is still there", b.list()[0].Owner, "server")
		_, stop := b.start(b.store, "server", jobs.Kind{Name: "k", Run: func(context.Context, *jobs.Job) error { return nil }})
		synctest.Wait()
		b.want("jobs", len(b.list()), 0)
		stop()
	})
}

// TestLeaseIsRenewed runs a job much longer than a lease, beside an idle runner.
func TestLeaseIsRenewed(t *testing.T) {
	bubble(t, func(b *bench) {
		b.enqueue("k", "a", "")
		var runs atomic.Int32
		kind := jobs.Kind{Name: "k", Run: func(ctx context.Context, j *jobs.Job) error {
			runs.Add(1)
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
			}
			return ctx.Err()
		}}
		_, stopFirst := b.start(b.store, "first", kind)
		_, stopSecond := b.start(b.store, "second", kind)
		b.sleep(2 * time.Hour)
		stopFirst()
		stopSecond()
		b.want("runs", runs.Load(), int32(1))
		b.want("jobs", len(b.list()), 0)
	})
}

// TestPeriodic runs a kind each hour, over a restart.
func TestPeriodic(t *testing.T) {
	bubble(t, func(b *bench) {
		var runs atomic.Int32
		kind := jobs.Kind{Name: "sweep", Every: time.Hour, Run: func(context.Context, *jobs.Job) error {
			runs.Add(1)
			return nil
		}}
		_, stop := b.start(b.store, "", kind)
		b.sleep(150 * time.Minute)
		b.want("runs", runs.Load(), int32(3))
		stop()
		_, stop = b.start(b.store, "", kind)
		b.sleep(20 * time.Minute)
		b.want("runs", runs.Load(), int32(3))
		b.sleep(20 * time.Minute)
		b.want("runs", runs.Load(), int32(4))
		stop()
	})
}

// TestClockSetBack runs jobs under a clock that stood two days ahead: what was put off
// under it runs soon after it is set right, not two days later.
func TestClockSetBack(t *testing.T) {
	bubble(t, func(b *bench) {
		var sweeps, tries atomic.Int32
		var ahead atomic.Int64
		runner := jobs.New(jobs.Config{
			Store: b.store, Owner: "server", Logger: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		})
		runner.Register(jobs.Kind{Name: "sweep", Every: time.Hour, Run: func(context.Context, *jobs.Job) error {
			sweeps.Add(1)
			return nil
		}}, jobs.Kind{Name: "try", Run: func(context.Context, *jobs.Job) error {
			tries.Add(1)
			return errors.New("not yet")
		}})
		ahead.Store(int64(48 * time.Hour))
		b.enqueue("try", "1", "")
		ctx, cancel := context.WithCancel(b.Context())
		var ended sync.WaitGroup
		ended.Go(func() { runner.Run(ctx) })
		b.sleep(500 * time.Millisecond)
		b.want("sweeps and tries ahead", [2]int32{sweeps.Load(), tries.Load()}, [2]int32{1, 1})
		ahead.Store(0)
		b.sleep(time.Second)
		b.want("sweeps and tries after", [2]int32{sweeps.Load(), tries.Load()}, [2]int32{2, 2})
		b.sleep(30 * time.Minute)
		b.want("sweeps in the next half hour", sweeps.Load(), int32(2))
		cancel()
		ended.Wait()
	})
}

func TestWorkersAndWake(t *testing.T) {
	bubble(t, func(b *bench) {
		var now, most atomic.Int32
		runner, stop := b.start(b.store, "", jobs.Kind{Name: "k", Run: func(context.Context, *jobs.Job) error {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return nil
		}})
		synctest.Wait()
		for i := range 10 {
			b.enqueue("k", fmt.Sprint(i), "")
		}
		start := time.Now()
		runner.Wake()
		synctest.Wait()
		b.want("running at once", now.Load(), int32(4))
		b.want("woken without waiting", time.Since(start), time.Duration(0))
		b.sleep(10 * time.Second)
		stop()
		b.want("most at once", most.Load(), int32(4))
		b.want("jobs", len(b.list()), 0)
	})
}

// TestAtOnce enqueues many jobs of a kind that runs few at once, and one of another.
func TestAtOnce(t *testing.T) {
	bubble(t, func(b *bench) {
		var running, most, ran, other atomic.Int32
		long := jobs.Kind{Name: "long", AtOnce: 2, Run: func(ctx context.Context, _ *jobs.Job) error {
			n := running.Add(1)
			defer running.Add(-1)
			most.Store(max(most.Load(), n))
			time.Sleep(10 * time.Second)
			ran.Add(1)
			return nil
		}}
		short := jobs.Kind{Name: "short", Run: func(context.Context, *jobs.Job) error { other.Add(1); return nil }}
		for i := range 7 {
			b.enqueue("long", fmt.Sprint(i), "")
		}
		b.enqueue("short", "x", "")
		_, stop := b.start(b.store, "", long, short)
		b.sleep(5 * time.Second)
		b.want("others, meanwhile", other.Load(), int32(1))
		b.sleep(time.Minute)
		stop()
		b.want("runs", ran.Load(), int32(7))
		b.want("at once", most.Load(), int32(2))
	})
}
