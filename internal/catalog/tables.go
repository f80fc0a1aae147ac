package catalog

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/api"
	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// table returns the table of a parameter, which must be a catalog's. The errors are
// ResourceNotFoundException and ValidationException.
func (s *Service) table(ctx context.Context, tx kv.Reader, param string) (dynamodb.TableID, error) {
	t, hash, sort, err := s.tables.FindTable(ctx, tx, param)
	switch {
	case isCode(err, "ResourceNotFoundException"):
		err = notFound("There is no table %s: a model catalog is a table with the primary key %s and %s (--table names another one).", param, hashName, sortName)
	case err == nil && !s.Guards(hash, sort):
		err = invalid("The table %s is no model catalog: the primary key of one is %s and %s, both of type S.", param, hashName, sortName)
	}
	return t, err
}

// findTable is table in a snapshot of its own.
func (s *Service) findTable(ctx context.Context, param string) (t dynamodb.TableID, err error) {
	err = s.store.View(ctx, func(tx kv.Reader) error {
		t, err = s.table(ctx, tx, param)
		return err
	})
	return t, err
}

// item returns an item in the name of the caller, nil if there is none.
func (s *Service) item(ctx context.Context, table string, model, version string) (ddb.Attributes, error) {
	out, err := s.tables.GetItem(inside(ctx, "GetItem"), &ddb.GetItemInput{TableName: &table, Key: keyOf(model, version), ConsistentRead: new(true)})
	if err != nil || out.Item == nil {
		return nil, err
	}
	return decodeItem(out.Item)
}

// write writes items in the name of the caller, and what also writes, by one transaction.
// failed is whether a condition of the items did not hold.
func (s *Service) write(ctx context.Context, also func(tx kv.Txn) error, items ...*ddb.TransactWriteItem) (failed bool, err error) {
	_, err = s.tables.TransactWriteItemsWith(inside(ctx, "TransactWriteItems"), &ddb.TransactWriteItemsInput{TransactItems: items}, also)
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return false, err
	}
	if d, ok := e.Detail.(*ddb.TransactionCanceledExceptionDetail); ok {
		for _, reason := range d.CancellationReasons {
			switch *reason.Code {
			case "None":
			case "ConditionalCheckFailed":
				failed = true
			default:
				return false, err
			}
		}
	}
	if failed {
		return true, nil
	}
	return false, err
}
