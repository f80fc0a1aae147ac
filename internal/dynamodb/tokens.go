package dynamodb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// tokenLife is how long a ClientRequestToken makes repetitions harmless.
// See https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html.
const tokenLife = 10 * time.Minute

// token is the ClientRequestToken of a transaction, and what it was given for. It
// belongs to an account in a region, and to one operation. It is stored in the
// transaction that it is for, so that neither is there without the other; of two
// that race with one token, the second runs again and finds the first. Hence there
// is no TransactionInProgressException.
//
// Tokens lie in buckets of the length of their life, by the time of the store's
// clock when they came:
//
//	token | bucket | account | region | operation | token → time and payload
//
// So one that is in force is found in this bucket or the last, or in the next one
// if the clock was put back since; and all of an old bucket go in one range.
type token struct {
	name    []byte // the key without prefix and bucket
	payload [sha256.Size]byte
}

var tokensPrefix = tuple.Of(room, "token")

// tokenOf returns the token of a request, or nil if it has none. Its payload are the
// actions, in their normalised form: what is to be told of them may differ.
func tokenOf[T codec.Shape](ctx context.Context, text *string, actions []T) *token {
	if text == nil {
		return nil
	}
	req := api.RequestOf(ctx)
	k := &token{name: tuple.Of(req.Caller.Account, req.Region, req.Operation, *text)}
	var e jx.Encoder
	sum := sha256.New()
	for _, a := range actions {
		e.Reset()
		a.EncodeJSON(&e)
		sum.Write(e.Bytes())
	}
	sum.Sum(k.payload[:0])
	return k
}

func bucketOf(t time.Time) uint64 { return uint64(max(0, t.Unix())) / uint64(tokenLife/time.Second) }

// bucketKey is the prefix of the tokens of a bucket.
func bucketKey(bucket uint64) []byte { return ofTable(tokensPrefix, bucket) }

func (k *token) key(bucket uint64) []byte { return append(bucketKey(bucket), k.name...) }

// used reports whether the transaction of the token has been done. It returns an
// IdempotentParameterMismatchException if that was another.
func (k *token) used(ctx context.Context, tx kv.Txn, now time.Time) (bool, error) {
	bucket := bucketOf(now)
	keys := [][]byte{k.key(bucket), k.key(bucket + 1)}
	if bucket > 0 {
		keys = append(keys, k.key(bucket-1))
	}
	values, err := tx.GetMany(ctx, keys)
	if err != nil {
		return false, err
	}
	for _, v := range values {
		switch {
		case v == nil:
		case len(v) != 8+sha256.Size:
			return false, fmt.Errorf("malformed token of a transaction: %x", v)
		case now.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(v)))) >= tokenLife:
		case !bytes.Equal(v[8:], k.payload[:]):
			return false, dynamodb.IdempotentParameterMismatchException("The request uses the same client token as a previous, but non-identical request")
		default:
			return true, nil
		}
	}
	return false, nil
}

// keep stores the token.
func (k *token) keep(tx kv.Txn, now time.Time) {
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 8+sha256.Size), uint64(now.UnixNano()))
	tx.Put(k.key(bucketOf(now)), append(v, k.payload[:]...))
}

// forgetTokens removes the tokens that are long out of force. Two buckets are kept
// beside the present one, so that no clock of another server can miss them.
func (s *Service) forgetTokens(ctx context.Context) error {
	bucket := bucketOf(s.now())
	if bucket < 2 {
		return nil
	}
	return s.store.DeleteRange(ctx, slices.Clone(tokensPrefix), bucketKey(bucket-2))
}
