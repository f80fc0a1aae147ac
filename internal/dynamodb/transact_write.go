package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// maxTransaction is how many bytes the items of a transaction have together: those
// that a TransactWriteItems brings (items to put, keys and the values of updates),
// or that a TransactGetItems reads.
const maxTransaction = 4 << 20

// TransactWriteItems writes items of one or more tables: all of them, or none if one
// cannot be written.
func (s *Service) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput) (*dynamodb.TransactWriteItemsOutput, error) {
	return s.TransactWriteItemsWith(ctx, in, nil)
}

// TransactWriteItemsWith is TransactWriteItems; also, if it is not nil, reads and writes more
// in its transaction, after the items. It may be called several times, and its error undoes
// all of it.
func (s *Service) TransactWriteItemsWith(ctx context.Context, in *dynamodb.TransactWriteItemsInput, also func(tx kv.Txn) error) (*dynamodb.TransactWriteItemsOutput, error) {
	x := transaction{writes: make([]write, len(in.TransactItems)), also: also}
	size := 0
	for i, action := range in.TransactItems {
		var n int
		var err error
		if x.writes[i], n, err = actionOf(ctx, action); err != nil {
			return nil, err
		}
		x.writes[i].use.enclosing = "TransactWriteItems"
		x.writes[i].use.consumed = in.ReturnConsumedCapacity
		size += n
	}
	if size > maxTransaction {
		return nil, errTransactionTooLarge()
	}
	capacity, err := s.commit(ctx, &x, tokenOf(ctx, in.ClientRequestToken, in.TransactItems), in.ReturnConsumedCapacity)
	if err != nil {
		return nil, err
	}
	return &dynamodb.TransactWriteItemsOutput{
		ConsumedCapacity:      capacity,
		ItemCollectionMetrics: s.collections(ctx, in.ReturnItemCollectionMetrics, &x),
	}, nil
}

// commit does a transaction, unless one of the same token has been done, and
// returns what it cost.
func (s *Service) commit(ctx context.Context, x *transaction, token *token, wanted *string) ([]*dynamodb.ConsumedCapacity, error) {
	if err := s.authorize(ctx, x); err != nil {
		return nil, err
	}
	repeated := false
	err := s.update(ctx, func(tx kv.Txn) (err error) {
		if err := x.locate(ctx, s, tx); err != nil {
			return err
		}
		now := s.now()
		if token != nil {
			if repeated, err = token.used(ctx, tx, now); err != nil {
				return err
			}
		}
		if !repeated {
			if err := x.admitTables(writesOf); err != nil {
				return err
			}
		}
		if err := x.load(ctx, tx); err != nil || repeated {
			return err
		}
		if err := x.decide(); err != nil {
			return err
		}
		changed, err := x.apply(ctx, tx)
		if err != nil {
			return err
		}
		if err := x.admit(); err != nil {
			return err
		}
		if x.also != nil {
			if err := x.also(tx); err != nil {
				return err
			}
		}
		if changed {
			s.recordTransaction(ctx, tx, x)
		}
		if token != nil {
			token.keep(tx, now)
		}
		return nil
	})
	if repeated && err == nil {
		s.absences.note(x.done)
		return x.read().reads(wanted), nil
	}
	s.count(x, err)
	if err != nil {
		return nil, err
	}
	if token != nil {
		s.upkeep.keptToken(bucketOf(s.now()))
	}
	return x.bill().writes(wanted), nil
}

// authorize asks policy for every action of a transaction, after it made sure that
// their tables are together.
func (s *Service) authorize(ctx context.Context, x *transaction) error {
	for _, w := range x.writes {
		if first := x.writes[0].table; w.table.account != first.account || w.table.region != first.region {
			return api.ValidationException("All tables of a transaction must be of one account and Region")
		}
	}
	for _, w := range x.writes {
		if _, err := s.authorizeItems(ctx, w.table, w.use); err != nil {
			return err
		}
	}
	return nil
}

