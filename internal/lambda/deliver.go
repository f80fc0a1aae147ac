package lambda

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/lambda/filter"
)

// settings are those of a mapping by which it delivers.
type settings struct {
	batch, lanes int
	fetch        int64 // records that are read at once
	window       time.Duration
	retries      int           // -1: for ever
	age          time.Duration // 0: any
	bisect       bool
	partial      bool // the function says which records of a batch failed
	filters      []*filter.Pattern
	destination  string
}

// maxFetch is the most that one GetRecords returns.
const maxFetch = 1000

func settingsOf(m *mapping) (s settings, err error) {
	c := m.Config
	s = settings{
		batch: int(*c.BatchSize), lanes: int(*c.ParallelizationFactor), retries: int(*c.MaximumRetryAttempts),
		window: time.Duration(*c.MaximumBatchingWindowInSeconds) * time.Second,
		bisect: *c.BisectBatchOnFunctionError, partial: slices.Contains(c.FunctionResponseTypes, "ReportBatchItemFailures"),
	}
	if *c.MaximumRecordAgeInSeconds > 0 {
		s.age = time.Duration(*c.MaximumRecordAgeInSeconds) * time.Second
	}
	if c.DestinationConfig != nil && c.DestinationConfig.OnFailure != nil {
		s.destination = text(c.DestinationConfig.OnFailure.Destination)
	}
	s.filters, err = filtersOf(c.FilterCriteria)
	s.fetch = maxFetch
	if len(s.filters) == 0 {
		s.fetch = int64(min(maxFetch, s.batch*s.lanes))
	}
	return s, err
}

// passes tells whether one of the filters lets a record pass, or there is none.
func (s *settings) passes(e *entry) bool {
	if len(s.filters) == 0 {
		return true
	}
	v, err := filter.Decode(e.json)
	return err == nil && slices.ContainsFunc(s.filters, func(p *filter.Pattern) bool { return p.Match(v) })
}

// flush delivers what is pending and notes how far that is. Without an error, what
// remains pending was not delivered since the poller is to end.
func (r *shardReader) flush(ctx context.Context) error {
	// The records of an item are all in one lane; in each lane they go in their order.
	lanes := make([][]*entry, r.lanes)
	for _, e := range r.pending {
		i := 0
		if r.lanes > 1 {
			h := fnv.New32a()
			h.Write([]byte(e.keys))
			i = int(h.Sum32() % uint32(r.lanes))
		}
		lanes[i] = append(lanes[i], e)
	}
	if r.lanes == 1 {
		for _, batch := range batches(lanes[0], r.batch) {
			done, err := r.deliver(ctx, r.shard, batch)
			if err != nil || !done {
				return err
			}
			last := batch[len(batch)-1]
			r.pending = r.pending[len(batch):]
			if len(r.pending) > 0 {
				if err := r.advance(ctx, last.number, last.created); err != nil {
					return err
				}
			}
		}
	} else if done, err := r.flushLanes(ctx, lanes); err != nil || !done {
		return err
	}
	r.pending = nil
	if r.last == "" {
		return nil
	}
	last := r.last
	r.last = ""
	return r.advance(ctx, last, r.lastAt)
}

// flushLanes delivers several lanes at once.
func (r *shardReader) flushLanes(ctx context.Context, lanes [][]*entry) (done bool, err error) {
	var working sync.WaitGroup
	var mu sync.Mutex
	done = true
	for _, lane := range lanes {
		if len(lane) == 0 {
			continue
		}
		working.Go(func() {
			for _, batch := range batches(lane, r.batch) {
				ok, failed := r.deliver(ctx, r.shard, batch)
				if ok && failed == nil {
					continue
				}
				mu.Lock()
				done = false
				if err == nil {
					err = failed
				}
				mu.Unlock()
				return
			}
		})
	}
	working.Wait()
	return done, err
}

// advance notes that the mapping is done with all up to a record.
func (r *shardReader) advance(ctx context.Context, number string, created time.Time) error {
	r.at = place{After: number}
	r.meters.behind(r.m.name.uuid, r.now().Sub(created))
	r.mu.Lock()
	result := r.result
	r.mu.Unlock()
	return r.commit(ctx, result, func(tx kv.Txn) { r.putPlace(tx, r.shard, r.at) })
}

// deliver invokes the function with a batch until that succeeds, or the batch is given
// up. It is not done if the poller is to end before that.
func (p *poller) deliver(ctx context.Context, shard string, batch []*entry) (done bool, err error) {
	return p.try(ctx, &delivery{shard: shard, batch: batch})
}

// delivery is a batch on its way.
type delivery struct {
	shard    string
	batch    []*entry
	attempts int // that failed, and count
	pauses   int // since something last succeeded
	invoked  int
}

