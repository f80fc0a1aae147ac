package lambda

import (
	"bytes"

	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The key space of this room. Every key is a tuple that begins with "lambda" and one of
// these:
//
//	function | account | region | name  → a function
//	mapping  | account | region | UUID  → an event source mapping
//	status   | UUID                     → what became of its last batch
//	place    | UUID | shard             → how far it has read a shard
//	event    | id                       → what an asynchronous invocation is to carry
const room = "lambda"

var mappingsPrefix = tuple.Of(room, "mapping")

func functionsOf(account, region string) []byte {
	return tuple.Of(room, "function", account, region)
}

func (n functionName) key() []byte {
	return tuple.AppendString(functionsOf(n.account, n.region), n.name)
}

func mappingsOf(account, region string) []byte { return tuple.Of(room, "mapping", account, region) }

func (n mappingName) key() []byte { return tuple.AppendString(mappingsOf(n.account, n.region), n.uuid) }

func statusKey(uuid string) []byte { return tuple.Of(room, "status", uuid) }

func placesOf(uuid string) []byte { return tuple.Of(room, "place", uuid) }

func placeKey(uuid, shard string) []byte { return tuple.AppendString(placesOf(uuid), shard) }

func eventKey(id string) []byte { return tuple.Of(room, "event", id) }

// after is the key that follows k directly.
func after(k []byte) []byte { return append(bytes.Clone(k), 0) }
