package dynamodb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// transferToken is the ClientToken of a transfer, as it is stored with what it was given
// for. It belongs to an account in a region.
type transferToken struct {
	Of    transferName `json:"of"`
	Asked []byte       `json:"asked"` // a digest of the request without the token
}

func (k transferKind) tokenKey(account, region, token string) []byte {
	key := tuple.AppendString(k.tokens[:len(k.tokens):len(k.tokens)], account)
	return tuple.AppendString(tuple.AppendString(key, region), token)
}

// askedFor is the digest of a request, which must not have its token.
func askedFor(in codec.Shape) []byte {
	sum := sha256.Sum256(parameters(in))
	return sum[:]
}

// begun returns the transfer that a token was given for and reads its description into d,
// if the token is in force. A request that asks for something else is a conflict.
func (k transferKind) begun(ctx context.Context, tx kv.Txn, table tableName, token string, asked []byte, d codec.Shape, now time.Time) (rec transferRecord, found bool, err error) {
	raw, err := tx.Get(ctx, k.tokenKey(table.account, table.region, token))
	if err != nil || raw == nil {
		return rec, false, err
	}
	var t transferToken
	if err := json.Unmarshal(raw, &t); err != nil {
		return rec, false, fmt.Errorf("the token of an %s: %w", k.word, err)
	}
	if raw, err = tx.Get(ctx, k.key(t.Of)); err != nil || raw == nil {
		return rec, false, err
	}
	rec, err = k.decode(raw, d)
	switch {
	case err != nil:
		return rec, false, err
	case !rec.Ended.IsZero() && now.Sub(rec.Ended) >= transferTokenLife:
		return rec, false, nil
	case !bytes.Equal(t.Asked, asked):
		return rec, false, k.conflict("%s conflict: Duplicate request detected with conflicting parameters", k.title)
	}
	return rec, true, nil
}

// keep stores the token of a transfer.
func (k transferKind) keep(tx kv.Txn, n transferName, token string, asked []byte) error {
	raw, err := json.Marshal(transferToken{n, asked})
	if err != nil {
		return err
	}
	tx.Put(k.tokenKey(n.Account, n.Region, token), raw)
	return nil
}

// Transfers are forgotten when their time has come. They lie in the order of it under keys
// of their own, with what follows the prefix in the key of the transfer:
//
//	forget | second | export or import | account | region | table | id

// lapse notes in tx when a transfer is to be forgotten.
func (k transferKind) lapse(tx kv.Txn, n transferName, started time.Time) {
	key := tuple.AppendString(tuple.AppendUint(bytes.Clone(forgetPrefix), uint64(started.Add(transferKept).Unix())), k.word)
	tx.Put(append(key, k.key(n)[len(k.prefix):]...), nil)
}

// lapsedTransfers returns the keys under which those lie whose time has come, the oldest
// first.
func (s *Service) lapsedTransfers(ctx context.Context, r kv.Reader) (keys [][]byte, err error) {
	to := tuple.AppendUint(bytes.Clone(forgetPrefix), uint64(max(0, s.now().Unix())))
	for p, err := range r.Scan(ctx, kv.Range{From: forgetPrefix, To: to, Limit: lapsedAtOnce}) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, bytes.Clone(p.Key))
	}
	return keys, nil
}

// ForgetTransfers removes what is left of exports and imports that are not told of any
// more. Run sees to that by itself.
func (s *Service) ForgetTransfers(ctx context.Context) error {
	return s.forgetTransfers(ctx, s.store.Update)
}

func (s *Service) forgetTransfers(ctx context.Context, update updates) error {
	for more := true; more; {
		_, err := update(ctx, func(tx kv.Txn) error {
			keys, err := s.lapsedTransfers(ctx, tx)
			if err != nil {
				return err
			}
			for _, key := range keys {
				if err := forgetTransfer(ctx, tx, key); err != nil {
					return err
				}
			}
			more = len(keys) > 0
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetTransfer removes the transfer that a key of forget names, and its token, unless a
// later one has it.
func forgetTransfer(ctx context.Context, tx kv.Txn, key []byte) error {
	_, rest, err := tuple.Uint(key[len(forgetPrefix):])
	if err != nil {
		return fmt.Errorf("key of a transfer's time: %w", err)
	}
	word, rest, err := tuple.String(rest)
	if err != nil {
		return fmt.Errorf("key of a transfer's time: %w", err)
	}
	k := exports
	if word == imports.word {
		k = imports
	}
	at := append(bytes.Clone(k.prefix), rest...)
	n, err := k.nameOfKey(at)
	if err != nil {
		return err
	}
	raw, err := tx.Get(ctx, at)
	if err != nil {
		return err
	}
	var rec transferRecord
	if err := json.Unmarshal(raw, &rec); err != nil {
		return fmt.Errorf("an %s: %w", k.word, err)
	}
	tx.Delete(key)
	tx.Delete(at)
	token := k.tokenKey(n.Account, n.Region, rec.Token)
	if raw, err = tx.Get(ctx, token); err != nil || raw == nil {
		return err
	}
	var t transferToken
	if err := json.Unmarshal(raw, &t); err != nil {
		return fmt.Errorf("the token of an %s: %w", k.word, err)
	}
	if t.Of == n {
		tx.Delete(token)
	}
	return nil
}
