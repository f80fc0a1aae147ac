package sigv4

import (
	"strconv"
	"sync"
	"testing"
)

// TestDayKeysAreBounded fills the cache from several goroutines, and checks that
// what is in use stays.
func TestDayKeysAreBounded(t *testing.T) {
	t.Parallel()
	var cache dayKeys
	used := Scope{AccessKeyID: "used"}
	cache.put(used, &dayKey{secret: "s"})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2 * half {
				cache.put(Scope{AccessKeyID: strconv.Itoa(g*100000 + i)}, &dayKey{secret: "s"})
				if i%100 == 0 && cache.get(used, "s") == nil {
					t.Error("forgot a key in use")
				}
			}
		})
	}
	wg.Wait()
	if n := len(cache.now) + len(cache.old); n > 2*half {
		t.Fatalf("%d keys", n)
	}
	if cache.get(used, "another") != nil {
		t.Fatal("a key for another secret")
	}
}
