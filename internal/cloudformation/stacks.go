package cloudformation

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// API is the API of CloudFormation.
func (s *Service) API() *api.Service { return cloudformation.New(s) }

var _ cloudformation.Backend = (*Service)(nil)

func invalid(format string, args ...any) error {
	return api.Errorf("ValidationError", 400, format, args...)
}

// told returns an error as the client is told of it: what is wrong with a template is a
// ValidationError.
func told(err error) error {
	if wrong, ok := errors.AsType[*template.Error](err); ok {
		return invalid("%s", wrong.Message)
	}
	return err
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func isTrue(p *bool) bool { return p != nil && *p }

var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

// uuidOf returns the UUID in a stack's ARN, "" if it is none.
func uuidOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "cloudformation" {
		return ""
	}
	path := strings.Split(parts[5], "/")
	if len(path) != 3 || path[0] != "stack" {
		return ""
	}
	return path[2]
}

// find returns the stack that a name or an ARN means: by its name one that is not deleted.
// It returns nil if there is none in the caller's account and region.
func (s *Service) find(ctx context.Context, tx kv.Reader, name string) (*stack, error) {
	r := api.RequestOf(ctx)
	uuid := uuidOf(name)
	if uuid == "" {
		b, err := tx.Get(ctx, nameKey(r.Caller.Account, r.Region, name))
		if err != nil || b == nil {
			return nil, err
		}
		uuid = string(b)
	}
	st, err := readStack(ctx, tx, uuid)
	if err != nil || st == nil || st.Account != r.Caller.Account || st.Region != r.Region || uuidOf(name) != "" && st.arn() != name {
		return nil, err
	}
	return st, nil
}

// arnOf is the ARN by which policy is asked about a stack, which need not be there.
func arnOf(ctx context.Context, name string, st *stack) string {
	r := api.RequestOf(ctx)
	switch {
	case st != nil:
		return st.arn()
	case strings.HasPrefix(name, "arn:"):
		return name
	}
	return "arn:aws:cloudformation:" + r.Region + ":" + r.Caller.Account + ":stack/" + name + "/*"
}

// open returns a stack that the caller may do operations to. The error is AccessDenied, or
// ValidationError if there is no such stack.
func (s *Service) open(ctx context.Context, name string, conditions map[string][]string, operations ...string) (st *stack, err error) {
	err = s.store.View(ctx, func(tx kv.Reader) error {
		st, err = s.find(ctx, tx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, arnOf(ctx, name, st), st, conditions, operations...); err != nil {
		return nil, err
	}
	if st == nil {
		return nil, noStack(name)
	}
	return st, nil
}

func noStack(name string) error { return invalid("Stack with id %s does not exist", name) }

func (s *Service) authorize(ctx context.Context, arn string, st *stack, conditions map[string][]string, operations ...string) error {
	if st != nil {
		with := map[string][]string{}
		for k, v := range st.Current.Tags {
			with["aws:ResourceTag/"+k] = []string{v}
		}
		for k, v := range conditions {
			with[k] = v
		}
		conditions = with
	}
	checks := make([]identity.Check, len(operations))
	for i, op := range operations {
		checks[i] = identity.Check{Action: "cloudformation:" + op, Resource: arn, Conditions: conditions}
	}
	return s.identity.Authorize(ctx, checks...)
}

// change changes a stack on which nothing happens unless fn allows it.
func (s *Service) change(ctx context.Context, name string, fn func(tx kv.Txn, st *stack) error) (st *stack, err error) {
	_, err = s.store.Update(ctx, func(tx kv.Txn) error {
		if st, err = s.find(ctx, tx, name); err != nil {
			return err
		}
		if st == nil {
			return noStack(name)
		}
		return fn(tx, st)
	})
	return st, told(err)
}

func tagsOf(list []*cloudformation.Tag) (map[string]string, error) {
	if len(list) > 50 {
		return nil, invalid("Tags: a stack can have at most 50 tags")
	}
	var tags map[string]string
	for _, t := range list {
		k := text(t.Key)
		if _, twice := tags[k]; twice {
			return nil, invalid("Duplicate tag key(s) specified: %s", k)
		}
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, invalid("aws: prefixed tag key names are not allowed for external use.")
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[k] = text(t.Value)
	}
	return tags, nil
}

// conditionsOf are the condition keys of a request about a stack.
func conditionsOf(tags map[string]string, role, templateURL *string) map[string][]string {
	c := map[string][]string{}
	for k, v := range tags {
		c["aws:RequestTag/"+k] = []string{v}
		c["aws:TagKeys"] = append(c["aws:TagKeys"], k)
	}
	slices.Sort(c["aws:TagKeys"])
	if role != nil {
		c["cloudformation:RoleArn"] = []string{*role}
	}
	if templateURL != nil {
		c["cloudformation:TemplateUrl"] = []string{*templateURL}
	}
	return c
}
