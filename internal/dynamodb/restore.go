package dynamodb

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// restoreState says of a table that it was made by a restore, as it is stored with
// the table.
type restoreState struct {
	Table  string    `json:"table"`            // ARN of the source
	Backup string    `json:"backup,omitempty"` // ARN, if it was restored from one
	To     time.Time `json:"to"`               // the second, or when the backup was made
	// Running is whether there is still something to come.
	Running bool `json:"running,omitempty"`
}

func (r *restoreState) running() bool { return r != nil && r.Running }

// describeRestore adds to the description of a restored table what it was made of.
func (st *tableState) describeRestore(d *dynamodb.TableDescription) {
	r := st.Restore
	if r == nil {
		return
	}
	if r.Running {
		d.TableStatus = new("CREATING")
	}
	d.RestoreSummary = &dynamodb.RestoreSummary{SourceTableArn: new(r.Table), RestoreDateTime: new(r.To), RestoreInProgress: new(r.Running)}
	if r.Backup != "" {
		d.RestoreSummary.SourceBackupArn = new(r.Backup)
	}
}

// maxRestores is how many restores an account can have under way in a region.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html.
const maxRestores = 50

// RestoreTableToPointInTime makes a table of what another one held at the end of a
// second. It answers that the table is being created; a job fills it, and until that
// is done no operation on items sees it.
func (s *Service) RestoreTableToPointInTime(ctx context.Context, in *dynamodb.RestoreTableToPointInTimeInput) (*dynamodb.RestoreTableToPointInTimeOutput, error) {
	from, err := restoreSource(ctx, in)
	if err != nil {
		return nil, err
	}
	n := s.ownTable(ctx, *in.TargetTableName)
	if err := s.authorizeTable(ctx, "RestoreTableToPointInTime", from, nil); err != nil {
		return nil, err
	}
	if err := s.authorizeTarget(ctx, n); err != nil {
		return nil, err
	}
	second, after, err := s.restorable(ctx, from, in)
	if err != nil {
		return nil, err
	}
	o := overrides{
		billing: in.BillingModeOverride, global: in.GlobalSecondaryIndexOverride, local: in.LocalSecondaryIndexOverride,
		throughput: in.ProvisionedThroughputOverride, onDemand: in.OnDemandThroughputOverride,
		encryption: in.SSESpecificationOverride, vector: in.VectorIndexOverride,
	}
	var st *tableState
	err = s.update(ctx, func(tx kv.Txn) error {
		source, err := s.sourceTable(ctx, tx, from)
		if err != nil {
			return err
		}
		if err := stillRestorable(ctx, tx, source.ID, after); err != nil {
			return err
		}
		if st, err = source.restored(o, s.now().UTC()); err != nil {
			return err
		}
		st.Restore = &restoreState{Table: from.arn(), To: second, Running: true}
		if err := s.place(ctx, tx, n, st); err != nil {
			return err
		}
		f := filling{From: source.ID, Source: storedNameOf(from), Second: second, To: st.ID, Target: storedNameOf(n)}
		held := source.tableState
		if err := held.holdFrom(tx, from, after, f.jobID()); err != nil {
			return err
		}
		s.recordRestore(ctx, tx, n, from.account, audit.Resource{Type: tableResource, ARN: from.arn()}, in)
		return f.enqueue(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(from)
	s.cache.drop(n)
	s.jobs.Wake()
	return &dynamodb.RestoreTableToPointInTimeOutput{TableDescription: st.describe(n, holding{}, st.Created)}, nil
}

// restoreSource is the table to restore, by its name or its ARN.
func restoreSource(ctx context.Context, in *dynamodb.RestoreTableToPointInTimeInput) (tableName, error) {
	switch {
	case in.SourceTableArn != nil && in.SourceTableName != nil:
		return tableName{}, api.ValidationException("SourceTableName and SourceTableArn can not both be specified")
	case in.SourceTableArn != nil:
		return nameOfARN(api.RequestOf(ctx).Region, *in.SourceTableArn)
	case in.SourceTableName != nil:
		return nameOf(ctx, in.SourceTableName)
	}
	return tableName{}, api.ValidationException("Either SourceTableName or SourceTableArn must be specified")
}

// ownTable is a table of the caller's account and the request's region.
func (s *Service) ownTable(ctx context.Context, name string) tableName {
	req := api.RequestOf(ctx)
	return tableName{req.Caller.Account, req.Region, name}
}

// authorizeTarget asks policy for what a restore needs on its target: to read and to
// write it.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/backuprestore_IAM.html.
func (s *Service) authorizeTarget(ctx context.Context, target tableName) error {
	var checks []identity.Check
	for _, a := range []string{"BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"} {
		checks = append(checks, identity.Check{Action: "dynamodb:" + a, Resource: target.arn()})
	}
	return s.identity.Authorize(ctx, checks...)
}

// restorable returns the second to restore to, and a commit after which the log has
// every change that must be known for that.
func (s *Service) restorable(ctx context.Context, n tableName, in *dynamodb.RestoreTableToPointInTimeInput) (second time.Time, after kv.Stamp, err error) {
	latest := in.UseLatestRestorableTime != nil && *in.UseLatestRestorableTime
	switch {
	case latest && in.RestoreDateTime != nil:
		return second, 0, api.ValidationException("RestoreDateTime and UseLatestRestorableTime can not both be specified")
	case !latest && in.RestoreDateTime == nil:
		return second, 0, api.ValidationException("Either RestoreDateTime or UseLatestRestorableTime must be specified")
	}
	err = s.view(ctx, func(r kv.Reader) error {
		t, err := s.sourceTable(ctx, r, n)
		if err != nil {
			return err
		}
		w, err := s.recoveryWindow(ctx, r, &t.tableState)
		if err != nil {
			return err
		}
		if latest {
			// The end of a window that only begins is what the restore waits for.
			w.last = later(w.last, w.first)
			second = w.last
		} else {
			second = in.RestoreDateTime.UTC().Truncate(time.Second)
		}
		if second.Before(w.first) || second.After(w.last) {
			return invalidRestoreTime()
		}
		// There may be more commits in the second than are known now, but not fewer.
		after, err = s.store.StampAt(ctx, second.Add(time.Second))
		return err
	})
	return second, after, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func invalidRestoreTime() error {
	return dynamodb.InvalidRestoreTimeException("An invalid restore time was specified. RestoreDateTime must be between EarliestRestorableDateTime and LatestRestorableDateTime.")
}

// stillRestorable returns the InvalidRestoreTimeException of a table whose log has not,
// or no longer, every change after a commit.
func stillRestorable(ctx context.Context, r kv.Reader, table uint64, after kv.Stamp) error {
	begun, err := recoveryBegan(ctx, r, table)
	if err == nil && begun > after {
		err = invalidRestoreTime()
	}
	return err
}

// sourceTable is find for the source of a restore.
func (s *Service) sourceTable(ctx context.Context, r kv.Reader, n tableName) (*table, error) {
	t, err := s.readAny(ctx, r, n)
	switch {
	case err != nil:
		return nil, err
	case t == nil:
		return nil, dynamodb.TableNotFoundException("Source table not found: %s", n.name)
	case !t.Recovery.On:
		return nil, dynamodb.PointInTimeRecoveryUnavailableException("Point in time recovery is not enabled for table '%s'", n.name)
	}
	return t, nil
}

// place gives a restored table its number, and its name if that is free.
func (s *Service) place(ctx context.Context, tx kv.Txn, n tableName, st *tableState) error {
	taken, err := s.readAny(ctx, tx, n)
	switch {
	case err != nil:
		return err
	case taken != nil && taken.beingFilled():
		return dynamodb.TableInUseException("Table is being created: %s", n.name)
	case taken != nil:
		return dynamodb.TableAlreadyExistsException("Table already exists: %s", n.name)
	}
	if err := s.checkRestores(ctx, tx, n); err != nil {
		return err
	}
	if st.ID, err = nextID(ctx, tx); err != nil {
		return err
	}
	return st.put(tx, n)
}

// nextID takes a number for a table or a backup, which no other has had.
func nextID(ctx context.Context, tx kv.Txn) (uint64, error) {
	last, err := tx.Get(ctx, lastIDKey)
	if err != nil {
		return 0, err
	}
	id := decodeID(last) + 1
	tx.Put(lastIDKey, encodeID(id))
	return id, nil
}

// checkRestores returns the LimitExceededException of an account with too many restores
// under way.
func (s *Service) checkRestores(ctx context.Context, r kv.Reader, n tableName) error {
	under, err := s.underWay(ctx, r, n.account, n.region, noteRestore)
	if err != nil {
		return err
	}
	if under >= maxRestores {
		return dynamodb.LimitExceededException("Subscriber limit exceeded: There is a limit of %d simultaneous restores per subscriber.", maxRestores)
	}
	return nil
}
