package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// Sealer keeps secrets at rest and makes session tokens: AES-256-GCM with random
// nonces, under keys that are derived from one of 32 bytes, one for each purpose.
//
// What it seals begins with a version byte and the id of its key (4 bytes, of the
// key's hash), so that what an older key sealed can still be opened.
type Sealer struct {
	current uint32
	keys    map[uint32]map[purpose]cipher.AEAD
	pages   *pagetoken.Sealer
}

// purpose parts the keys, so that what is sealed for one use is nothing to another.
type purpose string

const (
	atRest  purpose = "modelwharf secrets at rest v1"
	inToken purpose = "modelwharf session tokens v1"
)

const (
	sealVersion = 1
	sealHeader  = 1 + 4
)

var (
	// ErrSecretKey says that a key does not have 32 bytes.
	ErrSecretKey = errors.New("identity: a secret key must have 32 bytes")
	// ErrSealed says that something is not what one of the sealer's keys sealed.
	ErrSealed = errors.New("identity: sealed with another key, or damaged")
)

// NewSealer returns a sealer that seals with key and also opens what the older
// keys have sealed.
func NewSealer(key []byte, older ...[]byte) (*Sealer, error) {
	s := &Sealer{keys: map[uint32]map[purpose]cipher.AEAD{}}
	for _, k := range append(older, key) {
		if len(k) != 32 {
			return nil, ErrSecretKey
		}
		id, err := hkdf.Key(sha256.New, k, nil, "modelwharf key id v1", 4)
		if err != nil {
			return nil, err
		}
		s.current = binary.BigEndian.Uint32(id)
		s.keys[s.current] = map[purpose]cipher.AEAD{}
		for _, p := range []purpose{atRest, inToken} {
			if s.keys[s.current][p], err = aead(k, p); err != nil {
				return nil, err
			}
		}
	}
	var err error
	s.pages, err = pagetoken.New(key)
	return s, err
}

// Pages makes the page tokens of all services.
func (s *Sealer) Pages() *pagetoken.Sealer { return s.pages }

func aead(key []byte, p purpose) (cipher.AEAD, error) {
	k, err := hkdf.Key(sha256.New, key, nil, string(p), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts a secret of another service for rest, bound to where it belongs.
func (s *Sealer) Seal(plain, where []byte) []byte { return s.seal(atRest, plain, where) }

// Open returns what Seal has sealed for the same place. The error is ErrSealed.
func (s *Sealer) Open(sealed, where []byte) ([]byte, error) { return s.open(atRest, sealed, where) }

// seal encrypts plain and binds it to where it belongs.
func (s *Sealer) seal(p purpose, plain, where []byte) []byte {
	dst := binary.BigEndian.AppendUint32([]byte{sealVersion}, s.current)
	return s.keys[s.current][p].Seal(dst, nil, plain, where)
}

// open returns what was sealed for the same purpose and place.
func (s *Sealer) open(p purpose, sealed, where []byte) ([]byte, error) {
	if len(sealed) < sealHeader || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	key, ok := s.keys[binary.BigEndian.Uint32(sealed[1:sealHeader])]
	if !ok {
		return nil, ErrSealed
	}
	plain, err := key[p].Open(nil, nil, sealed[sealHeader:], where)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
