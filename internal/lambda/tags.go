package lambda

import (
	"context"
	"maps"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// maxTags is how many tags a function or a mapping can have.
const maxTags = 50

// TagResource adds tags to a function or an event source mapping.
func (s *Service) TagResource(ctx context.Context, in *lambda.TagResourceRequest) (*lambda.TagResourceOutput, error) {
	return &lambda.TagResourceOutput{}, s.retag(ctx, "TagResource", *in.Resource, requestTags(in.Tags), map[string]any{"resource": *in.Resource, "tags": in.Tags}, func(tags map[string]string) error {
		if err := checkTags(tags, in.Tags); err != nil {
			return err
		}
		maps.Copy(tags, in.Tags)
		return nil
	})
}

// UntagResource removes tags; those that are not there are ignored.
func (s *Service) UntagResource(ctx context.Context, in *lambda.UntagResourceRequest) (*lambda.UntagResourceOutput, error) {
	return &lambda.UntagResourceOutput{}, s.retag(ctx, "UntagResource", *in.Resource, map[string][]string{"aws:TagKeys": in.TagKeys}, map[string]any{"resource": *in.Resource, "tagKeys": in.TagKeys}, func(tags map[string]string) error {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		return nil
	})
}

// ListTags lists the tags of a function or an event source mapping.
func (s *Service) ListTags(ctx context.Context, in *lambda.ListTagsRequest) (*lambda.ListTagsResponse, error) {
	x, err := s.tagged(ctx, "ListTags", *in.Resource, nil)
	if err != nil {
		return nil, err
	}
	tags := x.mapping.Tags
	if x.function != nil {
		tags = x.function.tags
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return &lambda.ListTagsResponse{Tags: tags}, nil
}

// tagged is what has tags: a function, or an event source mapping.
type tagged struct {
	function *function
	mapping  mapping
}

// tagged authorizes an action on what an ARN names and returns it.
func (s *Service) tagged(ctx context.Context, action, arn string, conditions map[string][]string) (x tagged, err error) {
	if m, ok := mappingOfARN(arn); ok {
		x.mapping, err = s.findMapping(ctx, action, m, conditions)
		return x, err
	}
	if !strings.Contains(arn, ":function:") {
		return x, lambda.InvalidParameterValueException("%s is not an ARN of a function or of an event source mapping", arn)
	}
	n, err := parseName(ctx, arn)
	if err != nil {
		return x, err
	}
	if x.function, err = s.authorize(ctx, action, n, conditions); err != nil {
		return x, err
	}
	if n.qualifier != "" {
		return x, lambda.InvalidParameterValueException("Tags on function aliases and versions are not supported. Please specify either a function ARN, event source mapping ARN or code signing config ARN.")
	}
	if x.function == nil {
		return x, noFunction(n)
	}
	return x, nil
}

// retag changes the tags of what an ARN names.
func (s *Service) retag(ctx context.Context, action, arn string, conditions map[string][]string, said map[string]any, change func(map[string]string) error) error {
	x, err := s.tagged(ctx, action, arn, conditions)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		if x.function != nil {
			f, err := readFunction(ctx, tx, x.function.name)
			if err != nil {
				return err
			}
			if f == nil {
				return noFunction(x.function.name)
			}
			f.tags = maps.Clone(f.tags)
			if f.tags == nil {
				f.tags = map[string]string{}
			}
			if err := change(f.tags); err != nil {
				return err
			}
			f.record(ctx, tx, said)
			return f.put(tx)
		}
		m, err := readMapping(ctx, tx, x.mapping.name)
		if err != nil {
			return err
		}
		if m == nil {
			return noMapping()
		}
		if m.Tags == nil {
			m.Tags = map[string]string{}
		}
		if err := change(m.Tags); err != nil {
			return err
		}
		m.record(ctx, tx, said)
		return m.put(tx)
	})
}

// checkTags checks tags that are added to others.
func checkTags(old, added map[string]string) error {
	n := len(old)
	for k := range added {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return lambda.InvalidParameterValueException("System tags cannot be added/updated by requester")
		}
		if _, had := old[k]; !had {
			n++
		}
	}
	if n > maxTags {
		return lambda.InvalidParameterValueException("Number of tags exceeds resource tag limit.")
	}
	return nil
}

// findMapping authorizes an action on an event source mapping that must be there.
func (s *Service) findMapping(ctx context.Context, action string, n mappingName, conditions map[string][]string) (mapping, error) {
	var m *mapping
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		m, err = readMapping(ctx, r, n)
		return err
	})
	if err != nil {
		return mapping{}, err
	}
	c := map[string][]string{}
	if m != nil {
		for k, v := range m.Tags {
			c["aws:ResourceTag/"+k] = []string{v}
		}
		c["lambda:FunctionArn"] = []string{*m.Config.FunctionArn}
	}
	maps.Copy(c, conditions)
	if err := s.identity.Authorize(ctx, identity.Check{Action: "lambda:" + action, Resource: n.arn(), Conditions: c}); err != nil {
		return mapping{}, err
	}
	if m == nil || n.region != api.RequestOf(ctx).Region {
		return mapping{}, noMapping()
	}
	return *m, nil
}
