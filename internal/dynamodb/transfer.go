package dynamodb

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// A transfer moves items between a table and a bucket: an export, or an import. Its
// description is stored until long after its end; what it does, a job does, which acts on
// the bucket in the name of who asked for the transfer. What the bucket refuses, also
// that it is not there, is no error of the request: the transfer fails, and says why.

// Objects is the store of objects that tables are exported to and imported from. As those
// of S3 do, its operations ask policy about the caller in the context.
type Objects interface {
	PutObject(context.Context, s3.Put) (*s3.Object, error)
	GetObject(context.Context, s3.Name) (*s3.Found, error)
	ListObjects(context.Context, s3.Listing) (*s3.Objects, error)
	ExpectOwner(ctx context.Context, bucket, account string) error
}

// principal is what the services are called that DynamoDB asks for a caller.
const principal = "dynamodb.amazonaws.com"

const (
	transferRuns      = "IN_PROGRESS"
	transferCompleted = "COMPLETED"
	transferFailed    = "FAILED"

	// transferKept is for how long a transfer is remembered.
	transferKept = 90 * day
	// transferTokenLife is for how long after its end the ClientToken of a transfer makes
	// repetitions harmless.
	transferTokenLife = 8 * time.Hour
)

// transferKind is one of the two sorts of transfers.
type transferKind struct {
	word           string // as in an ARN
	title          string // as in a message
	prefix, tokens []byte // of the keys
	notFound       func(format string, args ...any) *api.Error
	conflict       func(format string, args ...any) *api.Error
}

var (
	exports = transferKind{"export", "Export", tuple.Of(room, "export"), tuple.Of(room, "exporttoken"), dynamodb.ExportNotFoundException, dynamodb.ExportConflictException}
	imports = transferKind{"import", "Import", tuple.Of(room, "import"), tuple.Of(room, "importtoken"), dynamodb.ImportNotFoundException, dynamodb.ImportConflictException}
)

// transferName is the full name of a transfer: that of its table, and an id.
type transferName struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Table   string `json:"table"`
	ID      string `json:"id"`
}

func (n transferName) table() tableName { return tableName{n.Account, n.Region, n.Table} }

func (k transferKind) arn(n transferName) string { return n.table().arn() + "/" + k.word + "/" + n.ID }

// of is the prefix of the transfers of an account in a region.
func (k transferKind) of(account, region string) []byte {
	return tuple.AppendString(tuple.AppendString(k.prefix[:len(k.prefix):len(k.prefix)], account), region)
}

// ofTable is the prefix of the transfers of the tables of a name.
func (k transferKind) ofTable(n tableName) []byte {
	return tuple.AppendString(k.of(n.account, n.region), n.name)
}

// key is where the transfer lies. Those of a table lie in the order of their making.
func (k transferKind) key(n transferName) []byte {
	return tuple.AppendString(k.ofTable(n.table()), n.ID)
}

// nameOfKey is the reverse of key.
func (k transferKind) nameOfKey(key []byte) (n transferName, err error) {
	rest := key[len(k.prefix):]
	for _, part := range []*string{&n.Account, &n.Region, &n.Table, &n.ID} {
		if *part, rest, err = tuple.String(rest); err != nil {
			return n, fmt.Errorf("key of an %s: %w", k.word, err)
		}
	}
	return n, nil
}

// free is the name of a new transfer of a table: the millisecond of its beginning, and
// something that makes it unique.
func (k transferKind) free(ctx context.Context, tx kv.Txn, table tableName, now time.Time) (transferName, error) {
	var random [4]byte
	rand.Read(random[:])
	for {
		n := transferName{table.account, table.region, table.name, fmt.Sprintf("%014d-%x", now.UnixMilli(), random)}
		taken, err := tx.Get(ctx, k.key(n))
		if err != nil || taken == nil {
			return n, err
		}
		random[0]++
	}
}

