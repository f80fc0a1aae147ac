package servicecatalog

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// What is done to a provisioned product is a job: it asks for a stack's operation, once, and
// follows that to its end. A crash between asking and noting that it was asked is seen by the
// token of the request, which is the record's ID.
const operationKind = "servicecatalog.Operation"

// operationsAtOnce is how many launches one process follows: they mostly wait.
const operationsAtOnce = 64

// Jobs are the kinds of background work of the service.
func (s *Service) Jobs() []jobs.Kind {
	return []jobs.Kind{
		{Name: operationKind, Run: s.operate, AtOnce: operationsAtOnce},
		{Name: planKind, Run: s.plan, AtOnce: operationsAtOnce},
		{Name: "servicecatalog.ForgetTokens", Run: s.forgetTokens, Every: time.Hour},
	}
}

// work is what is to be done for a record.
type work struct {
	Do     string
	Actor  actor
	Origin api.Origin        // of the request that asked for it
	Stack  string            `json:",omitzero"`  // its ARN, once there is one
	Values map[string]string `json:",omitempty"` // of parameters
	Tags   map[string]string `json:",omitempty"` // of the stack
	Asked  map[string]string `json:",omitempty"` // those of them that the request had
	Auto   map[string]string `json:",omitempty"` // tags
	Topics []string          `json:",omitempty"`
	Plan   string            `json:",omitzero"` // whose change set is executed
	Retain bool              `json:",omitzero"`
	// IgnoreErrors lets the provisioned product go even if its stack stays.
	IgnoreErrors bool `json:",omitzero"`
	// Begun says that the stack's operation was asked for, Same that there was nothing to do.
	Begun bool `json:",omitzero"`
	Same  bool `json:",omitzero"`
}

const (
	doCreate = "create"
	doUpdate = "update"
	doDelete = "delete"
)

// operation is a record's work in one process.
type operation struct {
	*Service
	job *jobs.Job
	r   *record
	w   *work
}

// operate does the work of a record.
func (s *Service) operate(ctx context.Context, job *jobs.Job) error {
	o := &operation{Service: s, job: job}
	parts := strings.Fields(job.ID)
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		o.r, err = get[record](ctx, tx, key(recordKind, parts...))
		return err
	})
	if err != nil || o.r == nil || o.r.ended() || o.r.Work == nil {
		return err
	}
	o.w = o.r.Work
	if o.r.Status == recordCreated {
		if err := o.commit(ctx, func(r *record, _ *provisioned) { r.Status = recordRuns }); err != nil {
			return err
		}
	}
	if err := o.run(ctx); err != nil {
		return o.fails(ctx, err)
	}
	return nil
}

