package dynamodb

import (
	"context"
	"fmt"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// RestoreTableFromBackup makes a table of what a backup holds. It answers that the table
// is being created; a job fills it, and until that is done no operation on items sees it.
func (s *Service) RestoreTableFromBackup(ctx context.Context, in *dynamodb.RestoreTableFromBackupInput) (*dynamodb.RestoreTableFromBackupOutput, error) {
	from, err := backupOfARN(ctx, *in.BackupArn)
	if err != nil {
		return nil, err
	}
	n := s.ownTable(ctx, *in.TargetTableName)
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:RestoreTableFromBackup", Resource: from.arn()}); err != nil {
		return nil, err
	}
	if err := s.authorizeTarget(ctx, n); err != nil {
		return nil, err
	}
	o := overrides{
		billing: in.BillingModeOverride, global: in.GlobalSecondaryIndexOverride, local: in.LocalSecondaryIndexOverride,
		throughput: in.ProvisionedThroughputOverride, onDemand: in.OnDemandThroughputOverride,
		encryption: in.SSESpecificationOverride, vector: in.VectorIndexOverride,
	}
	var st *tableState
	err = s.update(ctx, func(tx kv.Txn) error {
		b, err := findBackup(ctx, tx, from)
		switch {
		case err != nil:
			return err
		case b.Status != backupAvailable:
			return backupInUse(from)
		}
		if st, err = b.Table.restored(o, s.now().UTC()); err != nil {
			return err
		}
		st.Restore = &restoreState{Table: from.table().arn(), Backup: from.arn(), To: b.Created, Running: true}
		if err := s.place(ctx, tx, n, st); err != nil {
			return err
		}
		b.Restores++
		if err := b.put(tx, from); err != nil {
			return err
		}
		f := filling{From: b.Data, To: st.ID, Target: storedNameOf(n), Backup: &from}
		s.recordRestore(ctx, tx, n, from.Account, from.resource(), in)
		return f.enqueue(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(n)
	s.jobs.Wake()
	return &dynamodb.RestoreTableFromBackupOutput{TableDescription: st.describe(n, holding{}, st.Created)}, nil
}

// releaseBackup ends a restore's use of a backup.
func (s *Service) releaseBackup(ctx context.Context, tx kv.Txn, f filling) error {
	b, err := findBackup(ctx, tx, *f.Backup)
	if err != nil {
		return err
	}
	b.Restores--
	return b.put(tx, *f.Backup)
}

// removeBackup is the job that removes the items of a backup that is gone, or what lay
// beside an export.
func (s *Service) removeBackup(ctx context.Context, job *jobs.Job) error {
	id, err := strconv.ParseUint(job.ID, 10, 64)
	if err != nil {
		return fmt.Errorf("job of a deleted backup: %w", err)
	}
	for _, prefix := range [][]byte{itemsPrefix, exportedPrefix} {
		from := ofTable(prefix, id)
		if err := s.store.DeleteRange(ctx, from, above(from)); err != nil {
			return err
		}
	}
	return nil
}
