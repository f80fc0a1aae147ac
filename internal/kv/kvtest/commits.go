package kvtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/modelwharf/modelwharf/internal/kv"
)

func testConditionalPut(s *store) {
	const workers, rounds = 16, 30
	for round := range rounds {
		key := fmt.Appendf(nil, "lock-%d", round)
		var winners atomic.Int32
		s.together(workers, func(worker int) error {
			won := false
			_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
				val, err := tx.Get(s.Context(), key)
				if won = err == nil && val == nil; won {
					tx.Put(key, fmt.Append(nil, worker))
				}
				return err
			})
			if won {
				winners.Add(1)
			}
			return err
		})
		s.want("winners", winners.Load(), int32(1))
	}
}

func testLostUpdate(s *store) {
	const workers, rounds = 16, 50
	key := []byte("counter")
	s.together(workers, func(int) error {
		for range rounds {
			_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
				val, err := tx.Get(s.Context(), key)
				runtime.Gosched()
				tx.Put(key, numeral(number(val)+1))
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.want("count", number([]byte(s.get("counter"))), uint64(workers*rounds))
}

// testWriteSkew lets two take one of two doctors off duty, each after both have
// read that the other one is there.
func testWriteSkew(s *store) {
	for round := range 20 {
		s.put("a", "on")
		s.put("b", "on")
		var runs atomic.Int32
		var read sync.WaitGroup
		read.Add(2)
		s.together(2, func(worker int) error {
			first := true
			_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
				runs.Add(1)
				keys := [][]byte{[]byte("a"), []byte("b")}
				if round%2 == 0 {
					slices.Reverse(keys)
				}
				vals, err := tx.GetMany(s.Context(), keys)
				if err != nil {
					return err
				}
				if first {
					first = false
					read.Done()
					read.Wait()
				}
				if string(vals[0]) == "on" && string(vals[1]) == "on" {
					tx.Put([]byte{"ab"[worker]}, []byte("off"))
				}
				return nil
			})
			return err
		})
		if s.get("a") == "off" && s.get("b") == "off" {
			s.Fatal("nobody is on duty")
		}
		s.want("runs: one of the two has to look again", runs.Load(), int32(3))
	}
}

// testTransfers moves money between accounts while others add it up.
func testTransfers(s *store) {
	const accounts, each, workers, rounds = 10, 100, 8, 100
	key := func(i int) []byte { return []byte{'a', byte('0' + i)} }
	s.update(func(tx kv.Txn) error {
		for i := range accounts {
			tx.Put(key(i), numeral(each))
		}
		return nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.together(workers, func(worker int) error {
			for round := range rounds {
				from, to := key((worker+round)%accounts), key((worker*3+round*7+1)%accounts)
				_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
					vals, err := tx.GetMany(s.Context(), [][]byte{from, to})
					if err != nil || string(from) == string(to) || number(vals[0]) == 0 {
						return err
					}
					tx.Put(from, numeral(number(vals[0])-1))
					tx.Put(to, numeral(number(vals[1])+1))
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}()
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		s.view(func(r kv.Reader) {
			sum := uint64(0)
			for p, err := range r.Scan(s.Context(), kv.Range{}) {
				if err != nil {
					s.Fatal(err)
				}
				sum += number(p.Val)
			}
			s.want("sum", sum, uint64(accounts*each))
		})
	}
}

// testBlindWrites writes the same keys from all sides, without reading them: each
// transaction is there as a whole, and none is run again.
func testBlindWrites(s *store) {
	var runs atomic.Int32
	s.together(16, func(worker int) error {
		for range 20 {
			_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
				runs.Add(1)
				for key := range 10 {
					tx.Put([]byte{'a', byte(key)}, []byte{byte(worker)})
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.want("runs", runs.Load(), int32(16*20))
	s.view(func(r kv.Reader) {
		first, err := r.Get(s.Context(), []byte{'a', 0})
		if err != nil {
			s.Fatal(err)
		}
		for p := range r.Scan(s.Context(), kv.Range{}) {
			s.want("writer", p.Val[0], first[0])
		}
	})
}

func testReadOnlyUpdate(s *store) {
	stamp := s.put("a", "1")
	got := s.update(func(tx kv.Txn) error {
		s.want("stamp of the snapshot", tx.Stamp(), stamp)
		s.want("value", s.getIn(tx, "a"), "1")
		return nil
	})
	s.want("an update that writes nothing takes no stamp", got, stamp)
	s.want("next", s.put("a", "2"), stamp+1)
}

func testErrorsWriteNothing(s *store) {
	sentinel := errors.New("no")
	_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
		tx.Put([]byte("a"), nil)
		return sentinel
	})
	s.want("error", err, sentinel)
	func() {
		defer func() { s.want("panic", recover(), any(sentinel)) }()
		s.DB.Update(s.Context(), func(tx kv.Txn) error {
			tx.Put([]byte("a"), nil)
			panic(sentinel)
		})
	}()
	s.want("nothing is written", s.get("a"), "-")
	s.want("view's error", s.DB.View(s.Context(), func(kv.Reader) error { return sentinel }), sentinel)
}

func testCancellation(s *store) {
	ctx, cancel := context.WithCancel(s.Context())
	_, err := s.DB.Update(ctx, func(tx kv.Txn) error {
		tx.Put([]byte("a"), nil)
		cancel()
		return nil
	})
	// The commit may have been quicker than the look at the context, and may
	// have begun before it; what the error says must hold.
	switch {
	case err == nil:
		s.want("written", s.get("a"), "")
	case errors.Is(err, kv.ErrCommitUnknown):
		if !errors.Is(err, context.Canceled) {
			s.Fatal(err)
		}
	case errors.Is(err, context.Canceled):
		s.put("b", "") // what was withdrawn does not come later
		s.want("not written", s.get("a"), "-")
	default:
		s.Fatal(err)
	}
	_, err = s.DB.Update(ctx, func(tx kv.Txn) error {
		s.Error("an update runs though its context is over")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		s.Fatal(err)
	}
}

// testStarvationFree lets one transaction conflict every time that it is given a
// chance to: it commits nevertheless, while others go on.
func testStarvationFree(s *store) {
	s.put("a", "0")
	runs := 0
	s.update(func(tx kv.Txn) error {
		runs++
		s.getIn(tx, "a")
		tx.Put([]byte("b"), nil)
		ctx, cancel := context.WithCancel(s.Context())
		defer cancel()
		if runs <= 8 {
			_, err := s.DB.Update(ctx, func(other kv.Txn) error {
				other.Put([]byte("a"), nil)
				return nil
			})
			return err
		}
		// In its turn nobody else commits: the other one would wait.
		go s.DB.Update(ctx, func(other kv.Txn) error {
			other.Put([]byte("a"), nil)
			return nil
		})
		return nil
	})
	s.want("runs", runs, 9)
	s.put("c", "the store goes on")
}

func testLargeGroups(s *store) {
	val := make([]byte, 256<<10)
	s.together(64, func(worker int) error {
		for i := range 3 {
			_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
				tx.Put([]byte{'a', byte(worker), byte(i)}, val)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.reopen()
	s.view(func(r kv.Reader) {
		n := 0
		for p, err := range r.Scan(s.Context(), kv.Range{}) {
			if err != nil || len(p.Val) != len(val) {
				s.Fatal(len(p.Val), err)
			}
			n++
		}
		s.want("keys", n, 192)
	})
}

func testCloseWaits(s *store) {
	s.put("a", "1")
	reading, closed := make(chan struct{}), make(chan error, 1)
	go func() {
		<-reading
		closed <- s.DB.Close()
	}()
	s.view(func(r kv.Reader) {
		close(reading)
		for { // until the store refuses newcomers
			_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
				tx.Put([]byte("b"), nil)
				return nil
			})
			if errors.Is(err, kv.ErrClosed) {
				break
			}
			if err != nil {
				s.Fatal(err)
			}
		}
		select {
		case <-closed:
			s.Fatal("closed under a reader")
		default:
		}
		s.want("value", s.getIn(r, "a"), "1")
	})
	if err := <-closed; err != nil {
		s.Fatal(err)
	}
	if err := s.DB.View(s.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		s.Fatal(err)
	}
	if err := s.DB.Close(); err != nil {
		s.Fatal("closed twice:", err)
	}
	s.open()
	s.want("value", s.get("a"), "1")
}
