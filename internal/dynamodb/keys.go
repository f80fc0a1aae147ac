package dynamodb

import (
	"bytes"
	"encoding/binary"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The key space of this room. Every key is a tuple that begins with "dynamodb"
// and one of these:
//
//	table   | account | region | name       → the table's description
//	id                                      → the number of the newest table
//	item    | id | hash | hash key | range  → an item
//	change  | id | stamp                    → how a commit changed size and count
//	total   | id                            → the sum of folded changes
//	token   | bucket | account | region | operation | token → see token
//	expiry  | id | generation | second | hash | hash key | range → of an item, empty
//	log     | id | stamp | hash | hash key | range → of a change, see changeLog
//	logged  | id                            → a table that keeps a log
//	stream  | account | region | table | label → a stream
//	shard   | id | stamp                    → where a shard begins
//	begun   | id | stamp                    → the commit that turned recovery on
//	hold    | id | stamp | job              → of what changed after a commit, see holdKey
//	backup  | account | region | table | backup → see backup
//	lapse   | second | account | region | table | backup → when a backup is removed
//	filling | account | region | id         → of a restore or backup under way, see filling
//	export  | account | region | table | export → see transferRecord; so imports
//	exporttoken | account | region | token  → see transferToken; so those of imports
//	exported | id | number                  → a file of an export, see exportedFile
//	forget  | second | kind | account | region | table | id → when a transfer is forgotten
//	expiring | id                           → a table whose items expire
//	barrier                                 → never there, see follow
//	entry   | id | index | hash | index hash key | range | base hash key | range → see index
//
// A table's number is never used again, so a table made again under an old name
// inherits nothing, even while the old one's data is still being removed.
const room = "dynamodb"

var (
	tablesPrefix  = tuple.Of(room, "table")
	lastIDKey     = tuple.Of(room, "id")
	itemsPrefix   = tuple.Of(room, "item")
	changesPrefix = tuple.Of(room, "change")
	totalsPrefix  = tuple.Of(room, "total")
	logPrefix     = tuple.Of(room, "log")
	loggedPrefix  = tuple.Of(room, "logged")
	streamsPrefix = tuple.Of(room, "stream")
	shardsPrefix  = tuple.Of(room, "shard")
	begunPrefix   = tuple.Of(room, "begun")
	holdsPrefix   = tuple.Of(room, "hold")

	backupsPrefix  = tuple.Of(room, "backup")
	lapsesPrefix   = tuple.Of(room, "lapse")
	fillingsPrefix = tuple.Of(room, "filling")
	exportedPrefix = tuple.Of(room, "exported")
	forgetPrefix   = tuple.Of(room, "forget")
	entriesPrefix  = tuple.Of(room, "entry")
	expiriesPrefix = tuple.Of(room, "expiry")
	expiringPrefix = tuple.Of(room, "expiring")
	barrierKey     = tuple.Of(room, "barrier")
)

// tableKey is the key of a table's description.
func tableKey(n tableName) []byte {
	dst := tuple.AppendString(tablesOf(n.account, n.region), n.name)
	return dst
}

// tablesOf is the prefix of all tables of an account in a region.
func tablesOf(account, region string) []byte {
	dst := make([]byte, 0, len(tablesPrefix)+len(account)+len(region)+64)
	dst = append(dst, tablesPrefix...)
	dst = tuple.AppendString(dst, account)
	return tuple.AppendString(dst, region)
}

// ofTable appends a table's number to one of the prefixes above.
func ofTable(prefix []byte, id uint64) []byte {
	dst := make([]byte, 0, len(prefix)+9)
	return tuple.AppendUint(append(dst, prefix...), id)
}

// itemKey is where an item of the table lies. The hash of the partition key
// comes first, so that segments of a scan are ranges.
func (t *table) itemKey(k item.Key) []byte {
	dst := make([]byte, 0, len(t.items)+9+len(k.Hash)+len(k.Range)+8)
	dst = t.own.appendPartition(dst, k.Hash)
	if t.schema.Range.Name != "" {
		dst = tuple.AppendBytes(dst, k.Range)
	}
	return dst
}

// entriesOf is the prefix of the entries of one of a table's indexes.
func entriesOf(table, index uint64) []byte {
	return tuple.AppendUint(ofTable(entriesPrefix, table), index)
}

// after is the key that follows k directly.
func after(k []byte) []byte { return append(k[:len(k):len(k)], 0) }

// encodeID and decodeID are the form of the value under lastIDKey.
func encodeID(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func decodeID(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// above is the end of the range of all keys that extend prefix by anything at
// all: a stamp is not an element of a tuple.
func above(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
