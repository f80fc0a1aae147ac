package servicecatalog

import (
	"context"
	"errors"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	stacks "github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Where a template can come from: the keys of an artifact's Info.
const (
	loadFromURL = "LoadTemplateFromURL"
	fromStack   = "ImportFromPhysicalId"
)

// templateAt reads a template from where an artifact's Info says, as the caller.
func (s *Service) templateAt(ctx context.Context, info map[string]string) ([]byte, error) {
	url, stack := info[loadFromURL], info[fromStack]
	switch {
	case len(info) != 1 || (url == "") == (stack == ""):
		return nil, invalid("Info must have exactly one of %s and %s.", loadFromURL, fromStack)
	case stack != "":
		out, err := s.stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack})
		if err != nil {
			return nil, badTemplate(err)
		}
		return []byte(text(out.TemplateBody)), nil
	case s.fetch == nil:
		return nil, invalid("Invalid templateUrl: %s", url)
	}
	b, err := s.fetch(ctx, url)
	if err != nil {
		return nil, badTemplate(err)
	}
	if len(b) > template.MaxBody {
		return nil, invalid("Invalid templateBody. The template has more than %d bytes.", template.MaxBody)
	}
	return b, nil
}

// validate checks a template as CloudFormation does.
func (s *Service) validate(ctx context.Context, body []byte) error {
	_, err := s.stacks.ValidateTemplate(stacks.WithLaunch(ctx, stacks.Launch{Template: body}), &cloudformation.ValidateTemplateInput{})
	return badTemplate(err)
}

// badTemplate is what a client is told of a template that cannot be had, or not be used.
func badTemplate(err error) error {
	e, ok := errors.AsType[*api.Error](err)
	switch {
	case !ok || e.HTTPStatus() >= 500:
		return err
	case e.Code == "AccessDenied" || e.Code == "AccessDeniedException":
		return api.AccessDeniedException("%s", e.Message)
	}
	return invalid("Invalid templateBody. %s", e.Message)
}

// templateOf reads the template of an artifact.
func (s *Service) templateOf(ctx context.Context, region, artifact string) (*template.Template, error) {
	b, err := s.bodyOf(ctx, region, artifact)
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(b)
	if wrong, ok := errors.AsType[*template.Error](err); ok {
		return nil, invalid("%s", wrong.Message)
	}
	return t, err
}

func (s *Service) bodyOf(ctx context.Context, region, artifact string) (b []byte, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		b, err = tx.Get(ctx, key(templateKind, region, artifact))
		return err
	})
	return b, err
}

func number(n *int) *string {
	if n == nil {
		return nil
	}
	return new(strconv.Itoa(*n))
}
