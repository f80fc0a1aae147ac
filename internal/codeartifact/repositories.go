package codeartifact

import (
	"cmp"
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// CreateRepository makes a repository in a domain.
func (s *Service) CreateRepository(ctx context.Context, in *codeartifact.CreateRepositoryInput) (*codeartifact.CreateRepositoryOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	tags, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	// The repository's own policy is not there yet, so the domain's says who of other
	// accounts may make one.
	d, err := s.onDomain(ctx, "CreateRepository", n.Domain, requestTags(tags))
	if err != nil {
		return nil, err
	}
	r := &Repository{
		Name: n, DomainID: d.ID, Administrator: api.RequestOf(ctx).Caller.Account, Created: s.instant(),
		Description: orEmpty(in.Description), Upstreams: upstreamNames(in.Upstreams), Tags: tags,
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		d, err := findDomain(ctx, tx, n.Domain)
		if err != nil {
			return err
		}
		r.DomainID = d.ID
		old, err := tx.Get(ctx, repositoryKey(d, n.Name))
		if err != nil {
			return err
		}
		if old != nil {
			return conflict(aRepository, n.Name, "Repository already exists. Repository '%s' in domain '%s' owned by account '%s' already exists.", n.Name, n.Domain.Name, n.Domain.Owner)
		}
		if n, err := countBelow(ctx, tx, key(repositoriesPrefix, d.ID)); err != nil {
			return err
		} else if n >= s.quotas.Of(repositoriesQuota) {
			return s.exceeded(aRepository, r.Name.Name, repositoriesQuota)
		}
		if err := s.checkUpstreams(ctx, tx, r); err != nil {
			return err
		}
		if r.ID, err = newID(ctx, tx); err != nil {
			return err
		}
		tx.Put(n.administeredKey(r.Administrator), []byte{})
		r.put(ctx, tx, map[string]any{"description": r.Description, "upstreams": r.Upstreams})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.CreateRepositoryOutput{Repository: r.describe()}, nil
}

// UpdateRepository changes what is described of a repository: its upstreams are replaced.
func (s *Service) UpdateRepository(ctx context.Context, in *codeartifact.UpdateRepositoryInput) (*codeartifact.UpdateRepositoryOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	if _, err := s.onRepository(ctx, "UpdateRepository", n, nil); err != nil {
		return nil, err
	}
	r, err := s.changeRepository(ctx, n, map[string]any{"description": in.Description, "upstreams": upstreamNames(in.Upstreams)}, func(tx kv.Txn, r *Repository) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.Upstreams == nil {
			return nil
		}
		r.Upstreams = upstreamNames(in.Upstreams)
		return s.checkUpstreams(ctx, tx, r)
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.UpdateRepositoryOutput{Repository: r.describe()}, nil
}

// checkUpstreams checks the upstreams that a repository is to have: that they are there, few
// enough, and do not lead back to it.
func (s *Service) checkUpstreams(ctx context.Context, tx kv.Txn, r *Repository) error {
	if int64(len(r.Upstreams)) > s.quotas.Of(upstreamsQuota) {
		return s.exceeded(aRepository, r.Name.Name, upstreamsQuota)
	}
	if len(r.Upstreams) > 0 && len(r.Connections) > 0 {
		return Invalid("A repository can have one or more upstream repositories, or one external connection.")
	}
	seen := map[string]bool{}
	for _, name := range r.Upstreams {
		if seen[name] {
			return Invalid("Upstream repository '%s' is listed more than once.", name)
		}
		seen[name] = true
		if name == r.Name.Name {
			return Invalid("Repository '%s' cannot be its own upstream.", name)
		}
	}
	// Everything upstream, each read in this transaction: of two changes that together
	// make a cycle, one runs again and sees the other.
	visited := map[string]bool{}
	for todo := slices.Clone(r.Upstreams); len(todo) > 0; todo = todo[1:] {
		name := todo[0]
		if visited[name] {
			continue
		}
		visited[name] = true
		if name == r.Name.Name {
			return conflict(aRepository, r.Name.Name, "The upstream repositories of '%s' would form a cycle.", r.Name.Name)
		}
		up, err := repositoryOf(ctx, tx, r.DomainID, name)
		if err != nil {
			return err
		}
		if up == nil {
			if seen[name] {
				return repositoryNotFound(RepositoryName{r.Name.Domain, name})
			}
			continue
		}
		todo = append(todo, up.Upstreams...)
	}
	return nil
}

// put writes a repository and that it was changed.
func (r *Repository) put(ctx context.Context, tx kv.Txn, details map[string]any) {
	tx.Put(key(repositoriesPrefix, r.DomainID, r.Name.Name), encode(r))
	r.record(ctx, tx, details)
}

// record keeps a change of a repository in the audit trail.
func (r *Repository) record(ctx context.Context, tx kv.Txn, details map[string]any) {
	record(ctx, tx, r.Name.Domain, "AWS::CodeArtifact::Repository", r.Name.ARN(), map[string]any{"repository": r.Name.Name}, details)
}

// changeRepository changes a repository by one transaction; details are for the audit trail.
func (s *Service) changeRepository(ctx context.Context, n RepositoryName, details map[string]any, fn func(tx kv.Txn, r *Repository) error) (r *Repository, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		if r, _, err = findRepository(ctx, tx, n); err != nil {
			return err
		}
		if err := fn(tx, r); err != nil {
			return err
		}
		r.put(ctx, tx, details)
		return nil
	})
	return r, err
}

// DescribeRepository describes a repository.
func (s *Service) DescribeRepository(ctx context.Context, in *codeartifact.DescribeRepositoryInput) (*codeartifact.DescribeRepositoryOutput, error) {
	r, err := s.onRepository(ctx, "DescribeRepository", repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository), nil)
	if err != nil {
		return nil, err
	}
	return &codeartifact.DescribeRepositoryOutput{Repository: r.describe()}, nil
}

