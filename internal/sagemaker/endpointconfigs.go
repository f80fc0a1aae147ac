package sagemaker

import (
	"context"
	"time"

	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// endpointConfig is an endpoint configuration as it is stored.
type endpointConfig struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Request is what was said of it.
	Request kept[shapes.CreateEndpointConfigInput, *shapes.CreateEndpointConfigInput] `json:"request"`
	Tags    map[string]string                                                         `json:"tags,omitempty"`
}

func configEntry(c *endpointConfig) entry { return entry{name: c.Name, created: c.Created} }

func noConfig(n resource) error {
	return invalid("Could not find endpoint configuration %q.", n.arn())
}

// findConfig authorizes an action on an endpoint configuration that must be there.
func (s *Service) findConfig(ctx context.Context, action, name string) (*endpointConfig, error) {
	n := here(ctx, configKind, name)
	var c *endpointConfig
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		c, err = read[endpointConfig](ctx, tx, n.key())
		return err
	})
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	if c != nil {
		tags = c.Tags
	}
	if err := s.ask(ctx, action, n, tags); err != nil {
		return nil, err
	}
	if c == nil {
		return nil, noConfig(n)
	}
	return c, nil
}

// CreateEndpointConfig makes an endpoint configuration.
func (s *Service) CreateEndpointConfig(ctx context.Context, in *shapes.CreateEndpointConfigInput) (*shapes.CreateEndpointConfigOutput, error) {
	n := here(ctx, configKind, *in.EndpointConfigName)
	tags, err := tagsOf(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, "CreateEndpointConfig", n, nil, requestTags(tags)); err != nil {
		return nil, err
	}
	if err := checkConfig(in); err != nil {
		return nil, err
	}
	if in.ExecutionRoleArn != nil {
		if _, err := s.asRole(ctx, *in.ExecutionRoleArn); err != nil {
			return nil, err
		}
	}
	c := &endpointConfig{Name: *in.EndpointConfigName, Created: s.instant(), Tags: tags, Request: keep(in)}
	err = s.update(ctx, func(tx kv.Txn) error {
		old, err := tx.Get(ctx, n.key())
		if err != nil {
			return err
		}
		if old != nil {
			return invalid("Cannot create already existing endpoint configuration %q.", n.arn())
		}
		models := make([]string, 0, len(in.ProductionVariants))
		for _, v := range in.ProductionVariants {
			m := here(ctx, modelKind, *v.ModelName)
			found, err := tx.Get(ctx, m.key())
			if err != nil {
				return err
			}
			if found == nil {
				return noModel(m)
			}
			models = append(models, *v.ModelName)
		}
		record(ctx, tx, n, map[string]any{"endpointConfigName": c.Name, "models": models})
		return put(tx, n.key(), c)
	})
	return &shapes.CreateEndpointConfigOutput{EndpointConfigArn: new(n.arn())}, err
}

// checkConfig refuses what cannot be served.
func checkConfig(in *shapes.CreateEndpointConfigInput) error {
	for _, x := range []struct {
		name  string
		asked bool
	}{
		{"AsyncInferenceConfig", in.AsyncInferenceConfig != nil},
		{"ShadowProductionVariants", len(in.ShadowProductionVariants) > 0},
		{"DataCaptureConfig", in.DataCaptureConfig != nil && isTrue(in.DataCaptureConfig.EnableCapture)},
		{"ExplainerConfig", in.ExplainerConfig != nil},
	} {
		if x.asked {
			return notHere(x.name)
		}
	}
	names, weight := map[string]bool{}, 0.0
	for _, v := range in.ProductionVariants {
		if names[*v.VariantName] {
			return invalid("Production variant names must be unique: %s is there twice.", *v.VariantName)
		}
		names[*v.VariantName] = true
		switch {
		case v.ModelName == nil:
			return invalid("ModelName is needed for the production variant %s: inference components are not available in this version of Modelwharf.", *v.VariantName)
		case v.ServerlessConfig != nil && (v.InstanceType != nil || v.InitialInstanceCount != nil):
			return invalid("The production variant %s has a ServerlessConfig, so it cannot have an InstanceType or an InitialInstanceCount.", *v.VariantName)
		case v.ServerlessConfig == nil && v.InstanceType == nil:
			return invalid("The production variant %s needs an InstanceType, or a ServerlessConfig.", *v.VariantName)
		case v.ManagedInstanceScaling != nil:
			return notHere("ManagedInstanceScaling")
		case len(v.InstancePools) > 0:
			return notHere("InstancePools")
		case v.AcceleratorType != nil:
			return notHere("AcceleratorType")
		}
		weight += weightOf(v.InitialVariantWeight)
	}
	if weight <= 0 {
		return invalid("The weights of the production variants must not all be zero.")
	}
	return nil
}

