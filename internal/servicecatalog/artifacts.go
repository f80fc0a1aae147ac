package servicecatalog

import (
	"context"
	"maps"
	"slices"
	"strings"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// newArtifact reads the template of a new version. From then on the version has it, whatever
// becomes of where it lay.
func (s *Service) newArtifact(ctx context.Context, in *shapes.ProvisioningArtifactProperties) (*artifact, []byte, error) {
	if in.Type != nil && *in.Type != cloudFormation {
		return nil, nil, invalid("Provisioning artifacts of type %s cannot be launched here: use %s.", *in.Type, cloudFormation)
	}
	body, err := s.templateAt(ctx, in.Info)
	if err != nil {
		return nil, nil, err
	}
	if !isTrue(in.DisableTemplateValidation) {
		if err := s.validate(ctx, body); err != nil {
			return nil, nil, err
		}
	}
	return &artifact{
		ID: newID("pa"), Name: text(in.Name), Description: text(in.Description), Created: s.instant(), Active: true, Guidance: byDefault, Info: in.Info,
	}, body, nil
}

func (a *artifact) detail() *shapes.ProvisioningArtifactDetail {
	return &shapes.ProvisioningArtifactDetail{
		Id: &a.ID, Name: &a.Name, Description: optional(a.Description), Type: new(cloudFormation), CreatedTime: &a.Created, Active: &a.Active, Guidance: &a.Guidance,
	}
}

// info is where an artifact's template came from, as the API shows it.
func (a *artifact) info() map[string]string {
	info := maps.Clone(a.Info)
	if url := info[loadFromURL]; url != "" {
		info["TemplateUrl"] = url
	}
	return info
}

// CreateProvisioningArtifact makes a version of a product.
func (s *Service) CreateProvisioningArtifact(ctx context.Context, in *shapes.CreateProvisioningArtifactInput) (out *shapes.CreateProvisioningArtifactOutput, err error) {
	if err := s.onProduct(ctx, "CreateProvisioningArtifact", *in.ProductId); err != nil {
		return nil, err
	}
	a, body, err := s.newArtifact(ctx, in.Parameters)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "CreateProvisioningArtifact", in.IdempotencyToken, in, func() (*shapes.CreateProvisioningArtifactOutput, error) {
			p, err := ownProduct(ctx, tx, *in.ProductId)
			if err != nil {
				return nil, err
			}
			if err := s.room(artifactsQuota, len(p.Artifacts)); err != nil {
				return nil, err
			}
			p.Artifacts = append(p.Artifacts, a)
			tx.Put(p.key(), encode(p))
			tx.Put(key(templateKind, p.Region, a.ID), body)
			p.trail(ctx, tx, map[string]any{"productId": p.ID, "name": a.Name})
			return &shapes.CreateProvisioningArtifactOutput{ProvisioningArtifactDetail: a.detail(), Info: a.info(), Status: new("AVAILABLE")}, nil
		})
		return err
	})
	return out, err
}

