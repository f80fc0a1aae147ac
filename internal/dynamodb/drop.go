package dynamodb

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// DeleteTable drops a table. Its name is free before the answer is there; what it
// held is removed in the background; if its recovery is on, its items become a backup.
// Its stream is disabled, and can still be read for a day.
func (s *Service) DeleteTable(ctx context.Context, in *dynamodb.DeleteTableInput) (*dynamodb.DeleteTableOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "DeleteTable", n, nil); err != nil {
		return nil, err
	}
	var out *dynamodb.TableDescription
	var id uint64
	err = s.update(ctx, func(tx kv.Txn) error {
		t, err := s.findWhole(ctx, tx, n)
		switch {
		case err != nil:
			return err
		case t.Recovery.Holders > 0:
			return dynamodb.ResourceInUseException("Attempt to change a resource which is still in use: Table is being backed up or restored from: %s", n.name)
		case t.Protected:
			return api.ValidationException("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
		}
		if t.guard != nil {
			if err := t.guard.Drop(ctx, tx, t.identify()); err != nil {
				return err
			}
		}
		last := t.tableState
		if last.Stream.On {
			if err := s.disableStream(ctx, tx, n, &last); err != nil {
				return err
			}
		}
		last.Recovery = recoveryState{}
		if err := last.leaveLog(ctx, tx, n); err != nil {
			return err
		}
		tx.Delete(tableKey(n))
		tx.Delete(ofTable(expiringPrefix, t.ID))
		s.recordTable(ctx, tx, n, in)
		out, id = t.dropping(s.now()), t.ID
		if !t.Recovery.On {
			return jobs.Enqueue(ctx, tx, dropTable, jobOf(t.ID), nil)
		}
		if err := s.keepDropped(ctx, tx, t); err != nil {
			return err
		}
		return jobs.Enqueue(ctx, tx, dropTable, jobOf(t.ID), []byte(keepItems))
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(n)
	s.meters.drop(n, id)
	s.buckets.drop(id)
	s.upkeep.forget(n)
	s.absences.drop(id)
	s.jobs.Wake()
	return &dynamodb.DeleteTableOutput{TableDescription: out}, nil
}

// dropping is the short description that DeleteTable answers with.
func (t *table) dropping(now time.Time) *dynamodb.TableDescription {
	d := t.describe(t.tableName, holding{}, now)
	d.TableStatus = new("DELETING")
	// AWS leaves these out of a table that is going.
	d.LocalSecondaryIndexes, d.GlobalSecondaryIndexes = nil, nil
	d.KeySchema, d.AttributeDefinitions, d.CreationDateTime = nil, nil, nil
	return d
}

// tableNotFound says that the control plane knows no such table.
func tableNotFound(n tableName) error {
	return dynamodb.ResourceNotFoundException("Requested resource not found: Table: %s not found", n.name)
}

// noSuchTable says that there is no table to read or write items of.
func noSuchTable() error {
	return dynamodb.ResourceNotFoundException("Requested resource not found")
}
