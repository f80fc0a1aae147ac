package cloudformation

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// GetTemplate returns the text of a stack's template, as it was given.
func (s *Service) GetTemplate(ctx context.Context, in *cloudformation.GetTemplateInput) (*cloudformation.GetTemplateOutput, error) {
	if in.ChangeSetName != nil {
		cs, st, err := s.openChangeSet(ctx, text(in.ChangeSetName), text(in.StackName), "GetTemplate")
		if err != nil {
			return nil, err
		}
		b, err := s.body(ctx, st.UUID, cs.Target.Body)
		return &cloudformation.GetTemplateOutput{TemplateBody: new(string(b)), StagesAvailable: []string{"Original", "Processed"}}, err
	}
	st, err := s.open(ctx, text(in.StackName), nil, "GetTemplate")
	if err != nil {
		return nil, err
	}
	if st.shown().Body == 0 {
		return nil, invalid("Stack with id %s has no template yet", st.Name)
	}
	b, err := s.body(ctx, st.UUID, st.shown().Body)
	return &cloudformation.GetTemplateOutput{TemplateBody: new(string(b)), StagesAvailable: []string{"Original", "Processed"}}, err
}

// ValidateTemplate checks a template by itself.
func (s *Service) ValidateTemplate(ctx context.Context, in *cloudformation.ValidateTemplateInput) (*cloudformation.ValidateTemplateOutput, error) {
	t, err := s.readAlone(ctx, "ValidateTemplate", nil, wanted{Body: in.TemplateBody, URL: in.TemplateURL})
	if err != nil {
		return nil, err
	}
	out := &cloudformation.ValidateTemplateOutput{Description: optional(t.Description)}
	for _, p := range t.Parameters {
		out.Parameters = append(out.Parameters, &cloudformation.TemplateParameter{
			ParameterKey: &p.Name, DefaultValue: p.Default, NoEcho: &p.NoEcho, Description: optional(p.Description),
		})
	}
	if c, why := s.capabilities(t.Resources); c != "" {
		out.Capabilities, out.CapabilitiesReason = []string{c}, new(asks(why))
	}
	return out, nil
}

func asks(types []string) string {
	return "The following resource(s) require capabilities: [" + joined(types) + "]"
}

// readAlone reads and checks a template for which nothing is made.
func (s *Service) readAlone(ctx context.Context, operation string, st *stack, w wanted) (*template.Template, error) {
	if st == nil {
		if err := s.authorize(ctx, "*", nil, nil, operation); err != nil {
			return nil, err
		}
	}
	b, err := s.read(ctx, st, w)
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(b)
	if err == nil {
		err = t.CheckTypes(s.types)
	}
	if err == nil {
		err = t.CheckCircles()
	}
	return t, told(err)
}

// GetTemplateSummary tells what a template asks for.
func (s *Service) GetTemplateSummary(ctx context.Context, in *cloudformation.GetTemplateSummaryInput) (*cloudformation.GetTemplateSummaryOutput, error) {
	var st *stack
	w := wanted{Body: in.TemplateBody, URL: in.TemplateURL}
	if in.StackName != nil {
		var err error
		if st, err = s.open(ctx, *in.StackName, nil, "GetTemplateSummary"); err != nil {
			return nil, err
		}
		w.UsePrevious = new(true)
	}
	t, err := s.readAlone(ctx, "GetTemplateSummary", st, w)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.GetTemplateSummaryOutput{Description: optional(t.Description), Version: new("2010-09-09"), Parameters: []*cloudformation.ParameterDeclaration{}}
	for _, p := range t.Parameters {
		d := &cloudformation.ParameterDeclaration{
			ParameterKey: &p.Name, DefaultValue: p.Default, ParameterType: &p.Type, NoEcho: &p.NoEcho, Description: optional(p.Description),
			ParameterConstraints: &cloudformation.ParameterConstraints{AllowedValues: p.AllowedValues},
		}
		if p.NoEcho && p.Default != nil {
			d.DefaultValue = new(template.Masked)
		}
		out.Parameters = append(out.Parameters, d)
	}
	for _, r := range t.Resources {
		out.ResourceTypes = append(out.ResourceTypes, r.Type)
	}
	slices.Sort(out.ResourceTypes)
	out.ResourceTypes = slices.Compact(out.ResourceTypes)
	if c, why := s.capabilities(t.Resources); c != "" {
		out.Capabilities, out.CapabilitiesReason = []string{c}, new(asks(why))
	}
	if t.Metadata != nil {
		out.Metadata = new(string(encode(t.Metadata)))
	}
	return out, nil
}
