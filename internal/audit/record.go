// Package audit keeps who did what, and when. A record is written in the
// transaction of the act, so that neither exists without the other.
package audit

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Resource is something that an act touched.
type Resource struct {
	Type string // "AWS::DynamoDB::Table"
	ARN  string
}

// Event is an act. Who did it, when, from where and by which operation are taken
// from the request in the context.
type Event struct {
	Resources []Resource
	// Parameters is what the act was asked, as JSON without any secret; nil for none.
	Parameters []byte
}

// Record writes e in the transaction tx.
func Record(ctx context.Context, tx kv.Txn, e Event) {}
