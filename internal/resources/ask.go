package resources

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// service is an API that handlers ask.
type service struct {
	*api.Service
	operations map[string]api.Operation
}

func newService(s *api.Service) service {
	of := service{s, make(map[string]api.Operation, len(s.Operations))}
	for _, op := range s.Operations {
		of.operations[op.Name] = op
	}
	return of
}

// do calls an operation as the caller in the context, after the checks that a request to
// it would meet, and returns its output.
func (s service) do(ctx context.Context, operation string, in api.Input) (any, error) {
	op, ok := s.operations[operation]
	if !ok {
		return nil, api.Internal(fmt.Errorf("resources: %s has no operation %s", s.Name, operation))
	}
	var v api.Violations
	in.Validate(&v)
	if err := v.Err(); err != nil {
		if s.Invalid != nil {
			return nil, s.Invalid(&v)
		}
		return nil, err
	}
	r := new(*api.RequestOf(ctx))
	r.Service, r.Operation = s.Name, operation
	return op.Call(api.WithRequest(ctx, r), in)
}

// ask is do for an operation whose output is wanted.
func ask[O any](ctx context.Context, s service, operation string, in api.Input) (*O, error) {
	out, err := s.do(ctx, operation, in)
	if err != nil {
		return nil, err
	}
	return out.(*O), nil
}

// tell is do for an operation whose output says nothing.
func (s service) tell(ctx context.Context, operation string, in api.Input) error {
	_, err := s.do(ctx, operation, in)
	return err
}

// isCode tells whether an error has one of some codes.
func isCode(err error, codes ...string) bool {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}

// absent is err, but nil if its code says that something is not there.
func absent(err error, codes ...string) error {
	if isCode(err, codes...) {
		return nil
	}
	return err
}

// changed tells whether an update has to set something again: one of the properties has
// another value, or what the resource has is not known.
func changed(r *cloudformation.Request, names ...string) bool {
	if r.Retry {
		return true
	}
	for _, name := range names {
		if !r.Properties.Get(name).Equal(r.Previous.Get(name)) {
			return true
		}
	}
	return false
}

// str is a property that is a text, "" if it is not there.
func str(n *template.Node, name string) string {
	if v := n.Get(name); v != nil {
		return v.Text
	}
	return ""
}

// ptr is a property that is a text, nil if it is not there.
func ptr(n *template.Node, name string) *string {
	if v := n.Get(name); v != nil && v.Kind == template.Text {
		return &v.Text
	}
	return nil
}

func isTrue(n *template.Node, name string) bool { return strings.EqualFold(str(n, name), "true") }

// named is the name that a template gives a resource by a property, or the one that it gets.
func named(r *cloudformation.Request, property string) string {
	if name := str(r.Properties, property); name != "" {
		return name
	}
	return r.Name
}

// document is a property that holds a JSON document, as a text or as itself; nil if it is
// not there.
func document(n *template.Node) *string {
	if n == nil {
		return nil
	}
	if n.Kind == template.Text {
		return &n.Text
	}
	b, err := n.MarshalJSON()
	if err != nil {
		return new("")
	}
	return new(string(b))
}

// attributes makes a resource's attributes of names and values. Those without a value are
// not there.
func attributes(pairs ...any) map[string]*template.Node {
	all := map[string]*template.Node{}
	for i := 0; i < len(pairs); i += 2 {
		if v := pairs[i+1].(*string); v != nil {
			all[pairs[i].(string)] = template.NewText(*v)
		}
	}
	return all
}
