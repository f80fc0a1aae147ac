package sagemaker

import (
	"context"
	"math/rand/v2"

	runtimeapi "github.com/modelwharf/modelwharf/internal/api/sagemakerruntime"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// route is what a prediction needs to know of an endpoint, as it was at a revision.
type route struct {
	revision   string
	endpoint   *endpoint
	conditions map[string][]string   // of policies, of its tags
	settings   *predictions.Settings // nil if it has no prediction cache
	total      float64               // of the weights
}

// route returns an endpoint as it is now, nil if there is none. What was read of it before is
// good as long as its revision is the same.
func (s *Service) route(ctx context.Context, n endpointName) (*route, error) {
	var found *route
	err := s.view(ctx, func(tx kv.Reader) error {
		revision, err := tx.GetHot(ctx, n.routeKey())
		if err != nil || revision == nil {
			return err
		}
		if known, ok := s.routes.Load(n); ok && known.(*route).revision == string(revision) {
			found = known.(*route)
			return nil
		}
		e, err := readEndpoint(ctx, tx, n)
		if err != nil || e == nil {
			return err
		}
		found = newRoute(string(revision), e)
		s.routes.Store(n, found)
		return nil
	})
	return found, err
}

func newRoute(revision string, e *endpoint) *route {
	r := &route{revision: revision, endpoint: e, conditions: tagConditions(e.Tags)}
	r.settings, _ = predictions.ParseSettings(e.Tags) // which were checked when they were set
	if e.Serving != nil {
		for _, v := range e.Serving.Variants {
			r.total += v.Weight
		}
	}
	return r
}

// choose chooses the variant that answers: the one that is asked for, or by the weights.
func (r *route) choose(target string) (*variant, error) {
	e := r.endpoint
	if target != "" {
		v := e.Serving.variant(target)
		if v == nil {
			return nil, runtimeapi.ValidationError("Variant %s does not exist in endpoint %s.", target, e.Name)
		}
		return v, nil
	}
	all := e.Serving.Variants
	x := rand.Float64() * r.total
	for i := range all {
		if x -= all[i].Weight; x < 0 && all[i].Weight > 0 {
			return &all[i], nil
		}
	}
	for i := range all { // rounding
		if all[i].Weight > 0 {
			return &all[i], nil
		}
	}
	return &all[0], nil
}

// generation is the present generation of a question's endpoint.
func (s *Service) generation(ctx context.Context, q *predictions.Question) (string, error) {
	r, err := s.route(ctx, endpointName{q.Account, q.Region, q.Endpoint})
	if err != nil || r == nil {
		return "", err
	}
	return r.endpoint.Generation, nil
}
