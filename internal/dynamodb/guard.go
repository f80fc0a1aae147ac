package dynamodb

import (
	"bytes"
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Guard decides about items that stand for more than themselves, such as the versions of
// models, which hold what they are made of. It is asked in the transaction of each change,
// whoever makes it and by whichever operation, and may read and write more there: so what
// follows of an item is never there without it. What makes a new table of an old one
// (restores, imports) does not ask.
type Guard interface {
	// Guards tells whether a table may have such items, by the attributes of its primary
	// key; sort is "" if there is none.
	Guards(hash, sort string) bool
	// Change is asked about each change that a client makes. Its error refuses the change
	// and all that is done with it.
	Change(ctx context.Context, tx kv.Txn, c ItemChange) error
	// Expire is asked about each item whose time has come. If keep is true, it stays.
	Expire(ctx context.Context, tx kv.Txn, c ItemChange) (keep bool, err error)
	// Drop is asked before a table is dropped. Its error refuses that.
	Drop(ctx context.Context, tx kv.Txn, t TableID) error
}

// ItemChange is an item that takes the place of another.
type ItemChange struct {
	Table    TableID
	Old, New dynamodb.Attributes // nil is no item
}

// TableID names one table for ever.
type TableID struct {
	ARN  string
	UUID string // no other table ever has it, also none of the same name
}

// SetGuard sets the one guard that there is. It is to be set before the first request.
func (s *Service) SetGuard(g Guard) { s.guard = g }

// FindTable returns the table that a TableName parameter names, as r sees it, and the
// attributes of its primary key: sort is "" if there is none. In a transaction, that it is
// there is validated at commit. The error is ResourceNotFoundException, or
// ValidationException.
func (s *Service) FindTable(ctx context.Context, r kv.Reader, param string) (id TableID, hash, sort string, err error) {
	n, err := nameOf(ctx, &param)
	if err != nil {
		return TableID{}, "", "", err
	}
	t, err := s.read(ctx, r, n)
	if err != nil {
		return TableID{}, "", "", err
	}
	if t == nil {
		return TableID{}, "", "", tableNotFound(n)
	}
	return t.identify(), t.Hash.Name, t.sortName(), nil
}

func (t *table) identify() TableID { return TableID{ARN: t.arn, UUID: t.UUID} }

func (t *table) sortName() string {
	if t.Range == nil {
		return ""
	}
	return t.Range.Name
}

// guardOf is the guard of a table, nil if it has nothing to guard.
func (s *Service) guardOf(t *table) Guard {
	if s.guard == nil || !s.guard.Guards(t.Hash.Name, t.sortName()) {
		return nil
	}
	return s.guard
}

// guarded asks the guard about a change that a client makes.
func (t *table) guarded(ctx context.Context, tx kv.Txn, old, now item.Stored) error {
	if t.guard == nil || bytes.Equal(old, now) {
		return nil
	}
	c, err := t.changeOf(old, now)
	if err != nil {
		return err
	}
	return t.guard.Change(ctx, tx, c)
}

// keepsExpired asks the guard about an item whose time has come.
func (t *table) keepsExpired(ctx context.Context, tx kv.Txn, it item.Stored) (bool, error) {
	if t.guard == nil {
		return false, nil
	}
	c, err := t.changeOf(it, nil)
	if err != nil {
		return false, err
	}
	return t.guard.Expire(ctx, tx, c)
}

func (t *table) changeOf(old, now item.Stored) (c ItemChange, err error) {
	c.Table = t.identify()
	if old != nil {
		if c.Old, err = old.Attributes(); err != nil {
			return c, err
		}
	}
	if now != nil {
		c.New, err = now.Attributes()
	}
	return c, err
}
