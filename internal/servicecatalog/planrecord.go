package servicecatalog

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	stacks "github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// plan is what a provisioned product could become: a change set of its stack, which has the
// plan's ID as its name. The plan of a product that is to be launched makes the provisioned
// product, and the stack, which is under review then.
type plan struct {
	ID, Name, Account, Region string
	Status, Message           string
	Created, Updated          time.Time
	Provisioned, Product      string // the name of the provisioned product is in Launched
	Launched                  string
	Artifact, Path            string
	Launches                  bool `json:",omitzero"` // what is not there yet
	Topics                    []string
	Parameters                []*shapes.UpdateProvisioningParameter `json:",omitempty"` // as they are shown
	Work                      *work                                 // what executing it is, without an actor of its own
	Owner, Session            string
	Changes                   []*shapes.ResourceChange `json:",omitempty"`
}

// The statuses of plans.
const (
	planBegun     = "CREATE_IN_PROGRESS"
	planMade      = "CREATE_SUCCESS"
	planFailed    = "CREATE_FAILED"
	planRuns      = "EXECUTE_IN_PROGRESS"
	planSucceeded = "EXECUTE_SUCCESS"
	planBroke     = "EXECUTE_FAILED"
)

func planKey(region, account, id string) []byte { return key(plansKind, region, account, id) }

func (p *plan) key() []byte { return planKey(p.Region, p.Account, p.ID) }

// planKind is the job that makes the change set of a plan.
const planKind = "servicecatalog.Plan"

// plan makes the change set of a plan, and keeps what it says.
func (s *Service) plan(ctx context.Context, job *jobs.Job) error {
	var p *plan
	parts := strings.Fields(job.ID)
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		p, err = get[plan](ctx, tx, planKey(parts[0], parts[1], parts[2]))
		return err
	})
	if err != nil || p == nil || p.Status != planBegun {
		return err
	}
	set, err := s.changeSetOf(ctx, p)
	failure := ""
	if e, told := errors.AsType[*api.Error](err); told && e.HTTPStatus() < 500 {
		failure = e.Message
	} else if err != nil {
		return err
	}
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		now, err := get[plan](ctx, tx, p.key())
		if err != nil || now == nil {
			return err
		}
		now.Updated, now.Status = s.instant(), planMade
		if set.stack != "" {
			now.Work.Stack = set.stack
		}
		if now.Changes = set.changes; failure == "" {
			failure = set.failure
		}
		if failure != "" {
			now.Status, now.Message = planFailed, "AmazonCloudFormationException  "+failure
			if err := closePlan(ctx, tx, now); err != nil {
				return err
			}
		}
		tx.Put(now.key(), encode(now))
		tx.Delete(key(templateKind, p.Region, p.ID))
		return nil
	})
	return err
}

// madeSet is a change set that was made.
type madeSet struct {
	stack, failure string
	changes        []*shapes.ResourceChange
}

// changeSetOf makes the change set of a plan, or finds the one that was made before a crash.
func (s *Service) changeSetOf(ctx context.Context, p *plan) (set madeSet, err error) {
	as, err := s.actingAs(ctx, p.Work.Actor, p.Work.Origin, p.Region, p.ID)
	if err != nil {
		return set, err
	}
	body, err := s.bodyOf(ctx, p.Region, p.ID)
	if err != nil {
		return set, err
	}
	stack, kind := p.Work.Stack, "UPDATE"
	if p.Launches {
		stack, kind = stackName(p.Account, p.Provisioned), "CREATE"
	}
	out, err := s.stacks.CreateChangeSet(stacks.WithLaunch(stackRequest(as, "CreateChangeSet"), stacks.Launch{Template: body, Tags: p.Work.Auto}), &cloudformation.CreateChangeSetInput{
		StackName: &stack, ChangeSetName: &p.ID, ChangeSetType: &kind, Parameters: p.Work.parameters(), Tags: p.Work.tags(),
		NotificationARNs: p.Work.Topics, Capabilities: capabilities, ClientToken: &p.ID,
	})
	switch {
	case err == nil:
		set.stack = text(out.StackId)
	case !errors.Is(err, &api.Error{Code: "AlreadyExistsException"}):
		return set, err
	}
	in := &cloudformation.DescribeChangeSetInput{StackName: &stack, ChangeSetName: &p.ID}
	for {
		d, err := s.stacks.DescribeChangeSet(as, in)
		if err != nil {
			return set, err
		}
		set.stack = text(d.StackId)
		if text(d.Status) == "FAILED" {
			set.failure = text(d.StatusReason)
		}
		for _, c := range d.Changes {
			set.changes = append(set.changes, resourceChange(c.ResourceChange))
		}
		if in.NextToken = d.NextToken; in.NextToken == nil {
			return set, nil
		}
	}
}

// resourceChange says what a change set says as Service Catalog does, whose words are in
// capitals.
func resourceChange(c *cloudformation.ResourceChange) *shapes.ResourceChange {
	upper := func(s *string) *string { return optional(strings.ToUpper(text(s))) }
	out := &shapes.ResourceChange{
		Action: upper(c.Action), LogicalResourceId: c.LogicalResourceId, PhysicalResourceId: c.PhysicalResourceId, ResourceType: c.ResourceType,
		Replacement: upper(c.Replacement), Scope: []string{}, Details: []*shapes.ResourceChangeDetail{},
	}
	for _, one := range c.Scope {
		out.Scope = append(out.Scope, strings.ToUpper(one))
	}
	for _, d := range c.Details {
		out.Details = append(out.Details, &shapes.ResourceChangeDetail{
			Target:     &shapes.ResourceTargetDefinition{Attribute: upper(d.Target.Attribute), Name: d.Target.Name, RequiresRecreation: upper(d.Target.RequiresRecreation)},
			Evaluation: upper(d.Evaluation), CausingEntity: d.CausingEntity,
		})
	}
	return out
}

// closePlan lets another plan of the provisioned product be made.
func closePlan(ctx context.Context, tx kv.Txn, p *plan) error {
	pp, err := get[provisioned](ctx, tx, key(launchedKind, p.Region, p.Account, p.Provisioned))
	if err != nil || pp == nil || pp.Plan != p.ID || p.Launches { // that one must go with its plan
		return err
	}
	pp.Plan = ""
	tx.Put(pp.key(), encode(pp))
	return nil
}

// endPlans says in the plan that a record executed what became of it. The plans of a
// provisioned product that is gone go with it.
func (o *operation) endPlans(ctx context.Context, tx kv.Txn, r *record, p *provisioned) error {
	if p != nil && p.Status == "" {
		plans, err := plansOf(ctx, tx, r.Region, r.Account, r.Provisioned)
		if err != nil {
			return err
		}
		for _, x := range plans {
			tx.Delete(x.key())
		}
		return nil
	}
	if r.Work.Plan == "" {
		return nil
	}
	x, err := get[plan](ctx, tx, planKey(r.Region, r.Account, r.Work.Plan))
	if err != nil || x == nil {
		return err
	}
	x.Status, x.Updated = planSucceeded, r.Updated
	if r.Status == recordFailed {
		x.Status, x.Message = planBroke, r.Errors[0].Description
	}
	tx.Put(x.key(), encode(x))
	return nil
}

// plansOf are the plans of an account, or of one provisioned product of it, by ID.
func plansOf(ctx context.Context, tx kv.Reader, region, account, provisioned string) ([]*plan, error) {
	list, err := all[plan](ctx, tx, key(plansKind, region, account))
	some := list[:0]
	for _, p := range list {
		if provisioned == "" || p.Provisioned == provisioned {
			some = append(some, p)
		}
	}
	return some, err
}
