package servicecatalog

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

func wrongState(format string, args ...any) error {
	return shapes.InvalidStateException(format, args...)
}

// CreateProvisionedProductPlan begins to find out what launching a product, or updating what
// was launched, would change. The plan of a launch takes the name of the provisioned product.
func (s *Service) CreateProvisionedProductPlan(ctx context.Context, in *shapes.CreateProvisionedProductPlanInput) (out *shapes.CreateProvisionedProductPlanOutput, err error) {
	asked, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	var has *provisioned
	err = s.view(ctx, func(tx kv.Reader) error {
		has, err = findProvisioned(ctx, tx, "", *in.ProvisionedProductName)
		return err
	})
	if err != nil {
		return nil, err
	}
	c := &api.RequestOf(ctx).Caller
	owner, session := c.Principal, c.ARN
	if launched(has) {
		owner, session = has.Owner, has.Session
	} else {
		has = nil
	}
	q := sought{product: in.ProductId, artifact: in.ProvisioningArtifactId, path: in.PathId}
	path, a, options, err := s.chosen(ctx, "CreateProvisionedProductPlan", &q, levels(api.RequestOf(ctx), owner, session))
	if err != nil {
		return nil, err
	}
	if err := checkTopics(in.NotificationArns); err != nil {
		return nil, err
	}
	values, err := newValues(has, in.ProvisioningParameters)
	if err != nil {
		return nil, err
	}
	switch {
	case has == nil && a.Guidance == deprecated:
		return nil, invalid("Provisioning artifact %s is deprecated: it cannot be launched any more.", a.ID)
	case has != nil && in.Tags == nil:
		asked = has.Asked
	}
	l, err := s.prepare(ctx, path, a, options, asked, values)
	if err != nil {
		return nil, err
	}
	l.actor = l.actor.unless(has)
	l.topics = append(l.topics, in.NotificationArns...)
	shown, err := s.shownParameters(ctx, path, a, in.ProvisioningParameters)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "CreateProvisionedProductPlan", in.IdempotencyToken, in, func() (*shapes.CreateProvisionedProductPlanOutput, error) {
			pp, err := s.planned(ctx, tx, in)
			if err != nil {
				return nil, err
			}
			now := s.instant()
			p := &plan{
				ID: newID("plan"), Name: *in.PlanName, Account: pp.Account, Region: pp.Region, Status: planBegun, Created: now, Updated: now,
				Provisioned: pp.ID, Launched: pp.Name, Product: path.product.ID, Artifact: a.ID, Path: path.id(), Launches: pp.Status == planInProgress,
				Topics: in.NotificationArns, Parameters: shown, Owner: c.Principal, Session: c.ARN,
			}
			p.Work = &work{Origin: api.RequestOf(ctx).Origin(), Do: doUpdate, Stack: pp.Stack, Plan: p.ID, Asked: asked}
			if p.Launches {
				p.Work.Do = doCreate
				pp.Product, pp.Artifact, pp.Path, pp.Notifications = p.Product, p.Artifact, p.Path, in.NotificationArns
			}
			p.Work.launches(l, pp, c.ARN)
			if err := copyTemplate(ctx, tx, l, p.Region, p.ID); err != nil {
				return nil, err
			}
			pp.Plan = p.ID
			tx.Put(pp.key(), encode(pp))
			tx.Put(p.key(), encode(p))
			p.trail(ctx, tx)
			if err := jobs.Enqueue(ctx, tx, planKind, strings.Join([]string{p.Region, p.Account, p.ID}, " "), nil); err != nil {
				return nil, err
			}
			return &shapes.CreateProvisionedProductPlanOutput{
				PlanName: &p.Name, PlanId: &p.ID, ProvisionProductId: &p.Provisioned, ProvisionedProductName: &p.Launched, ProvisioningArtifactId: &p.Artifact,
			}, nil
		})
		return err
	})
	if err == nil {
		s.wake()
	}
	return out, err
}

// launched tells whether a provisioned product is more than a plan.
func launched(p *provisioned) bool { return p != nil && p.Status != planInProgress }

// planned is the provisioned product that a plan is made for: a new one, or one that is not
// under change and has no other plan.
func (s *Service) planned(ctx context.Context, tx kv.Txn, in *shapes.CreateProvisionedProductPlanInput) (*provisioned, error) {
	p, err := findProvisioned(ctx, tx, "", *in.ProvisionedProductName)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		if p, err = s.newProvisioned(ctx, tx, *in.ProvisionedProductName, *in.IdempotencyToken); err == nil {
			p.Status = planInProgress
		}
		return p, err
	case p.Plan != "":
		return nil, wrongState("Provisioned product %s has a plan already: %s.", p.Name, p.Plan)
	case p.Status != available && p.Status != tainted:
		return nil, wrongState("Provisioned product %s has status %s: a plan can be made when it is AVAILABLE or TAINTED.", p.Name, p.Status)
	}
	return p, nil
}

