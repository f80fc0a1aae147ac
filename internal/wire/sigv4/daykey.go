package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strings"
	"sync"
)

// dayKey is the signing key of a credential scope, which holds for a day. Deriving
// it takes four HMACs, as much as the rest of a verification.
type dayKey struct {
	secret string    // what it was derived from
	macs   sync.Pool // of *mac
}

type mac struct {
	hash.Hash
	sum [sha256.Size]byte
}

// newDayKey derives the key.
func newDayKey(secret string, s Scope) *dayKey {
	k := hmacSHA256([]byte("AWS4"+secret), s.Date)
	k = hmacSHA256(k, s.Region)
	k = hmacSHA256(k, s.Service)
	k = hmacSHA256(k, terminator)
	return &dayKey{secret: secret, macs: sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, k)} }}}
}

func hmacSHA256(key []byte, msg string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(msg))
	return h.Sum(nil)
}

// sign returns the signature of a string to sign in lower-case hexadecimal.
func (k *dayKey) sign(stringToSign []byte) (sig [2 * sha256.Size]byte) {
	m := k.macs.Get().(*mac)
	m.Reset()
	m.Write(stringToSign)
	m.Sum(m.sum[:0])
	hexInto(sig[:], m.sum[:])
	k.macs.Put(m)
	return sig
}

func hexInto(dst, src []byte) {
	const digits = "0123456789abcdef"
	for i, c := range src {
		dst[2*i], dst[2*i+1] = digits[c>>4], digits[c&15]
	}
}

// dayKeys caches the keys of scopes that have proved themselves by a good
// signature, so that strangers cannot fill it. It holds two generations of at
// most half keys each; what is not used while one fills is forgotten.
type dayKeys struct {
	mu       sync.RWMutex
	now, old map[Scope]*dayKey
}

const half = 2048

// get returns the key of a scope if it is known and was made of secret.
func (c *dayKeys) get(s Scope, secret string) *dayKey {
	c.mu.RLock()
	k, old := c.now[s], false
	if k == nil {
		k, old = c.old[s], true
	}
	c.mu.RUnlock()
	if k == nil || k.secret != secret {
		return nil
	}
	if old {
		c.put(s, k)
	}
	return k
}

// put keeps a key.
func (c *dayKeys) put(s Scope, k *dayKey) {
	// The scope is part of a request's header, which must not live on.
	s = Scope{strings.Clone(s.AccessKeyID), strings.Clone(s.Date), strings.Clone(s.Region), strings.Clone(s.Service)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.now) >= half || c.now == nil {
		c.now, c.old = make(map[Scope]*dayKey), c.now
	}
	c.now[s] = k
}
