package codeartifact

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// onGroup authorizes an action on a package group and returns its domain and its pattern.
func (s *Service) onGroup(ctx context.Context, action string, n DomainName, text string, more map[string][]string) (d *Domain, p pattern, err error) {
	if p, err = s.parsePattern(text); err != nil {
		return nil, p, err
	}
	var tags map[string]string
	missing := s.view(ctx, func(tx kv.Reader) error {
		if d, err = findDomain(ctx, tx, n); err != nil {
			return err
		}
		g, err := s.readGroups(ctx, tx, d.ID)
		if err != nil {
			return err
		}
		if one, err := g.get(p); err == nil {
			tags = one.Tags
		}
		return nil
	})
	if missing != nil && !isCode(missing, "ResourceNotFoundException") {
		return nil, p, missing
	}
	policy := Policy{}
	if d != nil {
		policy = d.Policy
	}
	if err := s.ask(ctx, with(check(action, n.groupARN(text), policy, tags), more)); err != nil {
		return nil, p, err
	}
	return d, p, missing
}

// changeGroups changes the groups of a domain by one transaction; details are for the audit
// trail.
func (s *Service) changeGroups(ctx context.Context, n DomainName, p pattern, details map[string]any, fn func(tx kv.Txn, d *Domain, g *groups) error) (d *Domain, g *groups, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		if d, err = findDomain(ctx, tx, n); err != nil {
			return err
		}
		old, err := s.readGroups(ctx, tx, d.ID)
		if err != nil {
			return err
		}
		g = old.clone()
		if err := fn(tx, d, g); err != nil {
			return err
		}
		b := encode(g)
		if len(b) > kv.MaxValue {
			return quotaExceeded(aDomain, n.Name, "The package groups of domain '%s' have more repositories and texts than it can keep.", n.Name)
		}
		tx.Put(key(groupsPrefix, d.ID), b)
		record(ctx, tx, n, "AWS::CodeArtifact::PackageGroup", n.groupARN(p.String()), map[string]any{"packageGroup": p.String()}, details)
		return nil
	})
	return d, g, err
}

