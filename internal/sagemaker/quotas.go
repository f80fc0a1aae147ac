package sagemaker

import (
	"context"

	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/quota"
)

// The quotas, with AWS's values where it has one for all accounts.
// https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
var (
	endpointsQuota = quota.Quota{Name: "sagemaker-endpoints", Default: 100, Text: "endpoints in an account and region"}
	instancesQuota = quota.Quota{Name: "sagemaker-instances", Default: 20, Text: "instances of an endpoint"}
)

// Quotas lists the quotas of models.
func Quotas() []quota.Quota { return []quota.Quota{endpointsQuota, instancesQuota} }

// checkInstances refuses more instances than an endpoint may have.
func (s *Service) checkInstances(variants []variant) error {
	n := int64(0)
	for _, v := range variants {
		n += v.Count
	}
	if most := s.quotas.Of(instancesQuota); n > most {
		return s.exceeded(instancesQuota, n)
	}
	return nil
}

// checkEndpoints refuses an endpoint where there are as many as may be. Of several that are
// made at once, each may find room.
func (s *Service) checkEndpoints(ctx context.Context, tx kv.Reader, n resource) error {
	have := int64(0)
	err := each(ctx, tx, keysOf(endpointKind, n.account, n.region), func(*endpoint) error { have++; return nil })
	if err == nil && have >= s.quotas.Of(endpointsQuota) {
		err = s.exceeded(endpointsQuota, have+1)
	}
	return err
}

func (s *Service) exceeded(q quota.Quota, n int64) error {
	return shapes.ResourceLimitExceeded("The account-level service limit '%s' is %d, and this would make %d. Delete some, or have the server's operator raise the limit: --quota %s=…",
		q.Text, s.quotas.Of(q), n, q.Name)
}
