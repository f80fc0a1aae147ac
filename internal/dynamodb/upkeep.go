package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// dropTable is the job that removes the data of a dropped table. Its id is the
// table's number.
const dropTable = "dynamodb.DropTable"

// keepItems is the input of that job if a backup has taken over the table's items.
const keepItems = "keep items"

// workers is how many jobs the service runs at once: the long ones, of which there are
// fillsAtOnce of three kinds at most, leave some for the others.
const workers = 4 + 3*fillsAtOnce

// Jobs are the kinds of background work for a runner to know.
func (s *Service) Jobs() []jobs.Kind {
	return []jobs.Kind{
		{Name: dropTable, Run: s.removeTable},
		{Name: enableExpiry, Run: s.enableTimeToLive},
		{Name: disableExpiry, Run: s.disableTimeToLive},
		{Name: expireItems, Run: s.expireTables},
		{Name: tendStreams, Run: s.tendAll},
		{Name: fill, Run: s.fillTable, AtOnce: fillsAtOnce},
		{Name: dropBackup, Run: s.removeBackup},
		{Name: fillIndex, Run: s.backfillIndex},
		{Name: dropIndex, Run: s.removeIndex},
		{Name: removeLapsed, Run: s.removeLapsedBackups},
		{Name: exportItems, Run: s.exportTable, AtOnce: fillsAtOnce},
		{Name: importItems, Run: s.importTable, AtOnce: fillsAtOnce},
	}
}

func jobOf(id uint64) string { return strconv.FormatUint(id, 10) }

// removeTable removes what a dropped table held, but for its log. It may be interrupted and begun
// again at any time: nobody reads those keys any more.
func (s *Service) removeTable(ctx context.Context, job *jobs.Job) error {
	id, err := strconv.ParseUint(job.ID, 10, 64)
	if err != nil {
		return fmt.Errorf("job of a dropped table: %w", err)
	}
	prefixes := [][]byte{itemsPrefix, changesPrefix, totalsPrefix, expiriesPrefix, entriesPrefix, begunPrefix}
	if string(job.Input) == keepItems {
		prefixes = prefixes[1:]
	}
	for _, prefix := range prefixes {
		from := ofTable(prefix, id)
		if err := s.store.DeleteRange(ctx, from, above(from)); err != nil {
			return err
		}
	}
	return nil
}

// upkeep says when the notes of tables' sizes are to be added up. It counts what
// this process has noted; the notes themselves are in the store.
type upkeep struct {
	wake   chan struct{}
	mu     sync.Mutex
	noted  map[tableName]int
	bucket uint64 // the newest one of tokens that this process has added to
	tokens bool   // there may be old ones to forget
}

func newUpkeep() upkeep {
	return upkeep{wake: make(chan struct{}, 1), noted: map[tableName]int{}}
}

// changed counts n changes of the size of a table.
func (u *upkeep) changed(t tableName, n int) {
	u.mu.Lock()
	u.noted[t] += n
	due := u.noted[t] >= foldAtOnce
	u.mu.Unlock()
	if due {
		u.hint()
	}
}

// keptToken notes that a bucket got a token.
func (u *upkeep) keptToken(bucket uint64) {
	u.mu.Lock()
	begun := bucket > u.bucket
	u.bucket = max(u.bucket, bucket)
	u.mu.Unlock()
	if begun {
		u.owesTokens()
	}
}

// owesTokens says that there may be tokens to forget.
func (u *upkeep) owesTokens() {
	u.mu.Lock()
	u.tokens = true
	u.mu.Unlock()
	u.hint()
}

// tokensDue reports, once, whether there may be.
func (u *upkeep) tokensDue() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	due := u.tokens
	u.tokens = false
	return due
}

// forget is for a table that is gone.
func (u *upkeep) forget(t tableName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.noted, t)
}

// hint wakes Run.
func (u *upkeep) hint() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// due returns the tables with many changes, or with any, and begins to count anew.
func (u *upkeep) due(any bool) (tables []tableName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for t, n := range u.noted {
		if any || n >= foldAtOnce {
			tables = append(tables, t)
			delete(u.noted, t)
		}
	}
	return tables
}

// retryAfter is how long Run waits after a failure.
const retryAfter = 5 * time.Second

// Run adds up how tables' sizes change, now and then, sees to it that expired items
// are deleted, looks after streams and backups, and makes filters of keys, until ctx
// ends. It also runs the service's Jobs, if nobody else does.
func (s *Service) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { s.watchExpiry(ctx) })
	running.Go(func() { s.watchStreams(ctx) })
	running.Go(func() { s.watchBackups(ctx) })
	running.Go(func() { s.watchAbsences(ctx) })
	if s.runsJobs {
		running.Go(func() { s.jobs.Run(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.upkeep.wake:
		}
		err := s.Tidy(ctx, false)
		if err == nil || ctx.Err() != nil {
			continue
		}
		s.log.WarnContext(ctx, "adding up the sizes of tables; will try again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

// Tidy adds up how the sizes of tables have changed: of those with many changes,
// or of all that this process changed. It also forgets the tokens of transactions
// that are out of force.
func (s *Service) Tidy(ctx context.Context, all bool) error {
	var errs []error
	if s.upkeep.tokensDue() || all {
		if err := s.forgetTokens(ctx); err != nil {
			s.upkeep.owesTokens()
			errs = append(errs, err)
		}
	}
	for _, t := range s.upkeep.due(all) {
		for more := true; more; {
			var err error
			if more, err = s.fold(ctx, t); err != nil {
				s.upkeep.changed(t, foldAtOnce)
				errs = append(errs, err)
				break
			}
		}
	}
	return errors.Join(errs...)
}

// fold adds the oldest notes of a table to its total, and reports whether there
// may be more. The total guards the notes: it is validated, so of two that fold at
// once, one runs again. So is the table's description, so that nothing is left
// behind after the removal of a dropped one.
func (s *Service) fold(ctx context.Context, n tableName) (more bool, err error) {
	var sum total
	var t *table
	err = s.update(ctx, func(tx kv.Txn) error {
		more, sum = false, total{}
		if t, err = s.read(ctx, tx, n); err != nil || t == nil {
			return err
		}
		if sum, err = totalOf(ctx, tx, t.ID); err != nil {
			return err
		}
		notes, err := sum.addNotes(ctx, tx, t.ID, foldAtOnce)
		if notes > 0 {
			sum.keep(t.Indexes)
			tx.Put(ofTable(totalsPrefix, t.ID), sum.encode())
		}
		more = notes == foldAtOnce
		return err
	})
	if err != nil || sum.upTo == 0 {
		return false, err
	}
	// Nobody reads the notes that the total includes.
	return more, s.store.DeleteRange(ctx, t.changes, noteAfter(t.changes, sum.upTo))
}
