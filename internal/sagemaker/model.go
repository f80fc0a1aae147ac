package sagemaker

import (
	"context"
	"time"

	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// model is a model as it is stored.
type model struct {
	Name       string            `json:"name"`
	Created    time.Time         `json:"created"`
	Role       string            `json:"role"`
	Isolated   bool              `json:"isolated,omitempty"`
	Direct     bool              `json:"direct,omitempty"` // a request names its container
	List       bool              `json:"list,omitempty"`   // it was given as Containers, not as PrimaryContainer
	Containers []container       `json:"containers"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// definition is what was said of a container.
type definition = kept[shapes.ContainerDefinition, *shapes.ContainerDefinition]

// container is a container of a model.
type container struct {
	Definition definition        `json:"definition"`
	Image      string            `json:"image"`  // as it was given, or as the model's package has it
	Digest     string            `json:"digest"` // that its image had when the model was made
	Data       *modelData        `json:"data,omitempty"`
	Env        map[string]string `json:"env,omitempty"`
}

func modelEntry(m *model) entry { return entry{name: m.Name, created: m.Created} }

// findModel authorizes an action on a model that must be there.
func (s *Service) findModel(ctx context.Context, action, name string) (*model, error) {
	n := here(ctx, modelKind, name)
	var m *model
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		m, err = read[model](ctx, tx, n.key())
		return err
	})
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	if m != nil {
		tags = m.Tags
	}
	if err := s.ask(ctx, action, n, tags); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, noModel(n)
	}
	return m, nil
}

func noModel(n resource) error { return invalid("Could not find model %q.", n.arn()) }