// run asks for the stack's operation and follows it. An error that is not the server's own
// ends the record.
func (o *operation) run(ctx context.Context) error {
	if o.w.Do == doDelete && (o.w.Stack == "" || o.w.Retain) {
		return o.gone(ctx)
	}
	if !o.w.Begun {
		if err := o.ask(ctx); err != nil {
			return err
		}
	}
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		done, err := o.look(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// look looks how far the stack is, and ends the record if it is there.
func (o *operation) look(ctx context.Context) (done bool, err error) {
	as, err := o.acting(ctx)
	if err != nil {
		return false, err
	}
	out, err := o.stacks.DescribeStacks(as, &cloudformation.DescribeStacksInput{StackName: &o.w.Stack})
	if err != nil {
		return false, err
	}
	st := out.Stacks[0]
	status := text(st.StackStatus)
	switch {
	case status == "DELETE_COMPLETE" && o.w.Do == doDelete:
		return true, o.gone(ctx)
	case status == "DELETE_COMPLETE":
		return true, &stackFailure{broken, "Stack " + o.w.Stack + " was deleted."}
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		if strings.Contains(status, "ROLLBACK") && o.r.Status != recordFails {
			return false, o.commit(ctx, func(r *record, _ *provisioned) { r.Status = recordFails })
		}
		return false, nil
	case o.w.Same, status == "CREATE_COMPLETE" && o.w.Do == doCreate, status == "UPDATE_COMPLETE" && o.w.Do == doUpdate:
		return true, o.succeeds(ctx, st)
	}
	why, err := o.reason(as, text(st.StackStatusReason))
	if err != nil {
		return false, err
	}
	became := broken
	if o.w.Do != doCreate && status != "UPDATE_ROLLBACK_FAILED" {
		became = tainted
	}
	return true, &stackFailure{became, why}
}

// stackFailure says that a stack's operation failed, and what the provisioned product is now.
type stackFailure struct{ status, reason string }

func (f *stackFailure) Error() string { return f.reason }

// reason is why a stack's operation failed: the first failure of a resource that was not
// called off because of another.
func (o *operation) reason(as context.Context, otherwise string) (why string, err error) {
	why = otherwise
	in := &cloudformation.DescribeStackEventsInput{StackName: &o.w.Stack}
	for {
		out, err := o.stacks.DescribeStackEvents(as, in)
		if e, told := errors.AsType[*api.Error](err); told && e.HTTPStatus() < 500 {
			return why, nil // who launches may not see the events
		}
		if err != nil {
			return "", err
		}
		for _, e := range out.StackEvents { // the newest first
			if text(e.ClientRequestToken) != o.r.ID {
				return why, nil
			}
			status, reason := text(e.ResourceStatus), text(e.ResourceStatusReason)
			if strings.HasSuffix(status, "_FAILED") && reason != "" && !strings.Contains(reason, "cancelled") {
				why = reason
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return why, nil
		}
	}
}

// commit changes the record and the provisioned product, nil if there is none any more.
// One whose status is "" then is gone.
func (o *operation) commit(ctx context.Context, fn func(r *record, p *provisioned)) error {
	was := o.r
	_, err := o.job.Update(ctx, func(tx kv.Txn) error {
		r, err := get[record](ctx, tx, o.r.key())
		if err != nil {
			return err
		}
		p, err := get[provisioned](ctx, tx, key(launchedKind, r.Region, r.Account, r.Provisioned))
		if err != nil {
			return err
		}
		r.Updated = o.instant()
		fn(r, p)
		if p != nil && p.Status != "" {
			tx.Put(p.key(), encode(p))
		} else if p != nil {
			tx.Delete(p.key())
			tx.Delete(p.nameKey())
		}
		if r.ended() {
			if err := o.endPlans(ctx, tx, r, p); err != nil {
				return err
			}
			r.Work = nil
			tx.Delete(key(templateKind, r.Region, r.ID))
		}
		tx.Put(r.key(), encode(r))
		o.r = r
		if r.Work != nil {
			o.w = r.Work
		}
		return nil
	})
	if err == nil && o.r.ended() && !was.ended() {
		o.metrics.ended(o.r)
	}
	return err
}

// succeeds ends the record of a launch or an update.
func (o *operation) succeeds(ctx context.Context, st *cloudformation.Stack) error {
	return o.commit(ctx, func(r *record, p *provisioned) {
		r.Status = recordSucceeded
		r.Outputs = outputsOf(st)
		if p == nil {
			return
		}
		p.Status, p.Message, p.LastSuccessful = available, "", r.ID
		p.Product, p.Artifact, p.Path = r.Product, r.Artifact, r.Path
		p.LaunchRole, p.AdminRole = r.Work.Actor.Role, r.Work.Actor.Admin
		p.Tags, p.Asked, p.Values = r.Work.Tags, r.Work.Asked, r.Work.Values
	})
}

// outputsOf are the outputs of a stack, and its ARN.
func outputsOf(st *cloudformation.Stack) []output {
	list := []output{{"CloudformationStackARN", text(st.StackId), "The ARN of the launched Cloudformation Stack"}}
	for _, x := range st.Outputs {
		list = append(list, output{text(x.OutputKey), text(x.OutputValue), text(x.Description)})
	}
	return list
}

// gone ends the record of a termination: there is nothing of the name any more.
func (o *operation) gone(ctx context.Context) error {
	return o.commit(ctx, func(r *record, p *provisioned) {
		r.Status = recordSucceeded
		if p != nil {
			p.Status = ""
		}
	})
}

// fails ends a record that cannot succeed. Failures of the server itself, and of the work
// being taken away, are tried again.
func (o *operation) fails(ctx context.Context, err error) error {
	f, stack := errors.AsType[*stackFailure](err)
	e, told := errors.AsType[*api.Error](err)
	if !stack && (!told || e.HTTPStatus() >= 500) {
		return err
	}
	why, code, status := "", "StackFailed", broken
	if stack {
		why, status = f.reason, f.status
	} else {
		why, code = e.Message, e.Code
		if o.w.Do != doCreate {
			status = tainted
		}
	}
	why = "AmazonCloudFormationException  " + why
	if o.w.Do == doDelete && o.w.IgnoreErrors {
		return o.gone(ctx)
	}
	return o.commit(ctx, func(r *record, p *provisioned) {
		r.Status, r.Errors = recordFailed, []failure{{code, why}}
		if r.Work.Stack != "" {
			r.Outputs = []output{{"CloudformationStackARN", r.Work.Stack, "The ARN of the launched Cloudformation Stack"}}
		}
		if p == nil {
			return
		}
		p.Status, p.Message = status, why
		if o.w.Do == doCreate {
			p.LaunchRole, p.AdminRole, p.Tags, p.Asked = r.Work.Actor.Role, r.Work.Actor.Admin, r.Work.Tags, r.Work.Asked
		}
	})
}
