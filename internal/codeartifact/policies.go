package codeartifact

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// newPolicy reads a permissions policy. The error is ValidationException.
func (s *Service) newPolicy(ctx context.Context, document string) (Policy, error) {
	principals, unknown, err := s.identity.ResourcePolicyPrincipals(ctx, []byte(document))
	if e, ok := errors.AsType[*policy.MalformedError](err); ok {
		return Policy{}, Invalid("The policy document is not valid: %s", e.Error())
	}
	if err != nil {
		return Policy{}, err
	}
	if len(unknown) > 0 {
		return Policy{}, Invalid("The policy document names principals that do not exist: %q", unknown)
	}
	return Policy{Document: document, Principals: principals, Revision: newRevision()}, nil
}

// checkRevision compares the revision that a request expects with that of the policy which
// there is. The error is ConflictException.
func (p Policy) checkRevision(kind, id string, expected *string) error {
	if expected != nil && *expected != p.Revision {
		return conflict(kind, id, "The policy revision '%s' is not that of the current policy.", *expected)
	}
	return nil
}

func (p Policy) describe(arn string) *codeartifact.ResourcePolicy {
	return &codeartifact.ResourcePolicy{ResourceArn: &arn, Revision: &p.Revision, Document: &p.Document}
}

// PutDomainPermissionsPolicy sets the policy of a domain. Who may do that is not asked of the
// policy which the domain has, so that nobody locks themselves out.
func (s *Service) PutDomainPermissionsPolicy(ctx context.Context, in *codeartifact.PutDomainPermissionsPolicyInput) (*codeartifact.PutDomainPermissionsPolicyOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	if err := s.policing(ctx, "PutDomainPermissionsPolicy", n.ARN()); err != nil {
		return nil, err
	}
	p, err := s.newPolicy(ctx, *in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	_, err = s.changeDomain(ctx, n, map[string]any{"policyDocument": p.Document}, func(d *Domain) error {
		if err := d.Policy.checkRevision(aDomain, n.Name, in.PolicyRevision); err != nil {
			return err
		}
		d.Policy = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.PutDomainPermissionsPolicyOutput{Policy: p.describe(n.ARN())}, nil
}

// policing asks policy for an operation that sets or deletes a policy: the policy of the
// resource has no part in it.
func (s *Service) policing(ctx context.Context, action, arn string) error {
	return s.ask(ctx, check(action, arn, Policy{}, nil))
}

// GetDomainPermissionsPolicy returns the policy of a domain.
func (s *Service) GetDomainPermissionsPolicy(ctx context.Context, in *codeartifact.GetDomainPermissionsPolicyInput) (*codeartifact.GetDomainPermissionsPolicyOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	d, err := s.onDomain(ctx, "GetDomainPermissionsPolicy", n, nil)
	if err == nil && d.Policy.Document == "" {
		err = noDomainPolicy(n)
	}
	if err != nil {
		return nil, err
	}
	return &codeartifact.GetDomainPermissionsPolicyOutput{Policy: d.Policy.describe(n.ARN())}, nil
}

// DeleteDomainPermissionsPolicy takes away the policy of a domain.
func (s *Service) DeleteDomainPermissionsPolicy(ctx context.Context, in *codeartifact.DeleteDomainPermissionsPolicyInput) (*codeartifact.DeleteDomainPermissionsPolicyOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	if err := s.policing(ctx, "DeleteDomainPermissionsPolicy", n.ARN()); err != nil {
		return nil, err
	}
	var old Policy
	_, err := s.changeDomain(ctx, n, nil, func(d *Domain) error {
		if old = d.Policy; old.Document == "" {
			return noDomainPolicy(n)
		}
		d.Policy = Policy{}
		return old.checkRevision(aDomain, n.Name, in.PolicyRevision)
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DeleteDomainPermissionsPolicyOutput{Policy: old.describe(n.ARN())}, nil
}

func noDomainPolicy(n DomainName) error {
	return notFound(aDomain, n.Name, "Domain '%s' owned by account '%s' does not have a permissions policy.", n.Name, n.Owner)
}

// PutRepositoryPermissionsPolicy sets the policy of a repository. Who may do that is not
// asked of the policy which the repository has, so that nobody locks themselves out.
func (s *Service) PutRepositoryPermissionsPolicy(ctx context.Context, in *codeartifact.PutRepositoryPermissionsPolicyInput) (*codeartifact.PutRepositoryPermissionsPolicyOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	if err := s.policing(ctx, "PutRepositoryPermissionsPolicy", n.ARN()); err != nil {
		return nil, err
	}
	p, err := s.newPolicy(ctx, *in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	_, err = s.changeRepository(ctx, n, map[string]any{"policyDocument": p.Document}, func(_ kv.Txn, r *Repository) error {
		if err := r.Policy.checkRevision(aRepository, n.Name, in.PolicyRevision); err != nil {
			return err
		}
		r.Policy = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.PutRepositoryPermissionsPolicyOutput{Policy: p.describe(n.ARN())}, nil
}

// GetRepositoryPermissionsPolicy returns the policy of a repository.
func (s *Service) GetRepositoryPermissionsPolicy(ctx context.Context, in *codeartifact.GetRepositoryPermissionsPolicyInput) (*codeartifact.GetRepositoryPermissionsPolicyOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	r, err := s.onRepository(ctx, "GetRepositoryPermissionsPolicy", n, nil)
	if err == nil && r.Policy.Document == "" {
		err = noRepositoryPolicy(n)
	}
	if err != nil {
		return nil, err
	}
	return &codeartifact.GetRepositoryPermissionsPolicyOutput{Policy: r.Policy.describe(n.ARN())}, nil
}

// DeleteRepositoryPermissionsPolicy takes away the policy of a repository.
func (s *Service) DeleteRepositoryPermissionsPolicy(ctx context.Context, in *codeartifact.DeleteRepositoryPermissionsPolicyInput) (*codeartifact.DeleteRepositoryPermissionsPolicyOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	if err := s.policing(ctx, "DeleteRepositoryPermissionsPolicy", n.ARN()); err != nil {
		return nil, err
	}
	var old Policy
	_, err := s.changeRepository(ctx, n, nil, func(_ kv.Txn, r *Repository) error {
		if old = r.Policy; old.Document == "" {
			return noRepositoryPolicy(n)
		}
		r.Policy = Policy{}
		return old.checkRevision(aRepository, n.Name, in.PolicyRevision)
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DeleteRepositoryPermissionsPolicyOutput{Policy: old.describe(n.ARN())}, nil
}

func noRepositoryPolicy(n RepositoryName) error {
	return notFound(aRepository, n.Name, "Repository '%s' in domain '%s' owned by account '%s' does not have a permissions policy.", n.Name, n.Domain.Name, n.Domain.Owner)
}
