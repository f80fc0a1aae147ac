package server

import (
	"encoding/base32"
	"encoding/binary"
	"math/rand/v2"
)

// idEnd is the end of the ids of DynamoDB's requests.
const idEnd = "VV4KQNSO5AEMVJF66Q9ASUAAJG"

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// newRequestID returns an id of the form that DynamoDB's have: 52 characters, of
// which the first 26 are 128 random bits in base 32. It names a request in the log
// and is no secret, so Go's own generator serves.
func newRequestID() string {
	var random [16]byte
	binary.LittleEndian.PutUint64(random[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(random[8:], rand.Uint64())
	var id [26 + len(idEnd)]byte
	base32Text.Encode(id[:26], random[:])
	copy(id[26:], idEnd)
	return string(id[:])
}
