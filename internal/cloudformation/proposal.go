package cloudformation

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// proposal is what a request wants a stack to be.
type proposal struct {
	body       []byte
	template   *template.Template
	side       side
	evaluation *template.Evaluation // of what is known before anything is made
}

// wanted is what requests have in common that bring a template.
type wanted struct {
	Body, URL     *string
	UsePrevious   *bool
	Parameters    []*cloudformation.Parameter
	Tags          map[string]string
	Capabilities  []string
	ResourceTypes []string
	Notifications []string
}

// propose reads a request's template and checks all that can be known before anything is
// made. st is the stack that there is, or nil.
func (s *Service) propose(ctx context.Context, name string, st *stack, w wanted) (*proposal, error) {
	p := &proposal{side: side{Tags: launchOf(ctx).tagged(w.Tags), Capabilities: w.Capabilities, Notifications: w.Notifications}}
	var err error
	if p.body, err = s.read(ctx, st, w); err != nil {
		return nil, err
	}
	if p.template, err = template.Parse(p.body); err != nil {
		return nil, told(err)
	}
	if err := p.template.CheckTypes(s.types); err != nil {
		return nil, told(err)
	}
	if err := p.allowed(w.ResourceTypes); err != nil {
		return nil, err
	}
	if p.side.Parameters, err = parameters(p.template, st, w.Parameters); err != nil {
		return nil, told(err)
	}
	p.side.Description = p.template.Description
	r := api.RequestOf(ctx)
	p.evaluation, err = p.template.Evaluate(template.Scope{
		Account: r.Caller.Account, Region: r.Region, StackName: name, StackID: "arn:aws:cloudformation",
		NotificationARNs: w.Notifications, Parameters: p.side.Parameters,
	})
	if err == nil {
		_, err = p.evaluation.Dependencies()
	}
	if err != nil {
		return nil, told(err)
	}
	if err := s.acknowledged(p.evaluation, w.Capabilities); err != nil {
		return nil, err
	}
	for _, decl := range p.evaluation.Resources() {
		if err := s.types[decl.Type].checkNames(decl.Properties); err != nil {
			return nil, told(err)
		}
	}
	return p, nil
}

// checkNames checks the names of properties, which are known before their values.
func (t *Type) checkNames(properties *template.Node) error {
	if properties == nil || len(properties.Fields) == 1 && strings.HasPrefix(properties.Fields[0].Name, "Fn::") {
		return nil // all of them follow from a function
	}
	for _, f := range properties.Fields {
		if _, ok := t.Properties[f.Name]; !ok {
			return failed("Encountered unsupported property %s", f.Name)
		}
	}
	return nil
}

// read returns the text of a request's template.
func (s *Service) read(ctx context.Context, st *stack, w wanted) ([]byte, error) {
	if l := launchOf(ctx); l.Template != nil {
		return l.Template, nil
	}
	switch {
	case w.Body != nil && w.URL != nil:
		return nil, invalid("You must specify only one of TemplateBody and TemplateURL")
	case isTrue(w.UsePrevious) && (w.Body != nil || w.URL != nil):
		return nil, invalid("You cannot specify both usePreviousTemplate and Template Body/Template URL.")
	case w.Body != nil:
		if len(*w.Body) > template.MaxInlineBody {
			return nil, invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", template.MaxInlineBody)
		}
		return []byte(*w.Body), nil
	case w.URL != nil:
		if s.fetch == nil {
			return nil, invalid("TemplateURL must be a supported URL.")
		}
		return s.fetch(ctx, *w.URL)
	case isTrue(w.UsePrevious) && st != nil && st.Current.Body > 0:
		return s.body(ctx, st.UUID, st.Current.Body)
	}
	return nil, invalid("Either Template URL or Template Body must be specified.")
}

// parameters gives a template's parameters their values.
func parameters(t *template.Template, st *stack, list []*cloudformation.Parameter) (map[string]string, error) {
	given := map[string]string{}
	for _, p := range list {
		key := text(p.ParameterKey)
		if _, twice := given[key]; twice {
			return nil, failed("Duplicate parameter keys are not allowed: %s", key)
		}
		switch {
		case isTrue(p.UsePreviousValue) && p.ParameterValue != nil:
			return nil, failed("Invalid input for parameter key %s. Cannot specify usePreviousValue as true and non empty value for a parameter", key)
		case isTrue(p.UsePreviousValue):
			value, ok := "", false
			if st != nil {
				value, ok = st.Current.Parameters[key]
			}
			if !ok {
				return nil, failed("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", key)
			}
			given[key] = value
		case p.ParameterValue != nil:
			given[key] = *p.ParameterValue
		}
	}
	return t.Values(given)
}

// allowed checks the resource types that a request allows.
func (p *proposal) allowed(types []string) error {
	if len(types) == 0 {
		return nil
	}
	for _, r := range p.template.Resources {
		if !slices.ContainsFunc(types, func(pattern string) bool {
			ok, _ := path.Match(strings.ReplaceAll(pattern, "::", "/"), strings.ReplaceAll(r.Type, "::", "/"))
			return ok || pattern == "AWS::*" && strings.HasPrefix(r.Type, "AWS::")
		}) {
			return invalid("Resource type %s is not allowed by parameter ResourceTypes [%s]", r.Type, strings.Join(types, ", "))
		}
	}
	return nil
}

// capabilities are those that a template asks for, and the types that ask.
func (s *Service) capabilities(resources []*template.Resource) (capability string, why []string) {
	for _, decl := range resources {
		t := s.types[decl.Type]
		if t == nil || t.Capability == "" {
			continue
		}
		why = append(why, decl.Type)
		if capability == "" {
			capability = t.Capability
		}
		if t.NamedBy != "" && decl.Properties.Get(t.NamedBy) != nil && t.Capability == "CAPABILITY_IAM" {
			capability = "CAPABILITY_NAMED_IAM"
		}
	}
	slices.Sort(why)
	return capability, slices.Compact(why)
}

func (s *Service) acknowledged(e *template.Evaluation, given []string) error {
	asked, _ := s.capabilities(e.Resources())
	if asked == "" || slices.Contains(given, asked) || asked == "CAPABILITY_IAM" && slices.Contains(given, "CAPABILITY_NAMED_IAM") {
		return nil
	}
	return cloudformation.InsufficientCapabilitiesException("Requires capabilities : [%s]", asked)
}

// same tells whether a proposal changes nothing of a stack.
func (p *proposal) same(current *template.Template, of side) bool {
	return p.template.Equal(current) && maps.Equal(p.side.Parameters, of.Parameters) && maps.Equal(p.side.Tags, of.Tags) &&
		slices.Equal(p.side.Notifications, of.Notifications)
}
