package codeartifact

import (
	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/quota"
)

// The quotas, with AWS's values.
// https://docs.aws.amazon.com/codeartifact/latest/ug/service-limits.html
var (
	domainsQuota      = quota.Quota{Name: "codeartifact-domains", Default: 10, Text: "domains in an account and region"}
	repositoriesQuota = quota.Quota{Name: "codeartifact-repositories", Default: 1000, Text: "repositories in a domain"}
	upstreamsQuota    = quota.Quota{Name: "codeartifact-upstreams", Default: 10, Text: "direct upstreams of a repository"}
	searchedQuota     = quota.Quota{Name: "codeartifact-searched", Default: 25, Text: "repositories in which a package is looked for"}
	groupsQuota       = quota.Quota{Name: "codeartifact-package-groups", Default: 1000, Text: "package groups in a domain"}
	assetsQuota       = quota.Quota{Name: "codeartifact-assets", Default: 150, Text: "assets of a package version"}
	assetBytesQuota   = quota.Quota{Name: "codeartifact-asset-bytes", Default: MaxAsset, Text: "bytes of an asset"}
)

// Quotas lists the quotas of packages.
func Quotas() []quota.Quota {
	return []quota.Quota{domainsQuota, repositoriesQuota, upstreamsQuota, searchedQuota, groupsQuota, assetsQuota, assetBytesQuota}
}

// exceeded is what is answered to who wants more than a quota allows.
func (s *Service) exceeded(kind, id string, q quota.Quota) *api.Error {
	return quotaExceeded(kind, id, "The limit of %d %s is reached. Delete some, or have the server's operator raise the limit: --quota %s=…",
		s.quotas.Of(q), q.Text, q.Name)
}
