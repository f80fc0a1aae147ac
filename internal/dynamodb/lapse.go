package dynamodb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The backups of dropped tables are removed when their time has come, as exports and imports
// are forgotten (see lapsedTransfers). They lie in the order of it under keys of their own:
//
//	lapse | second | account | region | table | backup

const (
	// lapseInterval is how often Run looks for backups whose time has come.
	lapseInterval = time.Minute
	// lapsedAtOnce is how many of them one transaction removes at most.
	lapsedAtOnce = 50
)

// removeLapsed is the job that removes them. There is one of it, while there is
// anything to do.
const removeLapsed = "dynamodb.RemoveLapsedBackups"

// lapse notes in tx when a backup is to be removed.
func (n backupName) lapse(tx kv.Txn, b *backup) {
	tx.Put(append(tuple.AppendUint(bytes.Clone(lapsesPrefix), uint64(b.Expires.Unix())), n.key()[len(backupsPrefix):]...), nil)
}

// lapsed returns the keys of backups whose time has come, the oldest first.
func (s *Service) lapsed(ctx context.Context, r kv.Reader) (keys [][]byte, err error) {
	to := tuple.AppendUint(bytes.Clone(lapsesPrefix), uint64(max(0, s.now().Unix()))+1)
	for p, err := range r.Scan(ctx, kv.Range{From: lapsesPrefix, To: to, Limit: lapsedAtOnce}) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, bytes.Clone(p.Key))
	}
	return keys, nil
}

// watchBackups lets a job remove the backups whose time has come, until ctx ends.
// While there are none, nothing is written.
func (s *Service) watchBackups(ctx context.Context) {
	tick := time.NewTicker(lapseInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.callLapse(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "looking for backups to remove; will try again", "error", err)
		}
	}
}

// callLapse enqueues the job if there is something for it.
func (s *Service) callLapse(ctx context.Context) error {
	var due [][]byte
	err := s.view(ctx, func(r kv.Reader) (err error) {
		if due, err = s.lapsed(ctx, r); err == nil && len(due) == 0 {
			due, err = s.lapsedTransfers(ctx, r)
		}
		return err
	})
	if err != nil || len(due) == 0 {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error { return jobs.Enqueue(ctx, tx, removeLapsed, removeLapsed, nil) })
	s.jobs.Wake()
	return err
}

// removeLapsedBackups is the job. What failed is tried again when Run looks next.
func (s *Service) removeLapsedBackups(ctx context.Context, job *jobs.Job) error {
	_, err := s.expireBackups(ctx, job.Update)
	if err == nil {
		err = s.forgetTransfers(ctx, job.Update)
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, jobs.ErrDeposed) {
		return err
	}
	s.log.WarnContext(ctx, "removing backups; will try again", "error", err)
	return nil
}

// ExpireBackups removes the backups whose time has come, but for those that somebody is
// restoring from, and returns how many there were. Run sees to that by itself.
func (s *Service) ExpireBackups(ctx context.Context) (removed int, err error) {
	return s.expireBackups(ctx, s.store.Update)
}

func (s *Service) expireBackups(ctx context.Context, update updates) (removed int, err error) {
	for {
		n := 0
		_, err := update(ctx, func(tx kv.Txn) error {
			n = 0
			keys, err := s.lapsed(ctx, tx)
			if err != nil {
				return err
			}
			for _, key := range keys {
				gone, err := removeLapsedBackup(ctx, tx, key)
				if err != nil {
					return err
				}
				if gone {
					n++
				}
			}
			return nil
		})
		if err != nil || n == 0 {
			return removed, err
		}
		removed += n
		s.jobs.Wake()
	}
}

// removeLapsedBackup removes the backup of a key, unless it is in use.
func removeLapsedBackup(ctx context.Context, tx kv.Txn, key []byte) (gone bool, err error) {
	_, rest, err := tuple.Uint(key[len(lapsesPrefix):])
	if err != nil {
		return false, fmt.Errorf("key of a backup's time: %w", err)
	}
	n, err := backupOfKey(append(bytes.Clone(backupsPrefix), rest...))
	if err != nil {
		return false, err
	}
	b, err := findBackup(ctx, tx, n)
	if err != nil || b.Restores > 0 {
		return false, err
	}
	tx.Delete(key)
	return true, b.remove(ctx, tx, n)
}
