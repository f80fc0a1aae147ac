package servicecatalog

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// ImportAsProvisionedProduct takes a stack that there is for what was launched of a product:
// one with the template of the version.
func (s *Service) ImportAsProvisionedProduct(ctx context.Context, in *shapes.ImportAsProvisionedProductInput) (out *shapes.ImportAsProvisionedProductOutput, err error) {
	q := sought{product: in.ProductId, artifact: in.ProvisioningArtifactId}
	path, a, _, err := s.chosen(ctx, "ImportAsProvisionedProduct", &q)
	if err != nil {
		return nil, err
	}
	described, err := s.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: in.PhysicalId})
	if err != nil {
		return nil, badTemplate(err)
	}
	st := described.Stacks[0]
	if status := text(st.StackStatus); !strings.HasSuffix(status, "_COMPLETE") || strings.HasPrefix(status, "DELETE") || status == "ROLLBACK_COMPLETE" {
		return nil, shapes.InvalidStateException("Stack %s has status %s and cannot be imported.", text(st.StackId), status)
	}
	has, err := s.stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: st.StackId})
	if err != nil {
		return nil, badTemplate(err)
	}
	t, err := template.Parse([]byte(text(has.TemplateBody)))
	if err != nil {
		return nil, invalid("%s", err)
	}
	wanted, err := s.templateOf(ctx, path.product.Region, a.ID)
	if err != nil {
		return nil, err
	}
	if !t.Equal(wanted) {
		return nil, invalid("The template of stack %s is not that of provisioning artifact %s.", text(st.StackId), a.ID)
	}
	act, err := s.actorFor(ctx, path)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "ImportAsProvisionedProduct", in.IdempotencyToken, in, func() (*shapes.ImportAsProvisionedProductOutput, error) {
			account, region := home(ctx)
			others, err := all[provisioned](ctx, tx, key(launchedKind, region, account))
			if err != nil {
				return nil, err
			}
			for _, o := range others {
				if o.Stack == text(st.StackId) {
					return nil, shapes.DuplicateResourceException("Stack %s belongs to provisioned product %s already.", o.Stack, o.Name)
				}
			}
			p, err := s.newProvisioned(ctx, tx, *in.ProvisionedProductName, *in.IdempotencyToken)
			if err != nil {
				return nil, err
			}
			p.Status, p.Imported, p.Stack = available, true, text(st.StackId)
			p.Product, p.Artifact, p.Path, p.LaunchRole, p.AdminRole = path.product.ID, a.ID, path.id(), act.Role, act.Admin
			p.Values = map[string]string{}
			for _, v := range st.Parameters {
				if d := t.Parameter(text(v.ParameterKey)); d != nil && !d.NoEcho {
					p.Values[d.Name] = text(v.ParameterValue)
				}
			}
			r := s.newRecord(ctx, p, importRecord)
			r.Status, r.Outputs = recordSucceeded, outputsOf(st)
			p.LastRecord, p.LastProvisioning, p.LastSuccessful = r.ID, r.ID, r.ID
			s.put(ctx, tx, p, r)
			return &shapes.ImportAsProvisionedProductOutput{RecordDetail: r.detail()}, nil
		})
		return err
	})
	return out, err
}

// UpdateProvisionedProductProperties changes whose a provisioned product is, or the role in
// which it is updated and terminated.
func (s *Service) UpdateProvisionedProductProperties(ctx context.Context, in *shapes.UpdateProvisionedProductPropertiesInput) (out *shapes.UpdateProvisionedProductPropertiesOutput, err error) {
	p, err := s.onProvisioned(ctx, "UpdateProvisionedProductProperties", *in.ProvisionedProductId, "")
	if err != nil {
		return nil, err
	}
	account, _ := home(ctx)
	for k, v := range in.ProvisionedProductProperties {
		switch {
		case k == "OWNER" && strings.HasPrefix(v, "arn:aws:iam::"+account+":"), k == "OWNER" && strings.HasPrefix(v, "arn:aws:sts::"+account+":"):
		case k == "LAUNCH_ROLE" && roleForm.MatchString(v):
			if err := s.identity.PassRole(ctx, v, principal); err != nil {
				return nil, err
			}
		default:
			return nil, invalid("Invalid property of a provisioned product: %s=%s", k, v)
		}
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "UpdateProvisionedProductProperties", in.IdempotencyToken, in, func() (*shapes.UpdateProvisionedProductPropertiesOutput, error) {
			p, err := s.idle(ctx, tx, p.ID)
			if err != nil {
				return nil, err
			}
			if v, ok := in.ProvisionedProductProperties["OWNER"]; ok {
				p.Owner, p.Session = v, v
			}
			if v, ok := in.ProvisionedProductProperties["LAUNCH_ROLE"]; ok {
				p.LaunchRole, p.Role, p.AdminRole = v, v, ""
			}
			r := s.newRecord(ctx, p, propertyRecord)
			r.Status, p.LastRecord = recordSucceeded, r.ID
			s.put(ctx, tx, p, r)
			return &shapes.UpdateProvisionedProductPropertiesOutput{
				ProvisionedProductId: &p.ID, ProvisionedProductProperties: in.ProvisionedProductProperties, RecordId: &r.ID, Status: &r.Status,
			}, nil
		})
		return err
	})
	return out, err
}

// ListStackInstancesForProvisionedProduct lists the one stack that a STACKSET constraint
// makes here.
func (s *Service) ListStackInstancesForProvisionedProduct(ctx context.Context, in *shapes.ListStackInstancesForProvisionedProductInput) (*shapes.ListStackInstancesForProvisionedProductOutput, error) {
	p, err := s.onProvisioned(ctx, "ListStackInstancesForProvisionedProduct", *in.ProvisionedProductId, "")
	if err != nil {
		return nil, err
	}
	if p.AdminRole == "" {
		return nil, invalid("Provisioned product %s is not of type CFN_STACKSET.", p.Name)
	}
	status := "CURRENT"
	if p.Status != available {
		status = "OUTDATED"
	}
	return &shapes.ListStackInstancesForProvisionedProductOutput{StackInstances: []*shapes.StackInstance{{
		Account: &p.Account, Region: &p.Region, StackInstanceStatus: &status,
	}}}, nil
}
