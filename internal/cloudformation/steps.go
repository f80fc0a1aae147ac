package cloudformation

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// applyOne brings one resource to what its declaration says.
func (r *run) applyOne(ctx context.Context, e *template.Evaluation, decl *template.Resource, after []string) error {
	rec := r.record(decl.ID, decl.Type)
	if rec.Base == r.op.Base && rec.Applied {
		return nil
	}
	if rec.Base != r.op.Base {
		rec.Base, rec.Before, rec.Applied, rec.Undone, rec.Failed = r.op.Base, rec.Now, false, false, false
	}
	properties, err := e.Resolve(decl.Properties)
	if err == nil && properties == nil {
		properties = template.NewMap()
	}
	if err == nil {
		err = r.types[decl.Type].check(properties)
	}
	if err != nil {
		return r.stepFailed(ctx, rec, r.verb(rec)+"_FAILED", err)
	}
	target := &physical{
		Type: decl.Type, Properties: properties, Shown: shown(e, decl), Tags: r.op.Target.Tags, DependsOn: after,
		Deletion: decl.DeletionPolicy, Replacement: decl.UpdateReplacePolicy,
	}
	now := rec.Now
	switch {
	case now == nil || rec.Step != nil && rec.Step.Action == creating:
		return r.create(ctx, rec, target)
	case now.Properties.Equal(properties) && maps.Equal(now.Tags, target.Tags) && !now.Unsure:
		target.ID, target.Attributes = now.ID, now.Attributes
		rec.Now, rec.Applied, rec.Step = target, true, nil
		return r.save(ctx, rec, "", "")
	case r.types[decl.Type].replaces(now.Properties, properties):
		if err := r.permits("Update:Replace", decl.ID, decl.Type); err != nil {
			return r.stepFailed(ctx, rec, "UPDATE_FAILED", err)
		}
		return r.replace(ctx, rec, target)
	}
	if err := r.permits("Update:Modify", decl.ID, decl.Type); err != nil {
		return r.stepFailed(ctx, rec, "UPDATE_FAILED", err)
	}
	err = r.change(ctx, rec, target, "UPDATE")
	if errors.Is(err, ErrReplace) {
		return r.replace(ctx, rec, target)
	}
	return err
}

// shown is what of a resource's properties may be shown, if that is not all of them: none, where
// a function cannot do with a secret value's mask what it does with the value.
func shown(e *template.Evaluation, decl *template.Resource) *template.Node {
	m := e.Masked()
	if m == nil {
		return nil
	}
	properties, err := m.Resolve(decl.Properties)
	if err != nil || properties == nil {
		return template.NewMap()
	}
	return properties
}

// verb is how the statuses of a resource begin.
func (r *run) verb(rec *resource) string {
	if rec.Before == nil && rec.Now == nil {
		return "CREATE"
	}
	return "UPDATE"
}

// replace makes another resource instead of one that cannot be changed.
func (r *run) replace(ctx context.Context, rec *resource, target *physical) error {
	if named := r.types[target.Type].NamedBy; named != "" && rec.Step == nil {
		if name := target.Properties.Get(named); name != nil && name.Equal(rec.Now.Properties.Get(named)) {
			return r.stepFailed(ctx, rec, "UPDATE_FAILED", failed(
				"CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", name.Text))
		}
	}
	if rec.Now != rec.Before && rec.Now.Unsure { // a replacement that failed before
		rec.doom(rec.Now, template.Delete)
		rec.Now = rec.Before
	}
	return r.create(ctx, rec, target)
}

