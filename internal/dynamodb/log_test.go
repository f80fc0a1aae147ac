package dynamodb

import (
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// TestChangeLog writes every kind of change to a log that keeps some images, and
// reads them back in both directions.
func TestChangeLog(t *testing.T) {
	t.Parallel()
	store, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	stored := func(v string) item.Stored {
		a := dynamodb.Attributes{
			{Name: "id", Value: dynamodb.AttributeValue{Type: dynamodb.TypeS, S: "k"}},
			{Name: "v", Value: dynamodb.AttributeValue{Type: dynamodb.TypeS, S: v}},
		}
		return item.Encode(a, item.Size(a))
	}
	changes := []change{
		{new: stored("1")},
		{old: stored("1"), new: stored("2")},
		{old: stored("2"), by: byExpiry},
	}
	now := time.UnixMilli(1_700_000_000_123).UTC()
	views := map[string]tableState{
		"none":               {},
		"recovery":           {Recovery: recoveryState{On: true}},
		"KEYS_ONLY":          {Stream: streamState{On: true, View: "KEYS_ONLY"}},
		"NEW_IMAGE":          {Stream: streamState{On: true, View: "NEW_IMAGE"}},
		"OLD_IMAGE":          {Stream: streamState{On: true, View: "OLD_IMAGE"}},
		"NEW_AND_OLD_IMAGES": {Stream: streamState{On: true, View: "NEW_AND_OLD_IMAGES"}},
	}
	id := uint64(0)
	for name, state := range views {
		id++
		state.ID = id
		l := state.logOf(func() time.Time { return now })
		if name == "none" {
			if l != nil {
				t.Error("a table that nobody follows keeps a log")
			}
			continue
		}
		for _, c := range changes {
			if _, err := store.Update(t.Context(), func(tx kv.Txn) error {
				return l.add(tx, []byte("place"), c, []string{"id"})
			}); err != nil {
				t.Fatal(err)
			}
		}
		err := store.View(t.Context(), func(r kv.Reader) error {
			i := 0
			for e, err := range readLog(t.Context(), r, id, 0, ^kv.Stamp(0), false) {
				if err != nil {
					return err
				}
				c := changes[i]
				if string(e.place) != "place" || !e.at.Equal(now) || e.by != c.by || e.was != (c.old != nil) || e.is != (c.new != nil) {
					t.Errorf("%s: change %d is %+v", name, i, e)
				}
				wantOld, wantNew := item.Stored(nil), item.Stored(nil)
				if l.old {
					wantOld = c.old
				}
				if l.new {
					wantNew = c.new
				}
				var image []byte
				if got := e.newJSON(&image); string(e.old) != string(wantOld) || string(got) != string(jsonOf(wantNew)) || e.newSize() != sizeOrZero(wantNew) {
					t.Errorf("%s: change %d has the images %q and %q, of %d bytes", name, i, e.old, got, e.newSize())
				}
				if hasKeys := e.keys != nil; hasKeys != (l.keys && wantOld == nil && wantNew == nil) {
					t.Errorf("%s: change %d has keys: %v", name, i, hasKeys)
				} else if hasKeys {
					if a, err := e.keys.Attributes(); err != nil || len(a) != 1 || a[0].Name != "id" {
						t.Errorf("%s: change %d has the keys %v, %v", name, i, a, err)
					}
				}
				i++
			}
			if i != len(changes) {
				t.Errorf("%s: %d changes", name, i)
			}
			var last kv.Stamp
			for e, err := range readLog(t.Context(), r, id, 0, ^kv.Stamp(0), true) {
				if err != nil || last != 0 && e.stamp >= last {
					t.Errorf("%s: %d after %d, reversed; %v", name, e.stamp, last, err)
				}
				last = e.stamp
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func jsonOf(it item.Stored) []byte {
	if it == nil {
		return nil
	}
	return it.JSON()
}

// FuzzPatch makes a patch of any two items, which must give the second one again; and
// takes any bytes for a patch.
func FuzzPatch(f *testing.F) {
	f.Add("", "", []byte{})
	f.Add("aaaa", "aaaaa", []byte{2, 2, 1, 0, 0, 0, 5})
	f.Add("the beginning and the end", "the beginning, the middle and the end", []byte{200, 1, 0})
	f.Add("abcdefghij", "abcdefghij", []byte{3, 20, 1, 0, 0, 0, 5, 'x'})
	f.Fuzz(func(t *testing.T, old, next string, any []byte) {
		made := func(v string) item.Stored {
			a := dynamodb.Attributes{{Name: "v", Value: dynamodb.AttributeValue{Type: dynamodb.TypeB, S: v}}}
			return item.Encode(a, item.Size(a))
		}
		was, is := made(old), made(next)
		p, err := decodePatch(was, patchOf(was, is).append(nil))
		if err != nil || p.size() != is.Size() || string(p.json(nil, was)) != string(is.JSON()) {
			t.Errorf("of %q and %q: %v, %d bytes, %q", old, next, err, p.size(), p.json(nil, was))
		}
		if p, err := decodePatch(was, any); err == nil {
			p.json(nil, was)
		}
	})
}

// FuzzDecodeLogged takes any bytes for an entry.
func FuzzDecodeLogged(f *testing.F) {
	f.Add([]byte("12345678place"), []byte{loggedWas | loggedOld, 0, 2, 5, 1, 0, 0, 0, 3})
	f.Add([]byte("12345678"), []byte{0, 0, 0})
	packed, err := pack([]byte{loggedWas | loggedOld, 0, 2, 5, 1, 0, 0, 0, 3})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("12345678place"), packed)
	f.Add([]byte("12345678place"), []byte{loggedWas | loggedIs | loggedOld | loggedPatch, 0, 2, 7, 1, 0, 0, 0, 3, '{', '}', 1, 1, 1, 0, 0, 0, 3})
	f.Fuzz(func(_ *testing.T, key, val []byte) {
		if e, err := decodeLogged(0, kv.KV{Key: key, Val: val}); err == nil {
			var buf []byte
			e.newJSON(&buf)
		}
	})
}
