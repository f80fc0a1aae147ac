package codeartifact

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// assetRecord says that a domain has bytes, and how many assets of its repositories are
// these bytes.
type assetRecord struct {
	Size int64 `json:"s"`
	Uses int64 `json:"n"`
}

// uses are what a transaction changes in the uses of a domain's bytes.
type uses map[string]*use // by SHA-256

type use struct {
	size, delta int64
}

func (u uses) add(a *Asset, delta int64) {
	if a.SHA256 == "" || a.Remote != "" {
		return // its bytes are elsewhere
	}
	one := u[a.SHA256]
	if one == nil {
		one = &use{size: a.Size}
		u[a.SHA256] = one
	}
	one.delta += delta
}

// errStagedLongAgo says that bytes were staged so long ago that they have been collected.
var errStagedLongAgo = errors.New("codeartifact: the staged bytes of an asset are gone")

// apply writes the changes of uses: bytes are in a domain once, from their first use to
// their last. The error is errStagedLongAgo.
func (s *Service) apply(ctx context.Context, tx kv.Txn, domain uint64, u uses) error {
	shards := map[uint64]int64{}
	for sum, x := range u {
		if x.delta == 0 {
			continue
		}
		k := key(assetsPrefix, domain, sum)
		b, err := tx.Get(ctx, k)
		if err != nil {
			return err
		}
		rec, err := decode[assetRecord](b)
		if err != nil {
			return err
		}
		if rec == nil {
			rec = &assetRecord{Size: x.size}
		}
		d, shard := blob.Digest("sha256:"+sum), uint64(sum[0])
		before := rec.Uses
		rec.Uses = max(0, rec.Uses+x.delta)
		switch {
		case before == 0 && rec.Uses > 0:
			held, err := s.ledger.Held(ctx, tx, d)
			if err != nil {
				return err
			}
			if !held {
				return errStagedLongAgo
			}
			s.ledger.Hold(tx, d, domain)
			shards[shard] += rec.Size
		case before > 0 && rec.Uses == 0:
			s.ledger.Release(tx, d, domain)
			shards[shard] -= rec.Size
		}
		if rec.Uses == 0 {
			tx.Delete(k)
		} else {
			tx.Put(k, encode(rec))
		}
	}
	for shard, delta := range shards {
		k := tuple.AppendUint(key(sizesPrefix, domain), shard)
		b, err := tx.Get(ctx, k)
		if err != nil {
			return err
		}
		tx.Put(k, encodeNumber(decodeNumber(b)+uint64(delta)))
	}
	return nil
}

// assetBytes is how many bytes the assets of a domain have, each counted once.
func assetBytes(ctx context.Context, tx kv.Reader, domain uint64) (total int64, err error) {
	prefix := key(sizesPrefix, domain)
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return 0, err
		}
		total += int64(decodeNumber(p.Val))
	}
	return total, nil
}