// create makes a resource.
func (r *run) create(ctx context.Context, rec *resource, target *physical) error {
	verb := r.verb(rec)
	retry := rec.Step != nil && rec.Step.Action == creating
	if !retry {
		rec.Step = &step{creating, uuid.NewString(), r.now().UTC(), target}
		reason := ""
		if verb == "UPDATE" {
			reason = "Requested update requires the creation of a new physical resource; hence creating one."
		}
		if err := r.save(ctx, rec, verb+"_IN_PROGRESS", reason); err != nil {
			return err
		}
	}
	// What was begun before a crash is brought to its end, though the target has changed.
	target = rec.Step.Physical
	req := r.request(rec, target, rec.Step.Token, retry)
	req.PhysicalID, req.Since = target.ID, rec.Step.Began
	req.Began = func(id string) error {
		target.ID = id
		return r.save(ctx, rec, verb+"_IN_PROGRESS", "Resource creation Initiated")
	}
	if f, ok := r.types[target.Type].Handler.(Finder); ok && retry && target.ID == "" {
		id, err := f.Find(r.look(ctx), req)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return r.stepFailed(ctx, rec, verb+"_FAILED", err)
		}
		target.ID, req.PhysicalID = id, id
	}
	made, err := r.call(ctx, target.Type, creating, func(ctx context.Context, h Handler) (Made, error) { return h.Create(ctx, req) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if made.PhysicalID != "" {
		target.ID = made.PhysicalID
	}
	target.Attributes = made.Attributes
	rec.Step = nil
	if err != nil {
		if target.ID != "" {
			target.Unsure = true
			rec.Now = target
		}
		return r.stepFailed(ctx, rec, verb+"_FAILED", err)
	}
	rec.Now, rec.Applied = target, true
	return r.save(ctx, rec, verb+"_COMPLETE", "")
}

// change changes a resource in place. The error is ErrReplace if that is not possible.
func (r *run) change(ctx context.Context, rec *resource, target *physical, verb string) error {
	retry := rec.Step != nil && rec.Step.Action == updating
	target.ID = rec.Now.ID
	if !retry {
		rec.Step = &step{updating, uuid.NewString(), r.now().UTC(), target}
		if err := r.save(ctx, rec, verb+"_IN_PROGRESS", ""); err != nil {
			return err
		}
	}
	req := r.request(rec, target, rec.Step.Token, retry || rec.Now.Unsure)
	req.PhysicalID, req.Previous, req.PreviousTags, req.Since = rec.Now.ID, rec.Now.Properties, r.tags(rec, rec.Now), rec.Step.Began
	made, err := r.call(ctx, target.Type, updating, func(ctx context.Context, h Handler) (Made, error) { return h.Update(ctx, req) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	rec.Step = nil
	if errors.Is(err, ErrReplace) {
		return err
	}
	if err != nil {
		unsure := *rec.Now
		unsure.Unsure = true
		rec.Now = &unsure
		return r.stepFailed(ctx, rec, verb+"_FAILED", err)
	}
	target.Attributes = made.Attributes
	rec.Now, rec.Applied = target, true
	return r.save(ctx, rec, verb+"_COMPLETE", "")
}

// undoOne changes a resource back to what it was before the operation.
func (r *run) undoOne(ctx context.Context, rec *resource) error {
	was := rec.Before
	switch {
	case was == nil || slices.Contains(r.op.Skip, rec.ID):
		rec.Undone = true
		return r.save(ctx, rec, "", "")
	case rec.Now == nil || rec.Now.ID == was.ID && !rec.Now.Unsure && rec.Now.Properties.Equal(was.Properties) && maps.Equal(rec.Now.Tags, was.Tags):
		rec.Now, rec.Undone = was, true
		return r.save(ctx, rec, "", "")
	case rec.Now.ID != was.ID:
		rec.doom(rec.Now, template.Delete)
		rec.Now, rec.Undone = was, true
		return r.save(ctx, rec, "UPDATE_COMPLETE", "")
	}
	if err := r.change(ctx, rec, new(*was), "UPDATE"); err != nil {
		return err
	}
	rec.Undone = true
	return r.save(ctx, rec, "", "")
}

// removeOne deletes a resource, unless its policy says that it stays.
func (r *run) removeOne(ctx context.Context, rec *resource, p *physical) error {
	drop := func(status, reason string) error {
		r.mu.Lock()
		rec.Doomed, rec.Last = slices.DeleteFunc(rec.Doomed, func(q *physical) bool { return q == p }), p.ID
		r.mu.Unlock()
		if rec.Now != nil { // it is the end of one that was replaced
			return r.note(ctx, rec, p, status, reason)
		}
		return r.save(ctx, rec, status, reason)
	}
	if p.Policy != template.Delete || r.op.Kind == deleting && slices.Contains(r.op.Retain, rec.ID) {
		return drop("DELETE_SKIPPED", "")
	}
	var err error
	switch {
	case rec.Now != nil:
		err = r.note(ctx, rec, p, "DELETE_IN_PROGRESS", "")
	case rec.Status != "DELETE_IN_PROGRESS":
		err = r.save(ctx, rec, "DELETE_IN_PROGRESS", "")
	}
	if err != nil {
		return err
	}
	req := r.request(rec, p, r.op.Base+rec.ID, true)
	req.PhysicalID = p.ID
	_, err = r.call(ctx, p.Type, deleting, func(ctx context.Context, h Handler) (Made, error) { return Made{}, h.Delete(ctx, req) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && rec.Now != nil {
		if err := r.note(ctx, rec, p, "DELETE_FAILED", r.told(rec, err)); err != nil {
			return err
		}
		return &stepFailure{err.Error()}
	}
	if err != nil {
		return r.stepFailed(ctx, rec, "DELETE_FAILED", err)
	}
	return drop("DELETE_COMPLETE", "")
}

// stepFailed stores that a step failed, and why.
func (r *run) stepFailed(ctx context.Context, rec *resource, status string, cause error) error {
	reason := r.told(rec, cause)
	rec.Failed = r.op.Phase == applying
	if err := r.save(ctx, rec, status, reason); err != nil {
		return err
	}
	return &stepFailure{reason}
}

// told is why a step failed, as events tell it.
func (r *run) told(rec *resource, cause error) string {
	reason := cause.Error()
	if e, ok := errors.AsType[*api.Error](cause); ok {
		reason = fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", e.Message, e.Code, e.HTTPStatus(), r.op.Base)
		if e.Cause != nil {
			r.log.Error("a step of a stack failed", "stack", r.st.arn(), "resource", rec.ID, "cause", e.Cause)
		}
	}
	return reason
}

// call calls the handler of a type as the stack's actor. A panic is an error of the step.
func (r *run) call(ctx context.Context, typ, action string, fn func(context.Context, Handler) (Made, error)) (made Made, err error) {
	began := r.now()
	defer func() {
		r.metrics.took.WithLabelValues(typ, action).Observe(r.now().Sub(began).Seconds())
		outcome := "done"
		if err != nil {
			outcome = "failed"
		}
		r.metrics.steps.WithLabelValues(typ, action, outcome).Inc()
	}()
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("the handler of a resource panicked", "type", typ, "panic", p)
			err = failed("Internal Failure")
		}
	}()
	acting, err := r.actor(ctx)
	if err != nil {
		return Made{}, err
	}
	return fn(acting, r.types[typ].Handler)
}

// look is a context in which the server itself looks, as the root of the stack's account.
func (r *run) look(ctx context.Context) context.Context {
	arn := "arn:aws:iam::" + r.st.Account + ":root"
	req := &api.Request{
		ID: r.op.Base, Service: "cloudformation", Operation: "Operation", Region: r.st.Region, Time: r.now(), CalledVia: []string{principal},
		Caller: api.Caller{Account: r.st.Account, ARN: arn, Principal: arn, UserID: r.st.Account, Type: api.RootCaller},
	}
	return api.WithRequest(ctx, req.From(r.op.Origin))
}

// actor returns a context in which the stack's role acts, or who asked for the operation.
func (r *run) actor(ctx context.Context) (context.Context, error) {
	req := &api.Request{ID: r.op.Base, Service: "cloudformation", Operation: "Operation", Region: r.st.Region, Time: r.now(), CalledVia: []string{principal}}
	ctx = api.WithRequest(ctx, req.From(r.op.Origin))
	if r.st.Role != "" {
		return r.identity.ServiceRole(ctx, r.st.Role, principal, "AWSCloudFormation")
	}
	return r.identity.Act(ctx, r.st.Actor)
}

// request is what a handler is told of a step.
func (r *run) request(rec *resource, p *physical, token string, retry bool) *Request {
	return &Request{
		Account: r.st.Account, Region: r.st.Region, StackID: r.st.arn(), StackName: r.st.Name, LogicalID: rec.ID,
		Properties: p.Properties, Tags: r.tags(rec, p), Name: nameOf(r.st.Name, rec.ID, token), Token: token, Retry: retry,
		Undo: r.op.Phase == undoing, Began: func(string) error { return nil }, Look: r.look,
	}
}

// tags are those of the stack as a resource gets them, and those that say whose it is.
func (r *run) tags(rec *resource, p *physical) map[string]string {
	tags := maps.Clone(p.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags["aws:cloudformation:stack-id"] = r.st.arn()
	tags["aws:cloudformation:stack-name"] = r.st.Name
	tags["aws:cloudformation:logical-id"] = rec.ID
	return tags
}

// nameOf is a name of a resource that nobody else has: the same for all tries of a step.
func nameOf(stack, id, token string) string {
	sum := sha256.Sum256([]byte(token))
	end := base32.StdEncoding.EncodeToString(sum[:])[:12]
	return strings.TrimRight(stack[:min(len(stack), 24)], "-") + "-" + id[:min(len(id), 24)] + "-" + end
}

// check checks evaluated properties against what the type has.
func (t *Type) check(properties *template.Node) error {
	for _, f := range properties.Fields {
		if _, ok := t.Properties[f.Name]; !ok {
			return failed("Encountered unsupported property %s", f.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Properties)) {
		if t.Properties[name].Required && properties.Get(name) == nil {
			return failed("Property %s cannot be empty.", name)
		}
	}
	return nil
}

// replaces tells whether a change of properties makes another resource.
func (t *Type) replaces(old, properties *template.Node) bool {
	for name, p := range t.Properties {
		if p.Replace && !old.Get(name).Equal(properties.Get(name)) {
			return true
		}
	}
	return false
}
