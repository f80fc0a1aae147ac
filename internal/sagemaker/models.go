package sagemaker

import (
	"cmp"
	"context"
	"maps"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// CreateModel makes a model. Its images are those that their tags name now: what they name
// later changes nothing of it.
func (s *Service) CreateModel(ctx context.Context, in *shapes.CreateModelInput) (*shapes.CreateModelOutput, error) {
	n := here(ctx, modelKind, *in.ModelName)
	tags, err := tagsOf(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, "CreateModel", n, nil, requestTags(tags)); err != nil {
		return nil, err
	}
	m := &model{Name: *in.ModelName, Created: s.instant(), Role: text(in.ExecutionRoleArn), Isolated: isTrue(in.EnableNetworkIsolation), List: in.PrimaryContainer == nil, Tags: tags}
	definitions, err := containersOf(in)
	if err != nil {
		return nil, err
	}
	if in.InferenceExecutionConfig != nil {
		m.Direct = *in.InferenceExecutionConfig.Mode == "Direct"
	}
	as, err := s.asRole(ctx, m.Role)
	if err != nil {
		return nil, err
	}
	for _, d := range definitions {
		c, err := s.newContainer(ctx, as, d)
		if err != nil {
			return nil, err
		}
		m.Containers = append(m.Containers, c)
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		old, err := tx.Get(ctx, n.key())
		if err != nil {
			return err
		}
		if old != nil {
			return invalid("Cannot create already existing model %q.", n.arn())
		}
		images := make([]string, 0, len(m.Containers))
		for _, c := range m.Containers {
			images = append(images, c.Image)
		}
		record(ctx, tx, n, map[string]any{"modelName": m.Name, "executionRoleArn": m.Role, "images": images, "enableNetworkIsolation": m.Isolated})
		return put(tx, n.key(), m)
	})
	return &shapes.CreateModelOutput{ModelArn: new(n.arn())}, err
}

// containersOf are the definitions of a model's containers.
func containersOf(in *shapes.CreateModelInput) ([]*shapes.ContainerDefinition, error) {
	list := in.Containers
	switch {
	case in.PrimaryContainer != nil && len(list) > 0:
		return nil, invalid("Specify either PrimaryContainer or Containers, not both.")
	case in.PrimaryContainer != nil:
		list = []*shapes.ContainerDefinition{in.PrimaryContainer}
	case len(list) == 0:
		return nil, invalid("Either PrimaryContainer or Containers must be specified.")
	}
	if text(in.ExecutionRoleArn) == "" {
		return nil, invalid("ExecutionRoleArn is needed: it is the role that pulls the images and reads the data of the model.")
	}
	direct := in.InferenceExecutionConfig != nil && *in.InferenceExecutionConfig.Mode == "Direct"
	hosts := map[string]bool{}
	for _, d := range list {
		host := text(d.ContainerHostname)
		switch {
		case direct && host == "":
			return nil, invalid("ContainerHostname is needed for each container of a model whose InferenceExecutionConfig is Direct.")
		case host != "" && hosts[host]:
			return nil, invalid("Container hostnames must be unique: %s is there twice.", host)
		}
		hosts[host] = true
		for _, x := range []struct {
			name  string
			asked bool
		}{
			{"Mode MultiModel", text(d.Mode) == "MultiModel"},
			{"AdditionalModelDataSources", len(d.AdditionalModelDataSources) > 0},
			{"ImageConfig with RepositoryAccessMode Vpc", d.ImageConfig != nil && text(d.ImageConfig.RepositoryAccessMode) == "Vpc"},
			{"InferenceSpecificationName", d.InferenceSpecificationName != nil},
		} {
			if x.asked {
				return nil, notHere(x.name)
			}
		}
	}
	return list, nil
}

// notHere refuses what would have no effect.
func notHere(parameter string) error {
	return invalid("%s is not available in this version of Modelwharf.", parameter)
}

// asRole returns a context in which SageMaker acts in a role that the caller passes to it.
func (s *Service) asRole(ctx context.Context, role string) (context.Context, error) {
	if err := s.identity.PassRole(ctx, role, principal); err != nil {
		return nil, err
	}
	return s.inRole(ctx, role)
}

// inRole returns a context in which SageMaker acts in a role.
func (s *Service) inRole(ctx context.Context, role string) (context.Context, error) {
	as, err := s.identity.ServiceRole(ctx, role, principal, "SageMaker")
	if err != nil && api.AsError(err).Code == "AccessDeniedException" {
		return nil, invalid("Could not assume role %s. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.", role)
	}
	return as, err
}

