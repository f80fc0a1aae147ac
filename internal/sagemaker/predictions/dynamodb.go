package predictions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// Principal is the service that the roles of models trust.
const Principal = "sagemaker.amazonaws.com"

// session is the name of the sessions in which the service acts in a role, as AWS's does.
const session = "SageMaker"

// Items are the operations that a cache table needs. The caller in the context is the role.
type Items interface {
	Query(ctx context.Context, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error)
	DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput) (*dynamodb.DeleteItemOutput, error)
	TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput) (*dynamodb.TransactWriteItemsOutput, error)
	// Lacks tells whether a table certainly has no item of a hash key.
	Lacks(account, region, table string, hash dynamodb.AttributeValue) bool
}

// Roles lets a service act in a role: identity.Service does.
type Roles interface {
	ServiceRole(ctx context.Context, roleARN, service, session string) (context.Context, error)
}

// Tables are the tables of DynamoDB. A role needs dynamodb:Query to read, dynamodb:PutItem to
// write, and, where servers share a table, dynamodb:DeleteItem.
type Tables struct {
	items Items
	roles Roles
	now   func() time.Time
}

var _ Table = (*Tables)(nil)

// NewTables returns the tables of a service, which are used in the roles of models. Now is
// time.Now if nil.
func NewTables(items Items, roles Roles, now func() time.Time) *Tables {
	if now == nil {
		now = time.Now
	}
	return &Tables{items: items, roles: roles, now: now}
}

// as is the context of an operation in a model's role.
func (t *Tables) as(ctx context.Context, at Place, operation string) (context.Context, error) {
	ctx = api.WithRequest(ctx, &api.Request{
		ID: uuid.NewString(), Service: "dynamodb", Operation: operation, Region: at.Region,
		UserAgent: Principal, Secure: true, Time: t.now(),
	})
	ctx, err := t.roles.ServiceRole(ctx, at.Role, Principal, session)
	return ctx, told(err)
}

// told is an error as a Table tells it.
func told(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return err
	}
	switch e.Code {
	case "ConditionalCheckFailedException":
		return ErrLeased
	case "TransactionCanceledException":
		if d, ok := e.Detail.(*dynamodb.TransactionCanceledExceptionDetail); ok && slices.ContainsFunc(d.CancellationReasons,
			func(r *dynamodb.CancellationReason) bool { return r.Code != nil && *r.Code == "ConditionalCheckFailed" }) {
			return ErrLeased
		}
	case "AccessDenied", "AccessDeniedException", "ResourceNotFoundException", "ValidationException":
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// Newest is the row that a Query finds first. One that is none of the cache's is as good as
// none: it may be in the way of others until it expires, but it is never served.
func (t *Tables) Newest(ctx context.Context, at Place, id string, now, latest time.Time) (*Row, error) {
	ctx, err := t.as(ctx, at, "Query")
	if err != nil {
		return nil, err
	}
	out, err := t.items.Query(ctx, &dynamodb.QueryInput{
		TableName:                &at.Table,
		KeyConditionExpression:   new("#i = :i AND #t BETWEEN :n AND :l"),
		ExpressionAttributeNames: map[string]string{"#i": idAttribute, "#t": timestampAttribute},
		// Timestamps are whole, so that more than now is from the next second on.
		ExpressionAttributeValues: dynamodb.Attributes{
			{Name: ":i", Value: text(id)}, {Name: ":l", Value: number(latest.Unix())}, {Name: ":n", Value: number(now.Unix() + 1)},
		},
		ScanIndexForward: new(false), Limit: new(int64(1)), ConsistentRead: new(true),
	})
	if err != nil {
		return nil, told(err)
	}
	if len(out.Items) == 0 {
		return nil, nil
	}
	row, err := rowOf(out.Items[0])
	if err != nil {
		return nil, nil //nolint:nilerr // see above
	}
	return row, nil
}

// Lacks asks what is known of the table's keys.
func (t *Tables) Lacks(at Place, id string) bool {
	return t.items.Lacks(at.Account, at.Region, at.Table, text(id))
}

// Put writes the item of a row.
func (t *Tables) Put(ctx context.Context, at Place, row *Row, lease *Lease) error {
	a, err := itemOf(row)
	if err != nil {
		return err
	}
	if lease == nil {
		ctx, err := t.as(ctx, at, "PutItem")
		if err == nil {
			_, err = t.items.PutItem(ctx, &dynamodb.PutItemInput{TableName: &at.Table, Item: a})
		}
		return told(err)
	}
	ctx, err = t.as(ctx, at, "TransactWriteItems")
	if err == nil {
		_, err = t.items.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []*dynamodb.TransactWriteItem{
			{Put: &dynamodb.Put{TableName: &at.Table, Item: a}},
			{Delete: &dynamodb.Delete{
				TableName: &at.Table, Key: leaseKey(lease), ConditionExpression: new(ownLease),
				ExpressionAttributeValues: dynamodb.Attributes{{Name: ":o", Value: text(lease.Owner)}},
			}},
		}})
	}
	return told(err)
}

// ownLease is the condition that a lease is the owner's.
const ownLease = leaseOwnerAttribute + " = :o"

func leaseKey(l *Lease) dynamodb.Attributes {
	return dynamodb.Attributes{{Name: idAttribute, Value: text(l.ID)}, {Name: timestampAttribute, Value: number(0)}}
}

// Take writes the item of a lease where there is none that is good at now.
func (t *Tables) Take(ctx context.Context, at Place, lease *Lease, now time.Time) error {
	return t.putLease(ctx, at, lease, "attribute_not_exists("+idAttribute+") OR "+leaseUntilAttribute+" < :n",
		dynamodb.Attributes{{Name: ":n", Value: number(now.UnixMilli())}})
}

// Renew writes the item of a lease over its own.
func (t *Tables) Renew(ctx context.Context, at Place, lease *Lease) error {
	return t.putLease(ctx, at, lease, ownLease, dynamodb.Attributes{{Name: ":o", Value: text(lease.Owner)}})
}

func (t *Tables) putLease(ctx context.Context, at Place, lease *Lease, condition string, values dynamodb.Attributes) error {
	ctx, err := t.as(ctx, at, "PutItem")
	if err != nil {
		return err
	}
	_, err = t.items.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &at.Table,
		Item: leaseKey(lease).
			Set(leaseOwnerAttribute, text(lease.Owner)).
			Set(leaseUntilAttribute, number(lease.Until.UnixMilli())),
		ConditionExpression:       &condition,
		ExpressionAttributeValues: values,
	})
	return told(err)
}

// Drop deletes the item of a lease.
func (t *Tables) Drop(ctx context.Context, at Place, lease *Lease) error {
	ctx, err := t.as(ctx, at, "DeleteItem")
	if err != nil {
		return err
	}
	_, err = t.items.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &at.Table, Key: leaseKey(lease), ConditionExpression: new(ownLease),
		ExpressionAttributeValues: dynamodb.Attributes{{Name: ":o", Value: text(lease.Owner)}},
	})
	return told(err)
}