// DescribeProvisioningArtifact describes a version of a product.
func (s *Service) DescribeProvisioningArtifact(ctx context.Context, in *shapes.DescribeProvisioningArtifactInput) (out *shapes.DescribeProvisioningArtifactOutput, err error) {
	if (in.ProductId == nil) == (in.ProductName == nil) || (in.ProvisioningArtifactId == nil) == (in.ProvisioningArtifactName == nil) {
		return nil, invalid("Exactly one of ProductId and ProductName, and of ProvisioningArtifactId and ProvisioningArtifactName, is required.")
	}
	var p *product
	err = s.view(ctx, func(tx kv.Reader) error {
		list, err := adminProducts(ctx, tx, nil)
		for _, x := range list {
			if x.ID == text(in.ProductId) || in.ProductName != nil && x.Name == *in.ProductName {
				p = x
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	id := text(in.ProductId)
	if p != nil {
		id = p.ID
	}
	if err := s.onProduct(ctx, "DescribeProvisioningArtifact", id); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, missing("Product %s not found.", text(in.ProductId)+text(in.ProductName))
	}
	i := slices.IndexFunc(p.Artifacts, func(a *artifact) bool {
		return a.ID == text(in.ProvisioningArtifactId) || in.ProvisioningArtifactName != nil && a.Name == *in.ProvisioningArtifactName
	})
	if i < 0 {
		return nil, missing("Provisioning artifact %s not found.", text(in.ProvisioningArtifactId)+text(in.ProvisioningArtifactName))
	}
	a := p.Artifacts[i]
	out = &shapes.DescribeProvisioningArtifactOutput{ProvisioningArtifactDetail: a.detail(), Info: a.info(), Status: new("AVAILABLE")}
	if isTrue(in.IncludeProvisioningArtifactParameters) {
		t, err := s.templateOf(ctx, p.Region, a.ID)
		if err != nil {
			return nil, err
		}
		out.ProvisioningArtifactParameters = parametersOf(t)
	}
	return out, nil
}

// ListProvisioningArtifacts lists the versions of a product.
func (s *Service) ListProvisioningArtifacts(ctx context.Context, in *shapes.ListProvisioningArtifactsInput) (*shapes.ListProvisioningArtifactsOutput, error) {
	if err := s.onProduct(ctx, "ListProvisioningArtifacts", *in.ProductId); err != nil {
		return nil, err
	}
	out := &shapes.ListProvisioningArtifactsOutput{ProvisioningArtifactDetails: []*shapes.ProvisioningArtifactDetail{}}
	err := s.view(ctx, func(tx kv.Reader) error {
		list, err := adminProducts(ctx, tx, nil)
		if err != nil {
			return err
		}
		for _, p := range list {
			if p.ID == *in.ProductId {
				for _, a := range p.Artifacts {
					out.ProvisioningArtifactDetails = append(out.ProvisioningArtifactDetails, a.detail())
				}
				return nil
			}
		}
		return missing("Product %s not found.", *in.ProductId)
	})
	return out, err
}

// UpdateProvisioningArtifact changes what a version says of itself, and whether it can be
// launched: a version that is not active is hidden, one that is deprecated is not launched
// any more, but what was launched is still updated to it.
func (s *Service) UpdateProvisioningArtifact(ctx context.Context, in *shapes.UpdateProvisioningArtifactInput) (out *shapes.UpdateProvisioningArtifactOutput, err error) {
	if err := s.onProduct(ctx, "UpdateProvisioningArtifact", *in.ProductId); err != nil {
		return nil, err
	}
	parameters := map[string]any{"productId": in.ProductId, "provisioningArtifactId": in.ProvisioningArtifactId, "active": in.Active, "guidance": in.Guidance}
	err = s.changeProduct(ctx, *in.ProductId, parameters, func(_ kv.Txn, p *product) error {
		a := p.artifact(*in.ProvisioningArtifactId)
		if a == nil {
			return missing("Provisioning artifact %s not found.", *in.ProvisioningArtifactId)
		}
		set(&a.Name, in.Name)
		set(&a.Description, in.Description)
		set(&a.Guidance, in.Guidance)
		if in.Active != nil {
			a.Active = *in.Active
		}
		out = &shapes.UpdateProvisioningArtifactOutput{ProvisioningArtifactDetail: a.detail(), Info: a.info(), Status: new("AVAILABLE")}
		return nil
	})
	return out, err
}

// DeleteProvisioningArtifact deletes a version of a product that has others.
func (s *Service) DeleteProvisioningArtifact(ctx context.Context, in *shapes.DeleteProvisioningArtifactInput) (*shapes.DeleteProvisioningArtifactOutput, error) {
	if err := s.onProduct(ctx, "DeleteProvisioningArtifact", *in.ProductId); err != nil {
		return nil, err
	}
	parameters := map[string]any{"productId": in.ProductId, "provisioningArtifactId": in.ProvisioningArtifactId}
	err := s.changeProduct(ctx, *in.ProductId, parameters, func(tx kv.Txn, p *product) error {
		a := p.artifact(*in.ProvisioningArtifactId)
		switch {
		case a == nil:
			return missing("Provisioning artifact %s not found.", *in.ProvisioningArtifactId)
		case len(p.Artifacts) == 1:
			return inUse("Provisioning artifact %s is the last one of product %s and cannot be deleted.", a.ID, p.ID)
		case len(a.Actions) > 0:
			return inUse("Provisioning artifact %s still has service actions associated with it and cannot be deleted.", a.ID)
		}
		p.Artifacts = slices.DeleteFunc(p.Artifacts, func(x *artifact) bool { return x == a })
		return dropArtifact(ctx, tx, p, a)
	})
	return &shapes.DeleteProvisioningArtifactOutput{}, err
}

// dropArtifact deletes what belongs to a version.
func dropArtifact(ctx context.Context, tx kv.Txn, p *product, a *artifact) error {
	for _, id := range a.Actions {
		act, err := get[action](ctx, tx, key(actionKind, p.Region, p.Account, id))
		if err != nil {
			return err
		}
		if act != nil {
			act.Artifacts = slices.DeleteFunc(act.Artifacts, func(x [2]string) bool { return x[1] == a.ID })
			tx.Put(act.key(), encode(act))
		}
	}
	tx.Delete(key(templateKind, p.Region, a.ID))
	return nil
}

// parametersOf are the parameters of a template as the API shows them: numbers as texts,
// secrets without their defaults.
func parametersOf(t *template.Template) []*shapes.ProvisioningArtifactParameter {
	list := []*shapes.ProvisioningArtifactParameter{}
	for _, p := range t.Parameters {
		c := &shapes.ParameterConstraints{
			AllowedValues: p.AllowedValues, AllowedPattern: optional(p.AllowedPattern), ConstraintDescription: optional(p.ConstraintDescription),
		}
		c.MinLength, c.MaxLength = number(p.MinLength), number(p.MaxLength)
		if p.MinValue != nil {
			c.MinValue = new(strings.TrimSuffix(p.MinValue.RatString(), "/1"))
		}
		if p.MaxValue != nil {
			c.MaxValue = new(strings.TrimSuffix(p.MaxValue.RatString(), "/1"))
		}
		one := &shapes.ProvisioningArtifactParameter{
			ParameterKey: &p.Name, DefaultValue: p.Default, ParameterType: &p.Type, IsNoEcho: &p.NoEcho, Description: optional(p.Description), ParameterConstraints: c,
		}
		if p.NoEcho && p.Default != nil {
			one.DefaultValue = new(template.Masked)
		}
		list = append(list, one)
	}
	return list
}
