package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// place is how far a mapping is with a shard.
type place struct {
	// After is the sequence number of the last record that it is done with.
	After string `json:"after,omitempty"`
	// From is the time from which it reads, if it is done with none; zero for all.
	From time.Time `json:"from,omitzero"`
	// Ended is whether it is done with all of the shard.
	Ended bool `json:"ended,omitempty"`
}

func (p *poller) putPlace(tx kv.Txn, shard string, at place) {
	b, err := json.Marshal(at)
	if err != nil {
		panic(err) // texts and a time always have a form
	}
	tx.Put(placeKey(p.m.name.uuid, shard), b)
}

// places returns how far the mapping is, by shard.
func (p *poller) places(ctx context.Context) (map[string]place, error) {
	all := map[string]place{}
	prefix := placesOf(p.m.name.uuid)
	err := p.store.View(ctx, func(r kv.Reader) error {
		for pair, err := range r.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			shard, _, err := tuple.String(pair.Key[len(prefix):])
			if err != nil {
				return err
			}
			var at place
			if err := json.Unmarshal(pair.Val, &at); err != nil {
				return fmt.Errorf("lambda: place of a mapping: %w", err)
			}
			all[shard] = at
		}
		return nil
	})
	return all, err
}

// role returns a context in which the poller acts as the function's role, as the
// function is now.
func (p *poller) role(ctx context.Context) (context.Context, *function, error) {
	n := p.m.function()
	f, err := p.function(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	if f == nil {
		return nil, nil, noFunction(n)
	}
	f.name.qualifier = n.qualifier
	ctx, err = p.asRole(ctx, f)
	return ctx, f, err
}

// shards lists the shards of the stream.
func (p *poller) shards(ctx context.Context) (all []*streams.Shard, err error) {
	ctx, _, err = p.role(ctx)
	if err != nil {
		return nil, err
	}
	in := &streams.DescribeStreamInput{StreamArn: p.m.Config.EventSourceArn}
	for {
		out, err := p.streams.DescribeStream(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, out.StreamDescription.Shards...)
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			return all, nil
		}
	}
}