// read is what it costs to read the items of a transaction. It counts and charges
// them, too.
func (x *transaction) read() (b bill) {
	for i := range x.done {
		t := x.done[i].table
		spent := cost{table: transactional * readUnits(sizeOrZero(x.done[i].old), new(true))}
		t.read(1, spent)
		b.add(t, x.writes[i].param, spent)
	}
	return b
}

// actionOf checks and compiles an action of a TransactWriteItems, and returns how
// many bytes of items it brings.
func actionOf(ctx context.Context, a *dynamodb.TransactWriteItem) (w write, size int, err error) {
	n := 0
	for _, given := range []bool{a.ConditionCheck != nil, a.Put != nil, a.Delete != nil, a.Update != nil} {
		if given {
			n++
		}
	}
	switch {
	case n == 0:
		return w, 0, api.ValidationException("Invalid Request: TransactWriteRequest should contain Delete or Put or Update request")
	case n > 1:
		return w, 0, api.ValidationException("TransactItems can only contain one of Check, Put, Update or Delete")
	case a.Put != nil:
		in := a.Put
		names, values := placeholders(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
		w, err = putOf(ctx, &dynamodb.PutItemInput{
			TableName: in.TableName, Item: in.Item,
			ConditionExpression: in.ConditionExpression, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			ReturnValuesOnConditionCheckFailure: in.ReturnValuesOnConditionCheckFailure,
		})
		return w, item.Size(in.Item), err
	case a.Delete != nil:
		in := a.Delete
		names, values := placeholders(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
		w, err = deleteOf(ctx, &dynamodb.DeleteItemInput{
			TableName: in.TableName, Key: in.Key,
			ConditionExpression: in.ConditionExpression, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			ReturnValuesOnConditionCheckFailure: in.ReturnValuesOnConditionCheckFailure,
		})
		return w, item.Size(in.Key), err
	case a.Update != nil:
		in := a.Update
		w, _, err = updateOf(ctx, &dynamodb.UpdateItemInput{
			TableName: in.TableName, Key: in.Key, UpdateExpression: in.UpdateExpression,
			ConditionExpression: in.ConditionExpression, ExpressionAttributeNames: in.ExpressionAttributeNames, ExpressionAttributeValues: in.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: in.ReturnValuesOnConditionCheckFailure,
		})
		return w, item.Size(in.Key) + item.Size(in.ExpressionAttributeValues), err
	default:
		w, err = conditionCheckOf(ctx, a.ConditionCheck)
		return w, item.Size(a.ConditionCheck.Key), err
	}
}

// placeholders are an action's names and values. In a transaction DynamoDB does not
// mind them where no expression is; single writes are refused.
func placeholders(expression *string, names map[string]string, values dynamodb.Attributes) (map[string]string, dynamodb.Attributes) {
	if expression == nil {
		return nil, nil
	}
	return names, values
}

// conditionCheckOf makes of a ConditionCheck a write that leaves the item as it is.
func conditionCheckOf(ctx context.Context, in *dynamodb.ConditionCheck) (write, error) {
	compiled, err := compile(&expr.Parameters{
		Operation: "ConditionCheck",
		Condition: in.ConditionExpression,
		Names:     in.ExpressionAttributeNames,
		Values:    in.ExpressionAttributeValues,
	}, valuesOf(in.Key))
	if err != nil {
		return write{}, err
	}
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return write{}, err
	}
	return write{
		table:     n,
		param:     in.TableName,
		condition: compiled.Condition,
		onFailure: in.ReturnValuesOnConditionCheckFailure,
		use: use{
			action:     "dynamodb:ConditionCheckItem",
			leading:    leadingKey(in.Key),
			attributes: named(in.Key, compiled.Condition),
		},
		key:  keyParameter(in.Key),
		next: func(_ *table, old item.Stored) (item.Stored, error) { return old, nil },
	}, nil
}

// errTransactionTooLarge has no words that AWS is known to use.
func errTransactionTooLarge() error {
	return api.ValidationException("The aggregate size of the items in the transaction cannot exceed 4 MB")
}
