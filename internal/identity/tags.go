package identity

import (
	"context"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
)

// checkTags refuses too many tags, and two with one key; keys that differ in case
// only are one.
func checkTags(tags []tag) error {
	if len(slices.DeleteFunc(slices.Clone(tags), func(t tag) bool { return api.SystemTag(t.Key) })) > tagsPerResource {
		return iam.LimitExceededException("The number of tags has reached the maximum limit.")
	}
	for i, t := range tags {
		if slices.ContainsFunc(tags[:i], t.sameKey) {
			return iam.InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
	}
	return nil
}

// checkReserved refuses the tags that only services set.
func checkReserved(ctx context.Context, keys ...string) error {
	if slices.ContainsFunc(keys, api.RequestOf(ctx).ReservedTag) {
		return iam.InvalidInputException("Tag keys beginning with aws: are reserved for system use.")
	}
	return nil
}

func keysOf(tags []tag) (keys []string) {
	for _, t := range tags {
		keys = append(keys, t.Key)
	}
	return keys
}

func (t tag) sameKey(o tag) bool { return strings.EqualFold(t.Key, o.Key) }

// withTags returns tags with those of over set: a key keeps its place.
func withTags(tags, over []tag) ([]tag, error) {
	if err := checkTags(over); err != nil {
		return nil, err
	}
	tags = slices.Clone(tags)
	for _, t := range over {
		if i := slices.IndexFunc(tags, t.sameKey); i >= 0 {
			tags[i] = t
		} else {
			tags = append(tags, t)
		}
	}
	return tags, checkTags(tags)
}

func withoutTags(tags []tag, keys []string) []tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, t.Key) })
	})
}

func tagsOf(in []*iam.Tag) []tag {
	var tags []tag
	for _, t := range in {
		tags = append(tags, tag{text(t.Key), text(t.Value)})
	}
	return tags
}

func describeTags(tags []tag) []*iam.Tag {
	var d []*iam.Tag
	for _, t := range tags {
		d = append(d, &iam.Tag{Key: new(t.Key), Value: new(t.Value)})
	}
	return d
}

func tagKey(t tag) string { return t.Key }

// TagUser sets tags of a user.
func (s *Service) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	return &iam.TagUserOutput{}, s.tagHolder(ctx, "TagUser", in, userKind, in.UserName, in.Tags)
}

// TagRole sets tags of a role.
func (s *Service) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	return &iam.TagRoleOutput{}, s.tagHolder(ctx, "TagRole", in, roleKind, in.RoleName, in.Tags)
}

// UntagUser removes tags of a user.
func (s *Service) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	return &iam.UntagUserOutput{}, s.untagHolder(ctx, "UntagUser", in, userKind, in.UserName, in.TagKeys)
}

// UntagRole removes tags of a role.
func (s *Service) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return &iam.UntagRoleOutput{}, s.untagHolder(ctx, "UntagRole", in, roleKind, in.RoleName, in.TagKeys)
}

// ListUserTags lists the tags of a user.
func (s *Service) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	out := &iam.ListUserTagsOutput{}
	tags, n, err := s.holderTags(ctx, "ListUserTags", userKind, in.UserName, page{in.Marker, in.MaxItems})
	out.Tags, out.IsTruncated, out.Marker = tags, n.truncated, n.marker
	return out, err
}

// ListRoleTags lists the tags of a role.
func (s *Service) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	out := &iam.ListRoleTagsOutput{}
	tags, n, err := s.holderTags(ctx, "ListRoleTags", roleKind, in.RoleName, page{in.Marker, in.MaxItems})
	out.Tags, out.IsTruncated, out.Marker = tags, n.truncated, n.marker
	return out, err
}

func (s *Service) tagHolder(ctx context.Context, action string, in any, k kind, name *string, list []*iam.Tag) error {
	return s.changing(ctx, action, in, func(op *operation) error {
		tags := tagsOf(list)
		op.aboutTags(tags)
		h, err := op.holder(k, text(name))
		if err != nil {
			return err
		}
		if err := checkReserved(op.ctx, keysOf(tags)...); err != nil {
			return err
		}
		if h.Tags, err = withTags(h.Tags, tags); err != nil {
			return err
		}
		op.put(h)
		return nil
	})
}

func (s *Service) untagHolder(ctx context.Context, action string, in any, k kind, name *string, keys []string) error {
	return s.changing(ctx, action, in, func(op *operation) error {
		op.about("aws:TagKeys", keys...)
		h, err := op.holder(k, text(name))
		if err != nil {
			return err
		}
		if err := checkReserved(op.ctx, keys...); err != nil {
			return err
		}
		h.Tags = withoutTags(h.Tags, keys)
		op.put(h)
		return nil
	})
}

func (s *Service) holderTags(ctx context.Context, action string, k kind, name *string, p page) (d []*iam.Tag, n next, err error) {
	err = s.reading(ctx, action, func(op *operation) error {
		h, err := op.holder(k, text(name))
		if err != nil {
			return err
		}
		tags, end, err := slice(op, h.Tags, p, tagKey)
		d, n = append([]*iam.Tag{}, describeTags(tags)...), end
		return err
	})
	return d, n, err
}

// TagPolicy sets tags of a managed policy.
func (s *Service) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	return &iam.TagPolicyOutput{}, s.changing(ctx, "TagPolicy", in, func(op *operation) error {
		tags := tagsOf(in.Tags)
		op.aboutTags(tags)
		m, err := op.ownManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		if err := checkReserved(op.ctx, keysOf(tags)...); err != nil {
			return err
		}
		if m.Tags, err = withTags(m.Tags, tags); err != nil {
			return err
		}
		op.putManaged(m)
		return nil
	})
}

// UntagPolicy removes tags of a managed policy.
func (s *Service) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	return &iam.UntagPolicyOutput{}, s.changing(ctx, "UntagPolicy", in, func(op *operation) error {
		op.about("aws:TagKeys", in.TagKeys...)
		m, err := op.ownManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		if err := checkReserved(op.ctx, in.TagKeys...); err != nil {
			return err
		}
		m.Tags = withoutTags(m.Tags, in.TagKeys)
		op.putManaged(m)
		return nil
	})
}

// ListPolicyTags lists the tags of a managed policy.
func (s *Service) ListPolicyTags(ctx context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	out := &iam.ListPolicyTagsOutput{Tags: []*iam.Tag{}}
	err := s.reading(ctx, "ListPolicyTags", func(op *operation) error {
		m, err := op.ownManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		tags, n, err := slice(op, m.Tags, page{in.Marker, in.MaxItems}, tagKey)
		out.Tags = append(out.Tags, describeTags(tags)...)
		out.IsTruncated, out.Marker = n.truncated, n.marker
		return err
	})
	return out, err
}