// follow follows the shards of the stream, each when it is done with its parent, until
// the poller is to end. Its error is one of the store.
func (p *poller) follow(ctx context.Context) error {
	var following sync.WaitGroup
	defer following.Wait()
	defer p.stop()
	var mu sync.Mutex
	running := map[string]bool{}
	ended := make(chan error, 1) // at least one follower has
	failures := 0
	for p.going.Err() == nil {
		err := p.start(ctx, func(shard string, at place) {
			mu.Lock()
			defer mu.Unlock()
			if running[shard] {
				return
			}
			running[shard] = true
			following.Go(func() {
				err := p.followShard(ctx, shard, at)
				mu.Lock()
				delete(running, shard)
				mu.Unlock()
				if err == nil {
					select {
					case ended <- nil:
					default:
					}
					return
				}
				select {
				case ended <- err:
				case <-p.going.Done():
				}
			})
		})
		pause := 10 * p.look
		if err != nil {
			if fatal(err) {
				return err
			}
			if err := p.problem(ctx, err); err != nil {
				return err
			}
			failures++
			pause = p.pause(failures)
		} else {
			failures = 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-p.going.Done():
		case err := <-ended:
			if err != nil {
				timer.Stop()
				return err
			}
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// start begins with each shard that it is the turn of, and settles the mapping if it is
// not enabled yet.
func (p *poller) start(ctx context.Context, begin func(shard string, at place)) error {
	all, err := p.shards(ctx)
	if err != nil {
		return err
	}
	at, err := p.places(ctx)
	if err != nil {
		return err
	}
	if *p.m.Config.State != enabled {
		if at, err = p.enable(ctx, all, at); err != nil {
			return err
		}
	}
	listed := map[string]bool{}
	for _, sh := range all {
		listed[*sh.ShardId] = true
	}
	if err := p.forgetShards(ctx, at, listed); err != nil {
		return err
	}
	for _, sh := range all {
		parent := text(sh.ParentShardId)
		if at[*sh.ShardId].Ended || listed[parent] && !at[parent].Ended {
			continue
		}
		begin(*sh.ShardId, at[*sh.ShardId])
	}
	return nil
}

// enable makes the mapping one that is enabled. Of the starting position LATEST it notes
// before that where it begins, so that nothing which is written from then on is missed,
// also if this process ends before it has read anything.
func (p *poller) enable(ctx context.Context, all []*streams.Shard, at map[string]place) (map[string]place, error) {
	fresh := map[string]place{}
	if len(at) == 0 && *p.m.Config.StartingPosition == "LATEST" {
		for _, sh := range all {
			if sh.SequenceNumberRange.EndingSequenceNumber != nil {
				fresh[*sh.ShardId] = place{Ended: true}
				continue
			}
			now, err := p.latest(ctx, *sh.ShardId)
			if err != nil {
				return nil, err
			}
			fresh[*sh.ShardId] = now
		}
	}
	_, err := p.job.Update(ctx, func(tx kv.Txn) error {
		m, err := readMapping(ctx, tx, p.m.name)
		if err != nil || m == nil || m.Revision != p.m.Revision {
			return err
		}
		for _, shard := range sortedShards(fresh) {
			p.putPlace(tx, shard, fresh[shard])
		}
		m.Config.State = new(enabled)
		return m.put(tx)
	})
	if err != nil {
		return nil, err
	}
	p.m.Config.State = new(enabled)
	for shard, now := range fresh {
		at[shard] = now
	}
	return at, nil
}

// latest is the place behind the last record of a shard.
func (p *poller) latest(ctx context.Context, shard string) (place, error) {
	at := place{From: p.m.startOf()}
	ctx, _, err := p.role(ctx)
	if err != nil {
		return at, err
	}
	it, err := p.iterator(ctx, shard, at)
	for err == nil && it != nil {
		var out *streams.GetRecordsOutput
		if out, err = p.streams.GetRecords(ctx, &streams.GetRecordsInput{ShardIterator: it}); err != nil {
			break
		}
		if len(out.Records) == 0 {
			break
		}
		at.After = *out.Records[len(out.Records)-1].Dynamodb.SequenceNumber
		it = out.NextShardIterator
	}
	return at, err
}

// forgetShards forgets the places of shards that are gone.
func (p *poller) forgetShards(ctx context.Context, at map[string]place, listed map[string]bool) error {
	var gone []string
	for _, shard := range sortedShards(at) {
		if !listed[shard] {
			gone = append(gone, shard)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	_, err := p.job.Update(ctx, func(tx kv.Txn) error {
		for _, shard := range gone {
			tx.Delete(placeKey(p.m.name.uuid, shard))
		}
		return nil
	})
	return err
}

// iterator returns an iterator at a place of a shard. What has been trimmed there is
// passed over.
func (p *poller) iterator(ctx context.Context, shard string, at place) (*string, error) {
	in := &streams.GetShardIteratorInput{StreamArn: p.m.Config.EventSourceArn, ShardId: &shard, ShardIteratorType: new("TRIM_HORIZON")}
	switch {
	case at.After != "":
		in.ShardIteratorType, in.SequenceNumber = new("AFTER_SEQUENCE_NUMBER"), &at.After
	case !at.From.IsZero():
		in.ShardIteratorType, in.Timestamp = new("AT_TIMESTAMP"), &at.From
	}
	out, err := p.streams.GetShardIterator(ctx, in)
	if isCode(err, "TrimmedDataAccessException") {
		out, err = p.streams.GetShardIterator(ctx, &streams.GetShardIteratorInput{StreamArn: in.StreamArn, ShardId: &shard, ShardIteratorType: new("TRIM_HORIZON")})
	}
	if err != nil {
		return nil, err
	}
	return out.ShardIterator, nil
}

func isCode(err error, code string) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == code
}

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
