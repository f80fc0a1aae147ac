package codeartifact

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// maxTags is how many tags a resource can have.
const maxTags = 200

// newTags reads tags of a request. The error is ValidationException.
func newTags(ctx context.Context, in []*codeartifact.Tag) (map[string]string, error) {
	if len(in) == 0 {
		return nil, nil
	}
	tags := make(map[string]string, len(in))
	for _, t := range in {
		if api.RequestOf(ctx).ReservedTag(*t.Key) {
			return nil, Invalid("Tag keys cannot begin with 'aws:'.")
		}
		if _, twice := tags[*t.Key]; twice {
			return nil, Invalid("The tag key '%s' is given more than once.", *t.Key)
		}
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

// requestTags are the conditions that the tags of a request bring.
func requestTags(tags map[string]string) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	c := map[string][]string{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if api.SystemTag(k) {
			continue
		}
		c["aws:RequestTag/"+k] = []string{tags[k]}
		c["aws:TagKeys"] = append(c["aws:TagKeys"], k)
	}
	return c
}

// tagged is a resource whose tags a request is about.
type tagged struct {
	kind   string // aDomain, aRepository or aGroup
	domain DomainName
	name   string // of the repository, or the pattern of the group
}

func (t tagged) repository() RepositoryName { return RepositoryName{t.domain, t.name} }

// taggedOf reads the ARN of a domain, a repository or a package group.
func taggedOf(arn string) (t tagged, err error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "codeartifact" {
		return t, Invalid("'%s' is not the ARN of a domain, a repository or a package group.", arn)
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	domain, name, _ := strings.Cut(rest, "/")
	t = tagged{kind, DomainName{Region: parts[3], Owner: parts[4], Name: domain}, name}
	switch {
	case kind == aDomain && name == "" && domain != "":
	case kind == aRepository && name != "" && !strings.Contains(name, "/"):
	case kind == aGroup && name != "":
		t.name = "/" + name // a pattern begins so, and is in the ARN as it is
	default:
		return t, Invalid("'%s' is not the ARN of a domain, a repository or a package group.", arn)
	}
	return t, nil
}

// authorizeTagged asks policy for an action on a resource and returns its tags. The error of one
// of another region is ResourceNotFoundException: it is asked for there.
func (s *Service) authorizeTagged(ctx context.Context, action string, t tagged, more map[string][]string) (map[string]string, error) {
	here := t.domain.Region == api.RequestOf(ctx).Region
	switch t.kind {
	case aDomain:
		d, err := s.onDomain(ctx, action, t.domain, more)
		if err == nil && !here {
			err = domainNotFound(t.domain)
		}
		if err != nil {
			return nil, err
		}
		return d.Tags, nil
	case aGroup:
		_, p, err := s.onGroup(ctx, action, t.domain, t.name, more)
		if err == nil && !here {
			err = domainNotFound(t.domain)
		}
		if err != nil {
			return nil, err
		}
		_, g, err := s.domainGroups(ctx, t.domain)
		if err != nil {
			return nil, err
		}
		one, err := g.get(p)
		if err != nil {
			return nil, err
		}
		return one.Tags, nil
	}
	r, err := s.onRepository(ctx, action, t.repository(), more)
	if err == nil && !here {
		err = repositoryNotFound(t.repository())
	}
	if err != nil {
		return nil, err
	}
	return r.Tags, nil
}

// retag changes the tags of a resource by one transaction.
func (s *Service) retag(ctx context.Context, t tagged, details map[string]any, fn func(map[string]string) error) error {
	change := func(tags *map[string]string) error {
		next := maps.Clone(*tags)
		if next == nil {
			next = map[string]string{}
		}
		*tags = next
		return fn(next)
	}
	var err error
	switch t.kind {
	case aDomain:
		_, err = s.changeDomain(ctx, t.domain, details, func(d *Domain) error { return change(&d.Tags) })
	case aRepository:
		_, err = s.changeRepository(ctx, t.repository(), details, func(_ kv.Txn, r *Repository) error { return change(&r.Tags) })
	case aGroup:
		var p pattern
		if p, err = s.parsePattern(t.name); err != nil {
			return err
		}
		_, _, err = s.changeGroups(ctx, t.domain, p, details, func(_ kv.Txn, _ *Domain, g *groups) error {
			one, err := g.get(p)
			if err != nil {
				return err
			}
			return change(&one.Tags)
		})
	}
	return err
}

// TagResource adds tags to a domain, a repository or a package group.
func (s *Service) TagResource(ctx context.Context, in *codeartifact.TagResourceInput) (*codeartifact.TagResourceOutput, error) {
	t, err := taggedOf(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	if _, err := s.authorizeTagged(ctx, "TagResource", t, requestTags(tags)); err != nil {
		return nil, err
	}
	return &codeartifact.TagResourceOutput{}, s.retag(ctx, t, map[string]any{"tags": tags}, func(old map[string]string) error {
		maps.Copy(old, tags)
		if len(old) > maxTags {
			return quotaExceeded(t.kind, *in.ResourceArn, "A resource can have up to %d tags.", maxTags)
		}
		return nil
	})
}

// UntagResource removes tags; those that are not there are ignored.
func (s *Service) UntagResource(ctx context.Context, in *codeartifact.UntagResourceInput) (*codeartifact.UntagResourceOutput, error) {
	t, err := taggedOf(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if _, err := s.authorizeTagged(ctx, "UntagResource", t, map[string][]string{"aws:TagKeys": in.TagKeys}); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(in.TagKeys, api.RequestOf(ctx).ReservedTag) {
		return nil, Invalid("Tag keys cannot begin with 'aws:'.")
	}
	return &codeartifact.UntagResourceOutput{}, s.retag(ctx, t, map[string]any{"tagKeys": in.TagKeys}, func(old map[string]string) error {
		for _, k := range in.TagKeys {
			delete(old, k)
		}
		return nil
	})
}

// ListTagsForResource lists the tags of a domain, a repository or a package group.
func (s *Service) ListTagsForResource(ctx context.Context, in *codeartifact.ListTagsForResourceInput) (*codeartifact.ListTagsForResourceOutput, error) {
	t, err := taggedOf(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.authorizeTagged(ctx, "ListTagsForResource", t, nil)
	if err != nil {
		return nil, err
	}
	out := &codeartifact.ListTagsForResourceOutput{Tags: []*codeartifact.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, &codeartifact.Tag{Key: &k, Value: new(tags[k])})
	}
	return out, nil
}
