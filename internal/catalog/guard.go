package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Guards tells whether a table has the primary key of a catalog.
func (s *Service) Guards(hash, sort string) bool { return hash == hashName && sort == sortName }

// Change refuses the changes by which a client of the tables would make a registered version
// something else, or the history something that was not. Attributes that are not the
// catalog's (see owned) are anybody's. A draft may be deleted, which lets go of what it
// holds, and so may be what is retired.
func (s *Service) Change(ctx context.Context, tx kv.Txn, c dynamodb.ItemChange) error {
	if isInside(ctx) {
		return nil
	}
	v := idOf(c)
	if kept(v.model) {
		return denied("Items with the %s '%s' are the catalog's own: they change with PromoteModelVersion and RemoveModelAlias alone.", hashName, v.model)
	}
	r, err := find(ctx, tx, v)
	if err != nil || r == nil {
		return err
	}
	switch {
	case c.Old == nil:
		return denied("The version %s of the model %s was registered and is retired: a version is written once. Take another name.", v.version, v.model)
	case c.New != nil:
		for _, name := range owned {
			a, _ := c.Old.Get(name)
			b, _ := c.New.Get(name)
			if !item.Equal(a, b) {
				return denied("The version %s of the model %s is registered: its %s cannot change. Register another version instead.", v.version, v.model, name)
			}
		}
		return nil
	case r.Status == retired:
		return nil // its registration stays, so that the name is not used again
	case r.Status == draft:
		return s.dissolve(ctx, tx, v, r)
	}
	return denied("The version %s of the model %s is registered and cannot be deleted: retire it first (RetireModelVersion).", v.version, v.model)
}

// Expire lets go of what an expired draft holds. A version that is registered does not
// expire, whatever attribute the table's items expire by; nor do aliases and history.
func (s *Service) Expire(ctx context.Context, tx kv.Txn, c dynamodb.ItemChange) (keep bool, err error) {
	v := idOf(c)
	if kept(v.model) {
		return true, nil
	}
	r, err := find(ctx, tx, v)
	switch {
	case err != nil || r == nil:
		return false, err
	case r.Status == registered:
		return true, nil
	case r.Status == retired:
		return false, nil
	}
	ctx = api.WithRequest(ctx, &api.Request{
		Service: "modelwharf", Operation: "ExpireModelVersion", Region: strings.Split(c.Table.ARN, ":")[3], Time: s.now(),
		Caller: api.Caller{Type: api.ServiceCaller, ARN: "modelwharf", Principal: "modelwharf"},
	})
	return false, s.dissolve(ctx, tx, v, r)
}

// dissolve ends the registration of a draft.
func (s *Service) dissolve(ctx context.Context, tx kv.Txn, v versionID, r *registration) error {
	if err := s.release(ctx, tx, v, r); err != nil {
		return err
	}
	tx.Delete(v.key())
	s.record(ctx, tx, v, r, nil)
	return nil
}

// Drop refuses to drop a table with versions that are not retired. The error is
// ResourceInUseException. Otherwise it forgets the registrations.
func (s *Service) Drop(ctx context.Context, tx kv.Txn, t dynamodb.TableID) error {
	if _, err := tx.Get(ctx, changedKey(t)); err != nil {
		return err
	}
	prefix := versionsOf(t)
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return err
		}
		r, err := decode(p.Val)
		if err != nil {
			return err
		}
		if r.Status == retired {
			tx.Delete(p.Key)
			continue
		}
		model, rest, err := tuple.String(p.Key[len(prefix):])
		if err != nil {
			return err
		}
		version, _, err := tuple.String(rest)
		if err != nil {
			return err
		}
		return ddb.ResourceInUseException("Table is being used: %s holds the version %s of the model %s. Retire all versions first (RetireModelVersion).", tableName(t.ARN), version, model)
	}
	tx.Delete(changedKey(t))
	return nil
}

// idOf is the version that an item is, if it is one.
func idOf(c dynamodb.ItemChange) versionID {
	it := c.Old
	if it == nil {
		it = c.New
	}
	model, _ := it.Get(hashName)
	version, _ := it.Get(sortName)
	return versionID{c.Table, model.S, version.S}
}

// kept tells whether the items of a hash key are the catalog's own.
func kept(model string) bool {
	return strings.HasSuffix(model, aliasesSuffix) || strings.HasSuffix(model, historySuffix)
}

// denied is how a client of the tables is told that an item is not its own.
func denied(format string, args ...any) *api.Error {
	return api.AccessDeniedException("%s", fmt.Sprintf(format, args...))
}

// isCode tells whether an error is one of some codes.
func isCode(err error, codes ...string) bool {
	for _, code := range codes {
		if errors.Is(err, &api.Error{Code: code}) {
			return true
		}
	}
	return false
}
