package servicecatalog

import (
	"context"
	"errors"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// action is a service action: what may be done to what was launched of some versions. It is
// kept and associated as on AWS; to execute one needs AWS Systems Manager, which does not
// exist here.
type action struct {
	ID, Account, Region       string
	Name, Description, Action string // Action is the definition's type
	Definition                map[string]string
	Artifacts                 [][2]string `json:",omitempty"` // product and artifact
}

func (a *action) key() []byte { return key(actionKind, a.Region, a.Account, a.ID) }

func (a *action) summary() *shapes.ServiceActionSummary {
	return &shapes.ServiceActionSummary{Id: &a.ID, Name: &a.Name, Description: optional(a.Description), DefinitionType: &a.Action}
}

func (a *action) detail() *shapes.ServiceActionDetail {
	return &shapes.ServiceActionDetail{ServiceActionSummary: a.summary(), Definition: a.Definition}
}

func (a *action) trail(ctx context.Context, tx kv.Txn, more map[string]any) {
	if more == nil {
		more = map[string]any{}
	}
	more["id"], more["name"] = a.ID, a.Name
	trail(ctx, tx, "ServiceAction", "arn:aws:catalog:"+a.Region+":"+a.Account+":serviceAction/"+a.ID, more)
}

func ownAction(ctx context.Context, tx kv.Reader, id string) (*action, error) {
	account, region := home(ctx)
	a, err := get[action](ctx, tx, key(actionKind, region, account, id))
	if err == nil && a == nil {
		err = missing("Service action %s not found.", id)
	}
	return a, err
}

// CreateServiceAction makes a service action.
func (s *Service) CreateServiceAction(ctx context.Context, in *shapes.CreateServiceActionInput) (out *shapes.CreateServiceActionOutput, err error) {
	if err := s.ask(ctx, "CreateServiceAction", "*", nil); err != nil {
		return nil, err
	}
	for _, k := range []string{"Name", "Version"} {
		if in.Definition[k] == "" {
			return nil, invalid("The definition of a service action has a %s.", k)
		}
	}
	account, region := home(ctx)
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "CreateServiceAction", in.IdempotencyToken, in, func() (*shapes.CreateServiceActionOutput, error) {
			a := &action{
				ID: newID("act"), Account: account, Region: region, Name: *in.Name, Description: text(in.Description), Action: *in.DefinitionType, Definition: in.Definition,
			}
			tx.Put(a.key(), encode(a))
			a.trail(ctx, tx, nil)
			return &shapes.CreateServiceActionOutput{ServiceActionDetail: a.detail()}, nil
		})
		return err
	})
	return out, err
}

// DescribeServiceAction describes a service action.
func (s *Service) DescribeServiceAction(ctx context.Context, in *shapes.DescribeServiceActionInput) (out *shapes.DescribeServiceActionOutput, err error) {
	if err := s.ask(ctx, "DescribeServiceAction", "*", nil); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		a, err := ownAction(ctx, tx, *in.Id)
		if err == nil {
			out = &shapes.DescribeServiceActionOutput{ServiceActionDetail: a.detail()}
		}
		return err
	})
	return out, err
}

// UpdateServiceAction changes a service action.
func (s *Service) UpdateServiceAction(ctx context.Context, in *shapes.UpdateServiceActionInput) (out *shapes.UpdateServiceActionOutput, err error) {
	if err := s.ask(ctx, "UpdateServiceAction", "*", nil); err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		a, err := ownAction(ctx, tx, *in.Id)
		if err != nil {
			return err
		}
		set(&a.Name, in.Name)
		set(&a.Description, in.Description)
		for k, v := range in.Definition {
			a.Definition[k] = v
		}
		tx.Put(a.key(), encode(a))
		a.trail(ctx, tx, nil)
		out = &shapes.UpdateServiceActionOutput{ServiceActionDetail: a.detail()}
		return nil
	})
	return out, err
}

// DeleteServiceAction deletes a service action that no version has.
func (s *Service) DeleteServiceAction(ctx context.Context, in *shapes.DeleteServiceActionInput) (*shapes.DeleteServiceActionOutput, error) {
	if err := s.ask(ctx, "DeleteServiceAction", "*", nil); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		a, err := ownAction(ctx, tx, *in.Id)
		if err != nil {
			return err
		}
		if len(a.Artifacts) > 0 {
			return inUse("Service action %s is still associated with a provisioning artifact and cannot be deleted.", a.ID)
		}
		tx.Delete(a.key())
		a.trail(ctx, tx, nil)
		return nil
	})
	return &shapes.DeleteServiceActionOutput{}, err
}

