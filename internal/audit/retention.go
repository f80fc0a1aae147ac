package audit

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Retention is how long events are kept unless another time is asked for: as long
// as CloudTrail's event history reaches.
const Retention = 90 * 24 * time.Hour

// Trim removes the events from before a time. It is meant to be called every hour
// or so; each account's events go in one range, whatever their number.
func Trim(ctx context.Context, store kv.Store, before time.Time) error {
	var trails []trail
	err := store.View(ctx, func(r kv.Reader) (err error) {
		trails, err = trailsOf(ctx, r, Query{Data: true})
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range trails {
		prefix := appendPrefix(nil, t.class, t.account)
		old := false
		err := store.View(ctx, func(r kv.Reader) error {
			for _, err := range r.Scan(ctx, kv.Range{From: prefix, To: appendTime(prefix, before), Limit: 1}) {
				old = err == nil
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !old {
			continue
		}
		if err := store.DeleteRange(ctx, prefix, appendTime(prefix, before)); err != nil {
			return err
		}
	}
	return nil
}
