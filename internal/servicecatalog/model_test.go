package servicecatalog_test

import (
	"context"
	"errors"
	"sync"

	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// model is a service whose models are made by the resource type Test::Model: each has a Size,
// and needs the right test:MakeModel.
type model struct {
	identity *identity.Service
	mu       sync.Mutex
	models   map[string]string // size by name
	gate     chan struct{}     // if not nil, a Create waits for it
}

func property(n *template.Node, name string) string {
	if v := n.Get(name); v != nil {
		return v.Text
	}
	return ""
}

func (m *model) set(ctx context.Context, name string, n *template.Node) (cloudformation.Made, error) {
	size := property(n, "Size")
	if size == "huge" {
		return cloudformation.Made{}, errors.New("no machine is so large")
	}
	if err := m.identity.Authorize(ctx, identity.Check{Action: "test:MakeModel", Resource: "*"}); err != nil {
		return cloudformation.Made{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.models[name] = size
	return cloudformation.Made{PhysicalID: name, Attributes: map[string]*template.Node{"Size": template.NewText(size)}}, nil
}

func (m *model) Create(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	m.mu.Lock()
	gate := m.gate
	m.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return cloudformation.Made{}, ctx.Err()
		}
	}
	return m.set(ctx, r.Name, r.Properties)
}

func (m *model) Update(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return m.set(ctx, r.PhysicalID, r.Properties)
}

func (m *model) Delete(_ context.Context, r *cloudformation.Request) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.models, r.PhysicalID)
	return nil
}

func (m *model) sizes() (list []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.models {
		list = append(list, s)
	}
	return list
}
