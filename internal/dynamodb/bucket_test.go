package dynamodb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// bucketModel is a bucket that counts thousandths of units, millisecond by millisecond.
type bucketModel struct {
	rate, units int64
	started     bool
}

func (m *bucketModel) set(rate int64) {
	if !m.started {
		m.started, m.units = true, rate*300*1000
	}
	m.rate = rate
	m.units = min(m.units, rate*300*1000)
}

func (m *bucketModel) tick() {
	if m.started {
		m.units = min(m.units+m.rate, m.rate*300*1000)
	}
}

func (m *bucketModel) take(units int64) { m.units = max(m.units-units*1000, -m.rate*300*1000) }

// TestBucketModel does the same random things to a bucket and to the model of one.
func TestBucketModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 0))
			var b bucket
			var m bucketModel
			now, rate := time.Unix(1700000000, 0), int64(1+r.IntN(20))
			for step := range 400 {
				for range r.IntN([]int{1, 20, 3000}[r.IntN(3)]) {
					now = now.Add(time.Millisecond)
					m.tick()
				}
				if r.IntN(20) == 0 {
					rate = int64(1 + r.IntN(1000))
				}
				m.set(rate)
				if r.IntN(2) == 0 {
					units := int64(r.IntN([]int{2, 400, 50000}[r.IntN(3)]))
					b.take(now, float64(rate), float64(units))
					m.take(units)
				}
				want := float64(m.units) / 1000
				for _, at := range []time.Time{now, now.Add(-time.Minute)} { // also of a clock that is set back
					if got := b.left(at, float64(rate)); math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
						t.Fatalf("step %d: %v units left, want %v", step, got, want)
					}
				}
			}
		})
	}
}

// TestBucketOfMany has many goroutines that go on as long as a bucket lets them: no
// more get through than it has and flows in, but for one each that saw the last unit.
func TestBucketOfMany(t *testing.T) {
	t.Parallel()
	const goroutines, rate = 32, 10
	var clock sync.Mutex
	now := time.Unix(1700000000, 0)
	l := &limiter{bucket: new(bucket), rate: rate, now: func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		now = now.Add(10 * time.Microsecond)
		return now
	}}
	began := now
	passed := make([]int, goroutines)
	var all sync.WaitGroup
	for i := range goroutines {
		all.Go(func() {
			for range 2000 {
				if !l.exhausted() {
					l.charge(1)
					passed[i]++
				}
			}
		})
	}
	all.Wait()
	total := 0
	for _, n := range passed {
		total += n
	}
	full := rate * burst.Seconds()
	most := full + rate*now.Sub(began).Seconds() + goroutines
	if float64(total) < full || float64(total) > most {
		t.Errorf("%d got through, want %v to %v", total, full, most)
	}
	if left := l.left(); left > 1 || left < -goroutines {
		t.Errorf("%v units are left", left)
	}
}

func BenchmarkBucket(b *testing.B) {
	l := &limiter{bucket: new(bucket), rate: 1e9, now: time.Now}
	for b.Loop() {
		if !l.exhausted() {
			l.charge(1)
		}
	}
}