func (p *poller) try(ctx context.Context, d *delivery) (done bool, err error) {
	for {
		if p.going.Err() != nil {
			return false, nil
		}
		if err := p.expire(ctx, d); err != nil || len(d.batch) == 0 {
			return err == nil, err
		}
		r, err := p.invokeWith(ctx, d)
		if err != nil {
			return false, err
		}
		if ctx.Err() != nil {
			return false, nil
		}
		if r.failure == "" {
			rest := p.unfinished(d.batch, r.payload)
			p.meters.passed(p.m.name.uuid, "delivered", len(d.batch)-len(rest))
			if len(rest) == 0 {
				return true, p.commit(ctx, resultOK, nil)
			}
			if len(rest) < len(d.batch) {
				d.batch, d.attempts, d.pauses = rest, 0, 0
			}
		}
		if err := p.commit(ctx, resultFailed, nil); err != nil {
			return false, err
		}
		d.pauses++
		if p.bisect && len(d.batch) > 1 && (p.retries < 0 || d.attempts <= p.retries) {
			// To part a batch is no attempt of it.
			half := len(d.batch) / 2
			for _, part := range [][]*entry{d.batch[:half], d.batch[half:]} {
				if !p.wait(p.pause(d.pauses), nil) {
					return false, nil
				}
				done, err := p.try(ctx, &delivery{shard: d.shard, batch: part, attempts: d.attempts, pauses: d.pauses, invoked: d.invoked})
				if err != nil || !done {
					return done, err
				}
			}
			return true, nil
		}
		if d.attempts++; p.retries >= 0 && d.attempts > p.retries {
			return true, p.discard(ctx, d, d.batch, "RetryAttemptsExhausted", &r)
		}
		if !p.wait(p.pause(d.pauses), nil) {
			return false, nil
		}
	}
}

// invokeWith invokes the function with a batch. That it is gone, or its role is not to
// be had, is a failure like any other: it may come back.
func (p *poller) invokeWith(ctx context.Context, d *delivery) (result, error) {
	n := p.m.function()
	f, err := p.function(ctx, n)
	if err != nil {
		return result{}, err
	}
	if f == nil {
		return failed("ResourceNotFoundException", "Function not found: %s", n.qualified()), nil
	}
	f.name.qualifier = n.qualifier
	d.invoked++
	return p.call(ctx, f, newUUID(), eventOf(d.batch), nil), nil
}

// unfinished is what of a batch the function says it has not done: all from the first
// record that it names on, so that the order is kept. An answer that is not of the form
// which https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
// asks for, or that names what is not in the batch, is as good as all.
func (p *poller) unfinished(batch []*entry, answer []byte) []*entry {
	if !p.partial || len(answer) == 0 {
		return nil
	}
	var said *struct {
		Failures []struct {
			ID *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return batch
	}
	if said == nil {
		return nil
	}
	first := len(batch)
	for _, f := range said.Failures {
		i := slices.IndexFunc(batch, func(e *entry) bool { return f.ID != nil && e.number == *f.ID })
		if i < 0 {
			return batch
		}
		first = min(first, i)
	}
	return batch[first:]
}

// expire gives up the records of a batch that are too old.
func (p *poller) expire(ctx context.Context, d *delivery) error {
	if p.age == 0 {
		return nil
	}
	n := 0
	for n < len(d.batch) && p.now().Sub(d.batch[n].created) > p.age {
		n++
	}
	if n == 0 {
		return nil
	}
	old := d.batch[:n]
	d.batch = d.batch[n:]
	return p.discard(ctx, d, old, "RecordAgeExceeded", nil)
}

// discard gives up records: the destination gets to know which, and why.
func (p *poller) discard(ctx context.Context, d *delivery, batch []*entry, condition string, r *result) error {
	p.meters.passed(p.m.name.uuid, "discarded", len(batch))
	first, last := batch[0], batch[len(batch)-1]
	p.log.WarnContext(ctx, "records are given up", "mapping", p.m.name.arn(), "condition", condition, "shard", d.shard,
		"first", first.number, "last", last.number, "records", len(batch))
	if p.destination == "" {
		return nil
	}
	id := newUUID()
	note := map[string]any{
		"requestContext": map[string]any{
			"requestId": id, "functionArn": *p.m.Config.FunctionArn, "condition": condition, "approximateInvokeCount": d.invoked,
		},
		"version": "1.0", "timestamp": p.now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"DDBStreamBatchInfo": map[string]any{
			"shardId": d.shard, "startSequenceNumber": first.number, "endSequenceNumber": last.number,
			"approximateArrivalOfFirstRecord": first.created.UTC().Format(time.RFC3339), "approximateArrivalOfLastRecord": last.created.UTC().Format(time.RFC3339),
			"batchSize": len(batch), "streamArn": *p.m.Config.EventSourceArn,
		},
	}
	if r != nil {
		note["responseContext"] = map[string]any{"statusCode": 200, "executedVersion": latest, "functionError": r.failure}
	}
	payload, err := json.Marshal(note)
	if err != nil {
		return err
	}
	as, _, err := p.role(ctx)
	if err == nil {
		err = p.identity.Authorize(as, identity.Check{Action: "lambda:InvokeFunction", Resource: p.destination})
	}
	if err != nil {
		p.log.WarnContext(ctx, "the destination of an event source mapping may not be invoked", "mapping", p.m.name.arn(), "destination", p.destination, "error", err)
		return nil
	}
	n, _ := parseName(as, p.destination)
	return p.enqueue(ctx, id, n, payload, nil)
}
