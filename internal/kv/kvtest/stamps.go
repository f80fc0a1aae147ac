package kvtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
)

func testStampsAreDense(s *store) {
	want := kv.Stamp(0)
	for range 4 {
		for range 5 {
			want++
			s.want("stamp", s.put("a", ""), want)
			s.view(func(r kv.Reader) { s.want("stamp of the snapshot", r.Stamp(), want) })
		}
		s.reopen()
		s.view(func(r kv.Reader) { s.want("stamp after a restart", r.Stamp(), want) })
	}
}

// testStampsInCommitOrder lets workers commit at once: stamps are all different,
// and a transaction that began after another had ended has the greater one.
func testStampsInCommitOrder(s *store) {
	var mu sync.Mutex
	var newest kv.Stamp
	seen := map[kv.Stamp]bool{}
	s.together(16, func(worker int) error {
		for i := range 50 {
			mu.Lock()
			before := newest
			mu.Unlock()
			stamp, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
				tx.Put(fmt.Appendf(nil, "%d-%d", worker, i), nil)
				return nil
			})
			if err != nil {
				return err
			}
			mu.Lock()
			if seen[stamp] || stamp <= before {
				err = fmt.Errorf("stamp %d after %d, seen before: %t", stamp, before, seen[stamp])
			}
			seen[stamp], newest = true, max(newest, stamp)
			mu.Unlock()
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.want("dense", newest, kv.Stamp(16*50))
}

// testPutStamped appends to a log from all sides and reads it at once: a reader
// that has seen a stamp never finds an older one afterwards.
func testPutStamped(s *store) {
	stamp := s.update(func(tx kv.Txn) error {
		tx.PutStamped([]byte("p"), []byte("suffix"), []byte("1"))
		tx.PutStamped([]byte("p"), nil, []byte("2"))
		return nil
	})
	encoded := string(binary.BigEndian.AppendUint64(nil, uint64(stamp)))
	s.want("with suffix", s.get("p"+encoded+"suffix"), "1")
	s.want("without", s.get("p"+encoded), "2")

	const workers, rounds = 8, 60
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.together(workers, func(worker int) error {
			for range rounds {
				_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
					// The read makes some of them run twice.
					_, err := tx.Get(s.Context(), []byte{'h', byte(worker % 2)})
					tx.Put([]byte{'h', byte(worker % 2)}, nil)
					tx.PutStamped([]byte("log"), []byte{byte(worker)}, nil)
					return err
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}()
	read, from := 0, []byte("log")
	for last := false; ; {
		s.view(func(r kv.Reader) {
			for p, err := range r.Scan(s.Context(), kv.Range{From: from, To: []byte("loh")}) {
				if err != nil {
					s.Fatal(err)
				}
				if at := kv.Stamp(binary.BigEndian.Uint64(p.Key[3:])); at > r.Stamp() {
					s.Fatalf("a snapshot of %d holds %d", r.Stamp(), at)
				}
				read++
				from = append(append(from[:0:0], p.Key...), 0)
			}
		})
		if last {
			break
		}
		select {
		case <-done:
			last = true
		default:
		}
	}
	s.want("log records", read, workers*rounds)
}

func (s *store) stampAt(t time.Time) kv.Stamp {
	s.Helper()
	stamp, err := s.DB.StampAt(s.Context(), t)
	if err != nil {
		s.Fatal(err)
	}
	return stamp
}

func testCommitTime(s *store) {
	start := s.clock.Now()
	s.want("an empty store", s.stampAt(start.Add(time.Hour)), kv.Stamp(0))
	s.put("a", "")
	s.put("a", "") // 2 commits in second 0
	s.clock.Add(1900 * time.Millisecond)
	s.put("a", "") // 1 in second 1
	s.clock.Add(8200 * time.Millisecond)
	s.put("a", "") // 1 in second 10
	for range 2 {
		for _, test := range []struct {
			after time.Duration
			want  kv.Stamp
		}{
			{-time.Second, 0}, {0, 0}, {999 * time.Millisecond, 0}, {1 * time.Second, 2},
			{1999 * time.Millisecond, 2}, {2 * time.Second, 3}, {10 * time.Second, 3},
			{11 * time.Second, 4}, {time.Hour, 4},
		} {
			s.want(fmt.Sprint("stamp before ", test.after), s.stampAt(start.Add(test.after)), test.want)
		}
		s.reopen()
	}
}

// testClockGoesBack moves the clock back, also over a restart: commits stay in the
// second of the one before, so that a time never includes less than an earlier one.
func testClockGoesBack(s *store) {
	start := s.clock.Now()
	s.clock.Add(10 * time.Second)
	s.put("a", "")
	s.clock.Add(-5 * time.Second)
	s.put("a", "")
	s.clock.Add(-time.Hour)
	s.reopen()
	s.want("stamps go on", s.put("a", ""), kv.Stamp(3))
	s.want("before", s.stampAt(start.Add(10*time.Second)), kv.Stamp(0))
	s.want("after", s.stampAt(start.Add(11*time.Second)), kv.Stamp(3))
	s.clock.Add(2 * time.Hour)
	s.want("forward again", s.put("a", ""), kv.Stamp(4))
	s.want("after", s.stampAt(start.Add(11*time.Second)), kv.Stamp(3))
}

func testHistoryEnds(s *store) {
	s.options.History = 24 * time.Hour
	s.reopen()
	start := s.clock.Now()
	for range 4 {
		s.put("a", "")
		s.clock.Add(10 * time.Hour)
	}
	s.clock.Add(10 * 24 * time.Hour)
	s.want("now", s.put("a", ""), kv.Stamp(5))
	s.want("a day ago: the newest commit of before", s.stampAt(s.clock.Now().Add(-23*time.Hour)), kv.Stamp(4))
	_, err := s.DB.StampAt(s.Context(), start.Add(11*time.Hour))
	if !errors.Is(err, kv.ErrNoHistory) {
		s.Fatal(err)
	}
}

func testFormat(s *store) {
	s.put("a", "1")
	if err := s.DB.Close(); err != nil {
		s.Fatal(err)
	}
	// set writes the format row beneath the store, and opens it.
	set := func(op kv.Op) error {
		engine, err := s.medium()
		if err != nil {
			s.Fatal(err)
		}
		if err := engine.Apply([]kv.Op{op}); err != nil {
			s.Fatal(err)
		}
		s.DB, err = kv.Open(engine, s.options)
		return err
	}
	row := []byte{0, 'f'}
	err := set(kv.Op{Kind: kv.OpPut, Key: row, Val: []byte("2")})
	if !errors.Is(err, kv.ErrFormat) || !strings.Contains(err.Error(), "has format 2") {
		s.Fatal(err)
	}
	if err := set(kv.Op{Kind: kv.OpPut, Key: row, Val: []byte("?")}); !errors.Is(err, kv.ErrFormat) {
		s.Fatal("an unreadable format:", err)
	}
	if err := set(kv.Op{Kind: kv.OpDelete, Key: row}); !errors.Is(err, kv.ErrFormat) {
		s.Fatal("what is no store:", err)
	}
	if err := set(kv.Op{Kind: kv.OpPut, Key: row, Val: []byte("1")}); err != nil {
		s.Fatal(err)
	}
	s.want("value", s.get("a"), "1")
}

// testMigration interrupts the second of two migrations: it runs again, the first
// does not.
func testMigration(s *store) {
	s.put("a", "")
	if err := s.DB.Close(); err != nil {
		s.Fatal(err)
	}
	broken := errors.New("interrupted")
	step := func(name string, fail bool) func(context.Context, kv.Store) error {
		return func(ctx context.Context, db kv.Store) error {
			_, err := db.Update(ctx, func(tx kv.Txn) error {
				val, err := tx.Get(ctx, []byte("a"))
				tx.Put([]byte("a"), append(val, name...))
				return err
			})
			if fail {
				return broken
			}
			return err
		}
	}
	s.options.Migrations = []func(context.Context, kv.Store) error{step("1", false), step("2", true)}
	engine, err := s.medium()
	if err != nil {
		s.Fatal(err)
	}
	if _, err := kv.Open(engine, s.options); !errors.Is(err, broken) {
		s.Fatal(err)
	}
	s.options.Migrations[1] = step("2", false)
	s.open()
	s.want("migrated", s.get("a"), "122")
	s.reopen()
	s.want("migrated once", s.get("a"), "122")
}
