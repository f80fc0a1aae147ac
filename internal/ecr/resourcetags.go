package ecr

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/api/ecrpublic"
)

// mutabilityTag is the tag of a public repository that says which of its images' tags may
// move, for tools that know no field for it: AWS's ECR Public has none.
const mutabilityTag = "modelwharf:image-tag-mutability"

// The limits of a resource's tags, in characters.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// checkTags refuses tags that cannot be, by InvalidTagParameterException or
// TooManyTagsException.
func checkTags(tags map[string]string) error {
	for k, v := range tags {
		switch {
		case k == "" || utf8.RuneCountInString(k) > maxTagKey:
			return badTag("The tag key '%s' must have between 1 and %d characters", k, maxTagKey)
		case utf8.RuneCountInString(v) > maxTagValue:
			return badTag("The value of the tag '%s' must have at most %d characters", k, maxTagValue)
		case !tagText(k) || !tagText(v):
			return badTag("The tag '%s' may have letters, digits, spaces and _ . : / = + - @ only", k)
		}
	}
	own := 0
	for k := range tags {
		if !wharf.SystemTag(k) {
			own++
		}
	}
	if own > maxTags {
		return failed("TooManyTagsException", "The repository can have at most %d tags", maxTags)
	}
	return nil
}

// checkReserved refuses the tags that only services set.
func checkReserved(ctx context.Context, keys iter.Seq[string]) error {
	for k := range keys {
		if wharf.RequestOf(ctx).ReservedTag(k) {
			return badTag("The tag key '%s' begins with 'aws:', which is reserved for AWS use", k)
		}
	}
	return nil
}

func badTag(format string, args ...any) error {
	return failed("InvalidTagParameterException", format, args...)
}

func tagText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Zs, r) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

// requestTags are the condition keys of tags that a request brings.
func requestTags(tags map[string]string) map[string][]string {
	c := map[string][]string{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if !wharf.SystemTag(k) {
			c["aws:RequestTag/"+k] = []string{tags[k]}
			c["aws:TagKeys"] = append(c["aws:TagKeys"], k)
		}
	}
	return c
}

// pair is a tag in the form of either API.
type pair struct{ key, value *string }

// tagsFrom reads the tags of a request. One key may come once.
func tagsFrom[T any](ctx context.Context, list []T, of func(T) pair) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		p := of(t)
		k := text(p.key)
		if _, twice := tags[k]; twice {
			return nil, badTag("The tag key '%s' is there more than once", k)
		}
		tags[k] = text(p.value)
	}
	if err := checkReserved(ctx, maps.Keys(tags)); err != nil {
		return nil, err
	}
	return tags, checkTags(tags)
}

func privatePair(t *ecr.Tag) pair      { return pair{t.Key, t.Value} }
func publicPair(t *ecrpublic.Tag) pair { return pair{t.Key, t.Value} }

// taggedName reads the ARN of a repository that has tags. The error is
// InvalidParameterException.
func taggedName(ctx context.Context, arn string, public bool) (Name, error) {
	bad := invalid("resourceArn", "must be the ARN of a repository")
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 || part[0] != "arn" || part[1] != "aws" || !accountForm.MatchString(part[4]) {
		return Name{}, bad
	}
	name, ok := strings.CutPrefix(part[5], "repository/")
	n := Name{Public: public, Account: part[4], Region: part[3], Name: name}
	if !ok || n.ARN() != arn || !n.Valid() || !public && n.Region != wharf.RequestOf(ctx).Region {
		return Name{}, bad
	}
	return n, nil
}

// tag sets tags of a repository. That of the mutability of a public one sets it. The
// errors are RepositoryNotFoundException, InvalidParameterException,
// InvalidTagParameterException and TooManyTagsException.
func (s *Service) tag(ctx context.Context, n Name, tags map[string]string) error {
	if err := s.authorizeTagging(ctx, n, "TagResource", requestTags(tags)); err != nil {
		return err
	}
	_, err := s.change(ctx, n, map[string]any{"tags": tags}, func(r *Repository) error {
		next := maps.Clone(r.Tags)
		if next == nil {
			next = map[string]string{}
		}
		maps.Copy(next, tags)
		r.Tags = next
		if err := checkTags(next); err != nil {
			return err
		}
		return r.applyMutabilityTag()
	})
	return err
}

