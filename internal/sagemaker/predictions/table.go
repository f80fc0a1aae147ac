package predictions

import (
	"context"
	"errors"
	"time"
)

// Place is a cache table, and in which role it is used: the model's ExecutionRole.
type Place struct {
	Account string // of the endpoint
	Region  string
	Table   string // name or ARN
	Role    string // ARN
}

// Row is an answer as it is kept in a table.
type Row struct {
	ID          string // predictionId: the key in hex
	Created     time.Time
	Expires     time.Time // whole seconds; the row is good before it
	Model       string
	ImageDigest string
	Answer
}

// Lease says who asks the model. It is an item of the same predictionId with the timestamp 0:
// a condition sees one exact key, and expiry never deletes it, since its time is too long past.
type Lease struct {
	ID    string // predictionId
	Owner string
	Until time.Time // when it is anybody's, whole milliseconds
}

// What a Table answers beside failures.
var (
	// ErrRefused says that the table will not do it however often it is asked: the role may
	// not, there is no such table, or it is none of the cache's form.
	ErrRefused = errors.New("the cache table refuses")
	// ErrLeased says that another one holds the lease, or that it is no longer one's own.
	ErrLeased = errors.New("another one holds the lease")
	// ErrTooLarge says that a row is over what an item may have.
	ErrTooLarge = errors.New("the prediction is too large for an item")
)

// Table is a table of predictions. An error that is none of the above is one of the moment.
// Methods may be called at once, and give up when their context ends.
type Table interface {
	// Newest is the row of an id that expires last, of those that expire after now and not
	// after latest; nil if there is none.
	Newest(ctx context.Context, at Place, id string, now, latest time.Time) (*Row, error)
	// Lacks tells whether there is certainly no row of an id, whatever the role may: at once,
	// and false if that is not known. It sees what this process wrote, and nobody else.
	Lacks(at Place, id string) bool
	// Put keeps a row. With a lease it is put in the one transaction that deletes the lease:
	// ErrLeased, and nothing is written, if that is no longer the lease's owner's. The error
	// is ErrTooLarge, too.
	Put(ctx context.Context, at Place, row *Row, lease *Lease) error
	// Take takes a lease that nobody has or that was over before now: ErrLeased otherwise.
	Take(ctx context.Context, at Place, lease *Lease, now time.Time) error
	// Renew puts off the end of a lease: ErrLeased if it is no longer the owner's.
	Renew(ctx context.Context, at Place, lease *Lease) error
	// Drop deletes a lease: ErrLeased if it is no longer the owner's.
	Drop(ctx context.Context, at Place, lease *Lease) error
}
