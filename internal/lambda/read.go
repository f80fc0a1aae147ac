package lambda

import (
	"context"
	"time"

	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// shardReader reads a shard and remembers what has been read and not yet delivered.
type shardReader struct {
	*poller
	shard   string
	at      place
	next    *string  // the iterator, nil if there is none at hand
	pending []*entry // what passed the filters
	last    string   // the sequence number of the last record that was read
	lastAt  time.Time
	since   time.Time // when the first of pending was read
	over    bool      // there is no more in the shard
}

// followShard reads a shard to its end, from a place on, and delivers what it reads. It
// returns without an error at the end of the shard or of the poller.
func (p *poller) followShard(ctx context.Context, shard string, at place) error {
	changed, stop := p.streams.StreamChanged(*p.m.Config.EventSourceArn)
	defer stop()
	r := &shardReader{poller: p, shard: shard, at: at}
	failures := 0
	for p.going.Err() == nil {
		got, err := r.read(ctx)
		if err != nil {
			if fatal(err) {
				return err
			}
			// What was read and is not delivered is read again.
			r.next, r.pending, r.last = nil, nil, ""
			if isCode(err, "ExpiredIteratorException") {
				continue
			}
			if err := p.problem(ctx, err); err != nil {
				return err
			}
			failures++
			if !p.wait(p.pause(failures), nil) {
				return nil
			}
			continue
		}
		failures = 0
		switch {
		case r.due(got):
			if err := r.flush(ctx); err != nil {
				return err
			}
			if r.over && r.last == "" && p.going.Err() == nil {
				return p.endShard(ctx, shard, r.at)
			}
		case got == 0:
			if len(r.pending) == 0 {
				p.meters.behind(p.m.name.uuid, 0)
			}
			p.wait(min(p.look, max(p.window-time.Since(r.since), time.Millisecond*10)+r.idle()), changed)
		}
	}
	return nil
}

// idle is how much longer to wait while nothing is pending.
func (r *shardReader) idle() time.Duration {
	if len(r.pending) == 0 {
		return r.look
	}
	return 0
}

// endShard notes that the mapping is done with a shard, so that its children may begin.
func (p *poller) endShard(ctx context.Context, shard string, at place) error {
	return p.commit(ctx, "", func(tx kv.Txn) {
		p.putPlace(tx, shard, place{After: at.After, Ended: true})
	})
}

// read reads the next records of the shard and returns how many there were.
func (r *shardReader) read(ctx context.Context) (int, error) {
	if r.over {
		return 0, nil
	}
	ctx, _, err := r.role(ctx)
	if err != nil {
		return 0, err
	}
	if r.next == nil {
		if r.next, err = r.iterator(ctx, r.shard, r.at); err != nil {
			return 0, err
		}
	}
	out, err := r.streams.GetRecords(ctx, &streams.GetRecordsInput{ShardIterator: r.next, Limit: new(r.room())})
	if isCode(err, "TrimmedDataAccessException") {
		r.at, r.next = place{}, nil
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r.next, r.over = out.NextShardIterator, out.NextShardIterator == nil
	for _, rec := range out.Records {
		e := newEntry(*r.m.Config.EventSourceArn, rec)
		r.last, r.lastAt = e.number, e.created
		if !r.passes(e) {
			r.meters.passed(r.m.name.uuid, "filtered", 1)
			continue
		}
		if len(r.pending) == 0 {
			r.since = time.Now()
		}
		r.pending = append(r.pending, e)
	}
	return len(out.Records), nil
}

// room is how many records to read: as many as a batch has room for, unless filters will
// leave some of them out.
func (r *shardReader) room() int64 {
	if len(r.filters) > 0 {
		return r.fetch
	}
	return min(r.fetch, int64(max(1, r.batch*r.lanes-len(r.pending))))
}

// hurry is how long records are held back, if there is no window, while more come in.
const hurry = 100 * time.Millisecond

// due tells whether what is pending is to be delivered now, after a read of got records.
func (r *shardReader) due(got int) bool {
	switch {
	case r.over, len(r.pending) >= r.batch*r.lanes:
		return true
	case len(r.pending) == 0: // what was read is all filtered
		return r.last != "" && got == 0
	case r.window == 0:
		return got == 0 || time.Since(r.since) >= hurry
	}
	return time.Since(r.since) >= r.window
}
