package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/kv"
)

func testGet(s *store) {
	s.want("absent", s.get("a"), "-")
	s.put("a", "1")
	s.put("empty", "")
	s.want("present", s.get("a"), "1")
	s.want("an empty value is not absent", s.get("empty"), "")
	s.view(func(r kv.Reader) {
		vals, err := r.GetMany(s.Context(), [][]byte{[]byte("x"), []byte("a"), []byte("empty"), []byte("a")})
		if err != nil {
			s.Fatal(err)
		}
		if vals[0] != nil || string(vals[1]) != "1" || vals[2] == nil || string(vals[3]) != "1" {
			s.Fatalf("GetMany: %q", vals)
		}
		vals[1][0] = 'x' // the caller owns it
	})
	s.want("after the caller wrote to its copy", s.get("a"), "1")
	s.reopen()
	s.want("after a restart", s.get("a"), "1")
	s.want("after a restart", s.get("empty"), "")
}

func testOwnWrites(s *store) {
	s.put("a", "1")
	s.update(func(tx kv.Txn) error {
		key, val := []byte("a"), []byte("2")
		tx.Put(key, val)
		tx.Delete([]byte("b"))
		key[0], val[0] = 'z', 'z' // writes are copied
		s.want("a transaction does not see its own writes", s.getIn(tx, "a"), "1")
		return nil
	})
	s.want("afterwards", s.get("a"), "2")
	s.want("afterwards", s.get("z"), "-")
}

func testLastWriteWins(s *store) {
	s.update(func(tx kv.Txn) error {
		tx.Put([]byte("a"), []byte("1"))
		tx.Put([]byte("a"), []byte("2"))
		tx.Put([]byte("b"), []byte("1"))
		tx.Delete([]byte("b"))
		tx.Delete([]byte("c"))
		tx.Put([]byte("c"), []byte("1"))
		return nil
	})
	s.want("put, put", s.get("a"), "2")
	s.want("put, delete", s.get("b"), "-")
	s.want("delete, put", s.get("c"), "1")
}

func testDeleteAndRecreate(s *store) {
	for i := range 20 {
		val := fmt.Sprint(i)
		s.put("a", val)
		s.want("put", s.get("a"), val)
		if i%5 == 0 {
			s.reopen()
		}
		s.delete("a")
		s.want("deleted", s.get("a"), "-")
	}
	s.reopen()
	s.want("deleted", s.get("a"), "-")
}

func testScan(s *store) {
	s.update(func(tx kv.Txn) error {
		for _, key := range strings.Fields("a b c d e f") {
			tx.Put([]byte(key), []byte("123456789"))
		}
		return nil
	})
	s.delete("d")
	tests := []struct {
		name string
		r    kv.Range
		want string
	}{
		{"all", kv.Range{}, "a b c e f"},
		{"from", kv.Range{From: []byte("b")}, "b c e f"},
		{"to is not included", kv.Range{To: []byte("c")}, "a b"},
		{"from absent to absent", kv.Range{From: []byte("bb"), To: []byte("ee")}, "c e"},
		{"limit", kv.Range{Limit: 2}, "a b"},
		{"empty", kv.Range{From: []byte("c"), To: []byte("c")}, ""},
		{"upside down", kv.Range{From: []byte("e"), To: []byte("b")}, ""},
		{"bytes: the one that reaches it is the last", kv.Range{MaxBytes: 20}, "a b"},
		{"bytes: at least one", kv.Range{MaxBytes: 1}, "a"},
		{"reverse", kv.Range{Reverse: true}, "f e c b a"},
		{"reverse from", kv.Range{From: []byte("c"), Reverse: true}, "f e c"},
		{"reverse to is not included", kv.Range{To: []byte("e"), Reverse: true}, "c b a"},
		{"reverse to absent", kv.Range{From: []byte("aa"), To: []byte("dd"), Reverse: true}, "c b"},
		{"reverse limit", kv.Range{To: []byte("f"), Reverse: true, Limit: 2}, "e c"},
		{"reverse bytes", kv.Range{Reverse: true, MaxBytes: 30}, "f e c"},
		{"reverse upside down", kv.Range{From: []byte("e"), To: []byte("b"), Reverse: true}, ""},
	}
	for range 2 {
		s.view(func(r kv.Reader) {
			for _, test := range tests {
				s.want(test.name, s.keys(r, test.r), test.want)
			}
		})
		s.reopen()
	}
	s.view(func(r kv.Reader) {
		for range r.Scan(s.Context(), kv.Range{}) {
			break
		}
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		for _, err := range r.Scan(ctx, kv.Range{}) {
			if !errors.Is(err, context.Canceled) {
				s.Fatalf("a scan with a cancelled context: %v", err)
			}
		}
	})
}

