package blob

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"fmt"
	"hash"
	"slices"

	"github.com/opencontainers/go-digest"
)

// Hashes are the running hashes of an upload, one for each algorithm that it may be
// published by.
type Hashes struct {
	algorithms []digest.Algorithm
	running    []hash.Hash
}

// NewHashes begins the hashes of no bytes; without algorithms that of sha256.
func NewHashes(algorithms ...digest.Algorithm) (*Hashes, error) {
	if len(algorithms) == 0 {
		algorithms = []digest.Algorithm{digest.SHA256}
	}
	h := &Hashes{}
	for _, a := range algorithms {
		if slices.Contains(h.algorithms, a) {
			continue
		}
		n, err := newHash(a)
		if err != nil {
			return nil, err
		}
		h.algorithms, h.running = append(h.algorithms, a), append(h.running, n)
	}
	return h, nil
}

func newHash(a digest.Algorithm) (hash.Hash, error) {
	switch a {
	case digest.SHA256:
		return sha256.New(), nil
	case digest.SHA512:
		return sha512.New(), nil
	}
	return nil, fmt.Errorf("%w: algorithm %q", ErrUnsupported, a)
}

// Write adds bytes to all hashes; it never fails.
func (h *Hashes) Write(p []byte) (int, error) {
	for _, r := range h.running {
		r.Write(p)
	}
	return len(p), nil
}

// Digest returns the digest of what was written, and whether the algorithm is one of
// the running ones.
func (h *Hashes) Digest(a digest.Algorithm) (Digest, bool) {
	i := slices.Index(h.algorithms, a)
	if i < 0 {
		return "", false
	}
	return digest.NewDigest(a, h.running[i]), true
}

// HashState is a running hash at rest.
type HashState struct {
	Algorithm digest.Algorithm `json:"a"`
	State     []byte           `json:"s"`
}

// State returns the hashes as they are now, to go on from later.
func (h *Hashes) State() ([]HashState, error) {
	states := make([]HashState, len(h.running))
	for i, r := range h.running {
		b, err := r.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return nil, err
		}
		states[i] = HashState{h.algorithms[i], b}
	}
	return states, nil
}

// RestoreHashes goes on from what State returned.
func RestoreHashes(states []HashState) (*Hashes, error) {
	h := &Hashes{}
	for _, s := range states {
		r, err := newHash(s.Algorithm)
		if err != nil {
			return nil, err
		}
		if err := r.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.State); err != nil {
			return nil, fmt.Errorf("blob: the state of a hash: %w", err)
		}
		h.algorithms, h.running = append(h.algorithms, s.Algorithm), append(h.running, r)
	}
	return h, nil
}