// ListServiceActions lists the service actions of the account.
func (s *Service) ListServiceActions(ctx context.Context, in *shapes.ListServiceActionsInput) (*shapes.ListServiceActionsOutput, error) {
	if err := s.ask(ctx, "ListServiceActions", "*", nil); err != nil {
		return nil, err
	}
	account, region := home(ctx)
	var list []*action
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		list, err = all[action](ctx, tx, key(actionKind, region, account))
		return err
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(a *action) string { return a.ID })
	return &shapes.ListServiceActionsOutput{ServiceActionSummaries: actionSummaries(some), NextPageToken: next}, err
}

func actionSummaries(list []*action) []*shapes.ServiceActionSummary {
	out := []*shapes.ServiceActionSummary{}
	for _, a := range list {
		out = append(out, a.summary())
	}
	return out
}

// AssociateServiceActionWithProvisioningArtifact gives a version a service action.
func (s *Service) AssociateServiceActionWithProvisioningArtifact(ctx context.Context, in *shapes.AssociateServiceActionWithProvisioningArtifactInput) (*shapes.AssociateServiceActionWithProvisioningArtifactOutput, error) {
	err := s.associateAction(ctx, "AssociateServiceActionWithProvisioningArtifact", *in.ServiceActionId, *in.ProductId, *in.ProvisioningArtifactId, true)
	return &shapes.AssociateServiceActionWithProvisioningArtifactOutput{}, err
}

// DisassociateServiceActionFromProvisioningArtifact takes it away.
func (s *Service) DisassociateServiceActionFromProvisioningArtifact(ctx context.Context, in *shapes.DisassociateServiceActionFromProvisioningArtifactInput) (*shapes.DisassociateServiceActionFromProvisioningArtifactOutput, error) {
	err := s.associateAction(ctx, "DisassociateServiceActionFromProvisioningArtifact", *in.ServiceActionId, *in.ProductId, *in.ProvisioningArtifactId, false)
	return &shapes.DisassociateServiceActionFromProvisioningArtifactOutput{}, err
}

func (s *Service) associateAction(ctx context.Context, operation, id, productID, artifactID string, associate bool) error {
	if err := s.onProduct(ctx, operation, productID); err != nil {
		return err
	}
	parameters := map[string]any{"serviceActionId": id, "productId": productID, "provisioningArtifactId": artifactID}
	return s.changeProduct(ctx, productID, parameters, func(tx kv.Txn, p *product) error {
		art := p.artifact(artifactID)
		if art == nil {
			return missing("Provisioning artifact %s not found.", artifactID)
		}
		a, err := ownAction(ctx, tx, id)
		if err != nil {
			return err
		}
		has := slices.Contains(art.Actions, id)
		pair := [2]string{productID, artifactID}
		switch {
		case associate && has:
			return shapes.DuplicateResourceException("Service action %s is already associated with provisioning artifact %s.", id, artifactID)
		case associate:
			if err := s.room(actionsQuota, len(art.Actions)); err != nil {
				return err
			}
			art.Actions, a.Artifacts = append(art.Actions, id), append(a.Artifacts, pair)
		case !has:
			return missing("Service action %s is not associated with provisioning artifact %s.", id, artifactID)
		default:
			art.Actions = without(art.Actions, id)
			a.Artifacts = slices.DeleteFunc(a.Artifacts, func(x [2]string) bool { return x == pair })
		}
		tx.Put(a.key(), encode(a))
		return nil
	})
}

// BatchAssociateServiceActionWithProvisioningArtifact gives versions service actions, each by
// itself.
func (s *Service) BatchAssociateServiceActionWithProvisioningArtifact(ctx context.Context, in *shapes.BatchAssociateServiceActionWithProvisioningArtifactInput) (*shapes.BatchAssociateServiceActionWithProvisioningArtifactOutput, error) {
	failed, err := s.batch(ctx, "BatchAssociateServiceActionWithProvisioningArtifact", in.ServiceActionAssociations, true)
	return &shapes.BatchAssociateServiceActionWithProvisioningArtifactOutput{FailedServiceActionAssociations: failed}, err
}

// BatchDisassociateServiceActionFromProvisioningArtifact takes them away, likewise.
func (s *Service) BatchDisassociateServiceActionFromProvisioningArtifact(ctx context.Context, in *shapes.BatchDisassociateServiceActionFromProvisioningArtifactInput) (*shapes.BatchDisassociateServiceActionFromProvisioningArtifactOutput, error) {
	failed, err := s.batch(ctx, "BatchDisassociateServiceActionFromProvisioningArtifact", in.ServiceActionAssociations, false)
	return &shapes.BatchDisassociateServiceActionFromProvisioningArtifactOutput{FailedServiceActionAssociations: failed}, err
}

// batchCodes are the codes of the errors of one of a batch.
var batchCodes = map[string]string{
	"DuplicateResourceException": "DUPLICATE_RESOURCE", "LimitExceededException": "LIMIT_EXCEEDED",
	"ResourceNotFoundException": "RESOURCE_NOT_FOUND", "InvalidParametersException": "INVALID_PARAMETER",
}

