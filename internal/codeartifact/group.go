package codeartifact

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// restriction is a way for versions of a package into a repository.
type restriction string

// The restrictions of a package group.
const (
	byPublish          restriction = "PUBLISH"
	byExternalUpstream restriction = "EXTERNAL_UPSTREAM"
	byInternalUpstream restriction = "INTERNAL_UPSTREAM"
)

var restrictions = []restriction{byExternalUpstream, byInternalUpstream, byPublish}

// The modes of a restriction, beside ALLOW and BLOCK.
const (
	allowSome = "ALLOW_SPECIFIC_REPOSITORIES"
	inherit   = "INHERIT"
)

// Group is a package group as it is kept.
type Group struct {
	Pattern     string                   `json:"pattern"`
	Created     time.Time                `json:"created"`
	Contact     string                   `json:"contact,omitempty"`
	Description string                   `json:"description,omitempty"`
	Tags        map[string]string        `json:"tags,omitempty"`
	Modes       map[restriction]string   `json:"modes"`
	Allowed     map[restriction][]string `json:"allowed,omitempty"` // names of repositories, sorted

	pattern pattern
}

// groups are those of a domain: the more specific ones first, the root last. They are one
// record, which each decision about a package reads: so of a change of groups and a
// publication one comes before the other.
type groups struct {
	Groups []*Group `json:"groups"`
}

// readGroups returns the groups of a domain. What it returns is shared.
func (s *Service) readGroups(ctx context.Context, tx kv.Reader, domain uint64) (*groups, error) {
	b, err := tx.GetHot(ctx, key(groupsPrefix, domain))
	if err != nil {
		return nil, err
	}
	return s.grouped.of(s, domain, b)
}

// groupCache keeps the groups of domains that were read last: the bytes of a hot key are the
// same ones until it changes.
type groupCache struct {
	mu       sync.Mutex
	byDomain map[uint64]cachedGroups
}

type cachedGroups struct {
	bytes []byte
	*groups
}

func (c *groupCache) of(s *Service, domain uint64, b []byte) (*groups, error) {
	if b == nil {
		return onlyRoot, nil
	}
	c.mu.Lock()
	old := c.byDomain[domain]
	c.mu.Unlock()
	if len(old.bytes) == len(b) && len(b) > 0 && &old.bytes[0] == &b[0] {
		return old.groups, nil
	}
	g, err := decode[groups](b)
	if err != nil {
		return nil, err
	}
	for _, one := range g.Groups {
		if one.pattern, err = s.parsePattern(one.Pattern); err != nil {
			return nil, fmt.Errorf("codeartifact: a stored pattern: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byDomain == nil || len(c.byDomain) > 1000 {
		c.byDomain = map[uint64]cachedGroups{}
	}
	c.byDomain[domain] = cachedGroups{b, g}
	return g, nil
}

// onlyRoot are the groups of a domain where nobody has changed any.
var onlyRoot = &groups{[]*Group{{
	Pattern: rootPattern, Modes: map[restriction]string{byPublish: "ALLOW", byExternalUpstream: "ALLOW", byInternalUpstream: "ALLOW"},
}}}

// get returns the group of a pattern. The error is ResourceNotFoundException.
func (g *groups) get(p pattern) (*Group, error) {
	for _, one := range g.Groups {
		if one.pattern == p {
			return one, nil
		}
	}
	return nil, notFound(aGroup, p.String(), "Package group not found. Package group '%s' does not exist.", p)
}

// associated returns the group that a package belongs to: of those whose patterns match it,
// the most specific. Of two that are equally specific a strong match counts.
func (g *groups) associated(n PackageName) (best *Group, strong bool) {
	for _, one := range g.Groups {
		s, w := one.pattern.match(n)
		if !s && !w {
			continue
		}
		if best == nil {
			best, strong = one, s
			continue
		}
		if c := one.pattern.compare(best.pattern); c > 0 || c == 0 && s && !strong {
			best, strong = one, s
		}
	}
	return best, strong
}

// parent returns the most specific group that has all packages of another one; nil for the
// root.
func (g *groups) parent(of *Group) (best *Group) {
	for _, one := range g.Groups {
		if one.pattern != of.pattern && one.pattern.covers(of.pattern) && (best == nil || one.pattern.compare(best.pattern) > 0) {
			best = one
		}
	}
	return best
}

// effective returns the group that decides a restriction for another: that itself, or the
// nearest one above it that does not inherit.
func (g *groups) effective(of *Group, r restriction) *Group {
	for of.Modes[r] == inherit {
		up := g.parent(of)
		if up == nil {
			break
		}
		of = up
	}
	return of
}

// allows tells whether versions of a package may come into a repository in a way.
func (g *groups) allows(n PackageName, r restriction, repository string) bool {
	group, strong := g.associated(n)
	if !strong {
		return false
	}
	by := g.effective(group, r)
	switch by.Modes[r] {
	case "ALLOW":
		return true
	case allowSome:
		_, ok := slices.BinarySearch(by.Allowed[r], repository)
		return ok
	}
	return false
}

// clone returns groups that can be changed.
func (g *groups) clone() *groups {
	c := &groups{slices.Clone(g.Groups)}
	for i, one := range c.Groups {
		next := *one
		next.Modes, next.Tags, next.Allowed = maps.Clone(one.Modes), maps.Clone(one.Tags), maps.Clone(one.Allowed)
		c.Groups[i] = &next
	}
	return c
}

func (n DomainName) groupARN(pattern string) string { return n.arn("package-group") + pattern }

func (g *groups) reference(n DomainName, one *Group) *codeartifact.PackageGroupReference {
	if one == nil {
		return nil
	}
	return &codeartifact.PackageGroupReference{Arn: new(n.groupARN(one.Pattern)), Pattern: &one.Pattern}
}

// describe describes a group of a domain.
func (g *groups) describe(d *Domain, one *Group) *codeartifact.PackageGroupDescription {
	n, created := d.Name, one.Created
	if created.IsZero() {
		created = d.Created
	}
	out := &codeartifact.PackageGroupDescription{
		Arn: new(n.groupARN(one.Pattern)), Pattern: &one.Pattern, DomainName: &n.Name, DomainOwner: &n.Owner, CreatedTime: &created,
		ContactInfo: orNil(one.Contact), Description: orNil(one.Description), Parent: g.reference(n, g.parent(one)),
		OriginConfiguration: &codeartifact.PackageGroupOriginConfiguration{Restrictions: map[string]*codeartifact.PackageGroupOriginRestriction{}},
	}
	for _, r := range restrictions {
		by := g.effective(one, r)
		d := &codeartifact.PackageGroupOriginRestriction{Mode: new(one.Modes[r]), EffectiveMode: new(by.Modes[r])}
		if by != one {
			d.InheritedFrom = g.reference(n, by)
		}
		if by.Modes[r] == allowSome {
			d.RepositoriesCount = new(int64(len(by.Allowed[r])))
		}
		out.OriginConfiguration.Restrictions[string(r)] = d
	}
	return out
}

func (g *groups) summary(d *Domain, one *Group) *codeartifact.PackageGroupSummary {
	x := codeartifact.PackageGroupSummary(*g.describe(d, one))
	return &x
}