// DeleteRepository deletes a repository with its packages, whose bytes are deleted later.
// Repositories that have it upstream go on without it.
func (s *Service) DeleteRepository(ctx context.Context, in *codeartifact.DeleteRepositoryInput) (*codeartifact.DeleteRepositoryOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	r, err := s.onRepository(ctx, "DeleteRepository", n, nil)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		if r, _, err = findRepository(ctx, tx, n); err != nil {
			return err
		}
		if err := r.checkHolds(ctx, tx); err != nil {
			return err
		}
		// Whatever changes a package reads the repository, so nothing comes after this.
		tx.Delete(key(repositoriesPrefix, r.DomainID, n.Name))
		tx.Delete(n.administeredKey(r.Administrator))
		tx.Put(key(gonePrefix, r.ID), encode(r))
		r.record(ctx, tx, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DeleteRepositoryOutput{Repository: r.describe()}, nil
}

// ListRepositories lists the repositories that the caller's account made, in any domain.
func (s *Service) ListRepositories(ctx context.Context, in *codeartifact.ListRepositoriesInput) (*codeartifact.ListRepositoriesOutput, error) {
	if err := s.ask(ctx, check("ListRepositories", "*", Policy{}, nil)); err != nil {
		return nil, err
	}
	q := api.RequestOf(ctx)
	prefix := texted(slices.Clone(administeredPrefix), q.Caller.Account, q.Region)
	start := orEmpty(in.RepositoryPrefix)
	all, next, err := listed(ctx, s, page{"ListRepositories", []string{start}, in.MaxResults, in.NextToken, 1000}, prefix, start, func(tx kv.Reader, p kv.KV) (*codeartifact.RepositorySummary, error) {
		t, err := texts(p.Key, prefix)
		if err != nil || len(t) != 3 {
			return nil, err
		}
		r, _, err := findRepository(ctx, tx, RepositoryName{DomainName{t[1], q.Region, t[2]}, t[0]})
		if isCode(err, "ResourceNotFoundException") {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return r.summary(), nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.ListRepositoriesOutput{Repositories: all, NextToken: next}, nil
}

// ListRepositoriesInDomain lists the repositories of a domain.
func (s *Service) ListRepositoriesInDomain(ctx context.Context, in *codeartifact.ListRepositoriesInDomainInput) (*codeartifact.ListRepositoriesInDomainOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	d, err := s.onDomain(ctx, "ListRepositoriesInDomain", n, nil)
	if err != nil {
		return nil, err
	}
	start, administrator := orEmpty(in.RepositoryPrefix), orEmpty(in.AdministratorAccount)
	asked := page{"ListRepositoriesInDomain", []string{n.Owner, n.Name, start, administrator}, in.MaxResults, in.NextToken, 1000}
	all, next, err := listed(ctx, s, asked, key(repositoriesPrefix, d.ID), start, func(_ kv.Reader, p kv.KV) (*codeartifact.RepositorySummary, error) {
		r, err := decode[Repository](p.Val)
		if err != nil || administrator != "" && r.Administrator != administrator {
			return nil, err
		}
		return r.summary(), nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.ListRepositoriesInDomainOutput{Repositories: all, NextToken: next}, nil
}

// GetRepositoryEndpoint returns the URL below which the tools of a format find a repository,
// as the caller reaches this server.
func (s *Service) GetRepositoryEndpoint(ctx context.Context, in *codeartifact.GetRepositoryEndpointInput) (*codeartifact.GetRepositoryEndpointOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	if _, err := s.onRepository(ctx, "GetRepositoryEndpoint", n, nil); err != nil {
		return nil, err
	}
	return &codeartifact.GetRepositoryEndpointOutput{RepositoryEndpoint: new(s.endpoint(ctx, n, *in.Format))}, nil
}

// endpoint is a repository's for a format, with a final '/'.
func (s *Service) endpoint(ctx context.Context, n RepositoryName, format string) string {
	return s.baseURL(ctx) + pathPrefix + n.Domain.Label() + "/" + format + "/" + n.Name + "/"
}

func (r *Repository) describe() *codeartifact.RepositoryDescription {
	d := &codeartifact.RepositoryDescription{
		Name: &r.Name.Name, AdministratorAccount: &r.Administrator, DomainName: &r.Name.Domain.Name, DomainOwner: &r.Name.Domain.Owner,
		Arn: new(r.Name.ARN()), CreatedTime: &r.Created,
		Upstreams: []*codeartifact.UpstreamRepositoryInfo{}, ExternalConnections: []*codeartifact.RepositoryExternalConnectionInfo{},
	}
	if r.Description != "" {
		d.Description = &r.Description
	}
	for _, name := range r.Upstreams {
		d.Upstreams = append(d.Upstreams, &codeartifact.UpstreamRepositoryInfo{RepositoryName: &name})
	}
	for _, name := range r.Connections {
		d.ExternalConnections = append(d.ExternalConnections, &codeartifact.RepositoryExternalConnectionInfo{
			ExternalConnectionName: &name, PackageFormat: new(ConnectionFormat(name)), Status: new("Available"),
		})
	}
	return d
}

func (r *Repository) summary() *codeartifact.RepositorySummary {
	s := &codeartifact.RepositorySummary{
		Name: &r.Name.Name, AdministratorAccount: &r.Administrator, DomainName: &r.Name.Domain.Name, DomainOwner: &r.Name.Domain.Owner,
		Arn: new(r.Name.ARN()), CreatedTime: &r.Created,
	}
	if r.Description != "" {
		s.Description = &r.Description
	}
	return s
}

// connectionFormats are the formats of the external connections that there can be.
var connectionFormats = map[string]string{
	"public:npmjs": "npm", "public:pypi": "pypi", "public:maven-central": "maven", "public:maven-googleandroid": "maven",
	"public:maven-gradleplugins": "maven", "public:maven-commonsware": "maven", "public:maven-clojars": "maven",
	"public:nuget-org": "nuget", "public:ruby-gems-org": "ruby", "public:crates-io": "cargo",
}

// ConnectionFormat is the format of the packages that an external connection brings, "" if
// there is no such connection.
func ConnectionFormat(name string) string { return connectionFormats[name] }

func upstreamNames(in []*codeartifact.UpstreamRepository) []string {
	var names []string
	for _, u := range in {
		if u != nil && u.RepositoryName != nil {
			names = append(names, *u.RepositoryName)
		}
	}
	return names
}

func orEmpty(text *string) string { return *cmp.Or(text, new("")) }
