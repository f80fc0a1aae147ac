package codeartifact

import (
	"context"
	"regexp"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
)

// DomainName names a domain.
type DomainName struct {
	Owner  string `json:"owner"` // the account, 12 digits
	Region string `json:"region"`
	Name   string `json:"name"`
}

func (n DomainName) arn(kind string) string {
	return "arn:aws:codeartifact:" + n.Region + ":" + n.Owner + ":" + kind + "/" + n.Name
}

// ARN is the domain's.
func (n DomainName) ARN() string { return n.arn("domain") }

// RepositoryName names a repository of a domain.
type RepositoryName struct {
	Domain DomainName `json:"domain"`
	Name   string     `json:"name"`
}

// ARN is the repository's.
func (n RepositoryName) ARN() string { return n.Domain.arn("repository") + "/" + n.Name }

// PackageName names a package of a repository: by the one spelling that its format has for
// it, see Format.Normalize.
type PackageName struct {
	Format    string `json:"format"`              // "pypi"
	Namespace string `json:"namespace,omitempty"` // an npm scope without its '@', a Maven group id; "" for none
	Name      string `json:"name"`
}

// String is the name for people: "/npm/types/node", "/pypi//numpy".
func (p PackageName) String() string { return "/" + p.Format + "/" + p.Namespace + "/" + p.Name }

// packageARN is that of a package of a repository. An empty namespace keeps its place.
func (n RepositoryName) packageARN(p PackageName) string {
	return n.Domain.arn("package") + "/" + n.Name + p.String()
}

// domainName is the domain that an input names: the caller's own if it names no owner.
func domainName(ctx context.Context, domain, owner *string) DomainName {
	r := api.RequestOf(ctx)
	n := DomainName{Owner: r.Caller.Account, Region: r.Region, Name: *domain}
	if owner != nil {
		n.Owner = *owner
	}
	return n
}

func repositoryName(ctx context.Context, domain, owner, repository *string) RepositoryName {
	return RepositoryName{domainName(ctx, domain, owner), *repository}
}

// labelForm is the first label of an endpoint: a domain and its owner, split at the last
// '-', since a domain's own name may have some.
var labelForm = regexp.MustCompile(`^([a-z][a-z0-9-]{0,48}[a-z0-9])-([0-9]{12})$`)

func parseLabel(label string) (domain, owner string, ok bool) {
	m := labelForm.FindStringSubmatch(label)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// parseHost reads the virtual host of a domain's endpoints,
// <domain>-<owner>.d.codeartifact.<region>.<base>.
func parseHost(host string) (n DomainName, ok bool) {
	label, rest, _ := strings.Cut(strings.ToLower(host), ".")
	rest, ok = strings.CutPrefix(rest, "d.codeartifact.")
	if !ok {
		return n, false
	}
	if n.Region, rest, ok = strings.Cut(rest, "."); !ok || rest == "" {
		return n, false
	}
	n.Name, n.Owner, ok = parseLabel(label)
	return n, ok
}

// Label is the first label of the domain's endpoints.
func (n DomainName) Label() string { return n.Name + "-" + n.Owner }
