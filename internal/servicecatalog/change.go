package servicecatalog

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// UpdateProvisionedProduct begins to bring what was launched to another version, other
// parameters or other tags.
func (s *Service) UpdateProvisionedProduct(ctx context.Context, in *shapes.UpdateProvisionedProductInput) (out *shapes.UpdateProvisionedProductOutput, err error) {
	asked, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	p, err := s.onProvisioned(ctx, "UpdateProvisionedProduct", text(in.ProvisionedProductId), text(in.ProvisionedProductName))
	if err != nil {
		return nil, err
	}
	path, a, options, err := s.target(ctx, p, in)
	if err != nil {
		return nil, err
	}
	if in.Tags == nil {
		asked = p.Asked
	} else if !maps.Equal(asked, p.Asked) && !retaggable(path) {
		return nil, invalid("The tags of provisioned product %s cannot be updated: its product has no RESOURCE_UPDATE constraint that allows it.", p.Name)
	}
	values, err := newValues(p, in.ProvisioningParameters)
	if err != nil {
		return nil, err
	}
	l, err := s.prepare(ctx, path, a, options, asked, values)
	if err != nil {
		return nil, err
	}
	l.actor = l.actor.unless(p)
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "UpdateProvisionedProduct", in.UpdateToken, in, func() (*shapes.UpdateProvisionedProductOutput, error) {
			p, err := s.idle(ctx, tx, p.ID)
			if err != nil {
				return nil, err
			}
			if p.Stack == "" || p.LastSuccessful == "" {
				return nil, invalid("Provisioned product %s has status %s: it can only be terminated.", p.Name, p.Status)
			}
			l.topics = append(l.topics, p.Notifications...)
			r, err := s.begin(ctx, tx, p, updateRecord, l, &work{Do: doUpdate, Stack: p.Stack, Asked: asked})
			if err != nil {
				return nil, err
			}
			return &shapes.UpdateProvisionedProductOutput{RecordDetail: r.detail()}, nil
		})
		return err
	})
	if err == nil {
		s.wake()
	}
	return out, err
}

// newValues are the values of parameters that a change asks for; has is what was launched, nil
// if nothing was.
func newValues(has *provisioned, list []*shapes.UpdateProvisioningParameter) (map[string]string, error) {
	values, seen := map[string]string{}, map[string]bool{}
	for _, v := range list {
		k := text(v.Key)
		if seen[k] {
			return nil, invalid("Duplicate parameter keys are not allowed: %s", k)
		}
		seen[k] = true
		if !isTrue(v.UsePreviousValue) {
			values[k] = text(v.Value)
			continue
		}
		if has == nil {
			return nil, invalid("Parameter %s has no previous value.", k)
		}
		if old, had := has.Values[k]; had { // else its default was used, and stays
			values[k] = old
		}
	}
	return values, nil
}

// unless is the actor, or the role that an administrator has set for a provisioned product.
func (a actor) unless(p *provisioned) actor {
	if p != nil && p.Role != "" {
		return actor{Role: p.Role}
	}
	return a
}

// retaggable tells whether a path's constraints allow to change tags.
func retaggable(path *launchPath) bool {
	c := path.of(resourceUpdateConstraint)
	if c == nil {
		return false
	}
	p, err := parameters[resourceUpdateParameters](c.Parameters)
	return err == nil && p.Properties.TagUpdateOnProvisionedProduct == "ALLOWED"
}

// target finds what an update is to: by default the product, the version and the path that
// there are.
func (s *Service) target(ctx context.Context, p *provisioned, in *shapes.UpdateProvisionedProductInput) (path *launchPath, a *artifact, options map[string][]string, err error) {
	q := sought{in.ProductId, in.ProductName, in.ProvisioningArtifactId, in.ProvisioningArtifactName, in.PathId, in.PathName}
	if q.product == nil && q.productName == nil {
		q.product = &p.Product
	}
	who, err := s.launcher(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		if q.path == nil && q.pathName == nil {
			paths, err := launchPaths(ctx, tx, who, text(q.product))
			if err != nil {
				return err
			}
			if slices.ContainsFunc(paths, func(x *launchPath) bool { return x.id() == p.Path }) {
				q.path = &p.Path
			}
		}
		if path, err = q.find(ctx, tx, who); err == nil {
			options, err = offered(ctx, tx, path)
		}
		return err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	if q.artifact == nil && q.artifactName == nil {
		if a = path.product.artifact(p.Artifact); a == nil {
			err = missing("Provisioning artifact %s not found.", p.Artifact)
		}
		return path, a, options, err
	}
	a, err = q.version(path.product)
	return path, a, options, err
}

// idle reads a provisioned product with which nothing else happens.
func (s *Service) idle(ctx context.Context, tx kv.Reader, id string) (*provisioned, error) {
	p, err := findProvisioned(ctx, tx, id, "")
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, missing("Provisioned product %s not found.", id)
	case p.Status == underChange || p.Status == planInProgress:
		return nil, invalid("Provisioned product %s has status %s: wait until that is done.", p.Name, p.Status)
	}
	return p, nil
}

// TerminateProvisionedProduct begins to delete what was launched.
func (s *Service) TerminateProvisionedProduct(ctx context.Context, in *shapes.TerminateProvisionedProductInput) (out *shapes.TerminateProvisionedProductOutput, err error) {
	account, region := home(ctx)
	var again *answered
	err = s.view(ctx, func(tx kv.Reader) error {
		again, err = get[answered](ctx, tx, key(tokenKind, region, account, "TerminateProvisionedProduct", *in.TerminateToken))
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := s.onProvisioned(ctx, "TerminateProvisionedProduct", text(in.ProvisionedProductId), text(in.ProvisionedProductName))
	if err != nil && (again == nil || !errors.Is(err, &api.Error{Code: "ResourceNotFoundException"})) {
		return nil, err
	}
	var by []byte
	if p != nil && p.LaunchRole == "" {
		if by, err = s.identity.Entrust(ctx); err != nil {
			return nil, err
		}
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "TerminateProvisionedProduct", in.TerminateToken, in, func() (*shapes.TerminateProvisionedProductOutput, error) {
			if p == nil {
				return nil, missing("Provisioned product %s not found.", text(in.ProvisionedProductId)+text(in.ProvisionedProductName))
			}
			p, err := s.idle(ctx, tx, p.ID)
			if err != nil {
				return nil, err
			}
			w := &work{
				Do: doDelete, Stack: p.Stack, Actor: actor{Role: p.LaunchRole, Admin: p.AdminRole, By: by},
				Retain: isTrue(in.RetainPhysicalResources), IgnoreErrors: isTrue(in.IgnoreErrors),
			}
			r, err := s.begin(ctx, tx, p, terminateRecord, nil, w)
			if err != nil {
				return nil, err
			}
			return &shapes.TerminateProvisionedProductOutput{RecordDetail: r.detail()}, nil
		})
		return err
	})
	if err == nil {
		s.wake()
	}
	return out, err
}
