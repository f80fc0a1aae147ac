// Package pagetoken makes the opaque tokens by which a client asks for the next page
// of a listing. A token is sealed: a client can neither read nor change it, and it
// opens only for the account, region, operation and parameters that it was made for.
package pagetoken

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

// ErrInvalid is returned for a token that was not made by this server, or was made
// for another listing. The services say it in their own words.
var ErrInvalid = errors.New("the page token is not valid for this request")

// MinKey is the least length of a key, in bytes.
const MinKey = 16

// Listing is what a token is good for.
type Listing struct {
	Account, Region string
	Operation       string // "iam:ListUsers"
	// Parameters is whatever of the request chooses the listing, such as a filter,
	// in a form that is the same for each page; the page's size is not part of it.
	Parameters []byte
}

// Sealer makes and opens tokens. It is safe for concurrent use.
type Sealer struct{ aead cipher.AEAD }

// New returns a sealer that uses a key derived from a secret of at least MinKey
// bytes. Servers that share a secret understand each other's tokens.
func New(secret []byte) (*Sealer, error) {
	if len(secret) < MinKey {
		return nil, errors.New("the secret for page tokens is too short")
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "modelwharf page tokens", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead}, nil
}

// version begins each token, so that the form may change.
const version = 1

// Seal returns the token of a position in a listing.
func (s *Sealer) Seal(l Listing, position []byte) string {
	token := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(position)+s.aead.Overhead())
	token[0] = version
	rand.Read(token[1:])
	token = s.aead.Seal(token, token[1:], position, l.bound())
	return base64.RawURLEncoding.EncodeToString(token)
}

// Open returns the position that a token holds, or ErrInvalid.
func (s *Sealer) Open(l Listing, token string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	n := 1 + s.aead.NonceSize()
	// Line ends are not part of a token, though the decoder passes over them.
	if err != nil || strings.ContainsAny(token, "\r\n") || len(b) < n || b[0] != version {
		return nil, ErrInvalid
	}
	position, err := s.aead.Open(nil, b[1:n], b[n:], l.bound())
	if err != nil {
		return nil, ErrInvalid
	}
	return position, nil
}

// bound is a digest of the listing, in which no two listings look alike.
func (l Listing) bound() []byte {
	h := sha256.New()
	h.Write([]byte{version})
	for _, part := range []string{l.Account, l.Region, l.Operation, string(l.Parameters)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}
