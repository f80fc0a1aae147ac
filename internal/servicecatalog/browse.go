package servicecatalog

import (
	"context"
	"slices"
	"strings"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// view is a version as those see it who may launch it.
func (a *artifact) view() *shapes.ProvisioningArtifact {
	return &shapes.ProvisioningArtifact{Id: &a.ID, Name: &a.Name, Description: optional(a.Description), CreatedTime: &a.Created, Guidance: &a.Guidance}
}

// versions are the active versions of a product.
func (p *product) versions() []*shapes.ProvisioningArtifact {
	list := []*shapes.ProvisioningArtifact{}
	for _, a := range p.Artifacts {
		if a.Active {
			list = append(list, a.view())
		}
	}
	return list
}

// launchable finds the paths to a product that the caller may launch.
func (s *Service) launchable(ctx context.Context, action, id string, name *string) (paths []*launchPath, err error) {
	who, err := s.launcher(ctx)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		paths, err = launchPaths(ctx, tx, who, id)
		paths = slices.DeleteFunc(paths, func(p *launchPath) bool { return name != nil && p.product.Name != *name })
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(paths) > 0 {
		err = s.ask(ctx, action, paths[0].product.arn(), paths[0].product.Tags)
	} else if err = s.ask(ctx, action, productARN(ctx, id), nil); err == nil {
		err = missing("Product %s not found.", id+text(name))
	}
	return paths, err
}

// DescribeProduct describes a product that the caller may launch.
func (s *Service) DescribeProduct(ctx context.Context, in *shapes.DescribeProductInput) (*shapes.DescribeProductOutput, error) {
	if (in.Id == nil) == (in.Name == nil) {
		return nil, invalid("Exactly one of Id and Name is required.")
	}
	paths, err := s.launchable(ctx, "DescribeProduct", text(in.Id), in.Name)
	if err != nil {
		return nil, err
	}
	p := paths[0].product
	out := &shapes.DescribeProductOutput{ProductViewSummary: p.summary(len(paths) == 1), ProvisioningArtifacts: p.versions(), Budgets: budgets(p.Budgets)}
	for _, path := range paths {
		out.LaunchPaths = append(out.LaunchPaths, &shapes.LaunchPath{Id: new(path.id()), Name: &path.portfolio.Name})
	}
	return out, nil
}

// DescribeProductView describes a product by the ID of its view.
func (s *Service) DescribeProductView(ctx context.Context, in *shapes.DescribeProductViewInput) (*shapes.DescribeProductViewOutput, error) {
	id := *in.Id
	if rest, ok := strings.CutPrefix(id, "prodview-"); ok {
		id = "prod-" + rest
	}
	paths, err := s.launchable(ctx, "DescribeProductView", id, nil)
	if err != nil {
		return nil, err
	}
	p := paths[0].product
	return &shapes.DescribeProductViewOutput{ProductViewSummary: p.summary(len(paths) == 1), ProvisioningArtifacts: p.versions()}, nil
}

// DescribeProvisioningParameters tells what a launch of a version by a path asks for.
func (s *Service) DescribeProvisioningParameters(ctx context.Context, in *shapes.DescribeProvisioningParametersInput) (*shapes.DescribeProvisioningParametersOutput, error) {
	q := sought{in.ProductId, in.ProductName, in.ProvisioningArtifactId, in.ProvisioningArtifactName, in.PathId, in.PathName}
	path, a, options, err := s.chosen(ctx, "DescribeProvisioningParameters", &q)
	if err != nil {
		return nil, err
	}
	t, err := s.templateOf(ctx, path.product.Region, a.ID)
	if err != nil {
		return nil, err
	}
	rules, err := path.rules()
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeProvisioningParametersOutput{
		ProvisioningArtifactParameters: parametersOf(t), ConstraintSummaries: path.constraintSummaries(), UsageInstructions: []*shapes.UsageInstruction{},
		TagOptions: []*shapes.TagOptionSummary{}, ProvisioningArtifactOutputs: []*shapes.ProvisioningArtifactOutput{}, ProvisioningArtifactOutputKeys: []*shapes.ProvisioningArtifactOutput{},
	}
	for _, p := range out.ProvisioningArtifactParameters {
		if values := narrowed(rules, *p.ParameterKey, p.ParameterConstraints.AllowedValues); values != nil {
			p.ParameterConstraints.AllowedValues = values
		}
	}
	if c := path.of(launchConstraint); c != nil {
		out.UsageInstructions = append(out.UsageInstructions, &shapes.UsageInstruction{Type: new("rules"), Value: new(c.Parameters)})
	}
	for _, c := range path.constraints {
		if c.Type == templateConstraint {
			out.UsageInstructions = append(out.UsageInstructions, &shapes.UsageInstruction{Type: new("rules"), Value: &c.Parameters})
		}
	}
	for _, k := range slices.Sorted(keysOf(options)) {
		out.TagOptions = append(out.TagOptions, &shapes.TagOptionSummary{Key: &k, Values: options[k]})
	}
	for _, o := range t.Outputs {
		one := &shapes.ProvisioningArtifactOutput{Key: &o.ID, Description: optional(o.Description)}
		out.ProvisioningArtifactOutputs = append(out.ProvisioningArtifactOutputs, one)
		out.ProvisioningArtifactOutputKeys = append(out.ProvisioningArtifactOutputKeys, one)
	}
	if path.of(stackSetConstraint) != nil {
		account, region := home(ctx)
		out.ProvisioningArtifactPreferences = &shapes.ProvisioningArtifactPreferences{StackSetAccounts: []string{account}, StackSetRegions: []string{region}}
	}
	return out, nil
}

// chosen finds the path and the version that a request names, with the tag options there.
func (s *Service) chosen(ctx context.Context, action string, q *sought, conditions ...map[string][]string) (path *launchPath, a *artifact, options map[string][]string, err error) {
	who, err := s.launcher(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	var failure error
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		if path, failure = q.find(ctx, tx, who); failure == nil {
			options, err = offered(ctx, tx, path)
		}
		return err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	if failure != nil { // which is told only to who may ask
		if err := s.ask(ctx, action, productARN(ctx, text(q.product)), nil, conditions...); err != nil {
			return nil, nil, nil, err
		}
		return nil, nil, nil, failure
	}
	if err := s.ask(ctx, action, path.product.arn(), path.product.Tags, conditions...); err != nil {
		return nil, nil, nil, err
	}
	a, err = q.version(path.product)
	return path, a, options, err
}

// narrowed are the values of a parameter that rules allow by themselves, nil if they say
// nothing of it.
func narrowed(rules []*template.Rule, parameter string, allowed []string) []string {
	for _, r := range rules {
		if values, ok := r.Allows(parameter); ok {
			if allowed == nil {
				allowed = values
				continue
			}
			allowed = slices.DeleteFunc(slices.Clone(allowed), func(v string) bool { return !slices.Contains(values, v) })
		}
	}
	return allowed
}
