package sagemaker

import (
	"context"
	"time"

	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// CreateEndpoint makes an endpoint, which is in service once its containers answer.
func (s *Service) CreateEndpoint(ctx context.Context, in *shapes.CreateEndpointInput) (*shapes.CreateEndpointOutput, error) {
	n := here(ctx, endpointKind, *in.EndpointName)
	tags, err := tagsOf(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, "CreateEndpoint", n, nil, requestTags(tags)); err != nil {
		return nil, err
	}
	config := here(ctx, configKind, *in.EndpointConfigName)
	if err := s.ask(ctx, "CreateEndpoint", config, nil, requestTags(tags)); err != nil {
		return nil, err
	}
	if _, err := predictions.ParseSettings(tags); err != nil {
		return nil, err
	}
	if err := checkDeployment(in.DeploymentConfig); err != nil {
		return nil, err
	}
	if err := s.canRun(); err != nil {
		return nil, err
	}
	now := s.instant()
	err = s.update(ctx, func(tx kv.Txn) error {
		old, err := readEndpoint(ctx, tx, n.endpoint())
		if err != nil {
			return err
		}
		if old != nil {
			return invalid("Cannot create already existing endpoint %q.", n.arn())
		}
		if err := s.checkEndpoints(ctx, tx, n); err != nil {
			return err
		}
		e := &endpoint{
			Account: n.account, Region: n.region, Name: *in.EndpointName, Created: now, Modified: now, Status: creating,
			Generation: newID(), Tags: tags, Deployment: keep(in.DeploymentConfig),
		}
		if e.Pending, err = s.release(ctx, tx, config); err != nil {
			return err
		}
		record(ctx, tx, n, map[string]any{"endpointName": e.Name, "endpointConfigName": *in.EndpointConfigName})
		return e.put(tx)
	})
	if err != nil {
		return nil, err
	}
	s.tend(n.endpoint())
	return &shapes.CreateEndpointOutput{EndpointArn: new(n.arn())}, nil
}

// release is what a configuration that must be there says now.
func (s *Service) release(ctx context.Context, tx kv.Reader, config resource) (*release, error) {
	c, err := read[endpointConfig](ctx, tx, config.key())
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, noConfig(config)
	}
	r, err := newRelease(ctx, tx, c, s.instant())
	if err != nil {
		return nil, err
	}
	return r, s.checkInstances(r.Variants)
}

// canRun refuses what a server cannot do that has nothing to run models with.
func (s *Service) canRun() error {
	if s.runtime == nil {
		return invalid("This server has nothing to run models with (%s). Start it where there is a container engine, or with --runtime process for development.", s.absent)
	}
	return nil
}

// checkDeployment refuses ways to update that are not known here.
func checkDeployment(d *shapes.DeploymentConfig) error {
	if d == nil {
		return nil
	}
	switch {
	case d.RollingUpdatePolicy != nil:
		return notHere("RollingUpdatePolicy")
	case d.AutoRollbackConfiguration != nil && len(d.AutoRollbackConfiguration.Alarms) > 0:
		return notHere("AutoRollbackConfiguration with alarms")
	case d.BlueGreenUpdatePolicy != nil && *d.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.Type != "ALL_AT_ONCE":
		return notHere("TrafficRoutingConfiguration with a Type other than ALL_AT_ONCE")
	}
	return nil
}

// UpdateEndpoint lets an endpoint serve another configuration. Its containers go on until the
// new ones answer; if these do not, they go on for good.
func (s *Service) UpdateEndpoint(ctx context.Context, in *shapes.UpdateEndpointInput) (*shapes.UpdateEndpointOutput, error) {
	if _, err := s.findEndpoint(ctx, "UpdateEndpoint", *in.EndpointName); err != nil {
		return nil, err
	}
	config := here(ctx, configKind, *in.EndpointConfigName)
	if err := s.ask(ctx, "UpdateEndpoint", config, nil); err != nil {
		return nil, err
	}
	if err := checkDeployment(in.DeploymentConfig); err != nil {
		return nil, err
	}
	if err := s.canRun(); err != nil {
		return nil, err
	}
	n := here(ctx, endpointKind, *in.EndpointName)
	err := s.update(ctx, func(tx kv.Txn) error {
		e, err := idle(ctx, tx, n)
		if err != nil {
			return err
		}
		if e.Pending, err = s.release(ctx, tx, config); err != nil {
			return err
		}
		if isTrue(in.RetainAllVariantProperties) && e.Serving != nil {
			e.Pending.retain(e.Serving, in.ExcludeRetainedVariantProperties)
		}
		if !isTrue(in.RetainDeploymentConfig) {
			e.Deployment = keep(in.DeploymentConfig)
		}
		e.Status, e.Reason, e.Modified = updating, "", s.instant()
		record(ctx, tx, n, map[string]any{"endpointName": e.Name, "endpointConfigName": *in.EndpointConfigName})
		return e.put(tx)
	})
	if err != nil {
		return nil, err
	}
	s.tend(n.endpoint())
	return &shapes.UpdateEndpointOutput{EndpointArn: new(n.arn())}, nil
}

