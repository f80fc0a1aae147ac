package s3

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The key space of this room. Every key is a tuple that begins with "s3" and one of these;
// bucket, object and upload are numbers, which are never used again:
//
//	bucket   | name                  → see Bucket
//	owned    | account | name        → empty: the buckets of an account
//	guard    | bucket                → written with each new object, so that who deletes the bucket conflicts
//	object   | bucket | key          → see Object
//	pieces   | object                → the pieces of an object that has several
//	upload   | bucket | key | upload → see Upload
//	partsguard | upload              → written with each new part, so that who ends the upload conflicts
//	part     | upload | number       → see Part
//	gone     | bucket                → a deleted bucket, whose uploads are to be cleared
//	blob, holder                     → see package ledger; pieces are holders
const room = "s3"

var (
	bucketsPrefix    = tuple.Of(room, "bucket")
	ownedPrefix      = tuple.Of(room, "owned")
	guardPrefix      = tuple.Of(room, "guard")
	objectsPrefix    = tuple.Of(room, "object")
	piecesPrefix     = tuple.Of(room, "pieces")
	uploadsPrefix    = tuple.Of(room, "upload")
	partsGuardPrefix = tuple.Of(room, "partsguard")
	partsPrefix      = tuple.Of(room, "part")
	gonePrefix       = tuple.Of(room, "gone")
)

// key appends a number and texts to one of the prefixes above.
func key(prefix []byte, id uint64, texts ...string) []byte {
	return texted(tuple.AppendUint(append(make([]byte, 0, len(prefix)+128), prefix...), id), texts...)
}

func texted(dst []byte, texts ...string) []byte {
	for _, t := range texts {
		dst = tuple.AppendString(dst, t)
	}
	return dst
}

func bucketKey(name string) []byte         { return texted(slices.Clone(bucketsPrefix), name) }
func ownedKey(account, name string) []byte { return texted(slices.Clone(ownedPrefix), account, name) }
func partKey(upload uint64, n int) []byte {
	return tuple.AppendUint(key(partsPrefix, upload), uint64(n))
}

// begins is where the texts below a tuple begin that begin with prefix, and ends where they
// end. Texts are UTF-8, in which there is no byte 0xFF.
func begins(below []byte, prefix string) []byte {
	k := tuple.AppendString(slices.Clone(below), prefix)
	return k[:len(k)-1] // without what ends the text
}

func ends(below []byte, prefix string) []byte { return append(begins(below, prefix), 0xFF) }

// after is the key that follows k directly.
func after(k []byte) []byte { return append(slices.Clone(k), 0) }

// encode and decode are the form of the values.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers and times of four-digit years always have a form
	}
	return b
}

func decode[T any](b []byte) (*T, error) {
	if b == nil {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("s3: a stored record is malformed: %w", err)
	}
	return v, nil
}
