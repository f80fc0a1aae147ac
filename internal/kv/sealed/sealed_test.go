package sealed_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/kv/sealed"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// TestSealedRooms: what is written to a sealed room is read as it was, by every way of
// reading, and is nowhere in the store beneath. Other rooms are as they are.
func TestSealedRooms(t *testing.T) {
	t.Parallel()
	beneath, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = beneath.Close() })
	by := func(key string) *identity.Sealer {
		t.Helper()
		s, err := identity.NewSealer([]byte(strings.Repeat(key, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const secret = "a-secret-of-a-user"
	old, put, empty, open := tuple.Of("safe", "old"), tuple.Of("safe", "put"), tuple.Of("safe", "empty"), tuple.Of("open", "put")
	if _, err := beneath.Update(t.Context(), func(tx kv.Txn) error { tx.Put(old, []byte("{}")); return nil }); err != nil {
		t.Fatal(err)
	}
	store := sealed.New(beneath, by("k"), "safe")
	if _, err := store.Update(t.Context(), func(tx kv.Txn) error {
		tx.Put(put, []byte(secret))
		tx.Put(empty, []byte{})
		tx.Put(open, []byte("seen"))
		tx.PutStamped(tuple.Of("safe", "stamped"), nil, []byte(secret))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	read := func(s kv.Store) (all []string, err error) {
		err = s.View(t.Context(), func(tx kv.Reader) error {
			for p, err := range tx.Scan(t.Context(), kv.Range{From: tuple.Of("open"), To: tuple.Of("z")}) {
				if err != nil {
					return err
				}
				all = append(all, string(p.Val))
			}
			one, err := tx.Get(t.Context(), put)
			if err != nil {
				return err
			}
			hot, err := tx.GetHot(t.Context(), put)
			if err != nil {
				return err
			}
			many, err := tx.GetMany(t.Context(), [][]byte{put, open, empty, tuple.Of("safe", "none")})
			if err != nil {
				return err
			}
			if s == store && (string(one) != secret || string(hot) != secret || string(many[0]) != secret || string(many[1]) != "seen" || len(many[2]) != 0 || many[2] == nil || many[3] != nil) {
				t.Errorf("read %q %q %q", one, hot, many)
			}
			return nil
		})
		return all, err
	}
	if got, err := read(store); err != nil || strings.Join(got, " ") != "seen  {} "+secret+" "+secret {
		t.Errorf("read %q (%v)", got, err)
	}
	raw, err := read(beneath)
	if err != nil || bytes.Contains([]byte(strings.Join(raw, " ")), []byte(secret)) || raw[0] != "seen" {
		t.Errorf("beneath is %q (%v)", raw, err)
	}
	if _, err := read(sealed.New(beneath, by("x"), "safe")); err == nil {
		t.Error("another key opened it")
	}
}
