package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// tendStreams is the job that begins new shards, and removes what nobody can read any
// more. There is one of it, while there is anything to do.
const tendStreams = "dynamodb.TendStreams"

const (
	// streamInterval is how often Run looks for something to do about streams.
	streamInterval = 10 * time.Second
	// trimInterval is how often records go, in ranges: so late may one be.
	trimInterval = 5 * time.Minute
	// shardLife is how long a shard takes records, as on AWS, if Config says no other.
	shardLife = 4 * time.Hour
)

// watchStreams lets a job tend the streams of all tables when one of them needs it,
// until ctx ends. While none does, nothing is written.
func (s *Service) watchStreams(ctx context.Context) {
	tick := time.NewTicker(streamInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.callStreams(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "looking after streams; will try again", "error", err)
		}
	}
}

// callStreams enqueues the job if there is something for it.
func (s *Service) callStreams(ctx context.Context) error {
	neglected, logs, err := s.neglected(ctx, s.now().UTC())
	if err != nil || len(neglected)+len(logs) == 0 {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error { return jobs.Enqueue(ctx, tx, tendStreams, tendStreams, nil) })
	s.jobs.Wake()
	return err
}

// tendAll is the job. What failed is tried again when Run looks next.
func (s *Service) tendAll(ctx context.Context, job *jobs.Job) error {
	err := s.tend(ctx, job.Update)
	if err == nil || ctx.Err() != nil || errors.Is(err, jobs.ErrDeposed) {
		return err
	}
	s.log.WarnContext(ctx, "looking after streams; will try again", "error", err)
	return nil
}

// TendStreams begins new shards in the place of those that are old enough, and
// removes what is older than a day: records, shards, disabled streams. Run sees to
// that by itself.
func (s *Service) TendStreams(ctx context.Context) error { return s.tend(ctx, s.store.Update) }

func (s *Service) tend(ctx context.Context, update updates) error {
	now := s.now().UTC()
	streams, logs, err := s.neglected(ctx, now)
	if err != nil {
		return err
	}
	horizon, err := s.streamHorizon(ctx, now)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range streams {
		_, err := update(ctx, func(tx kv.Txn) error {
			sm, err := readStream(ctx, tx, n)
			if err != nil || sm == nil {
				return err
			}
			return s.tendStream(ctx, tx, n, sm, now, horizon)
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("stream %s: %w", n.arn(), err))
		}
	}
	// A log is trimmed only after its streams are known to be.
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, u := range logs {
		if err := s.trimLog(ctx, update, u, now.Truncate(trimInterval)); err != nil {
			errs = append(errs, fmt.Errorf("log of table %s: %w", u.log.table().arn(), err))
		}
	}
	return errors.Join(errs...)
}

// streamHorizon is the first commit whose records stay at a time.
func (s *Service) streamHorizon(ctx context.Context, now time.Time) (kv.Stamp, error) {
	last, err := s.store.StampAt(ctx, now.Truncate(trimInterval).Add(-streamLife))
	return last + 1, err
}

// neglected returns the streams that need something, and the logs of tables.
func (s *Service) neglected(ctx context.Context, now time.Time) (names []streamName, logs []untrimmed, err error) {
	horizon, err := s.streamHorizon(ctx, now)
	if err != nil {
		return nil, nil, err
	}
	err = s.view(ctx, func(r kv.Reader) error {
		for p, err := range r.Scan(ctx, kv.Range{From: streamsPrefix, To: above(streamsPrefix)}) {
			if err != nil {
				return err
			}
			n, err := cutStream(p.Key)
			if err != nil {
				return err
			}
			sm, err := decodeStream(p.Val)
			if err != nil {
				return err
			}
			yes, err := s.neglects(ctx, r, sm, now, horizon)
			if err != nil {
				return err
			}
			if yes {
				names = append(names, n)
			}
		}
		logs, err = s.untrimmedLogs(ctx, r, now.Truncate(trimInterval))
		return err
	})
	return names, logs, err
}

// neglects reports whether there is something to do about a stream.
func (s *Service) neglects(ctx context.Context, r kv.Reader, sm *stream, now time.Time, horizon kv.Stamp) (bool, error) {
	if sm.over(now) || s.shardIsFull(sm, now) {
		return true, nil
	}
	if horizon <= sm.Trimmed {
		return false, nil
	}
	log := ofTable(logPrefix, sm.Table)
	for _, err := range r.Scan(ctx, kv.Range{From: atStamp(log, sm.Trimmed), To: atStamp(log, horizon), Limit: 1}) {
		return err == nil, err
	}
	shards, err := readShards(ctx, r, sm.Table, 0, 1)
	return len(shards) > 0 && shards[0].endedBefore(horizon), err
}

// over reports whether a disabled stream has been readable for long enough.
func (sm *stream) over(now time.Time) bool {
	return !sm.Closed.IsZero() && !now.Before(sm.Closed.Add(streamLife))
}

// shardIsFull reports whether another shard is to begin.
func (s *Service) shardIsFull(sm *stream, now time.Time) bool {
	return sm.Closed.IsZero() && !now.Before(sm.Rolled.Add(s.shardLife))
}

// endedBefore reports whether all of a shard is before a commit.
func (sh shard) endedBefore(horizon kv.Stamp) bool { return !sh.open() && sh.to < horizon }

// tendStream does what there is to do about a stream. That it read the stream guards
// its shards: of two that do this at once, one runs again.
func (s *Service) tendStream(ctx context.Context, tx kv.Txn, n streamName, sm *stream, now time.Time, horizon kv.Stamp) error {
	marks, err := readShards(ctx, tx, sm.Table, 0, 0)
	if err != nil {
		return err
	}
	prefix := shardsOf(sm.Table)
	if sm.over(now) {
		for _, sh := range marks {
			if sh.Label == n.label {
				tx.Delete(atStamp(prefix, sh.from))
			}
		}
		tx.Delete(n.key())
		return nil
	}
	for _, sh := range marks {
		if sh.Label == n.label && sh.endedBefore(horizon) {
			tx.Delete(atStamp(prefix, sh.from))
		}
	}
	sm.Trimmed = max(sm.Trimmed, horizon)
	if s.shardIsFull(sm, now) {
		next := shard{ID: shardAfter(sm.Shard, now, n.arn()), Parent: sm.Shard, Label: n.label}
		tx.PutStamped(prefix, nil, next.encode())
		sm.Shard, sm.Rolled = next.ID, now
	}
	return sm.put(tx, n)
}