// retain gives the variants of a release the weights and counts that those of the same names
// have now, as far as they are not excluded.
func (r *release) retain(from *release, excluded []*shapes.VariantProperty) {
	keeps := map[string]bool{"DesiredWeight": true, "DesiredInstanceCount": true}
	for _, p := range excluded {
		keeps[*p.VariantPropertyType] = false
	}
	for i := range r.Variants {
		v := &r.Variants[i]
		if old := from.variant(v.Name); old != nil {
			if keeps["DesiredWeight"] {
				v.Weight = old.Weight
			}
			if keeps["DesiredInstanceCount"] && old.Serverless == nil && v.Serverless == nil {
				v.Count = old.Count
			}
		}
	}
}

// variant is the variant of a name, nil if there is none.
func (r *release) variant(name string) *variant {
	if r != nil {
		for i := range r.Variants {
			if r.Variants[i].Name == name {
				return &r.Variants[i]
			}
		}
	}
	return nil
}

// idle reads an endpoint that nothing is being done to.
func idle(ctx context.Context, tx kv.Reader, n resource) (*endpoint, error) {
	e, err := readEndpoint(ctx, tx, n.endpoint())
	switch {
	case err != nil:
		return nil, err
	case e == nil || e.Status == deleting:
		return nil, noEndpoint(n)
	case e.Status != inService && e.Status != failed:
		return nil, invalid("Cannot update in-progress endpoint %q.", n.arn())
	}
	return e, nil
}

// UpdateEndpointWeightsAndCapacities changes how the requests are shared out among the
// variants of an endpoint, and how many instances they have.
func (s *Service) UpdateEndpointWeightsAndCapacities(ctx context.Context, in *shapes.UpdateEndpointWeightsAndCapacitiesInput) (*shapes.UpdateEndpointWeightsAndCapacitiesOutput, error) {
	if _, err := s.findEndpoint(ctx, "UpdateEndpointWeightsAndCapacities", *in.EndpointName); err != nil {
		return nil, err
	}
	if err := s.canRun(); err != nil {
		return nil, err
	}
	n := here(ctx, endpointKind, *in.EndpointName)
	err := s.update(ctx, func(tx kv.Txn) error {
		e, err := idle(ctx, tx, n)
		if err != nil {
			return err
		}
		if e.Serving == nil {
			return invalid("Cannot update failed endpoint %q.", n.arn())
		}
		scaled := release{Variants: append([]variant{}, e.Serving.Variants...)}
		for _, d := range in.DesiredWeightsAndCapacities {
			v := scaled.variant(*d.VariantName)
			if v == nil {
				return invalid("The variant name(s) %q is/are not present within endpoint configuration %q.", *d.VariantName, e.Serving.Config)
			}
			if d.DesiredWeight != nil {
				v.Weight = *d.DesiredWeight
			}
			if d.DesiredInstanceCount != nil {
				if v.Serverless != nil || *d.DesiredInstanceCount < 1 {
					return invalid("The variant %s cannot have %d instances.", v.Name, *d.DesiredInstanceCount)
				}
				v.Count = *d.DesiredInstanceCount
			}
			if u := d.ServerlessUpdateConfig; u != nil && u.MaxConcurrency != nil && v.Serverless != nil {
				v.Serverless = &serverless{v.Serverless.Memory, *u.MaxConcurrency}
			}
		}
		total := 0.0
		for _, v := range scaled.Variants {
			total += v.Weight
		}
		if total <= 0 {
			return invalid("The weights of the production variants must not all be zero.")
		}
		if err := s.checkInstances(scaled.Variants); err != nil {
			return err
		}
		e.Scaled, e.Status, e.Reason, e.Modified = scaled.Variants, updating, "", s.instant()
		record(ctx, tx, n, map[string]any{"endpointName": e.Name})
		return e.put(tx)
	})
	if err != nil {
		return nil, err
	}
	s.tend(n.endpoint())
	return &shapes.UpdateEndpointWeightsAndCapacitiesOutput{EndpointArn: new(n.arn())}, nil
}

// DeleteEndpoint deletes an endpoint: from now on it answers nothing, and it is gone once its
// containers are.
func (s *Service) DeleteEndpoint(ctx context.Context, in *shapes.DeleteEndpointInput) (*shapes.DeleteEndpointOutput, error) {
	if _, err := s.findEndpoint(ctx, "DeleteEndpoint", *in.EndpointName); err != nil {
		return nil, err
	}
	n := here(ctx, endpointKind, *in.EndpointName)
	err := s.update(ctx, func(tx kv.Txn) error {
		e, err := readEndpoint(ctx, tx, n.endpoint())
		if err != nil {
			return err
		}
		if e == nil {
			return noEndpoint(n)
		}
		if e.Status == deleting {
			return nil
		}
		e.Status, e.Modified = deleting, s.instant()
		record(ctx, tx, n, map[string]any{"endpointName": e.Name})
		return e.put(tx)
	})
	if err != nil {
		return nil, err
	}
	s.tend(n.endpoint())
	return &shapes.DeleteEndpointOutput{}, nil
}

