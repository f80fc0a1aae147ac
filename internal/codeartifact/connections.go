package codeartifact

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// AssociateExternalConnection gives a repository an external connection: one, and only if it
// has no upstreams.
func (s *Service) AssociateExternalConnection(ctx context.Context, in *codeartifact.AssociateExternalConnectionInput) (*codeartifact.AssociateExternalConnectionOutput, error) {
	n, name := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository), *in.ExternalConnection
	if _, err := s.onRepository(ctx, "AssociateExternalConnection", n, nil); err != nil {
		return nil, err
	}
	if ConnectionFormat(name) == "" {
		return nil, notFound("external-connection", name, "External connection not found. There is no external connection '%s'.", name)
	}
	if !s.outside.served(name) {
		return nil, Invalid("%s", notConfigured(name))
	}
	r, err := s.changeRepository(ctx, n, map[string]any{"externalConnection": name}, func(_ kv.Txn, r *Repository) error {
		switch {
		case slices.Contains(r.Connections, name):
			return conflict(aRepository, n.Name, "External connection already exists. Repository '%s' already has external connection '%s'.", n.Name, name)
		case len(r.Connections) > 0:
			return quotaExceeded(aRepository, n.Name, "Repository '%s' can have one external connection, and has '%s'.", n.Name, r.Connections[0])
		case len(r.Upstreams) > 0:
			return Invalid("A repository can have one or more upstream repositories, or one external connection.")
		}
		r.Connections = []string{name}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.AssociateExternalConnectionOutput{Repository: r.describe()}, nil
}

// DisassociateExternalConnection takes an external connection from a repository. What was
// fetched through it stays.
func (s *Service) DisassociateExternalConnection(ctx context.Context, in *codeartifact.DisassociateExternalConnectionInput) (*codeartifact.DisassociateExternalConnectionOutput, error) {
	n, name := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository), *in.ExternalConnection
	if _, err := s.onRepository(ctx, "DisassociateExternalConnection", n, nil); err != nil {
		return nil, err
	}
	r, err := s.changeRepository(ctx, n, map[string]any{"externalConnection": name}, func(_ kv.Txn, r *Repository) error {
		if !slices.Contains(r.Connections, name) {
			return notFound("external-connection", name, "External connection not found. Repository '%s' has no external connection '%s'.", n.Name, name)
		}
		r.Connections = slices.DeleteFunc(r.Connections, func(c string) bool { return c == name })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DisassociateExternalConnectionOutput{Repository: r.describe()}, nil
}
