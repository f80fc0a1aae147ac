package cloudformation

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// ownTypes are the resource types of CloudFormation itself.
func (s *Service) ownTypes() []*Type {
	return []*Type{
		{
			Name: nestedType, Handler: nested{s}, Attributes: []string{"Outputs.*"},
			Properties: map[string]Property{
				"TemplateURL": {Required: true}, "Parameters": {}, "Tags": {}, "NotificationARNs": {}, "TimeoutInMinutes": {},
			},
		},
		{Name: "AWS::CloudFormation::WaitConditionHandle", Handler: handles{}, Properties: map[string]Property{}},
	}
}

// handles makes handles, which are nothing but a name: templates have them where they need
// a resource and have none. Nobody waits for a signal to one.
type handles struct{}

func (handles) Create(_ context.Context, r *Request) (Made, error) {
	return Made{PhysicalID: r.Name}, nil
}

func (handles) Update(_ context.Context, r *Request) (Made, error) {
	return Made{PhysicalID: r.PhysicalID}, nil
}

func (handles) Delete(context.Context, *Request) error { return nil }

// nested makes stacks in stacks. Such a stack is one like any other, with operations of its
// own, for which the step of the outer one waits.
type nested struct{ *Service }

// lookEvery is how often a step looks whether the operation that it waits for has ended.
const lookEvery = 25 * time.Millisecond

func (h nested) Create(ctx context.Context, r *Request) (Made, error) {
	if r.PhysicalID != "" {
		return h.outcome(ctx, r.PhysicalID, "created", "CREATE_COMPLETE")
	}
	parameters, tags, err := nestedInput(r)
	if err != nil {
		return Made{}, err
	}
	parent, err := h.stackOf(ctx, r.StackID)
	if err != nil {
		return Made{}, err
	}
	in := &cloudformation.CreateStackInput{
		StackName: &r.Name, TemplateURL: textIn(r.Properties, "TemplateURL"), Parameters: parameters, Tags: tags,
		ClientRequestToken: &r.Token, OnFailure: new("DO_NOTHING"), Capabilities: parent.Operation.Target.Capabilities,
		NotificationARNs: textsIn(r.Properties, "NotificationARNs"),
	}
	out, err := h.createStack(h.by(ctx, "CreateStack"), in, func(st *stack) {
		st.Parent, st.Root = parent.arn(), parent.arn()
		if parent.Root != "" {
			st.Root = parent.Root
		}
		if st.Role = parent.Role; st.Role != "" {
			st.Actor = nil
		}
	})
	if err != nil {
		return Made{}, err
	}
	if err := r.Began(*out.StackId); err != nil {
		return Made{PhysicalID: *out.StackId}, err
	}
	return h.outcome(ctx, *out.StackId, "created", "CREATE_COMPLETE")
}

// Find finds a stack by the step's token: what its template was read from may be gone.
func (h nested) Find(ctx context.Context, r *Request) (id string, err error) {
	err = h.store.View(ctx, func(tx kv.Reader) error {
		uuid, err := tx.Get(ctx, nameKey(r.Account, r.Region, r.Name))
		if err != nil || uuid == nil {
			return err
		}
		st, err := readStack(ctx, tx, string(uuid))
		if err == nil && st != nil && st.Token == r.Token {
			id = st.arn()
		}
		return err
	})
	return id, err
}

func (h nested) Update(ctx context.Context, r *Request) (Made, error) {
	if r.Undo {
		return h.undo(ctx, r)
	}
	st, err := h.stackOf(ctx, r.PhysicalID)
	if err != nil {
		return Made{}, err
	}
	parent, err := h.stackOf(ctx, r.StackID)
	if err != nil {
		return Made{}, err
	}
	if st.Token != r.Token {
		parameters, tags, err := nestedInput(r)
		if err != nil {
			return Made{}, err
		}
		in := &cloudformation.UpdateStackInput{
			StackName: &r.PhysicalID, TemplateURL: textIn(r.Properties, "TemplateURL"), Parameters: parameters, Tags: tags,
			ClientRequestToken: &r.Token, NotificationARNs: textsIn(r.Properties, "NotificationARNs"), Capabilities: capabilitiesOf(parent),
		}
		_, err = h.updateStack(h.by(ctx, "UpdateStack"), in, true)
		if e, ok := errors.AsType[*api.Error](err); ok && e.Message == noUpdates {
			return h.outcome(ctx, r.PhysicalID, "updated", st.Status)
		}
		if err != nil {
			return Made{}, err
		}
	}
	return h.outcome(ctx, r.PhysicalID, "updated", "UPDATE_COMPLETE")
}

// capabilitiesOf are those that the outer stack's running operation has.
func capabilitiesOf(parent *stack) []string {
	if parent.Operation != nil && parent.Operation.Phase == applying {
		return parent.Operation.Target.Capabilities
	}
	return parent.Current.Capabilities
}