// untag takes tags of a repository away; what is not there may be named. The errors are
// those of tag.
func (s *Service) untag(ctx context.Context, n Name, keys []string) error {
	conditions := map[string][]string{}
	if len(keys) > 0 {
		conditions["aws:TagKeys"] = keys
	}
	if err := s.authorizeTagging(ctx, n, "UntagResource", conditions); err != nil {
		return err
	}
	if err := checkReserved(ctx, slices.Values(keys)); err != nil {
		return err
	}
	_, err := s.change(ctx, n, map[string]any{"tagKeys": keys}, func(r *Repository) error {
		r.Tags = maps.Clone(r.Tags)
		for _, k := range keys {
			delete(r.Tags, k)
		}
		return r.applyMutabilityTag()
	})
	return err
}

// applyMutabilityTag makes the mutability of a public repository what its tag says.
func (r *Repository) applyMutabilityTag() error {
	if !r.Name.Public {
		return nil
	}
	r.Mutability = Mutability{Mode: r.Tags[mutabilityTag]}
	return r.Mutability.check()
}

// tagsOf returns the tags of a repository.
func (s *Service) tagsOf(ctx context.Context, n Name) (map[string]string, error) {
	if err := s.authorizeNamed(ctx, n, "ListTagsForResource"); err != nil {
		return nil, err
	}
	r, err := s.Find(ctx, n)
	if err != nil {
		return nil, err
	}
	return r.Tags, nil
}

// authorizeTagging is authorizeNamed with the conditions that a request about tags brings.
func (s *Service) authorizeTagging(ctx context.Context, n Name, operation string, conditions map[string][]string) error {
	r, err := s.Find(ctx, n)
	if err != nil && !errors.Is(err, &wharf.Error{Code: "RepositoryNotFoundException"}) {
		return err
	}
	c := check(n, r, operation)
	maps.Copy(conditions, c.Conditions)
	c.Conditions = conditions
	return s.ask(ctx, n, c)
}

func (a privateAPI) TagResource(ctx context.Context, in *ecr.TagResourceInput) (*ecr.TagResourceOutput, error) {
	n, err := taggedName(ctx, *in.ResourceArn, false)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFrom(ctx, in.Tags, privatePair)
	if err != nil {
		return nil, err
	}
	return &ecr.TagResourceOutput{}, a.tag(ctx, n, tags)
}

func (a privateAPI) UntagResource(ctx context.Context, in *ecr.UntagResourceInput) (*ecr.UntagResourceOutput, error) {
	n, err := taggedName(ctx, *in.ResourceArn, false)
	if err != nil {
		return nil, err
	}
	return &ecr.UntagResourceOutput{}, a.untag(ctx, n, in.TagKeys)
}

func (a privateAPI) ListTagsForResource(ctx context.Context, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	n, err := taggedName(ctx, *in.ResourceArn, false)
	if err != nil {
		return nil, err
	}
	tags, err := a.tagsOf(ctx, n)
	if err != nil {
		return nil, err
	}
	return &ecr.ListTagsForResourceOutput{Tags: privateTags(tags)}, nil
}

// privateTags are tags as ECR shows them.
func privateTags(tags map[string]string) []*ecr.Tag {
	list := make([]*ecr.Tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, &ecr.Tag{Key: &k, Value: new(tags[k])})
	}
	return list
}

func (a publicAPI) TagResource(ctx context.Context, in *ecrpublic.TagResourceInput) (*ecrpublic.TagResourceOutput, error) {
	n, err := taggedName(ctx, *in.ResourceArn, true)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFrom(ctx, in.Tags, publicPair)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.TagResourceOutput{}, a.tag(ctx, n, tags)
}

func (a publicAPI) UntagResource(ctx context.Context, in *ecrpublic.UntagResourceInput) (*ecrpublic.UntagResourceOutput, error) {
	n, err := taggedName(ctx, *in.ResourceArn, true)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.UntagResourceOutput{}, a.untag(ctx, n, in.TagKeys)
}

func (a publicAPI) ListTagsForResource(ctx context.Context, in *ecrpublic.ListTagsForResourceInput) (*ecrpublic.ListTagsForResourceOutput, error) {
	n, err := taggedName(ctx, *in.ResourceArn, true)
	if err != nil {
		return nil, err
	}
	tags, err := a.tagsOf(ctx, n)
	if err != nil {
		return nil, err
	}
	out := &ecrpublic.ListTagsForResourceOutput{Tags: make([]*ecrpublic.Tag, 0, len(tags))}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, &ecrpublic.Tag{Key: &k, Value: new(tags[k])})
	}
	return out, nil
}
