// Package audit keeps who did what, and when. A record is written in the
// transaction of the act, so that neither exists without the other.
//
// A record's key begins with its class (management or data, as CloudTrail tells
// them apart), the account, and the time; so a search reads only the time that it
// asks for, newest first, and what is too old goes in one range. Its id is a
// UUID of version 7 made of the time and the commit's stamp, that is, of its key.
package audit

import (
	"context"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
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
	// Account is whose trail the event belongs to; "" means the caller's. An act
	// across accounts leaves an event in each.
	Account string
	// Response is what of the answer is worth keeping, as JSON without any secret.
	Response []byte
	// ErrorCode and ErrorMessage say why it was not done; "" if it was.
	ErrorCode, ErrorMessage string
}

// class parts the few events that people look for from the many on data.
type class string

const (
	management class = "m"
	data       class = "d"
)

// sequence tells apart the records that one transaction writes within one
// millisecond, up to 4096 of them.
var sequence atomic.Uint32

// Record writes e in the transaction tx. An act outside of any request should
// still bring one that says what it is; without a time it gets the present one.
func Record(ctx context.Context, tx kv.Txn, e Event) {
	r := api.RequestOf(ctx)
	if r.Time.IsZero() {
		r = new(*r)
		r.Time = time.Now()
	}
	account := e.Account
	if account == "" {
		account = r.Caller.Account
	}
	var keys [96]byte
	prefix := appendPrefix(keys[:0], classOf(r), account)
	prefix = tuple.AppendUint(prefix, uint64(max(0, r.Time.UnixMilli())))
	var suffix [2]byte
	binary.BigEndian.PutUint16(suffix[:], uint16(sequence.Add(1)&0xFFF))
	tx.PutStamped(prefix, suffix[:], appendRecord(make([]byte, 0, 512+len(e.Parameters)), r, &e))
}

// appendPrefix appends what the keys of an account's events begin with.
func appendPrefix(dst []byte, c class, account string) []byte {
	dst = tuple.AppendString(dst, "audit")
	dst = tuple.AppendString(dst, string(c))
	return tuple.AppendString(dst, account)
}

// classOf tells whether a request's operation acts on data.
func classOf(r *api.Request) class {
	if r.Service != "dynamodb" && r.Service != "s3" {
		return management
	}
	switch r.Operation {
	case "PutObject", "CopyObject", "DeleteObject", "DeleteObjects", "GetObject", "HeadObject", "GetObjectAttributes", "ListObjects", "ListObjectVersions",
		"CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts", "ListMultipartUploads",
		"PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging":
		return data
	case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems",
		"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction",
		"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", "GetShardIterator", "GetRecords":
		return data
	}
	return management
}

// readOnly tells whether an operation changes nothing, as CloudTrail reports it.
func readOnly(operation string) bool {
	for _, verb := range []string{"Get", "List", "Describe", "Lookup", "AssumeRole", "BatchGet", "TransactGet", "Query", "Scan", "Simulate", "Head"} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}