// newContainer resolves what a container is made of, of which role must be allowed to read
// all.
func (s *Service) newContainer(ctx, role context.Context, d *shapes.ContainerDefinition) (container, error) {
	c := container{Definition: definition{d}, Image: text(d.Image), Env: maps.Clone(d.Environment)}
	data := dataOf(d.ModelDataUrl, d.ModelDataSource)
	if d.ModelPackageName != nil {
		packaged, err := s.packagedContainer(ctx, *d.ModelPackageName)
		if err != nil {
			return c, err
		}
		c.Image = cmp.Or(c.Image, packaged.image)
		if data == nil {
			data = packaged.data
		}
		env := maps.Clone(packaged.env)
		if env == nil {
			env = map[string]string{}
		}
		maps.Copy(env, c.Env)
		c.Env = env
	}
	if c.Image == "" {
		return c, invalid("A container needs an Image or a ModelPackageName.")
	}
	_, f, err := s.findImage(role, c.Image)
	if err != nil {
		return c, err
	}
	c.Digest = string(f.manifest.Digest)
	if data != nil {
		if err := s.checkData(role, data); err != nil {
			return c, err
		}
		c.Data = data
	}
	return c, nil
}

// DescribeModel describes a model.
func (s *Service) DescribeModel(ctx context.Context, in *shapes.DescribeModelInput) (*shapes.DescribeModelOutput, error) {
	m, err := s.findModel(ctx, "DescribeModel", *in.ModelName)
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeModelOutput{
		ModelName: new(m.Name), ModelArn: new(here(ctx, modelKind, m.Name).arn()), CreationTime: new(m.Created),
		ExecutionRoleArn: optional(m.Role), EnableNetworkIsolation: new(m.Isolated),
	}
	for i := range m.Containers {
		d := new(*m.Containers[i].Definition.Shape)
		if d.Mode == nil {
			d.Mode = new("SingleModel")
		}
		if !m.List {
			out.PrimaryContainer = d
			break
		}
		out.Containers = append(out.Containers, d)
	}
	if len(m.Containers) > 1 {
		mode := "Serial"
		if m.Direct {
			mode = "Direct"
		}
		out.InferenceExecutionConfig = &shapes.InferenceExecutionConfig{Mode: &mode}
	}
	return out, nil
}

// ListModels lists the caller's models, the newest first unless it is asked otherwise.
func (s *Service) ListModels(ctx context.Context, in *shapes.ListModelsInput) (*shapes.ListModelsOutput, error) {
	if err := s.askList(ctx, "ListModels"); err != nil {
		return nil, err
	}
	found, next, err := list(ctx, s, listing{
		kind: modelKind, sortBy: in.SortBy, sortOrder: in.SortOrder, contains: in.NameContains, size: in.MaxResults, token: in.NextToken,
		createdBefore: in.CreationTimeBefore, createdAfter: in.CreationTimeAfter,
	}, modelEntry)
	out := &shapes.ListModelsOutput{Models: []*shapes.ModelSummary{}, NextToken: next}
	for _, m := range found {
		out.Models = append(out.Models, &shapes.ModelSummary{ModelName: new(m.Name), ModelArn: new(here(ctx, modelKind, m.Name).arn()), CreationTime: new(m.Created)})
	}
	return out, err
}

// DeleteModel deletes a model. Endpoints that serve it go on: they know what they need of it.
func (s *Service) DeleteModel(ctx context.Context, in *shapes.DeleteModelInput) (*shapes.DeleteModelOutput, error) {
	if _, err := s.findModel(ctx, "DeleteModel", *in.ModelName); err != nil {
		return nil, err
	}
	n := here(ctx, modelKind, *in.ModelName)
	return &shapes.DeleteModelOutput{}, s.remove(ctx, n, noModel)
}

// remove deletes something that must be there.
func (s *Service) remove(ctx context.Context, n resource, absent func(resource) error) error {
	return s.update(ctx, func(tx kv.Txn) error {
		old, err := tx.Get(ctx, n.key())
		if err != nil {
			return err
		}
		if old == nil {
			return absent(n)
		}
		record(ctx, tx, n, map[string]any{"name": n.name})
		tx.Delete(n.key())
		return nil
	})
}
