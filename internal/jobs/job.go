package jobs

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Job is one run of a job by the owner of its lease.
type Job struct {
	Kind, ID string
	Input    []byte // as it was enqueued
	Progress []byte // as it was last saved, nil at first
	Failures int    // in a row, before this run

	runner *Runner
	record record // as it was when the lease was taken
	lease  lease
}

// Update commits a transaction of the job. The error is ErrDeposed if the lease is
// lost.
func (j *Job) Update(ctx context.Context, fn func(tx kv.Txn) error) (kv.Stamp, error) {
	return j.runner.store.Update(ctx, func(tx kv.Txn) error {
		held, err := readLease(ctx, tx, j.Kind, j.ID)
		if err != nil {
			return err
		}
		if !held.held(j.lease) {
			return ErrDeposed
		}
		return fn(tx)
	})
}

// Save writes how far the job is, in a transaction of its Update. A later run finds
// it in Progress.
func (j *Job) Save(tx kv.Txn, progress []byte) {
	rec := j.record
	rec.Progress = progress
	tx.Put(recordKey(j.Kind, j.ID), encode(rec))
}

// renew keeps the lease until ctx ends, and deposes the job when that fails for too
// long or another has it.
func (j *Job) renew(ctx context.Context, depose context.CancelCauseFunc) {
	ticker := time.NewTicker(j.runner.lease / 3)
	defer ticker.Stop()
	expiry := j.lease.Expiry
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		next := j.lease
		next.Expiry = j.runner.now().Add(j.runner.lease)
		_, err := j.Update(ctx, func(tx kv.Txn) error {
			tx.Put(leaseKey(j.Kind, j.ID), encode(next))
			return nil
		})
		switch {
		case err == nil:
			expiry = next.Expiry
		case err == ErrDeposed || !j.runner.now().Before(expiry):
			depose(ErrDeposed)
			return
		}
	}
}

// run calls the kind's function; a panic is an error of the job.
func (j *Job) run(ctx context.Context, kind Kind) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("jobs: panic: %v\n%s", r, debug.Stack())
		}
	}()
	return kind.Run(ctx, j)
}

// end writes what becomes of the job and gives the lease back.
func (j *Job) end(ctx context.Context, kind Kind, outcome error, stopping bool) error {
	now := j.runner.now()
	_, err := j.Update(ctx, func(tx kv.Txn) error {
		val, err := tx.Get(ctx, recordKey(j.Kind, j.ID))
		if err != nil {
			return err
		}
		rec, err := decode[record](val) // with the progress that was saved
		if err != nil {
			return err
		}
		tx.Delete(leaseKey(j.Kind, j.ID))
		switch {
		case outcome == nil && kind.Every == 0:
			tx.Delete(recordKey(j.Kind, j.ID))
			return nil
		case outcome == nil:
			rec = record{Input: rec.Input, NotBefore: now.Add(kind.Every)}
		case !stopping:
			rec.Failures++
			rec.LastError = outcome.Error()
			rec.NotBefore = now.Add(pause(rec.Failures))
		default:
			return nil // it was interrupted, which is no failure
		}
		tx.Put(recordKey(j.Kind, j.ID), encode(rec))
		return nil
	})
	return err
}

// longestPause is how long a job waits at most after it failed.
const longestPause = 10 * time.Minute

// pause is how long a job waits after it failed so many times in a row: a second,
// doubled each time, up to the longest pause.
func pause(failures int) time.Duration {
	return min(time.Second<<min(failures-1, 20), longestPause)
}

// due says whether a job that is not to run before a time may run at now. What lies
// further ahead than any wait of the kind was written by a clock that stood ahead
// and has been set back since: nobody asked for a wait that long.
func (k Kind) due(notBefore, now time.Time) bool {
	wait := notBefore.Sub(now)
	return wait <= 0 || wait > max(k.Every, longestPause)
}
