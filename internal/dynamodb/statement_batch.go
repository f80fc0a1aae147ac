package dynamodb

import (
	"context"
	"errors"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/partiql"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// BatchExecuteStatement carries out statements that each read or write one item.
// They are apart from one another: what is wrong with one is told in its place.
func (s *Service) BatchExecuteStatement(ctx context.Context, in *dynamodb.BatchExecuteStatementInput) (*dynamodb.BatchExecuteStatementOutput, error) {
	statements := make([]statement, len(in.Statements))
	faults := make([]error, len(in.Statements))
	reads, writes := false, false
	for i, one := range in.Statements {
		if statements[i], faults[i] = statementOf(ctx, one.Statement, one.Parameters); faults[i] != nil {
			continue
		}
		if statements[i].Kind == partiql.Exists {
			faults[i] = errExists()
			continue
		}
		reads, writes = reads || !statements[i].Writes(), writes || statements[i].Writes()
	}
	if reads && writes {
		return nil, errMixed("batch")
	}
	out := &dynamodb.BatchExecuteStatementOutput{Responses: make([]*dynamodb.BatchStatementResponse, len(statements))}
	for i, st := range statements {
		r := &dynamodb.BatchStatementResponse{}
		out.Responses[i] = r
		var spent cost
		err := faults[i]
		switch {
		case err != nil:
		case st.Writes():
			r.Item, spent, err = s.writeStatement(ctx, st, in.Statements[i].ReturnValuesOnConditionCheckFailure, in.ReturnConsumedCapacity)
		default:
			r.Item, spent.table, err = s.readOne(ctx, st, in.Statements[i].ConsistentRead, in.ReturnConsumedCapacity)
		}
		if err == nil {
			r.TableName = &st.Table
			if c := consumed(in.ReturnConsumedCapacity, &st.Table, spent); c != nil {
				out.ConsumedCapacity = append(out.ConsumedCapacity, c)
			}
			continue
		}
		fault, ok := errors.AsType[*api.Error](err)
		if !ok {
			return nil, err
		}
		r.Error = batchError(fault)
		if *r.Error.Code == "ConditionalCheckFailed" || *r.Error.Code == "DuplicateItem" {
			r.TableName = &st.Table // it got as far as the item
		}
	}
	return out, nil
}

// readOne reads the one item of a SELECT that says nothing but its key.
func (s *Service) readOne(ctx context.Context, st statement, consistent *bool, wanted *string) (found dynamodb.RawAttributes, units float64, err error) {
	w, projection := st.get("BatchExecuteStatement")
	w.use.consumed = wanted
	if _, err := s.authorizeItems(ctx, w.table, w.use); err != nil {
		return nil, 0, err
	}
	x := transaction{writes: []write{w}, alone: true}
	err = s.view(ctx, func(r kv.Reader) error {
		if err := x.locate(ctx, s, r); err != nil {
			return err
		}
		if err := x.admitTables(readsOf); err != nil {
			return err
		}
		return x.load(ctx, r)
	})
	if err != nil {
		return nil, 0, err
	}
	it := x.done[0].old
	units = readUnits(sizeOrZero(it), consistent)
	x.done[0].table.read(1, cost{table: units})
	if it != nil {
		found, err = project(projection, it)
	}
	return found, units, err
}

// get makes a SELECT of one item as a write that is never done, for an operation
// that takes no other.
func (st statement) get(operation string) (write, *item.Projection) {
	projection := st.Projection
	return write{
		table: st.table,
		param: &st.Table,
		use:   st.reads(),
		key: func(t *table) (item.Key, dynamodb.Attributes, error) {
			plan, err := st.Plan(t.schema)
			switch {
			case err != nil:
				return item.Key{}, nil, err
			case !plan.Only || st.Index != "":
				return item.Key{}, nil, api.ValidationException("Select statements within %s must specify the primary key in the where clause.", operation)
			}
			if err := projection.CheckKey(t.schema); err != nil {
				return item.Key{}, nil, err
			}
			a := dynamodb.Attributes{}.Set(t.schema.Hash.Name, plan.Keys[0].Hash)
			if t.schema.Range.Name != "" {
				a = a.Set(t.schema.Range.Name, plan.Keys[0].Low)
			}
			key, err := t.schema.KeyOf(a)
			return key, a, err
		},
	}, projection
}

func errMixed(what string) error {
	return api.ValidationException("A %s must consist of either read statements or write statements; both cannot be mixed in one %s", what, what)
}

// codeOf is an error's code in a batch, or in the reasons of a cancelled transaction.
// They are not quite those of exceptions.
func codeOf(fault *api.Error) string {
	switch code := strings.TrimSuffix(fault.Code, "Exception"); code {
	case "Validation":
		return "ValidationError"
	case "Throttling":
		return "ThrottlingError"
	default:
		return code
	}
}

// batchError is an error in the form in which a batch tells it.
func batchError(fault *api.Error) *dynamodb.BatchStatementError {
	e := &dynamodb.BatchStatementError{Code: new(codeOf(fault)), Message: &fault.Message}
	if d, ok := fault.Detail.(*dynamodb.ConditionalCheckFailedExceptionDetail); ok {
		e.Item = d.Item
	}
	return e
}