// shownParameters are a plan's parameters as it shows them: without secrets.
func (s *Service) shownParameters(ctx context.Context, path *launchPath, a *artifact, given []*shapes.UpdateProvisioningParameter) (list []*shapes.UpdateProvisioningParameter, err error) {
	t, err := s.templateOf(ctx, path.product.Region, a.ID)
	if err != nil {
		return nil, err
	}
	for _, v := range given {
		one := new(*v)
		if d := t.Parameter(text(v.Key)); d != nil && d.NoEcho && v.Value != nil {
			one.Value = new("****")
		}
		list = append(list, one)
	}
	return list, nil
}

// onPlan authorizes an action on a plan of the caller's account, which it returns. One that
// is not there is told only to who may do it.
func (s *Service) onPlan(ctx context.Context, action, id string) (p *plan, err error) {
	account, region := home(ctx)
	err = s.view(ctx, func(tx kv.Reader) error {
		p, err = get[plan](ctx, tx, planKey(region, account, id))
		return err
	})
	if err != nil {
		return nil, err
	}
	r := api.RequestOf(ctx)
	owner, session := r.Caller.Principal, r.Caller.ARN
	if p != nil {
		owner, session = p.Owner, p.Session
	}
	if err := s.ask(ctx, action, "*", nil, levels(r, owner, session)); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, missing("Provisioned product plan %s not found.", id)
	}
	return p, nil
}

// DescribeProvisionedProductPlan describes a plan, with what it would change.
func (s *Service) DescribeProvisionedProductPlan(ctx context.Context, in *shapes.DescribeProvisionedProductPlanInput) (*shapes.DescribeProvisionedProductPlanOutput, error) {
	p, err := s.onPlan(ctx, "DescribeProvisionedProductPlan", *in.PlanId)
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, p.Changes, in.PageSize, in.PageToken, func(c *shapes.ResourceChange) string { return text(c.LogicalResourceId) }, p.ID)
	return &shapes.DescribeProvisionedProductPlanOutput{
		ProvisionedProductPlanDetails: &shapes.ProvisionedProductPlanDetails{
			CreatedTime: &p.Created, UpdatedTime: &p.Updated, PathId: &p.Path, ProductId: &p.Product, PlanName: &p.Name, PlanId: &p.ID,
			ProvisionProductId: &p.Provisioned, ProvisionProductName: &p.Launched, PlanType: new("CLOUDFORMATION"), ProvisioningArtifactId: &p.Artifact,
			Status: &p.Status, StatusMessage: optional(p.Message), NotificationArns: append([]string{}, p.Topics...),
			ProvisioningParameters: append([]*shapes.UpdateProvisioningParameter{}, p.Parameters...), Tags: tagsOf(p.Work.Asked),
		},
		ResourceChanges: append([]*shapes.ResourceChange{}, some...), NextPageToken: next,
	}, err
}

