package kvtest

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/modelwharf/modelwharf/internal/kv"
)

func testHot(s *store) {
	hot := func() (got string) {
		s.view(func(r kv.Reader) {
			for range 2 { // from the engine, then from memory
				val, err := r.GetHot(s.Context(), []byte("a"))
				if err != nil {
					s.Fatal(err)
				}
				if got = "-"; val != nil {
					got = string(val)
				}
			}
		})
		return got
	}
	s.want("absent", hot(), "-")
	s.put("a", "1")
	s.want("written", hot(), "1")
	s.put("a", "")
	s.want("empty", hot(), "")
	s.put("a", "2")
	s.update(func(tx kv.Txn) error { tx.Delete([]byte("a")); return nil })
	s.want("deleted", hot(), "-")
	s.put("a", "3")
	s.want("made again", hot(), "3")
	if err := s.DB.DeleteRange(s.Context(), []byte("a"), []byte("b")); err != nil {
		s.Fatal(err)
	}
	s.want("deleted with its range", hot(), "-")
	s.put("a", "4")
	s.reopen()
	s.want("after a restart", hot(), "4")

	// What GetHot returned is validated at commit.
	runs := 0
	s.update(func(tx kv.Txn) error {
		val, err := tx.GetHot(s.Context(), []byte("a"))
		if err != nil {
			return err
		}
		if runs++; runs == 1 {
			s.put("a", "5")
		}
		tx.Put([]byte("b"), val)
		return nil
	})
	s.want("a transaction that read what has changed", s.get("b"), "5")
}

// testHotIsNeverStale compares, in many snapshots under many writes, what GetHot
// and Get return: it must be the same, and the same for keys written together.
func testHotIsNeverStale(s *store) {
	const writers, readers, rounds = 2, 4, 400
	keys := [][]byte{[]byte("hot-1"), []byte("hot-2"), []byte("hot-3")}
	var done atomic.Int32
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			defer done.Add(1)
			for range rounds {
				_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
					val, err := tx.GetHot(s.Context(), keys[0])
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(string(val))
					for _, key := range keys {
						tx.Put(key, strconv.AppendInt(nil, int64(n+1), 10))
					}
					return nil
				})
				if err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	compare := func(r kv.Reader) error {
		var first []byte
		for i, key := range keys {
			hot, err := r.GetHot(s.Context(), key)
			if err != nil {
				return err
			}
			cold, err := r.Get(s.Context(), key)
			if err != nil {
				return err
			}
			if !bytes.Equal(hot, cold) {
				return fmt.Errorf("at %d GetHot of %s is %q, and Get is %q", r.Stamp(), key, hot, cold)
			}
			if i == 0 {
				first = hot
			} else if !bytes.Equal(first, hot) {
				return fmt.Errorf("at %d %s is %q, and %s is %q", r.Stamp(), keys[0], first, key, hot)
			}
		}
		return nil
	}
	for range readers {
		running.Go(func() {
			for done.Load() < writers {
				if err := s.DB.View(s.Context(), compare); err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	s.want("after all", s.get("hot-1"), strconv.Itoa(writers*rounds))
}
