package ecr

import (
	"context"
	"io"
	"sync"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/quota"
)

// The quotas, with AWS's values.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
var (
	repositoriesQuota = scoped{
		{Name: "ecr-repositories", Default: 100_000, Text: "private repositories in an account and region"},
		{Name: "ecr-public-repositories", Default: 10_000, Text: "public repositories in an account"},
	}
	imagesQuota = scoped{
		{Name: "ecr-images", Default: 100_000, Text: "images in a private repository"},
		{Name: "ecr-public-images", Default: 10_000, Text: "images in a public repository"},
	}
	tagsQuota = scoped{
		{Name: "ecr-tags", Default: 1_000, Text: "tags of a private image"},
		{Name: "ecr-public-tags", Default: 1_000, Text: "tags of a public image"},
	}
	layerQuota = scoped{
		{Name: "ecr-layer-bytes", Default: 52_000 << 20, Text: "bytes of a layer of a private image"},
		{Name: "ecr-public-layer-bytes", Default: 10_000 << 20, Text: "bytes of a layer of a public image"},
	}
)

// Quotas lists the quotas of images.
func Quotas() (all []quota.Quota) {
	for _, q := range []scoped{repositoriesQuota, imagesQuota, tagsQuota, layerQuota} {
		all = append(all, q[:]...)
	}
	return all
}

// scoped is a quota for private and for public repositories.
type scoped [2]quota.Quota

func (q scoped) of(n Name) quota.Quota {
	if n.Public {
		return q[1]
	}
	return q[0]
}

// quota returns how much there may be in a repository, or in its registry.
func (s *Service) quota(q scoped, n Name) int64 { return s.quotas.Of(q.of(n)) }

// exceeded is what is answered to who wants more.
func (s *Service) exceeded(q scoped, n Name) error {
	return failed("LimitExceededException", "The limit of %d %s is reached. Delete some, or have the server's operator raise the limit: --quota %s=…",
		s.quota(q, n), q.of(n).Text, q.of(n).Name)
}

// bounds are upper bounds of how many keys there are below some prefixes. They are counted
// when they are first asked for, and again when they reach a quota, since nobody tells of
// what was deleted.
type bounds struct {
	mu    sync.Mutex
	below map[string]int64
}

// makeRoom returns LimitExceededException unless there may be one more key below prefix.
// Several at once at the limit may each find room for the last one.
func (s *Service) makeRoom(ctx context.Context, tx kv.Reader, prefix []byte, q scoped, n Name) error {
	limit := s.quota(q, n)
	s.bounds.mu.Lock()
	have, known := s.bounds.below[string(prefix)]
	if known && have < limit {
		s.bounds.below[string(prefix)]++
		s.bounds.mu.Unlock()
		return nil
	}
	s.bounds.mu.Unlock()
	have, err := countBelow(ctx, tx, prefix, limit)
	if err != nil {
		return err
	}
	s.bounds.mu.Lock()
	defer s.bounds.mu.Unlock()
	if s.bounds.below == nil {
		s.bounds.below = map[string]int64{}
	}
	s.bounds.below[string(prefix)] = have + 1
	if have >= limit {
		return s.exceeded(q, n)
	}
	return nil
}

// countBelow counts the keys below prefix, at most limit of them.
func countBelow(ctx context.Context, tx kv.Reader, prefix []byte, limit int64) (n int64, err error) {
	if limit == 0 {
		return 0, nil
	}
	for _, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix), Limit: int(limit)}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// bounded fails, rather than ends, where a body has more bytes than are left.
type bounded struct {
	io.Reader
	left int64
	err  error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		n, err := b.Reader.Read(one[:])
		if n > 0 {
			return 0, b.err
		}
		return 0, err
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