// CreatePackageGroup makes a package group, which inherits all its restrictions at first.
func (s *Service) CreatePackageGroup(ctx context.Context, in *codeartifact.CreatePackageGroupInput) (*codeartifact.CreatePackageGroupOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	tags, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	_, p, err := s.onGroup(ctx, "CreatePackageGroup", n, *in.PackageGroup, requestTags(tags))
	if err != nil {
		return nil, err
	}
	one := &Group{
		Pattern: p.String(), Created: s.instant(), Contact: orEmpty(in.ContactInfo), Description: orEmpty(in.Description), Tags: tags,
		Modes: map[restriction]string{byPublish: inherit, byExternalUpstream: inherit, byInternalUpstream: inherit}, pattern: p,
	}
	d, g, err := s.changeGroups(ctx, n, p, nil, func(_ kv.Txn, _ *Domain, g *groups) error {
		if _, err := g.get(p); err == nil {
			return conflict(aGroup, p.String(), "Package group already exists. Package group '%s' in domain '%s' already exists.", p, n.Name)
		}
		if int64(len(g.Groups)) >= s.quotas.Of(groupsQuota) {
			return s.exceeded(aGroup, p.String(), groupsQuota)
		}
		g.Groups = append(g.Groups, one)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.CreatePackageGroupOutput{PackageGroup: g.describe(d, one)}, nil
}

// UpdatePackageGroup changes what is told of a package group.
func (s *Service) UpdatePackageGroup(ctx context.Context, in *codeartifact.UpdatePackageGroupInput) (*codeartifact.UpdatePackageGroupOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	_, p, err := s.onGroup(ctx, "UpdatePackageGroup", n, *in.PackageGroup, nil)
	if err != nil {
		return nil, err
	}
	var one *Group
	d, g, err := s.changeGroups(ctx, n, p, nil, func(_ kv.Txn, _ *Domain, g *groups) (err error) {
		if one, err = g.get(p); err != nil {
			return err
		}
		one.Contact = *cmp.Or(in.ContactInfo, &one.Contact)
		one.Description = *cmp.Or(in.Description, &one.Description)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.UpdatePackageGroupOutput{PackageGroup: g.describe(d, one)}, nil
}

// DeletePackageGroup deletes a package group; those below it belong to the one above it
// then. The root cannot be deleted.
func (s *Service) DeletePackageGroup(ctx context.Context, in *codeartifact.DeletePackageGroupInput) (*codeartifact.DeletePackageGroupOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	_, p, err := s.onGroup(ctx, "DeletePackageGroup", n, *in.PackageGroup, nil)
	if err != nil {
		return nil, err
	}
	if p.level == everything {
		return nil, Invalid("The root package group %s cannot be deleted.", rootPattern)
	}
	var gone *codeartifact.PackageGroupDescription
	_, _, err = s.changeGroups(ctx, n, p, nil, func(_ kv.Txn, d *Domain, g *groups) error {
		one, err := g.get(p)
		if err != nil {
			return err
		}
		gone = g.describe(d, one)
		g.Groups = slices.DeleteFunc(g.Groups, func(x *Group) bool { return x == one })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DeletePackageGroupOutput{PackageGroup: gone}, nil
}

// domainGroups returns a domain with its groups.
func (s *Service) domainGroups(ctx context.Context, n DomainName) (d *Domain, g *groups, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		if d, err = findDomain(ctx, tx, n); err != nil {
			return err
		}
		g, err = s.readGroups(ctx, tx, d.ID)
		return err
	})
	return d, g, err
}

// group authorizes an action on a package group and returns it.
func (s *Service) group(ctx context.Context, action string, n DomainName, text string) (d *Domain, g *groups, one *Group, err error) {
	_, p, err := s.onGroup(ctx, action, n, text, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	if d, g, err = s.domainGroups(ctx, n); err != nil {
		return nil, nil, nil, err
	}
	one, err = g.get(p)
	return d, g, one, err
}

// DescribePackageGroup describes a package group.
func (s *Service) DescribePackageGroup(ctx context.Context, in *codeartifact.DescribePackageGroupInput) (*codeartifact.DescribePackageGroupOutput, error) {
	d, g, one, err := s.group(ctx, "DescribePackageGroup", domainName(ctx, in.Domain, in.DomainOwner), *in.PackageGroup)
	if err != nil {
		return nil, err
	}
	return &codeartifact.DescribePackageGroupOutput{PackageGroup: g.describe(d, one)}, nil
}

// ListPackageGroups lists the package groups of a domain whose patterns begin with a text.
func (s *Service) ListPackageGroups(ctx context.Context, in *codeartifact.ListPackageGroupsInput) (*codeartifact.ListPackageGroupsOutput, error) {
	n, prefix := domainName(ctx, in.Domain, in.DomainOwner), orEmpty(in.Prefix)
	if _, err := s.onDomain(ctx, "ListPackageGroups", n, nil); err != nil {
		return nil, err
	}
	d, g, err := s.domainGroups(ctx, n)
	if err != nil {
		return nil, err
	}
	asked := page{"ListPackageGroups", []string{n.ARN(), prefix}, in.MaxResults, in.NextToken, 1000}
	all, next, err := s.someGroups(ctx, asked, d, g, func(one *Group) bool { return strings.HasPrefix(one.Pattern, prefix) })
	if err != nil {
		return nil, err
	}
	return &codeartifact.ListPackageGroupsOutput{PackageGroups: all, NextToken: next}, nil
}

// ListSubPackageGroups lists the package groups directly below another one.
func (s *Service) ListSubPackageGroups(ctx context.Context, in *codeartifact.ListSubPackageGroupsInput) (*codeartifact.ListSubPackageGroupsOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	d, g, above, err := s.group(ctx, "ListSubPackageGroups", n, *in.PackageGroup)
	if err != nil {
		return nil, err
	}
	asked := page{"ListSubPackageGroups", []string{n.ARN(), above.Pattern}, in.MaxResults, in.NextToken, 1000}
	all, next, err := s.someGroups(ctx, asked, d, g, func(one *Group) bool { return g.parent(one) == above })
	if err != nil {
		return nil, err
	}
	return &codeartifact.ListSubPackageGroupsOutput{PackageGroups: all, NextToken: next}, nil
}

func (s *Service) someGroups(ctx context.Context, asked page, d *Domain, g *groups, fits func(*Group) bool) ([]*codeartifact.PackageGroupSummary, *string, error) {
	some := slices.DeleteFunc(slices.Clone(g.Groups), func(one *Group) bool { return !fits(one) })
	slices.SortFunc(some, func(a, b *Group) int { return strings.Compare(a.Pattern, b.Pattern) })
	some, next, err := cut(ctx, s, asked, some, func(one *Group) string { return one.Pattern })
	all := make([]*codeartifact.PackageGroupSummary, len(some))
	for i, one := range some {
		all[i] = g.summary(d, one)
	}
	return all, next, err
}

// ListAllowedRepositoriesForGroup lists the repositories that a restriction of a package
// group allows.
func (s *Service) ListAllowedRepositoriesForGroup(ctx context.Context, in *codeartifact.ListAllowedRepositoriesForGroupInput) (*codeartifact.ListAllowedRepositoriesForGroupOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	_, _, one, err := s.group(ctx, "ListAllowedRepositoriesForGroup", n, *in.PackageGroup)
	if err != nil {
		return nil, err
	}
	asked := page{"ListAllowedRepositoriesForGroup", []string{n.ARN(), one.Pattern, *in.OriginRestrictionType}, in.MaxResults, in.NextToken, 1000}
	some, next, err := cut(ctx, s, asked, one.Allowed[restriction(*in.OriginRestrictionType)], func(name string) string { return name })
	if err != nil {
		return nil, err
	}
	return &codeartifact.ListAllowedRepositoriesForGroupOutput{AllowedRepositories: append([]string{}, some...), NextToken: next}, nil
}

// GetAssociatedPackageGroup returns the package group that a package belongs to, whether it
// is in a repository or not.
func (s *Service) GetAssociatedPackageGroup(ctx context.Context, in *codeartifact.GetAssociatedPackageGroupInput) (*codeartifact.GetAssociatedPackageGroupOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.onDomain(ctx, "GetAssociatedPackageGroup", n, nil); err != nil {
		return nil, err
	}
	d, g, err := s.domainGroups(ctx, n)
	if err != nil {
		return nil, err
	}
	one, strong := g.associated(p)
	return &codeartifact.GetAssociatedPackageGroupOutput{PackageGroup: g.describe(d, one), AssociationType: associationType(strong)}, nil
}

func associationType(strong bool) *string {
	if strong {
		return new("STRONG")
	}
	return new("WEAK")
}

// ListAssociatedPackages lists the packages of a domain that belong to a package group; as a
// preview, those that would if there were one of the pattern.
func (s *Service) ListAssociatedPackages(ctx context.Context, in *codeartifact.ListAssociatedPackagesInput) (*codeartifact.ListAssociatedPackagesOutput, error) {
	n, preview := domainName(ctx, in.Domain, in.DomainOwner), in.Preview != nil && *in.Preview
	d, p, err := s.onGroup(ctx, "ListAssociatedPackages", n, *in.PackageGroup, nil)
	if err != nil {
		return nil, err
	}
	_, g, err := s.domainGroups(ctx, n)
	if err != nil {
		return nil, err
	}
	one, err := g.get(p)
	if err != nil {
		if !preview {
			return nil, err
		}
		one = &Group{Pattern: p.String(), pattern: p}
		g = &groups{append(slices.Clone(g.Groups), one)}
	}
	names, err := s.domainPackages(ctx, d, p.format)
	if err != nil {
		return nil, err
	}
	all := []*codeartifact.AssociatedPackage{}
	for _, name := range names {
		if by, strong := g.associated(name); by == one {
			all = append(all, &codeartifact.AssociatedPackage{
				Format: &name.Format, Namespace: orNil(name.Namespace), Package: &name.Name, AssociationType: associationType(strong),
			})
		}
	}
	asked := page{"ListAssociatedPackages", []string{n.ARN(), p.String()}, in.MaxResults, in.NextToken, 1000}
	all, next, err := cut(ctx, s, asked, all, func(a *codeartifact.AssociatedPackage) string {
		return PackageName{*a.Format, orEmpty(a.Namespace), *a.Package}.String()
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.ListAssociatedPackagesOutput{Packages: all, NextToken: next}, nil
}

// domainPackages returns the names of the packages of a format, or of all, that the
// repositories of a domain have, in the order of their paths.
func (s *Service) domainPackages(ctx context.Context, d *Domain, format string) (names []PackageName, err error) {
	seen := map[PackageName]bool{}
	err = s.view(ctx, func(tx kv.Reader) error {
		clear(seen)
		var repositories []uint64
		below := key(repositoriesPrefix, d.ID)
		for x, err := range tx.Scan(ctx, kv.Range{From: below, To: tuple.Below(below)}) {
			if err != nil {
				return err
			}
			r, err := decode[Repository](x.Val)
			if err != nil {
				return err
			}
			repositories = append(repositories, r.ID)
		}
		for _, id := range repositories {
			below := key(packagesPrefix, id)
			if format != "" {
				below = key(packagesPrefix, id, format)
			}
			for x, err := range tx.Scan(ctx, kv.Range{From: below, To: tuple.Below(below)}) {
				if err != nil {
					return err
				}
				pkg, err := decode[Package](x.Val)
				if err != nil {
					return err
				}
				if !pkg.Remote {
					seen[pkg.Name] = true
				}
			}
		}
		return nil
	})
	return slices.SortedFunc(maps.Keys(seen), func(a, b PackageName) int { return strings.Compare(a.String(), b.String()) }), err
}
