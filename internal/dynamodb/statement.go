package dynamodb

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/partiql"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// ExecuteStatement carries out a PartiQL statement: it reads as Query and Scan do,
// or writes as PutItem, UpdateItem and DeleteItem do.
func (s *Service) ExecuteStatement(ctx context.Context, in *dynamodb.ExecuteStatementInput) (*dynamodb.ExecuteStatementOutput, error) {
	st, err := statementOf(ctx, in.Statement, in.Parameters)
	if err != nil {
		return nil, err
	}
	if st.Kind == partiql.Exists {
		return nil, errExists()
	}
	out := &dynamodb.ExecuteStatementOutput{Items: []dynamodb.RawAttributes{}}
	var spent cost
	if st.Writes() {
		var returned dynamodb.RawAttributes
		if returned, spent, err = s.writeStatement(ctx, st, in.ReturnValuesOnConditionCheckFailure, in.ReturnConsumedCapacity); returned != nil {
			out.Items = append(out.Items, returned)
		}
	} else {
		spent, err = s.readStatement(ctx, st, in, out)
	}
	if err != nil {
		return nil, err
	}
	out.ConsumedCapacity = consumed(in.ReturnConsumedCapacity, &st.Table, spent)
	return out, nil
}

func errExists() error {
	return api.ValidationException("EXISTS can only be used in ExecuteTransaction write requests.")
}

// statement is a PartiQL statement of a request.
type statement struct {
	*partiql.Statement
	table tableName
}

func statementOf(ctx context.Context, text *string, params []dynamodb.AttributeValue) (statement, error) {
	st, err := partiql.Compile(*text, params)
	if err != nil {
		return statement{}, err
	}
	if !strings.HasPrefix(st.Table, "arn:") && checkTableName(st.Table) != nil {
		return statement{}, api.ValidationException("Table name should be within the length [3, 255] and only contain 'a-z', 'A-Z', '0-9', '-', '_', '.'.")
	}
	n, err := nameOf(ctx, &st.Table)
	return statement{st, n}, err
}

// writeStatement does the write of a statement, and returns what RETURNING asks for
// and what it cost.
func (s *Service) writeStatement(ctx context.Context, st statement, onFailure, consumed *string) (dynamodb.RawAttributes, cost, error) {
	w, made, err := st.write(onFailure)
	if err != nil {
		return nil, cost{}, err
	}
	w.use.consumed = consumed
	done, err := s.write(ctx, w)
	if err != nil {
		return nil, cost{}, err
	}
	return made.returned(st.ReturnValues, done), done.cost(), nil
}

// write makes a statement that is no SELECT a write.
//
// The WHERE clause is the condition as it stands, with the equality on the key: that
// holds of the item with the key, and of none that is not there. So an UPDATE of no
// item fails its condition, while there a DELETE has nothing to do.
func (st statement) write(onFailure *string) (write, *updated, error) {
	w := write{table: st.table, param: &st.Table, onFailure: onFailure}
	made := &updated{Update: st.Update}
	if st.ReturnValues != "" {
		w.use.returnValues = &st.ReturnValues
	}
	if st.Kind == partiql.Insert {
		return st.insert(w), made, nil
	}
	w.use.leading = func(t *table) []dynamodb.AttributeValue {
		key, err := st.Key(t.schema)
		if err != nil {
			return nil
		}
		return leadingKey(key)(t)
	}
	w.use.attributes = named(nil, st.Condition, st.Update.Names()...)
	w.key = func(t *table) (item.Key, dynamodb.Attributes, error) {
		a, err := st.Key(t.schema)
		if err != nil {
			return item.Key{}, nil, err
		}
		key, err := t.schema.KeyOf(a)
		if err == nil {
			err = st.Condition.CheckKey(t.schema)
		}
		if err == nil {
			err = st.Update.CheckKey(t.schema)
		}
		return key, a, err
	}
	switch st.Kind {
	case partiql.Update:
		w.use.action, w.condition = "dynamodb:PartiQLUpdate", st.Condition
		w.next = func(t *table, old item.Stored) (item.Stored, error) { return made.next(t, old, nil) }
	case partiql.Delete:
		w.use.action = "dynamodb:PartiQLDelete"
		w.next = func(_ *table, old item.Stored) (item.Stored, error) {
			if old == nil {
				return nil, nil
			}
			return nil, check(st.Condition, old, onFailure)
		}
	case partiql.Exists:
		w.use.action, w.condition = "dynamodb:PartiQLSelect", st.Condition
		w.next = func(_ *table, old item.Stored) (item.Stored, error) { return old, nil }
	}
	return w, made, nil
}

// insert makes an INSERT a write.
func (st statement) insert(w write) write {
	w.use.action = "dynamodb:PartiQLInsert"
	w.use.leading = leadingKey(st.Item)
	w.use.attributes = named(st.Item, nil)
	w.key = func(t *table) (item.Key, dynamodb.Attributes, error) {
		if err := st.CheckItem(t.schema); err != nil {
			return item.Key{}, nil, err
		}
		key, err := t.keyOfItem(st.Item)
		return key, st.Item, err
	}
	w.next = func(_ *table, old item.Stored) (item.Stored, error) {
		if old != nil {
			return nil, dynamodb.DuplicateItemException("Duplicate primary key exists in table")
		}
		return encode(st.Item, item.CheckSize)
	}
	return w
}

// position is where the next page of a SELECT begins: in which of its ranges, and
// after which key of it.
type position struct {
	part  int
	after dynamodb.Attributes
}

// ownPages returns a sealer that no other server has.
func ownPages() *pagetoken.Sealer {
	secret := make([]byte, 32)
	rand.Read(secret)
	s, err := pagetoken.New(secret)
	if err != nil {
		panic(err) // of a key that is too short
	}
	return s
}

// listing is what a token of a statement is good for: the statement with its
// parameters, asked by the same account.
func listing(ctx context.Context, in *dynamodb.ExecuteStatementInput) pagetoken.Listing {
	req := api.RequestOf(ctx)
	params := item.JSON(dynamodb.Attributes{{Name: "?", Value: dynamodb.AttributeValue{Type: dynamodb.TypeL, L: in.Parameters}}})
	return pagetoken.Listing{
		Account: req.Caller.Account, Region: req.Region, Operation: "dynamodb:ExecuteStatement",
		Parameters: append(append([]byte(*in.Statement), 0), params...),
	}
}

func (s *Service) sealPosition(l pagetoken.Listing, p position) *string {
	b := binary.AppendUvarint(nil, uint64(p.part))
	return new(s.pages.Seal(l, append(b, item.Encode(p.after, 0)...)))
}

func (s *Service) openPosition(l pagetoken.Listing, token *string) (position, error) {
	if token == nil {
		return position{}, nil
	}
	if b, err := s.pages.Open(l, *token); err == nil {
		part, n := binary.Uvarint(b)
		if it, err := item.Open(b[max(n, 0):]); err == nil && n > 0 {
			if a, err := it.Attributes(); err == nil {
				return position{int(part), a}, nil
			}
		}
	}
	return position{}, api.ValidationException("Invalid NextToken")
}
