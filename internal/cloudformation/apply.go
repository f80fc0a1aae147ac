package cloudformation

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// evaluation evaluates the template of a side of the stack.
func (r *run) evaluation(ctx context.Context, of side) (*template.Template, *template.Evaluation, error) {
	t, err := r.template(ctx, r.st.UUID, of.Body)
	if err != nil {
		return nil, nil, err
	}
	e, err := t.Evaluate(template.Scope{
		Account: r.st.Account, Region: r.st.Region, StackID: r.st.arn(), StackName: r.st.Name,
		NotificationARNs: of.Notifications, Parameters: of.Parameters,
		Ref: func(id string) (string, error) {
			if p := r.live(id); p != nil {
				return p.ID, nil
			}
			return "", failed("Resource %s is not there", id)
		},
		Attribute: func(id, name string) (*template.Node, error) {
			if p := r.live(id); p != nil && p.Attributes[name] != nil {
				return p.Attributes[name], nil
			}
			return nil, failed("Attribute '%s' does not exist", name)
		},
		Import: func(name string) (string, error) { return r.importValue(ctx, r.st, name) },
		Zones:  func(region string) []string { return []string{region + "a"} },
	})
	return t, e, err
}

// apply brings the resources to the target, those at once that do not need each other.
func (r *run) apply(ctx context.Context) error {
	_, e, err := r.evaluation(ctx, r.op.Target)
	if wrong, ok := errors.AsType[*template.Error](err); ok {
		return r.fail(ctx, wrong.Message)
	}
	if err != nil {
		return err
	}
	after, err := e.Dependencies()
	if err != nil {
		return r.fail(ctx, err.Error())
	}
	if why := r.removalsRefused(e); why != "" {
		return r.fail(ctx, why)
	}
	var tasks []task
	for _, decl := range e.Resources() {
		tasks = append(tasks, task{decl.ID, after[decl.ID], func(ctx context.Context) error {
			return r.applyOne(ctx, e, decl, after[decl.ID])
		}})
	}
	// What a crash interrupted is brought to its end first: a failure of another step must
	// not leave it half done.
	reason := ""
	_, err = perform(ctx, r.interrupted(), false, func() bool { return false })
	failures := r.failed()
	if err == nil && failures == nil {
		failures, err = perform(ctx, tasks, true, func() bool { reason = r.halted(ctx); return reason != "" })
	}
	switch {
	case err != nil:
		return err
	case failures != nil:
		verb := "create"
		if r.op.Kind == updating {
			verb = "update"
		}
		return r.fail(ctx, "The following resource(s) failed to "+verb+": ["+strings.Join(failures, ", ")+"]. ")
	case reason != "":
		return r.fail(ctx, reason)
	}
	outputs, err := r.outputs(e)
	if wrong, ok := errors.AsType[*template.Error](err); ok {
		return r.fail(ctx, wrong.Message)
	}
	if err != nil {
		return err
	}
	err = r.applied(ctx, e, outputs)
	if wrong, ok := errors.AsType[*template.Error](err); ok { // an export that is another's
		return r.fail(ctx, wrong.Message)
	}
	return err
}

// failed are the resources of which a step failed, sorted.
func (r *run) failed() (ids []string) {
	for id, rec := range r.resources {
		if rec.Failed && rec.Base == r.op.Base {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// interrupted are the steps that were begun and are not known to have ended.
func (r *run) interrupted() (tasks []task) {
	for _, rec := range r.resources {
		if rec.Step == nil || rec.Base != r.op.Base {
			continue
		}
		tasks = append(tasks, task{id: rec.ID, do: func(ctx context.Context) error {
			if rec.Step.Action == creating {
				return r.create(ctx, rec, rec.Step.Physical)
			}
			err := r.change(ctx, rec, rec.Step.Physical, "UPDATE")
			if errors.Is(err, ErrReplace) {
				return nil // the step that follows replaces it
			}
			return err
		}})
	}
	return tasks
}

// removalsRefused returns why the stack's policy does not let go of a resource, "" if it
// does.
func (r *run) removalsRefused(e *template.Evaluation) string {
	for id, rec := range r.resources {
		stays := slices.ContainsFunc(e.Resources(), func(d *template.Resource) bool { return d.ID == id })
		if rec.Now == nil || stays {
			continue
		}
		if err := r.permits("Update:Delete", id, rec.Type); err != nil {
			return err.Error()
		}
	}
	return ""
}

// outputs evaluates the outputs.
func (r *run) outputs(e *template.Evaluation) ([]output, error) {
	var outputs []output
	for _, o := range e.Outputs() {
		v, err := e.Resolve(o.Value)
		if err != nil {
			return nil, err
		}
		if v == nil || v.Kind != template.Text {
			return nil, failed("Template format error: The Value field of every Outputs member must evaluate to a String.")
		}
		out := output{Key: o.ID, Value: v.Text, Description: o.Description}
		if o.Export != nil {
			name, err := e.Resolve(o.Export)
			if err != nil {
				return nil, err
			}
			if name == nil || name.Kind != template.Text || name.Text == "" {
				return nil, failed("Template format error: Output %s is malformed. The Name field of every Export member must be specified and consist of a non-empty string.", o.ID)
			}
			out.Export = name.Text
		}
		outputs = append(outputs, out)
	}
	return outputs, nil
}

// applied ends the first phase: the target is what the stack is now.
func (r *run) applied(ctx context.Context, e *template.Evaluation, outputs []output) error {
	return r.commit(ctx, func(tx kv.Txn, st *stack) error {
		if err := setExports(ctx, tx, st, outputs); err != nil {
			return err
		}
		imports, err := e.Imports()
		if err != nil {
			return err
		}
		setImports(tx, st, imports)
		op := st.Operation
		st.Current, st.Outputs = op.Target, outputs
		switch {
		case op.Kind == creating:
			if err := doomUnneeded(ctx, tx, st); err != nil {
				return err
			}
			return r.finish(ctx, tx, st, "CREATE_COMPLETE", "")
		case op.Inner:
			op.Phase = holding
		default:
			if err := doomUnneeded(ctx, tx, st); err != nil {
				return err
			}
			op.Phase = removing
		}
		r.turn(tx, st, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")
		return nil
	})
}