// ListEndpoints lists the caller's endpoints, the newest first unless it is asked otherwise.
func (s *Service) ListEndpoints(ctx context.Context, in *shapes.ListEndpointsInput) (*shapes.ListEndpointsOutput, error) {
	if err := s.askList(ctx, "ListEndpoints"); err != nil {
		return nil, err
	}
	found, next, err := list(ctx, s, listing{
		kind: endpointKind, sortBy: in.SortBy, sortOrder: in.SortOrder, contains: in.NameContains, status: in.StatusEquals, size: in.MaxResults, token: in.NextToken,
		createdBefore: in.CreationTimeBefore, createdAfter: in.CreationTimeAfter, modifiedBefore: in.LastModifiedTimeBefore, modifiedAfter: in.LastModifiedTimeAfter,
	}, endpointEntry)
	out := &shapes.ListEndpointsOutput{Endpoints: []*shapes.EndpointSummary{}, NextToken: next}
	for _, e := range found {
		out.Endpoints = append(out.Endpoints, &shapes.EndpointSummary{
			EndpointName: new(e.Name), EndpointArn: new(e.at().resource().arn()), CreationTime: new(e.Created), LastModifiedTime: new(e.Modified), EndpointStatus: new(e.Status),
		})
	}
	return out, err
}

// DescribeEndpoint describes an endpoint, what it serves and what it is to serve.
func (s *Service) DescribeEndpoint(ctx context.Context, in *shapes.DescribeEndpointInput) (*shapes.DescribeEndpointOutput, error) {
	e, err := s.findEndpoint(ctx, "DescribeEndpoint", *in.EndpointName)
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeEndpointOutput{
		EndpointName: new(e.Name), EndpointArn: new(e.at().resource().arn()), EndpointStatus: new(e.Status), FailureReason: optional(e.Reason),
		CreationTime: new(e.Created), LastModifiedTime: new(e.Modified), LastDeploymentConfig: e.Deployment.Shape,
	}
	switch {
	case e.Serving != nil:
		out.EndpointConfigName = new(e.Serving.Config)
		out.ProductionVariants = s.summaries(e)
	case e.Pending != nil:
		out.EndpointConfigName = new(e.Pending.Config)
	}
	if e.Serving != nil && e.Pending != nil {
		out.PendingDeploymentSummary = &shapes.PendingDeploymentSummary{EndpointConfigName: new(e.Pending.Config), StartTime: new(e.Pending.Began)}
		for i := range e.Pending.Variants {
			v := &e.Pending.Variants[i]
			p := &shapes.PendingProductionVariantSummary{
				VariantName: new(v.Name), DesiredWeight: new(v.Weight), DeployedImages: v.images(e.Pending.Began), InstanceType: optional(v.Instance),
			}
			if v.Serverless == nil {
				p.DesiredInstanceCount = new(v.Count)
			}
			out.PendingDeploymentSummary.ProductionVariants = append(out.PendingDeploymentSummary.ProductionVariants, p)
		}
	}
	return out, nil
}

// summaries describe the variants that serve.
func (s *Service) summaries(e *endpoint) (all []*shapes.ProductionVariantSummary) {
	wanted := release{Variants: e.Scaled}
	for i := range e.Serving.Variants {
		v := &e.Serving.Variants[i]
		want := v
		if w := wanted.variant(v.Name); w != nil {
			want = w
		}
		summary := &shapes.ProductionVariantSummary{
			VariantName: new(v.Name), CurrentWeight: new(v.Weight), DesiredWeight: new(want.Weight), DeployedImages: v.images(e.Serving.Began),
		}
		if v.Serverless != nil {
			summary.CurrentServerlessConfig = v.Serverless.describe()
			summary.DesiredServerlessConfig = want.Serverless.describe()
		} else {
			summary.CurrentInstanceCount, summary.DesiredInstanceCount = new(s.fleet.ready(e.Serving.ID, v.Name)), new(want.Count)
		}
		all = append(all, summary)
	}
	return all
}

func (x *serverless) describe() *shapes.ProductionVariantServerlessConfig {
	return &shapes.ProductionVariantServerlessConfig{MemorySizeInMB: new(x.Memory), MaxConcurrency: new(x.Concurrency)}
}

// images are those that a variant runs.
func (v *variant) images(resolved time.Time) (all []*shapes.DeployedImage) {
	for _, c := range v.Containers {
		n, _ := parseImage(c.Image)
		all = append(all, &shapes.DeployedImage{SpecifiedImage: new(c.Image), ResolvedImage: new(n.resolved(c.Digest)), ResolutionTime: new(resolved)})
	}
	return all
}
