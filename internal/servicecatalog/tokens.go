package servicecatalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// answered is what was answered to a request with an idempotency token.
type answered struct {
	Digest string // of the request
	Answer []byte
	At     time.Time
}

// tokenLife is how long a token is remembered.
const tokenLife = 30 * 24 * time.Hour

// once does what a request with an idempotency token asks for: if it comes again, it gets
// the same answer, and another request with the same token is an error. No token does it
// anyway.
func once[O any](ctx context.Context, s *Service, tx kv.Txn, operation string, token *string, in any, do func() (*O, error)) (*O, error) {
	if text(token) == "" {
		return do()
	}
	account, region := home(ctx)
	k := key(tokenKind, region, account, operation, *token)
	sum := sha256.Sum256(encode(in))
	digest := hex.EncodeToString(sum[:])
	old, err := get[answered](ctx, tx, k)
	if err != nil {
		return nil, err
	}
	if old != nil && s.now().Sub(old.At) < tokenLife {
		if old.Digest != digest {
			return nil, invalid("The idempotency token %s was used before with different parameters.", *token)
		}
		return decode[O](old.Answer)
	}
	out, err := do()
	if err != nil {
		return nil, err
	}
	tx.Put(k, encode(answered{digest, encode(out), s.instant()}))
	return out, nil
}

// forgetTokens deletes the tokens that have had their time.
func (s *Service) forgetTokens(ctx context.Context, job *jobs.Job) error {
	var old [][]byte
	err := s.view(ctx, func(tx kv.Reader) error {
		for p, err := range below(ctx, tx, key(tokenKind)) {
			if err != nil {
				return err
			}
			a, err := decode[answered](p.Val)
			if err != nil {
				return err
			}
			if s.now().Sub(a.At) >= tokenLife {
				old = append(old, append([]byte(nil), p.Key...))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		for _, k := range old {
			tx.Delete(k)
		}
		return nil
	})
	return err
}
