package codeartifact

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// UpdatePackageGroupOriginConfiguration changes the restrictions of a package group, and
// the repositories that they allow.
func (s *Service) UpdatePackageGroupOriginConfiguration(ctx context.Context, in *codeartifact.UpdatePackageGroupOriginConfigurationInput) (*codeartifact.UpdatePackageGroupOriginConfigurationOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	_, p, err := s.onGroup(ctx, "UpdatePackageGroupOriginConfiguration", n, *in.PackageGroup, nil)
	if err != nil {
		return nil, err
	}
	var one *Group
	var updates map[string]map[string][]string
	details := map[string]any{"restrictions": in.Restrictions}
	d, g, err := s.changeGroups(ctx, n, p, details, func(tx kv.Txn, d *Domain, g *groups) (err error) {
		updates = map[string]map[string][]string{}
		if one, err = g.get(p); err != nil {
			return err
		}
		for r, mode := range in.Restrictions {
			if mode == inherit && p.level == everything {
				return Invalid("The root package group %s has nothing to inherit from.", rootPattern)
			}
			one.Modes[restriction(r)] = mode
		}
		c := &allowedChange{ctx, tx, d, one, updates}
		if err := c.apply(in.AddAllowedRepositories, true); err != nil {
			return err
		}
		return c.apply(in.RemoveAllowedRepositories, false)
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.UpdatePackageGroupOriginConfigurationOutput{PackageGroup: g.describe(d, one), AllowedRepositoryUpdates: updates}, nil
}

// allowedChange changes the repositories that the restrictions of a group allow.
type allowedChange struct {
	ctx     context.Context
	tx      kv.Txn
	domain  *Domain
	group   *Group
	updates map[string]map[string][]string // by restriction, then ADDED or REMOVED
}

func (c *allowedChange) apply(list []*codeartifact.PackageGroupAllowedRepository, add bool) error {
	if len(list) > 100 {
		return Invalid("Up to 100 repositories can be added or removed at once.")
	}
	for _, x := range list {
		name, r := orEmpty(x.RepositoryName), restriction(orEmpty(x.OriginRestrictionType))
		if !slices.Contains(restrictions, r) {
			return Invalid("An allowed repository needs an originRestrictionType.")
		}
		if c.group.Modes[r] != allowSome && add {
			return Invalid("Repositories can be added only to a restriction whose mode is %s, and that of %s is %s.", allowSome, r, c.group.Modes[r])
		}
		old := c.group.Allowed[r]
		i, known := slices.BinarySearch(old, name)
		if known == add {
			continue
		}
		what := "REMOVED"
		if add {
			what = "ADDED"
			found, err := repositoryOf(c.ctx, c.tx, c.domain.ID, name)
			if err != nil {
				return err
			}
			if found == nil {
				return repositoryNotFound(RepositoryName{c.domain.Name, name})
			}
			old = slices.Insert(slices.Clone(old), i, name)
		} else {
			old = slices.Delete(slices.Clone(old), i, i+1)
		}
		if c.group.Allowed == nil {
			c.group.Allowed = map[restriction][]string{}
		}
		c.group.Allowed[r] = old
		if c.updates[string(r)] == nil {
			c.updates[string(r)] = map[string][]string{}
		}
		c.updates[string(r)][what] = append(c.updates[string(r)][what], name)
	}
	return nil
}