// ListProvisionedProductPlans lists plans, of one provisioned product or of all.
func (s *Service) ListProvisionedProductPlans(ctx context.Context, in *shapes.ListProvisionedProductPlansInput) (*shapes.ListProvisionedProductPlansOutput, error) {
	a, err := s.accessOf(ctx, "ListProvisionedProductPlans", in.AccessLevelFilter)
	if err != nil {
		return nil, err
	}
	account, region := home(ctx)
	var list []*plan
	err = s.view(ctx, func(tx kv.Reader) error {
		some, err := plansOf(ctx, tx, region, account, text(in.ProvisionProductId))
		for _, p := range some {
			if a.shows(p.Owner, p.Session) {
				list = append(list, p)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(p *plan) string { return p.ID }, a.level, text(in.ProvisionProductId))
	out := &shapes.ListProvisionedProductPlansOutput{ProvisionedProductPlans: []*shapes.ProvisionedProductPlanSummary{}, NextPageToken: next}
	for _, p := range some {
		out.ProvisionedProductPlans = append(out.ProvisionedProductPlans, &shapes.ProvisionedProductPlanSummary{
			PlanName: &p.Name, PlanId: &p.ID, ProvisionProductId: &p.Provisioned, ProvisionProductName: &p.Launched, PlanType: new("CLOUDFORMATION"),
			ProvisioningArtifactId: &p.Artifact,
		})
	}
	return out, err
}

// ExecuteProvisionedProductPlan begins to do what a plan says, as far as its constraints and
// the launch path allow it now.
func (s *Service) ExecuteProvisionedProductPlan(ctx context.Context, in *shapes.ExecuteProvisionedProductPlanInput) (out *shapes.ExecuteProvisionedProductPlanOutput, err error) {
	p, err := s.onPlan(ctx, "ExecuteProvisionedProductPlan", *in.PlanId)
	if err != nil {
		return nil, err
	}
	q := sought{product: &p.Product, artifact: &p.Artifact, path: &p.Path}
	l := &launch{values: p.Work.Values, tags: p.Work.Tags, topics: p.Work.Topics}
	who, err := s.launcher(ctx)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		if l.path, err = q.find(ctx, tx, who); err == nil {
			l.artifact, err = q.version(l.path.product)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.checkParameters(ctx, l.path, l.artifact, l.values); err != nil {
		return nil, err
	}
	if l.actor, err = s.actorFor(ctx, l.path); err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "ExecuteProvisionedProductPlan", in.IdempotencyToken, in, func() (*shapes.ExecuteProvisionedProductPlanOutput, error) {
			x, err := get[plan](ctx, tx, p.key())
			if err != nil {
				return nil, err
			}
			if x == nil {
				return nil, missing("Provisioned product plan %s not found.", *in.PlanId)
			}
			if x.Status != planMade {
				return nil, wrongState("Provisioned product plan %s has status %s and cannot be executed.", x.ID, x.Status)
			}
			pp, err := get[provisioned](ctx, tx, key(launchedKind, x.Region, x.Account, x.Provisioned))
			if err != nil {
				return nil, err
			}
			if pp == nil || !contains([]string{available, tainted, planInProgress}, pp.Status) {
				return nil, wrongState("Provisioned product %s is not in a status in which its plan can be executed.", x.Launched)
			}
			kind := updateRecord
			if x.Launches {
				kind = provisionRecord
			}
			l.actor = l.actor.unless(pp)
			x.Status, x.Updated, pp.Plan = planRuns, s.instant(), ""
			tx.Put(x.key(), encode(x))
			r, err := s.begin(ctx, tx, pp, kind, l, x.Work)
			if err != nil {
				return nil, err
			}
			return &shapes.ExecuteProvisionedProductPlanOutput{RecordDetail: r.detail()}, nil
		})
		return err
	})
	if err == nil {
		s.wake()
	}
	return out, err
}

// DeleteProvisionedProductPlan deletes a plan with its change set; that of a launch, with the
// provisioned product and the stack that there is only for it.
func (s *Service) DeleteProvisionedProductPlan(ctx context.Context, in *shapes.DeleteProvisionedProductPlanInput) (*shapes.DeleteProvisionedProductPlanOutput, error) {
	p, err := s.onPlan(ctx, "DeleteProvisionedProductPlan", *in.PlanId)
	if err != nil {
		return nil, err
	}
	switch p.Status {
	case planBegun, planRuns:
		return nil, invalid("Provisioned product plan %s has status %s: wait until that is done.", p.ID, p.Status)
	case planMade, planFailed:
		if err := s.dropChangeSet(ctx, p); err != nil && !isTrue(in.IgnoreErrors) {
			return nil, err
		}
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		x, err := get[plan](ctx, tx, p.key())
		if err != nil {
			return err
		}
		if x == nil || x.Status != p.Status {
			return invalid("Provisioned product plan %s was changed meanwhile.", p.ID)
		}
		pp, err := get[provisioned](ctx, tx, key(launchedKind, p.Region, p.Account, p.Provisioned))
		if err != nil {
			return err
		}
		switch {
		case pp == nil || pp.Plan != p.ID:
		case p.Launches:
			tx.Delete(pp.key())
			tx.Delete(pp.nameKey())
		default:
			pp.Plan = ""
			tx.Put(pp.key(), encode(pp))
		}
		tx.Delete(p.key())
		p.trail(ctx, tx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteProvisionedProductPlanOutput{}, nil
}

// dropChangeSet deletes a plan's change set in the role of the launch, or as the caller. That
// it is gone already is no error, so that a deletion can be asked for again after a crash.
func (s *Service) dropChangeSet(ctx context.Context, p *plan) error {
	a := p.Work.Actor
	if a.Role == "" {
		by, err := s.identity.Entrust(ctx)
		if err != nil {
			return err
		}
		a.By = by
	}
	as, err := s.actingAs(ctx, a, api.RequestOf(ctx).Origin(), p.Region, p.ID)
	if err != nil {
		return err
	}
	stack := p.Work.Stack
	if p.Launches {
		stack = stackName(p.Account, p.Provisioned)
		_, err = s.stacks.DeleteStack(stackRequest(as, "DeleteStack"), &cloudformation.DeleteStackInput{StackName: &stack, ClientRequestToken: &p.ID})
		return err
	}
	_, err = s.stacks.DeleteChangeSet(stackRequest(as, "DeleteChangeSet"), &cloudformation.DeleteChangeSetInput{StackName: &stack, ChangeSetName: &p.ID})
	return err
}

func (p *plan) trail(ctx context.Context, tx kv.Txn) {
	trail(ctx, tx, "CloudFormationProvisionedProduct", "arn:aws:servicecatalog:"+p.Region+":"+p.Account+":stack/"+p.Launched+"/"+p.Provisioned, map[string]any{
		"planId": p.ID, "planName": p.Name, "provisionedProductName": p.Launched, "productId": p.Product, "provisioningArtifactId": p.Artifact,
	})
}