func (h nested) Delete(ctx context.Context, r *Request) error {
	st, err := h.stackOf(ctx, r.PhysicalID)
	if err != nil || st.gone() {
		return err
	}
	if st.inProgress() && !strings.HasPrefix(st.Status, "DELETE") { // of a step that a crash cut off, or held
		if _, err = h.settled(ctx, r.PhysicalID); err != nil {
			return err
		}
		if err := h.release(ctx, r.PhysicalID); err != nil {
			return err
		}
	}
	if _, err := h.DeleteStack(h.by(ctx, "DeleteStack"), &cloudformation.DeleteStackInput{StackName: &r.PhysicalID, ClientRequestToken: &r.Token}); err != nil {
		return err
	}
	_, err = h.outcome(ctx, r.PhysicalID, "deleted", "DELETE_COMPLETE")
	return err
}

// by is a context of an operation that a step asks for.
func (nested) by(ctx context.Context, operation string) context.Context {
	r := new(*api.RequestOf(ctx))
	r.Service, r.Operation = "cloudformation", operation
	return api.WithRequest(ctx, r)
}

// stackOf returns the stack of an ARN.
func (h nested) stackOf(ctx context.Context, arn string) (st *stack, err error) {
	err = h.store.View(ctx, func(tx kv.Reader) error {
		st, err = readStack(ctx, tx, uuidOf(arn))
		return err
	})
	if err == nil && st == nil {
		err = noStack(arn)
	}
	return st, err
}

// settled waits until nothing happens to a stack by itself.
func (h nested) settled(ctx context.Context, arn string) (*stack, error) {
	for {
		st, err := h.stackOf(ctx, arn)
		if err != nil || !st.inProgress() || st.held() {
			return st, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// outcome waits for the end of an operation on a stack, which is to be in a status.
func (h nested) outcome(ctx context.Context, arn, done, status string) (Made, error) {
	made, is, err := h.result(ctx, arn)
	if err != nil || is == status {
		return made, err
	}
	st, err := h.stackOf(ctx, arn)
	if err != nil {
		return made, err
	}
	why := st.Reason
	if st.Operation != nil {
		why = st.Operation.Failed
	}
	return made, failed("Embedded stack %s was not successfully %s: %s", arn, done, why)
}

// result waits for the end of an operation on a stack, and returns in which status it is, or
// will be when it is released.
func (h nested) result(ctx context.Context, arn string) (made Made, status string, err error) {
	made = Made{PhysicalID: arn, Attributes: map[string]*template.Node{}}
	st, err := h.settled(ctx, arn)
	if err != nil {
		return made, "", err
	}
	for _, o := range st.Outputs {
		made.Attributes["Outputs."+o.Key] = template.NewText(o.Value)
	}
	status = st.Status
	if st.held() {
		status = strings.TrimSuffix(status, "_CLEANUP_IN_PROGRESS")
	}
	return made, status, nil
}

// nestedInput reads the parameters and the tags of a stack in a stack.
func nestedInput(r *Request) (parameters []*cloudformation.Parameter, tags []*cloudformation.Tag, err error) {
	if p := r.Properties.Get("Parameters"); p != nil {
		if p.Kind != template.Map {
			return nil, nil, failed("Value of property Parameters must be an object with String (or simple type) properties")
		}
		for _, f := range p.Fields {
			value := f.Value.Text
			if f.Value.Kind == template.List { // of a parameter that is a list
				value = strings.Join(textsOf(f.Value), ",")
			}
			parameters = append(parameters, &cloudformation.Parameter{ParameterKey: new(f.Name), ParameterValue: new(value)})
		}
	}
	own := map[string]bool{}
	tags = []*cloudformation.Tag{} // none is said, too
	if list := r.Properties.Get("Tags"); list != nil {
		for _, t := range list.Items {
			tags = append(tags, &cloudformation.Tag{Key: textIn(t, "Key"), Value: textIn(t, "Value")})
			own[text(textIn(t, "Key"))] = true
		}
	}
	for k, v := range r.Tags {
		if !api.SystemTag(k) && !own[k] {
			tags = append(tags, &cloudformation.Tag{Key: new(k), Value: new(v)})
		}
	}
	return parameters, tags, nil
}

func textIn(n *template.Node, name string) *string {
	if v := n.Get(name); v != nil && v.Kind == template.Text {
		return &v.Text
	}
	return nil
}

func textsIn(n *template.Node, name string) []string { return textsOf(n.Get(name)) }

func textsOf(n *template.Node) (texts []string) {
	if n == nil {
		return nil
	}
	for _, item := range n.Items {
		texts = append(texts, item.Text)
	}
	return texts
}
