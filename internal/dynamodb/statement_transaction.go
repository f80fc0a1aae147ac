package dynamodb

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/partiql"
)

// ExecuteTransaction carries out statements as one: it reads items at one moment, as
// TransactGetItems does, or writes them all or none, as TransactWriteItems does.
func (s *Service) ExecuteTransaction(ctx context.Context, in *dynamodb.ExecuteTransactionInput) (*dynamodb.ExecuteTransactionOutput, error) {
	statements := make([]statement, len(in.TransactStatements))
	reads, writes := false, false
	for i, one := range in.TransactStatements {
		st, err := statementOf(ctx, one.Statement, one.Parameters)
		if err == nil && st.ReturnValues != "" {
			err = api.ValidationException("RETURNING clause is not supported in ExecuteTransaction.")
		}
		if err != nil {
			return nil, inTransaction(i, err)
		}
		statements[i] = st
		reads, writes = reads || !st.Writes(), writes || st.Writes()
	}
	switch {
	case reads && writes:
		return nil, errMixed("transaction")
	case reads:
		return s.readTransaction(ctx, statements, in.ReturnConsumedCapacity)
	}
	x := transaction{writes: make([]write, len(statements))}
	size := 0
	for i, st := range statements {
		w, _, err := st.write(in.TransactStatements[i].ReturnValuesOnConditionCheckFailure)
		if err != nil {
			return nil, err
		}
		if st.Kind == partiql.Exists {
			w.key = exists(st, w.key)
		}
		w.key = keyInTransaction(i, w.key)
		w.use.enclosing, w.use.consumed = "ExecuteTransaction", in.ReturnConsumedCapacity
		x.writes[i] = w
		size += len(*in.TransactStatements[i].Statement) + item.Size(dynamodb.Attributes{
			{Value: dynamodb.AttributeValue{Type: dynamodb.TypeL, L: in.TransactStatements[i].Parameters}},
		})
	}
	if size > maxTransaction {
		return nil, errTransactionTooLarge()
	}
	capacity, err := s.commit(ctx, &x, tokenOf(ctx, in.ClientRequestToken, in.TransactStatements), in.ReturnConsumedCapacity)
	if err != nil {
		return nil, err
	}
	return &dynamodb.ExecuteTransactionOutput{ConsumedCapacity: capacity}, nil
}

func (s *Service) readTransaction(ctx context.Context, statements []statement, wanted *string) (out *dynamodb.ExecuteTransactionOutput, err error) {
	x := transaction{writes: make([]write, len(statements)), limit: maxTransaction}
	projections := make([]*item.Projection, len(statements))
	for i, st := range statements {
		w, projection := st.get("ExecuteTransaction")
		w.use.enclosing, w.use.consumed = "ExecuteTransaction", wanted
		w.key = keyInTransaction(i, w.key)
		x.writes[i], projections[i] = w, projection
	}
	out = &dynamodb.ExecuteTransactionOutput{}
	if out.Responses, out.ConsumedCapacity, err = s.snapshot(ctx, &x, projections, wanted); err != nil {
		return nil, err
	}
	return out, nil
}

// keyFunc is the key of a write.
type keyFunc = func(*table) (item.Key, dynamodb.Attributes, error)

// exists is the key of an EXISTS, which must say something of one item besides.
func exists(st statement, key keyFunc) keyFunc {
	return func(t *table) (item.Key, dynamodb.Attributes, error) {
		if plan, err := st.Plan(t.schema); err != nil || !plan.One || plan.Only || st.Index != "" {
			return item.Key{}, nil, api.ValidationException("EXISTS() must contain a single item read with additional condition")
		}
		return key(t)
	}
}

// keyInTransaction is a key whose errors say which statement it is of. That an item does
// not suit an index is no error of the statement: it is told as a reason, as it is of an
// action of a TransactWriteItems.
func keyInTransaction(i int, key keyFunc) keyFunc {
	return func(t *table) (item.Key, dynamodb.Attributes, error) {
		k, a, err := key(t)
		if !errors.Is(err, item.ErrMismatch) {
			err = inTransaction(i, err)
		}
		return k, a, err
	}
}

// inTransaction says of a ValidationException which statement it is of.
func inTransaction(i int, err error) error {
	if err == nil {
		return nil
	}
	if fault := api.AsError(err); fault.Code == "ValidationException" {
		return api.ValidationException("Validation failed in TransactStatements[%d]: %s", i, fault.Message)
	}
	return err
}
