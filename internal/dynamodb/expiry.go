package dynamodb

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// expiring is the order in which the items of a table expire. Each item that has
// an expiry, and no other, has a key in it:
//
//	expiry | table | generation | second | hash | hash key | range
//
// The keys follow from the items alone and not from the time, so that whoever
// changes an item knows which key to take away. Each time that expiry is enabled
// on a table there is a new generation, which cannot meet what is left of another.
type expiring struct {
	attribute []string // the name of the one attribute
	keys      []byte   // the prefix of this generation's keys
}

// generation is the prefix of the keys of one generation.
func generation(id, number uint64) []byte {
	return tuple.AppendUint(ofTable(expiriesPrefix, id), number)
}

// of returns the second since 1970 from which an item is expired; ok is false if it
// never is, since its attribute is no number or is not there.
func (x *expiring) of(it item.Stored) (second uint64, ok bool, err error) {
	if it == nil {
		return 0, false, nil
	}
	a, err := it.Some(x.attribute)
	if err != nil || len(a) == 0 || a[0].Value.Type != dynamodb.TypeN {
		return 0, false, err
	}
	second, ok = expirySecond(a[0].Value.S)
	return second, ok, nil
}

// expirySecond returns the first whole second that is not before a number, of which
// AWS expects a whole one. Negative ones are too long ago to count, and those of
// more than 18 digits too far away.
func expirySecond(number string) (second uint64, ok bool) {
	whole, fraction, _ := strings.Cut(number, ".")
	second, err := strconv.ParseUint(whole, 10, 64)
	if err != nil || len(whole) > 18 {
		return 0, false
	}
	if fraction != "" {
		second++
	}
	return second, true
}

// key is where an item stands in the order. Its place is its key without the
// prefix of the table's items.
func (x *expiring) key(second uint64, place []byte) []byte {
	dst := make([]byte, 0, len(x.keys)+9+len(place))
	dst = tuple.AppendUint(append(dst, x.keys...), second)
	return append(dst, place...)
}

// cut is the reverse of key.
func (x *expiring) cut(key []byte) (second uint64, place []byte, err error) {
	return tuple.Uint(key[len(x.keys):])
}

// follow keeps the order in step with a change of an item.
func (x *expiring) follow(tx kv.Txn, place []byte, old, new item.Stored) error {
	before, was, err := x.of(old)
	if err != nil {
		return err
	}
	after, is, err := x.of(new)
	if err != nil || was == is && before == after {
		return err
	}
	if was {
		tx.Delete(x.key(before, place))
	}
	if is {
		tx.Put(x.key(after, place), nil)
	}
	return nil
}

// maxExpiredYears is how long an expiry may have passed: older ones count as
// mistakes, whose items stay.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html.
const maxExpiredYears = 5

// due is the range of the keys of what is to be deleted at a time: of what has
// expired, but not more than five years ago.
func (x *expiring) due(now time.Time) (from, to []byte) {
	oldest := max(0, now.AddDate(-maxExpiredYears, 0, 0).Unix())
	from = tuple.AppendUint(bytes.Clone(x.keys), uint64(oldest))
	return from, tuple.AppendUint(bytes.Clone(x.keys), uint64(max(0, now.Unix()+1)))
}
