package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// ErrDeposed says that the job has another owner by now, or none: what was to be
// written is not.
var ErrDeposed = errors.New("jobs: the lease is lost")

// lease says who runs a job. It is taken, renewed and given back by transactions
// that read it, so of two that do so at once one conflicts.
type lease struct {
	Owner string `json:"owner"`
	// Epoch is different each time that the lease is taken, and grows: it is the
	// stamp of the snapshot in which it was found free.
	Epoch  kv.Stamp  `json:"epoch"`
	Expiry time.Time `json:"expiry"`
}

func leaseKey(kind, id string) []byte { return tuple.Of("jobs", "lease", kind, id) }

func readLease(ctx context.Context, r kv.Reader, kind, id string) (lease, error) {
	val, err := r.Get(ctx, leaseKey(kind, id))
	if err != nil {
		return lease{}, err
	}
	return decode[lease](val)
}

// free says whether owner may take the lease: an owner that comes back after a
// crash need not wait for the end of its own.
func (l lease) free(owner string, now time.Time) bool {
	return l.Owner == "" || l.Owner == owner || !now.Before(l.Expiry)
}

// held says whether l and mine are of the same taking.
func (l lease) held(mine lease) bool { return l.Owner == mine.Owner && l.Epoch == mine.Epoch }
