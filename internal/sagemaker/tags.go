package sagemaker

import (
	"context"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// tagged is a record that has tags, whatever it is.
type tagged interface {
	labels() *map[string]string
	write(tx kv.Txn, n resource) error
}

func (m *model) labels() *map[string]string          { return &m.Tags }
func (c *endpointConfig) labels() *map[string]string { return &c.Tags }
func (e *endpoint) labels() *map[string]string       { return &e.Tags }
func (g *packageGroup) labels() *map[string]string   { return &g.Tags }
func (p *modelPackage) labels() *map[string]string   { return &p.Tags }

func (m *model) write(tx kv.Txn, n resource) error          { return put(tx, n.key(), m) }
func (c *endpointConfig) write(tx kv.Txn, n resource) error { return put(tx, n.key(), c) }
func (e *endpoint) write(tx kv.Txn, _ resource) error       { return e.put(tx) }
func (g *packageGroup) write(tx kv.Txn, n resource) error   { return put(tx, n.key(), g) }
func (p *modelPackage) write(tx kv.Txn, n resource) error   { return put(tx, n.key(), p) }

// readTagged reads what an ARN names, nil if it is not there.
func readTagged(ctx context.Context, tx kv.Reader, n resource) (tagged, error) {
	b, err := tx.Get(ctx, n.key())
	if err != nil || b == nil {
		return nil, err
	}
	switch n.kind {
	case modelKind:
		return decode[model](b)
	case configKind:
		return decode[endpointConfig](b)
	case endpointKind:
		return decode[endpoint](b)
	case groupKind:
		return decode[packageGroup](b)
	}
	return decode[modelPackage](b)
}

// onTagged authorizes an action on what an ARN names, which must be there.
func (s *Service) onTagged(ctx context.Context, action, arn string, conditions ...map[string][]string) (resource, tagged, error) {
	n, ok := parseARN(ctx, arn)
	if !ok {
		return n, nil, invalid("Invalid ARN: %s is not that of a model, an endpoint configuration, an endpoint, a model package or a group of those in this account and region.", arn)
	}
	var x tagged
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		x, err = readTagged(ctx, tx, n)
		return err
	})
	if err != nil {
		return n, nil, err
	}
	var tags map[string]string
	if x != nil {
		tags = *x.labels()
	}
	if err := s.ask(ctx, action, n, tags, conditions...); err != nil {
		return n, nil, err
	}
	if x == nil {
		return n, nil, invalid("Could not find resource %q.", n.arn())
	}
	return n, x, nil
}

// AddTags gives something tags, in the place of those with the same keys. Tags of an endpoint
// may turn its prediction cache on.
func (s *Service) AddTags(ctx context.Context, in *shapes.AddTagsInput) (*shapes.AddTagsOutput, error) {
	added, err := tagsOf(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	tags, err := s.retag(ctx, "AddTags", *in.ResourceArn, requestTags(added), func(tags map[string]string) error {
		maps.Copy(tags, added)
		if len(tags) > maxTags {
			return invalid("Number of tags exceeds the limit of %d.", maxTags)
		}
		return nil
	})
	return &shapes.AddTagsOutput{Tags: tags}, err
}

// DeleteTags takes tags away; those that are not there are ignored.
func (s *Service) DeleteTags(ctx context.Context, in *shapes.DeleteTagsInput) (*shapes.DeleteTagsOutput, error) {
	_, err := s.retag(ctx, "DeleteTags", *in.ResourceArn, map[string][]string{"aws:TagKeys": in.TagKeys}, func(tags map[string]string) error {
		for _, k := range in.TagKeys {
			if api.RequestOf(ctx).ReservedTag(k) {
				return invalid("aws: prefixed tag key names are not allowed for external use.")
			}
			delete(tags, k)
		}
		return nil
	})
	return &shapes.DeleteTagsOutput{}, err
}

// retag changes the tags of what an ARN names.
func (s *Service) retag(ctx context.Context, action, arn string, conditions map[string][]string, change func(map[string]string) error) ([]*shapes.Tag, error) {
	n, _, err := s.onTagged(ctx, action, arn, conditions)
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	err = s.update(ctx, func(tx kv.Txn) error {
		x, err := readTagged(ctx, tx, n)
		if err != nil {
			return err
		}
		if x == nil {
			return invalid("Could not find resource %q.", n.arn())
		}
		tags = maps.Clone(*x.labels())
		if tags == nil {
			tags = map[string]string{}
		}
		if err := change(tags); err != nil {
			return err
		}
		if n.kind == endpointKind {
			if _, err := predictions.ParseSettings(tags); err != nil {
				return err
			}
		}
		*x.labels() = tags
		record(ctx, tx, n, map[string]any{"resourceArn": n.arn(), "tags": tags})
		return x.write(tx, n)
	})
	return describeTags(tags), err
}

// ListTags lists the tags of something, by their keys.
func (s *Service) ListTags(ctx context.Context, in *shapes.ListTagsInput) (*shapes.ListTagsOutput, error) {
	_, x, err := s.onTagged(ctx, "ListTags", *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &shapes.ListTagsOutput{Tags: describeTags(*x.labels())}, nil
}

func describeTags(tags map[string]string) []*shapes.Tag {
	all := []*shapes.Tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, &shapes.Tag{Key: new(k), Value: new(tags[k])})
	}
	return all
}
