package server

import (
	"crypto/rand"
	"encoding/base32"
)

// newRequestID returns an id of the form that DynamoDB's have: 52 characters of
// base 32, of which here 160 bits are random and the end is fixed as there.
func newRequestID() string {
	var random [20]byte
	rand.Read(random[:])
	var id [52]byte
	base32.StdEncoding.Encode(id[:32], random[:])
	copy(id[32:], "VV4KQNSO5AEMVJF66Q9ASUAAJG")
	return string(id[:])
}