// parse reads the ARN of a transfer, and asks policy whether the caller may do an action
// to it.
func (k transferKind) parse(ctx context.Context, s *Service, action, arn string) (n transferName, err error) {
	req := api.RequestOf(ctx)
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[1] != "aws" || part[2] != "dynamodb" || !isAccount(part[4]) {
		return n, api.ValidationException("Invalid %s ARN", k.title)
	}
	name := strings.Split(part[5], "/")
	if len(name) != 4 || name[0] != "table" || name[2] != k.word || checkTableName(name[1]) != nil {
		return n, api.ValidationException("Invalid %s ARN", k.title)
	}
	if part[4] != req.Caller.Account {
		return n, api.AccessDeniedException("Access is denied")
	}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:" + action, Resource: arn}); err != nil {
		return n, err
	}
	if part[3] != req.Region {
		return n, k.notFound("%s not found: Invalid %s arn", k.title, k.word)
	}
	return transferName{part[4], part[3], name[1], name[3]}, nil
}

// transferRecord is a transfer as it is stored.
type transferRecord struct {
	// Description is its description, as it is sent.
	Description json.RawMessage `json:"description"`
	Started     time.Time       `json:"started"`
	Ended       time.Time       `json:"ended,omitzero"`
	Token       string          `json:"token"` // ClientToken
}

// put stores a transfer whose description is d.
func (k transferKind) put(tx kv.Txn, n transferName, r transferRecord, d codec.Shape) error {
	var e jx.Encoder
	d.EncodeJSON(&e)
	r.Description = e.Bytes()
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tx.Put(k.key(n), raw)
	return nil
}

// decode reads a stored transfer, and its description into d.
func (k transferKind) decode(raw []byte, d codec.Shape) (r transferRecord, err error) {
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("an %s: %w", k.word, err)
	}
	if err := d.DecodeJSON(jx.DecodeBytes(r.Description)); err != nil {
		return r, fmt.Errorf("description of an %s: %w", k.word, err)
	}
	return r, nil
}

// find reads a transfer, or returns that it is not found.
func (k transferKind) find(ctx context.Context, r kv.Reader, n transferName, d codec.Shape, now time.Time) (transferRecord, error) {
	raw, err := r.Get(ctx, k.key(n))
	if err != nil {
		return transferRecord{}, err
	}
	if raw != nil {
		rec, err := k.decode(raw, d)
		if err != nil || !rec.forgotten(now) {
			return rec, err
		}
	}
	return transferRecord{}, k.notFound("%s not found: %s not found: %s", k.title, k.title, k.arn(n))
}

// forgotten reports whether it is so old that nobody is told of it any more.
func (r transferRecord) forgotten(now time.Time) bool {
	return !r.Ended.IsZero() && now.Sub(r.Started) >= transferKept
}

// refusal is why a transfer failed, as its description says.
type refusal struct{ Code, Message string }

// refusalOf is what an error of the store of objects means for a transfer: ok is false for
// one that may pass, after which the job tries again.
func refusalOf(err error, request string) (f refusal, ok bool) {
	e, told := errors.AsType[*api.Error](err)
	if !told || e.HTTPStatus() >= 500 {
		return refusal{}, false
	}
	code := "S3" + e.Code
	if strings.HasPrefix(e.Code, "AccessDenied") {
		code = "S3AccessDenied"
	}
	return refusal{code, fmt.Sprintf("%s (Service: Amazon S3; Status Code: %d; Error Code: %s; Request ID: %s)", e.Message, e.HTTPStatus(), e.Code, request)}, true
}

// acting is a context for one act on a bucket, in which who asked for a transfer acts.
func (s *Service) acting(ctx context.Context, by []byte, n transferName, operation string) (context.Context, error) {
	req := &api.Request{ID: n.ID, Service: "s3", Operation: operation, Region: n.Region, Time: s.now(), CalledVia: []string{principal}}
	return s.identity.Act(api.WithRequest(ctx, req), by)
}

// recordTransfer records the begin of a transfer, with what it was asked.
func (s *Service) recordTransfer(ctx context.Context, tx kv.Txn, k transferKind, n transferName, in codec.Shape) {
	record(ctx, tx, n.Account, audit.Event{
		Resources:  []audit.Resource{{Type: tableResource, ARN: n.table().arn()}, {Type: "AWS::DynamoDB::" + k.title, ARN: k.arn(n)}},
		Parameters: parameters(in),
	})
}
