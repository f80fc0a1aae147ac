package keyfilter

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// TestHas adds as many keys as there is room for: all are there, and few others.
func TestHas(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, 1, 100, 100_000} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		f := New(n)
		keys := make([]uint64, n)
		for i := range keys {
			keys[i] = random.Uint64()
			f.Add(keys[i])
		}
		for _, k := range keys {
			if !f.Has(k) {
				t.Fatalf("of %d keys %x is not there", n, k)
			}
		}
		wrong := 0
		for range 100_000 {
			if f.Has(random.Uint64()) {
				wrong++
			}
		}
		if n >= 100 && wrong > 1000 || n == 0 && wrong > 0 {
			t.Errorf("of %d keys: %d of 100000 others are taken for present", n, wrong)
		}
		t.Logf("of %d keys: %d of 100000 others are taken for present", n, wrong)
	}
}

// TestFull adds more than there is room for.
func TestFull(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	f := New(10_000)
	first := random.Uint64()
	for range 20_000 {
		f.Add(first)
	}
	if f.Full() {
		t.Error("it is full of one key")
	}
	n := 1
	for ; !f.Full(); n++ {
		f.Add(random.Uint64())
	}
	if n < 10_000 || n > 10_500 {
		t.Errorf("it was full after %d keys", n)
	}
	if f.Bytes() != 20_000 || Bytes(10_000) != 20_000 {
		t.Errorf("it takes %d bytes", f.Bytes())
	}
}

// TestConcurrent adds and looks from many sides at once: what one has added is there at once.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	f := New(64_000)
	var adding sync.WaitGroup
	for side := range uint64(8) {
		adding.Go(func() {
			random := rand.New(rand.NewPCG(3, side))
			for range 8_000 {
				k := random.Uint64()
				if f.Add(k); !f.Has(k) {
					t.Errorf("%x is not there", k)
					return
				}
			}
		})
	}
	adding.Wait()
}
