package ecr

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// upstreamImage is what became of an id that a cache was asked for, if the repository does
// not say it: a manifest that is being imported, or why there is none.
type upstreamImage struct {
	manifest *Manifest
	failure  *imageFailure
}

// pullThroughAll is PullThrough for several images. One that cannot be had from upstream is
// a failure of its own. The errors are RepositoryNotFoundException, and
// AccessDeniedException if the caller may not import.
func (s *Service) pullThroughAll(ctx context.Context, n Name, r *Repository, ids []imageID) (*Repository, map[imageID]upstreamImage, error) {
	var rule *cacheRule
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		rule, err = ruleFor(ctx, tx, n)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	came := map[imageID]upstreamImage{}
	if rule != nil {
		for _, id := range ids {
			reference := id.tag
			if id.digest != "" {
				reference = id.digest
			}
			if !ValidTag(reference) && blob.Check(blob.Digest(reference)) != nil {
				continue // findImage says what is wrong
			}
			at, m, err := s.PullThrough(ctx, n, r, reference)
			switch {
			case err == nil:
				r, came[id] = at, upstreamImage{manifest: m}
			case isMissing(err), errors.Is(err, &api.Error{Code: "ImageNotFoundException"}):
				came[id] = upstreamImage{failure: id.fails(imageMissing, "Requested image not found")}
			case errors.Is(err, &api.Error{Code: "UnableToGetUpstreamImageException"}):
				came[id] = upstreamImage{failure: id.fails("UpstreamUnavailable", told(err))}
			default:
				return nil, nil, err
			}
		}
	}
	if r == nil {
		return nil, nil, repositoryNotFound(n)
	}
	return r, came, nil
}
