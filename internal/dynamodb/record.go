package dynamodb

import (
	"context"
	"slices"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// tableResource is what AWS Config calls a table, and CloudTrail with it.
const tableResource = "AWS::DynamoDB::Table"

// recordTable records a change of a table, with what it was asked.
func (s *Service) recordTable(ctx context.Context, tx kv.Txn, n tableName, in codec.Shape) {
	record(ctx, tx, n.account, audit.Event{
		Resources:  []audit.Resource{{Type: tableResource, ARN: n.arn()}},
		Parameters: parameters(in),
	})
}

// recordRestore records a restore of a source of an account: a table, or a backup.
func (s *Service) recordRestore(ctx context.Context, tx kv.Txn, target tableName, account string, source audit.Resource, in codec.Shape) {
	record(ctx, tx, account, audit.Event{
		Resources:  []audit.Resource{{Type: tableResource, ARN: target.arn()}, source},
		Parameters: parameters(in),
	})
}

// parameters is what an operation was asked, as a record has it.
func parameters(in codec.Shape) []byte {
	var e jx.Encoder
	in.EncodeJSON(&e)
	return e.Bytes()
}

// recordItem records a write of an item: the table and the key, no other values.
func (s *Service) recordItem(ctx context.Context, tx kv.Txn, t *table, param *string, a dynamodb.Attributes) {
	if !s.auditItems {
		return
	}
	p := make([]byte, 0, 128)
	p = append(p, `{"tableName":"`...)
	p = append(p, *param...) // a name or ARN: nothing in it needs an escape
	p = append(p, `","key":`...)
	p = append(p, item.JSON(t.schema.Attributes(a))...)
	p = append(p, '}')
	record(ctx, tx, t.account, audit.Event{
		Resources:  []audit.Resource{{Type: tableResource, ARN: t.arn}},
		Parameters: p,
	})
}

// recordBatch records the writes of a batch, which are one act. done are those of
// its tables, one after the other.
func (s *Service) recordBatch(ctx context.Context, tx kv.Txn, batch []batchedTable, done []written) {
	if !s.auditItems {
		return
	}
	var e audit.Event
	var owners []string
	p := append(make([]byte, 0, 1024), `{"requestItems":{`...)
	for i, b := range batch {
		t := done[0].table
		e.Resources = append(e.Resources, audit.Resource{Type: tableResource, ARN: t.arn})
		owners = append(owners, t.account)
		if i > 0 {
			p = append(p, ',')
		}
		p = append(append(append(p, '"'), b.param...), `":[`...)
		for j, w := range done[:len(b.writes)] {
			if j > 0 {
				p = append(p, ',')
			}
			act := `{"put":`
			if w.new == nil {
				act = `{"delete":`
			}
			p = append(append(p, act...), item.JSON(t.schema.Attributes(w.attributes))...)
			p = append(p, '}')
		}
		p = append(p, ']')
		done = done[len(b.writes):]
	}
	e.Parameters = append(p, `}}`...)
	owners = append(owners, api.RequestOf(ctx).Caller.Account)
	slices.Sort(owners)
	for _, e.Account = range slices.Compact(owners) {
		audit.Record(ctx, tx, e)
	}
}

// recordTransaction records the writes of a transaction, which are one act.
func (s *Service) recordTransaction(ctx context.Context, tx kv.Txn, x *transaction) {
	if !s.auditItems {
		return
	}
	var e audit.Event
	p := append(make([]byte, 0, 1024), `{"transactItems":[`...)
	for i, w := range x.done {
		r := audit.Resource{Type: tableResource, ARN: w.table.arn}
		if !slices.Contains(e.Resources, r) {
			e.Resources = append(e.Resources, r)
		}
		if i > 0 {
			p = append(p, ',')
		}
		p = append(append(append(p, `{"`...), acts[x.writes[i].use.action]...), `":{"tableName":"`...)
		p = append(append(append(p, *x.writes[i].param...), `","key":`...), item.JSON(w.table.schema.Attributes(w.attributes))...)
		p = append(p, `}}`...)
	}
	e.Parameters = append(p, `]}`...)
	record(ctx, tx, x.done[0].table.account, e)
}

// acts are the actions of a transaction, as its record names them.
var acts = map[string]string{
	"dynamodb:PutItem": "put", "dynamodb:UpdateItem": "update", "dynamodb:DeleteItem": "delete", "dynamodb:ConditionCheckItem": "conditionCheck",
	"dynamodb:PartiQLInsert": "insert", "dynamodb:PartiQLUpdate": "update", "dynamodb:PartiQLDelete": "delete", "dynamodb:PartiQLSelect": "exists",
}

// record leaves an event in the caller's account, and in the table's if that is
// another.
func record(ctx context.Context, tx kv.Txn, account string, e audit.Event) {
	audit.Record(ctx, tx, e)
	if account != api.RequestOf(ctx).Caller.Account {
		e.Account = account
		audit.Record(ctx, tx, e)
	}
}