func (s *Service) batch(ctx context.Context, operation string, list []*shapes.ServiceActionAssociation, associate bool) ([]*shapes.FailedServiceActionAssociation, error) {
	failed := []*shapes.FailedServiceActionAssociation{}
	for _, x := range list {
		err := s.associateAction(ctx, operation, *x.ServiceActionId, *x.ProductId, *x.ProvisioningArtifactId, associate)
		if err == nil {
			continue
		}
		e, ok := errors.AsType[*api.Error](err)
		if !ok || batchCodes[e.Code] == "" {
			return nil, err
		}
		failed = append(failed, &shapes.FailedServiceActionAssociation{
			ServiceActionId: x.ServiceActionId, ProductId: x.ProductId, ProvisioningArtifactId: x.ProvisioningArtifactId,
			ErrorCode: new(batchCodes[e.Code]), ErrorMessage: &e.Message,
		})
	}
	return failed, nil
}

// ListServiceActionsForProvisioningArtifact lists the service actions of a version.
func (s *Service) ListServiceActionsForProvisioningArtifact(ctx context.Context, in *shapes.ListServiceActionsForProvisioningArtifactInput) (*shapes.ListServiceActionsForProvisioningArtifactOutput, error) {
	if err := s.onProduct(ctx, "ListServiceActionsForProvisioningArtifact", *in.ProductId); err != nil {
		return nil, err
	}
	var list []*action
	err := s.view(ctx, func(tx kv.Reader) error {
		p, err := ownProduct(ctx, tx, *in.ProductId)
		if err != nil {
			return err
		}
		art := p.artifact(*in.ProvisioningArtifactId)
		if art == nil {
			return missing("Provisioning artifact %s not found.", *in.ProvisioningArtifactId)
		}
		for _, id := range art.Actions {
			a, err := ownAction(ctx, tx, id)
			if err != nil {
				return err
			}
			list = append(list, a)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(a *action) string { return a.ID }, *in.ProductId, *in.ProvisioningArtifactId)
	return &shapes.ListServiceActionsForProvisioningArtifactOutput{ServiceActionSummaries: actionSummaries(some), NextPageToken: next}, err
}

// ListProvisioningArtifactsForServiceAction lists the versions that have a service action.
func (s *Service) ListProvisioningArtifactsForServiceAction(ctx context.Context, in *shapes.ListProvisioningArtifactsForServiceActionInput) (*shapes.ListProvisioningArtifactsForServiceActionOutput, error) {
	if err := s.ask(ctx, "ListProvisioningArtifactsForServiceAction", "*", nil); err != nil {
		return nil, err
	}
	var list []*shapes.ProvisioningArtifactView
	err := s.view(ctx, func(tx kv.Reader) error {
		a, err := ownAction(ctx, tx, *in.ServiceActionId)
		if err != nil {
			return err
		}
		for _, pair := range a.Artifacts {
			p, err := ownProduct(ctx, tx, pair[0])
			if err != nil {
				return err
			}
			if art := p.artifact(pair[1]); art != nil {
				list = append(list, &shapes.ProvisioningArtifactView{ProductViewSummary: p.summary(false), ProvisioningArtifact: art.view()})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	id := func(v *shapes.ProvisioningArtifactView) string { return *v.ProvisioningArtifact.Id }
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, id, *in.ServiceActionId)
	return &shapes.ListProvisioningArtifactsForServiceActionOutput{ProvisioningArtifactViews: append([]*shapes.ProvisioningArtifactView{}, some...), NextPageToken: next}, err
}

// DescribeServiceActionExecutionParameters refuses as ExecuteProvisionedProductServiceAction does.
func (s *Service) DescribeServiceActionExecutionParameters(ctx context.Context, in *shapes.DescribeServiceActionExecutionParametersInput) (*shapes.DescribeServiceActionExecutionParametersOutput, error) {
	return nil, s.refuseAction(ctx, "DescribeServiceActionExecutionParameters", *in.ProvisionedProductId)
}

// ExecuteProvisionedProductServiceAction refuses: what an action does, an automation
// document of AWS Systems Manager says, and there is none here to run it.
func (s *Service) ExecuteProvisionedProductServiceAction(ctx context.Context, in *shapes.ExecuteProvisionedProductServiceActionInput) (*shapes.ExecuteProvisionedProductServiceActionOutput, error) {
	return nil, s.refuseAction(ctx, "ExecuteProvisionedProductServiceAction", *in.ProvisionedProductId)
}

func (s *Service) refuseAction(ctx context.Context, operation, id string) error {
	if _, err := s.onProvisioned(ctx, operation, id, ""); err != nil {
		return err
	}
	return invalid("Service actions are automation documents of AWS Systems Manager, which does not exist here: none can be executed.")
}
