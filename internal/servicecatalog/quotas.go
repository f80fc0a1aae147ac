package servicecatalog

import (
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/quota"
)

// The quotas, with AWS's values.
// https://docs.aws.amazon.com/servicecatalog/latest/adminguide/limits.html
var (
	productsQuota    = quota.Quota{Name: "servicecatalog-products", Default: 350, Text: "products in an account and region"}
	portfoliosQuota  = quota.Quota{Name: "servicecatalog-portfolios", Default: 100, Text: "portfolios in an account and region"}
	artifactsQuota   = quota.Quota{Name: "servicecatalog-artifacts", Default: 100, Text: "provisioning artifacts of a product"}
	contentsQuota    = quota.Quota{Name: "servicecatalog-portfolio-products", Default: 150, Text: "products in a portfolio"}
	principalsQuota  = quota.Quota{Name: "servicecatalog-portfolio-principals", Default: 100, Text: "principals of a portfolio"}
	constraintsQuota = quota.Quota{Name: "servicecatalog-constraints", Default: 100, Text: "constraints of a product in a portfolio"}
	actionsQuota     = quota.Quota{Name: "servicecatalog-actions", Default: 25, Text: "service actions of a provisioning artifact"}
)

// Quotas lists the quotas of the catalog.
func Quotas() []quota.Quota {
	return []quota.Quota{productsQuota, portfoliosQuota, artifactsQuota, contentsQuota, principalsQuota, constraintsQuota, actionsQuota}
}

// room is LimitExceededException where there are so many that there is no room for one more.
func (s *Service) room(q quota.Quota, there int) error {
	most := s.quotas.Of(q)
	if int64(there) < most {
		return nil
	}
	return shapes.LimitExceededException("The limit of %d %s is reached. Delete some, or have the server's operator raise the limit: --quota %s=…", most, q.Text, q.Name)
}