// weightOf is the weight of a variant, 1 unless it is said.
func weightOf(w *float64) float64 {
	if w == nil {
		return 1
	}
	return *w
}

// DescribeEndpointConfig describes an endpoint configuration.
func (s *Service) DescribeEndpointConfig(ctx context.Context, in *shapes.DescribeEndpointConfigInput) (*shapes.DescribeEndpointConfigOutput, error) {
	c, err := s.findConfig(ctx, "DescribeEndpointConfig", *in.EndpointConfigName)
	if err != nil {
		return nil, err
	}
	q := c.Request.Shape
	out := &shapes.DescribeEndpointConfigOutput{
		EndpointConfigName: new(c.Name), EndpointConfigArn: new(here(ctx, configKind, c.Name).arn()), CreationTime: new(c.Created),
		DataCaptureConfig: q.DataCaptureConfig, KmsKeyId: q.KmsKeyId, ExecutionRoleArn: q.ExecutionRoleArn, VpcConfig: q.VpcConfig,
		EnableNetworkIsolation: new(isTrue(q.EnableNetworkIsolation)), MetricsConfig: q.MetricsConfig,
	}
	for _, v := range q.ProductionVariants {
		v = new(*v)
		v.InitialVariantWeight = new(weightOf(v.InitialVariantWeight))
		if v.ServerlessConfig == nil && v.InitialInstanceCount == nil {
			v.InitialInstanceCount = new(int64(1))
		}
		out.ProductionVariants = append(out.ProductionVariants, v)
	}
	return out, nil
}

// ListEndpointConfigs lists the caller's endpoint configurations, the newest first unless it
// is asked otherwise.
func (s *Service) ListEndpointConfigs(ctx context.Context, in *shapes.ListEndpointConfigsInput) (*shapes.ListEndpointConfigsOutput, error) {
	if err := s.askList(ctx, "ListEndpointConfigs"); err != nil {
		return nil, err
	}
	found, next, err := list(ctx, s, listing{
		kind: configKind, sortBy: in.SortBy, sortOrder: in.SortOrder, contains: in.NameContains, size: in.MaxResults, token: in.NextToken,
		createdBefore: in.CreationTimeBefore, createdAfter: in.CreationTimeAfter,
	}, configEntry)
	out := &shapes.ListEndpointConfigsOutput{EndpointConfigs: []*shapes.EndpointConfigSummary{}, NextToken: next}
	for _, c := range found {
		out.EndpointConfigs = append(out.EndpointConfigs, &shapes.EndpointConfigSummary{
			EndpointConfigName: new(c.Name), EndpointConfigArn: new(here(ctx, configKind, c.Name).arn()), CreationTime: new(c.Created),
		})
	}
	return out, err
}

// DeleteEndpointConfig deletes an endpoint configuration. Endpoints that were made of it go on.
func (s *Service) DeleteEndpointConfig(ctx context.Context, in *shapes.DeleteEndpointConfigInput) (*shapes.DeleteEndpointConfigOutput, error) {
	if _, err := s.findConfig(ctx, "DeleteEndpointConfig", *in.EndpointConfigName); err != nil {
		return nil, err
	}
	return &shapes.DeleteEndpointConfigOutput{}, s.remove(ctx, here(ctx, configKind, *in.EndpointConfigName), noConfig)
}
