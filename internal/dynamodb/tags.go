package dynamodb

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// maxTags is how many tags a table can have.
const maxTags = 50

// TagResource adds tags to a table; one with a key that the table has replaces it.
func (s *Service) TagResource(ctx context.Context, in *dynamodb.TagResourceInput) (*dynamodb.TagResourceOutput, error) {
	if len(in.Tags) == 0 {
		return nil, api.ValidationException("Atleast one Tag needs to be provided as Input.")
	}
	added, err := mergeTags(ctx, nil, in.Tags)
	if err != nil {
		return nil, err
	}
	err = s.retag(ctx, "TagResource", in.ResourceArn, requestTags(added), in, func(tags map[string]string) (map[string]string, error) {
		return mergeTags(ctx, tags, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.TagResourceOutput{}, nil
}

// UntagResource removes tags from a table; those that it has not are ignored.
func (s *Service) UntagResource(ctx context.Context, in *dynamodb.UntagResourceInput) (*dynamodb.UntagResourceOutput, error) {
	if len(in.TagKeys) == 0 {
		return nil, api.ValidationException("Atleast one Tag Key needs to be provided as Input.")
	}
	for _, k := range in.TagKeys {
		if api.RequestOf(ctx).ReservedTag(k) {
			return nil, api.ValidationException("Tag Key cannot be prefixed with aws:, Key: %s", k)
		}
	}
	conditions := map[string][]string{"aws:TagKeys": in.TagKeys}
	err := s.retag(ctx, "UntagResource", in.ResourceArn, conditions, in, func(tags map[string]string) (map[string]string, error) {
		left := maps.Clone(tags)
		for _, k := range in.TagKeys {
			delete(left, k)
		}
		return left, nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.UntagResourceOutput{}, nil
}

// retag changes the tags of the table with an ARN.
func (s *Service) retag(ctx context.Context, action string, arn *string, conditions map[string][]string, in codec.Shape,
	change func(map[string]string) (map[string]string, error)) error {
	n, err := taggedTable(ctx, arn)
	if err != nil {
		return err
	}
	if err := s.authorizeTable(ctx, action, n, conditions); err != nil {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		t, err := s.read(ctx, tx, n)
		if err != nil {
			return err
		}
		if t == nil {
			return noSuchARN(*arn)
		}
		st := t.tableState
		if st.Tags, err = change(t.Tags); err != nil {
			return err
		}
		s.recordTable(ctx, tx, n, in)
		return st.put(tx, n)
	})
	if err == nil {
		s.cache.drop(n)
	}
	return err
}

// ListTagsOfResource lists a table's tags, sorted by key, on one page.
func (s *Service) ListTagsOfResource(ctx context.Context, in *dynamodb.ListTagsOfResourceInput) (*dynamodb.ListTagsOfResourceOutput, error) {
	n, err := taggedTable(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "ListTagsOfResource", n, nil); err != nil {
		return nil, err
	}
	out := &dynamodb.ListTagsOfResourceOutput{Tags: []*dynamodb.Tag{}}
	err = s.view(ctx, func(r kv.Reader) error {
		t, err := s.readAny(ctx, r, n)
		if err != nil {
			return err
		}
		if t == nil {
			return noSuchARN(*in.ResourceArn)
		}
		for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
			out.Tags = append(out.Tags, &dynamodb.Tag{Key: new(k), Value: new(t.Tags[k])})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// taggedTable reads a ResourceArn parameter.
func taggedTable(ctx context.Context, arn *string) (tableName, error) {
	a, _ := strings.CutPrefix(*arn, "arn:")
	part := strings.SplitN(a, ":", 5)
	switch {
	case a == *arn:
		return tableName{}, invalid("ARNs must start with 'arn:': %s", a)
	case len(part) < 5 || part[0] != "aws" || part[1] != "dynamodb" || !isAccount(part[3]):
		return tableName{}, invalid("Provided Arn is not a DynamoDB resource arn: %s", *arn)
	case part[2] != api.RequestOf(ctx).Region:
		return tableName{}, api.ValidationException("Invalid TableArn: Invalid ResourceArn provided as input %s", *arn)
	}
	name, ok := strings.CutPrefix(part[4], "table/")
	if !ok || strings.Contains(name, "/") || checkTableName(name) != nil {
		return tableName{}, invalid("Invalid resource arn provided, only table or stream is accepted. Provided resource arn: %s", *arn)
	}
	return tableName{part[3], part[2], name}, nil
}

// noSuchARN spells the parameter as AWS does.
func noSuchARN(arn string) error {
	return dynamodb.ResourceNotFoundException("Requested resource not found: ResourcArn: %s not found", arn)
}

// mergeTags checks tags and returns those of old with them.
func mergeTags(ctx context.Context, old map[string]string, tags []*dynamodb.Tag) (map[string]string, error) {
	merged := make(map[string]string, len(old)+len(tags))
	maps.Copy(merged, old)
	seen := map[string]bool{}
	for _, tag := range tags {
		key, value := *tag.Key, *tag.Value
		switch {
		case key == "" || len([]rune(key)) > 128 || strings.ContainsFunc(key, notInTag):
			return nil, api.ValidationException("The Tag Key provided is invalid, Key: %s", key)
		case api.RequestOf(ctx).ReservedTag(key):
			return nil, api.ValidationException("Tag Key cannot be prefixed with aws:, Key: %s", key)
		case len([]rune(value)) > 256 || strings.ContainsFunc(value, notInTag):
			return nil, api.ValidationException("The Tag Value provided is invalid, Value: %s", value)
		case seen[key]:
			return nil, api.ValidationException("Duplicate Tag Keys provided as input: Duplicate Tag Key found %s", key)
		}
		seen[key] = true
		merged[key] = value
	}
	if own(merged) > maxTags {
		return nil, api.ValidationException("Number of Tags exceed the current limit for the provided ResourceArn")
	}
	return merged, nil
}

// own is how many of tags are the user's.
func own(tags map[string]string) (n int) {
	for k := range tags {
		if !api.SystemTag(k) {
			n++
		}
	}
	return n
}

// notInTag is what a tag may not contain: all but letters, digits, space and
// + - = . _ : / @.
func notInTag(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Z, r) && !strings.ContainsRune("+-=._:/@", r)
}

// requestTags are the condition keys of tags in a request.
func requestTags(tags map[string]string) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	c := make(map[string][]string, len(tags)+1)
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if !api.SystemTag(k) {
			c["aws:RequestTag/"+k] = []string{tags[k]}
			c["aws:TagKeys"] = append(c["aws:TagKeys"], k)
		}
	}
	return c
}