// testScanBounds compares random scans with a sorted list.
func testScanBounds(s *store) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() []byte {
		key := make([]byte, 1+rng.IntN(3))
		for i := range key {
			key[i] = []byte{0x00, 0x01, 0x7F, 0xFE, 0xFF}[rng.IntN(5)]
		}
		key[0] = max(key[0], 1)
		return key
	}
	var keys [][]byte
	for range 60 {
		keys = append(keys, random())
	}
	s.update(func(tx kv.Txn) error {
		for _, key := range keys {
			tx.Put(key, key)
		}
		return nil
	})
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	s.view(func(r kv.Reader) {
		for range 2000 {
			q := kv.Range{Reverse: rng.IntN(2) == 0, Limit: rng.IntN(5)}
			if rng.IntN(4) > 0 {
				q.From = random()
			}
			if rng.IntN(4) > 0 {
				q.To = random()
			}
			var want [][]byte
			for _, key := range keys {
				if bytes.Compare(key, q.From) >= 0 && (q.To == nil || bytes.Compare(key, q.To) < 0) {
					want = append(want, key)
				}
			}
			if q.Reverse {
				slices.Reverse(want)
			}
			if q.Limit > 0 {
				want = want[:min(q.Limit, len(want))]
			}
			var got [][]byte
			for p, err := range r.Scan(s.Context(), q) {
				if err != nil {
					s.Fatal(err)
				}
				if !bytes.Equal(p.Key, p.Val) {
					s.Fatalf("%x holds the value of %x", p.Key, p.Val)
				}
				got = append(got, bytes.Clone(p.Key))
			}
			if !slices.EqualFunc(got, want, bytes.Equal) {
				s.Fatalf("%+v: got %x, want %x", q, got, want)
			}
		}
	})
}

func testDeleteRange(s *store) {
	for _, key := range strings.Fields("a b c d e f") {
		s.put(key, key)
	}
	deleteRange := func(from, to []byte) {
		s.Helper()
		if err := s.DB.DeleteRange(s.Context(), from, to); err != nil {
			s.Fatal(err)
		}
	}
	want := func(want string) {
		s.Helper()
		s.view(func(r kv.Reader) { s.want("left", s.keys(r, kv.Range{}), want) })
	}
	deleteRange([]byte("b"), []byte("d"))
	want("a d e f")
	s.put("c", "again")
	want("a c d e f")
	s.reopen()
	want("a c d e f")
	deleteRange([]byte("x"), []byte("y"))
	deleteRange([]byte("e"), []byte("c")) // upside down
	deleteRange([]byte("c"), []byte("c"))
	want("a c d e f")
	deleteRange([]byte("d"), nil)
	want("a c")
	if err := s.DB.DeleteRange(s.Context(), nil, nil); !errors.Is(err, kv.ErrInvalidKey) {
		s.Fatalf("the store's own keys: %v", err)
	}
	s.reopen()
	want("a c")
}

func testLargeKeysAndValues(s *store) {
	long := strings.Repeat("k", kv.MaxKey-1)
	big := func(b byte) string { return string(bytes.Repeat([]byte{b, 1, 2, 3}, 100<<10)) } // 400 KB
	s.put(long+"a", big('x'))
	s.put(long+"b", big('y'))
	s.put("max", string(make([]byte, kv.MaxValue)))
	for range 2 {
		s.want("value", s.get(long+"a") == big('x'), true)
		s.want("value", s.get(long+"b") == big('y'), true)
		s.want("largest value", len(s.get("max")), kv.MaxValue)
		s.view(func(r kv.Reader) {
			s.want("scan", s.keys(r, kv.Range{From: []byte(long), Reverse: true}), "max "+long+"b "+long+"a")
		})
		s.reopen()
	}
}

