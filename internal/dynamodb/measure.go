package dynamodb

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// operationNames are the operations on items, which are measured by table.
var operationNames = [measuredOperations]string{
	"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
	"TransactGetItems", "TransactWriteItems", "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction",
}

const measuredOperations = 13

// API returns the service's operations, of which those on items are measured for each
// table that they are about.
func (s *Service) API() *api.Service {
	a := dynamodb.New(s)
	for i := range a.Operations {
		op := &a.Operations[i]
		if number := slices.Index(operationNames[:], op.Name); number >= 0 {
			op.Call = measured(number, op.Call)
		}
	}
	return a
}

type operation = func(context.Context, api.Input) (any, error)

func measured(number int, call operation) operation {
	return func(ctx context.Context, in api.Input) (any, error) {
		began := time.Now()
		var m measure
		out, err := call(context.WithValue(ctx, measureKey{}, &m), in)
		took, kind := time.Since(began).Seconds(), failureOf(err)
		for _, t := range m.tables {
			o := t.operation(number)
			if o == nil {
				continue
			}
			o.seconds.Observe(took)
			switch kind {
			case throttledRequest:
				o.throttled.Inc()
			case userError:
				o.userErrors.Inc()
			case serviceError:
				o.serviceErrors.Inc()
			}
		}
		return out, err
	}
}

// measure notes which tables a request is about.
type measure struct {
	tables []*meter
	one    [1]*meter // what most have
}

type measureKey struct{}

// touches notes that the request of ctx is about a table.
func touches(ctx context.Context, t *table) {
	m, ok := ctx.Value(measureKey{}).(*measure)
	if !ok || slices.Contains(m.tables, t.meter) {
		return
	}
	if m.tables == nil {
		m.tables = m.one[:0]
	}
	m.tables = append(m.tables, t.meter)
}

// failure is a kind of failed requests.
type failure int

const (
	noFailure failure = iota // also of a condition that does not hold
	throttledRequest
	userError
	serviceError
)

// failureOf says how CloudWatch counts a request with an error.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html.
func failureOf(err error) failure {
	if err == nil {
		return noFailure
	}
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.HTTPStatus() >= http.StatusInternalServerError {
		return serviceError
	}
	switch e.Code {
	case "ProvisionedThroughputExceededException", "ThrottlingException":
		return throttledRequest
	case "ConditionalCheckFailedException":
		return noFailure
	case "TransactionCanceledException":
		return cancellation(e)
	}
	return userError
}

// cancellation is what the reasons of a cancelled transaction come down to.
func cancellation(e *api.Error) failure {
	kind := noFailure
	if d, ok := e.Detail.(*dynamodb.TransactionCanceledExceptionDetail); ok {
		for _, r := range d.CancellationReasons {
			switch *r.Code {
			case "None", "ConditionalCheckFailed":
			case "ProvisionedThroughputExceeded", "ThrottlingError":
				return throttledRequest
			default:
				kind = userError
			}
		}
	}
	return kind
}
