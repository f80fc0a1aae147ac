package kvtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// access is one transaction of a history: what it read and what it wrote. Values
// are unique, so that a read names the write that it saw; 0 is the absence.
type access struct {
	reads  map[byte]uint64
	writes map[byte]uint64
}

// history runs random transactions of workers on few keys and lets porcupine look
// for an order of them that explains every read and does not contradict the times:
// the store is strictly serializable if there is one.
func (s *store) history(keys, workers, rounds int, body func(rng *rand.Rand, pick func() byte) (reads, writes []byte)) {
	var mu sync.Mutex
	var events []porcupine.Operation
	start := time.Now()
	s.together(workers, func(worker int) error {
		rng := rand.New(rand.NewPCG(uint64(worker), 7))
		for round := range rounds {
			reads, writes := body(rng, func() byte { return byte('a' + rng.IntN(keys)) })
			var done access
			called := time.Since(start)
			run := func(r kv.Reader, tx kv.Txn) error {
				done = access{reads: map[byte]uint64{}, writes: map[byte]uint64{}}
				for _, key := range reads {
					val, err := r.Get(s.Context(), []byte{key})
					if err != nil {
						return err
					}
					done.reads[key] = number(val)
					for range rng.IntN(20) {
						runtime.Gosched() // let others commit meanwhile
					}
				}
				for i, key := range writes {
					val := uint64(worker+1)<<32 | uint64(round)<<8 | uint64(i+1)
					if rng.IntN(8) == 0 {
						tx.Delete([]byte{key})
						val = 0
					} else {
						tx.Put([]byte{key}, numeral(val))
					}
					done.writes[key] = val
				}
				return nil
			}
			var err error
			if len(writes) == 0 {
				err = s.DB.View(s.Context(), func(r kv.Reader) error { return run(r, nil) })
			} else {
				_, err = s.DB.Update(s.Context(), func(tx kv.Txn) error { return run(tx, tx) })
			}
			if err != nil {
				return err
			}
			mu.Lock()
			events = append(events, porcupine.Operation{
				ClientId: worker, Input: done, Call: int64(called), Return: int64(time.Since(start)),
			})
			mu.Unlock()
		}
		return nil
	})
	if result := porcupine.CheckOperationsTimeout(registers, events, time.Minute); result == porcupine.Illegal {
		s.Fatalf("no serial order explains the history of %d transactions", len(events))
	}
}

// registers is the model: a map of keys, accessed atomically.
var registers = porcupine.Model{
	Init: func() any { return map[byte]uint64{} },
	Step: func(state, input, _ any) (bool, any) {
		have, do := state.(map[byte]uint64), input.(access)
		for key, val := range do.reads {
			if have[key] != val {
				return false, state
			}
		}
		if len(do.writes) == 0 {
			return true, state
		}
		next := maps.Clone(have)
		for key, val := range do.writes {
			if next[key] = val; val == 0 {
				delete(next, key)
			}
		}
		return true, next
	},
	Equal: func(a, b any) bool { return maps.Equal(a.(map[byte]uint64), b.(map[byte]uint64)) },
	DescribeOperation: func(input, _ any) string {
		do := input.(access)
		return fmt.Sprintf("read %v, wrote %v", do.reads, do.writes)
	},
}

// testRegisters reads and writes single keys.
func testRegisters(s *store) {
	s.history(1, 8, 60, func(rng *rand.Rand, pick func() byte) (reads, writes []byte) {
		key := []byte{pick()}
		switch rng.IntN(3) {
		case 0:
			return key, nil
		case 1:
			return nil, key
		}
		return key, key
	})
}

// testPairs reads some keys and writes others, which finds write skew.
func testPairs(s *store) {
	s.history(4, 6, 60, func(rng *rand.Rand, pick func() byte) (reads, writes []byte) {
		for range rng.IntN(3) {
			reads = append(reads, pick())
		}
		for range rng.IntN(3) {
			writes = append(writes, pick())
		}
		return reads, writes
	})
}