func testLimits(s *store) {
	tests := []struct {
		name string
		fn   func(kv.Txn)
		want error
	}{
		{"empty key", func(tx kv.Txn) { tx.Put(nil, nil) }, kv.ErrInvalidKey},
		{"reserved key", func(tx kv.Txn) { tx.Delete([]byte{0, 'f'}) }, kv.ErrInvalidKey},
		{"no prefix", func(tx kv.Txn) { tx.PutStamped(nil, []byte("a"), nil) }, kv.ErrInvalidKey},
		{"long key", func(tx kv.Txn) { tx.Put(make([]byte, kv.MaxKey+1), nil) }, kv.ErrInvalidKey},
		{"long key", func(tx kv.Txn) { tx.Put(bytes.Repeat([]byte{'a'}, kv.MaxKey+1), nil) }, kv.ErrTooLarge},
		{"long stamped key", func(tx kv.Txn) { tx.PutStamped(bytes.Repeat([]byte{'a'}, kv.MaxKey-7), nil, nil) }, kv.ErrTooLarge},
		{"large value", func(tx kv.Txn) { tx.Put([]byte("a"), make([]byte, kv.MaxValue+1)) }, kv.ErrTooLarge},
		{"large transaction", func(tx kv.Txn) {
			for i := range kv.MaxTxn / kv.MaxValue {
				tx.Put([]byte{'a', byte(i)}, make([]byte, kv.MaxValue))
			}
		}, kv.ErrTooLarge},
	}
	for _, test := range tests {
		_, err := s.DB.Update(s.Context(), func(tx kv.Txn) error {
			tx.Put([]byte("other"), nil)
			test.fn(tx)
			return nil
		})
		if !errors.Is(err, test.want) {
			s.Errorf("%s: %v", test.name, err)
		}
	}
	s.want("nothing is written", s.get("other"), "-")
	s.view(func(r kv.Reader) {
		if _, err := r.Get(s.Context(), nil); !errors.Is(err, kv.ErrInvalidKey) {
			s.Errorf("Get of an empty key: %v", err)
		}
		s.want("the store's own keys are not scanned", s.keys(r, kv.Range{}), "")
	})
}

func testManyKeys(s *store) {
	for round := range 3 {
		s.update(func(tx kv.Txn) error {
			for i := range 100 {
				tx.Put(fmt.Appendf(nil, "key-%03d", i), fmt.Append(nil, round))
			}
			return nil
		})
		s.view(func(r kv.Reader) {
			n := 0
			for p, err := range r.Scan(s.Context(), kv.Range{}) {
				if err != nil || string(p.Val) != fmt.Sprint(round) {
					s.Fatalf("%s = %s, %v", p.Key, p.Val, err)
				}
				n++
			}
			s.want("keys", n, 100)
		})
	}
}

func testSnapshotsAreStable(s *store) {
	s.put("a", "1")
	s.put("b", "1")
	s.view(func(old kv.Reader) {
		scan := old.Scan(s.Context(), kv.Range{})
		seen := ""
		for p, err := range scan {
			if err != nil {
				s.Fatal(err)
			}
			seen += string(p.Key) + string(p.Val)
			// Others write in front of the scan and behind it.
			s.put("a", "2")
			s.delete("b")
			s.put("c", "2")
			if err := s.DB.DeleteRange(s.Context(), []byte("x"), []byte("y")); err != nil {
				s.Fatal(err)
			}
		}
		s.want("scan", seen, "a1b1")
		s.want("get", s.getIn(old, "a")+s.getIn(old, "b")+s.getIn(old, "c"), "11-")
		s.want("stamp", old.Stamp(), kv.Stamp(2))
		s.view(func(r kv.Reader) {
			s.want("a newer snapshot", s.getIn(r, "a")+s.getIn(r, "b")+s.getIn(r, "c"), "2-2")
		})
	})
	var kept kv.Reader
	s.view(func(r kv.Reader) { kept = r })
	if _, err := kept.Get(s.Context(), []byte("a")); err == nil {
		s.Fatal("a reader outlives its View")
	}
}
