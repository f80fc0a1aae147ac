package ecr

import (
	"context"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// registryName is the caller's private registry.
func registryName(ctx context.Context) Name { return privateName(ctx, nil, nil) }

// templateInput is what a template is made of, or changed to: what is nil stays.
type templateInput struct {
	description, policy, lifecycle, role *string
	mutability                           *string
	filters                              []*ecr.ImageTagMutabilityExclusionFilter
	tags                                 []*ecr.Tag
	appliedFor                           []string
	encryption                           *ecr.EncryptionConfigurationForRepositoryCreationTemplate
}

// apply changes a template. The errors are InvalidParameterException and those of tags.
func (in *templateInput) apply(ctx context.Context, t *template) error {
	for _, f := range []struct {
		to   *string
		from *string
	}{{&t.Description, in.description}, {&t.Policy, in.policy}, {&t.Lifecycle, in.lifecycle}, {&t.Role, in.role}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if in.mutability != nil || in.filters != nil {
		mode := in.mutability
		if mode == nil {
			mode = new(t.Mutability.mode())
		}
		t.Mutability = mutabilityOf(mode, in.filters)
	}
	if in.tags != nil {
		tags, err := tagsFrom(ctx, in.tags, privatePair)
		if err != nil {
			return err
		}
		t.Tags = tags
	}
	if in.appliedFor != nil {
		t.AppliedFor = slices.Compact(slices.Sorted(slices.Values(in.appliedFor)))
	}
	if c := in.encryption; c != nil {
		if text(c.EncryptionType) != "AES256" || text(c.KmsKey) != "" {
			return noKMS()
		}
	}
	return nil
}

func (a privateAPI) CreateRepositoryCreationTemplate(ctx context.Context, in *ecr.CreateRepositoryCreationTemplateInput) (*ecr.CreateRepositoryCreationTemplateOutput, error) {
	registry := registryName(ctx)
	t := &template{Prefix: *in.Prefix}
	want := templateInput{
		description: in.Description, policy: in.RepositoryPolicy, lifecycle: in.LifecyclePolicy, role: in.CustomRoleArn,
		mutability: in.ImageTagMutability, filters: in.ImageTagMutabilityExclusionFilters,
		tags: in.ResourceTags, appliedFor: in.AppliedFor, encryption: in.EncryptionConfiguration,
	}
	if err := want.apply(ctx, t); err != nil {
		return nil, err
	}
	if err := a.authorizeTemplate(ctx, registry, "CreateRepositoryCreationTemplate", t); err != nil {
		return nil, err
	}
	if err := a.checkTemplate(ctx, registry, t); err != nil {
		return nil, err
	}
	t.Created = a.now().UTC().Truncate(time.Millisecond)
	t.Updated = t.Created
	err := a.changeTemplate(ctx, registry, t.Prefix, func(old *template) (*template, error) {
		if old != nil {
			return nil, ecr.TemplateAlreadyExistsException(
				"The repository creation template with prefix '%s' already exists in the registry with id '%s'", t.Prefix, registry.Account)
		}
		return t, nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.CreateRepositoryCreationTemplateOutput{RegistryId: &registry.Account, RepositoryCreationTemplate: t.describe()}, nil
}

func (a privateAPI) UpdateRepositoryCreationTemplate(ctx context.Context, in *ecr.UpdateRepositoryCreationTemplateInput) (*ecr.UpdateRepositoryCreationTemplateOutput, error) {
	registry := registryName(ctx)
	want := templateInput{
		description: in.Description, policy: in.RepositoryPolicy, lifecycle: in.LifecyclePolicy, role: in.CustomRoleArn,
		mutability: in.ImageTagMutability, filters: in.ImageTagMutabilityExclusionFilters,
		tags: in.ResourceTags, appliedFor: in.AppliedFor, encryption: in.EncryptionConfiguration,
	}
	if err := a.authorizeRegistry(ctx, "ecr:UpdateRepositoryCreationTemplate"); err != nil {
		return nil, err
	}
	var t *template
	err := a.changeTemplate(ctx, registry, *in.Prefix, func(old *template) (*template, error) {
		if old == nil {
			return nil, templateNotFound(registry, *in.Prefix)
		}
		if err := want.apply(ctx, old); err != nil {
			return nil, err
		}
		if err := a.authorizeTemplate(ctx, registry, "UpdateRepositoryCreationTemplate", old); err != nil {
			return nil, err
		}
		if err := a.checkTemplate(ctx, registry, old); err != nil {
			return nil, err
		}
		old.Updated, t = a.now().UTC().Truncate(time.Millisecond), old
		return old, nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.UpdateRepositoryCreationTemplateOutput{RegistryId: &registry.Account, RepositoryCreationTemplate: t.describe()}, nil
}

func (a privateAPI) DeleteRepositoryCreationTemplate(ctx context.Context, in *ecr.DeleteRepositoryCreationTemplateInput) (*ecr.DeleteRepositoryCreationTemplateOutput, error) {
	registry := registryName(ctx)
	if err := a.authorizeRegistry(ctx, "ecr:DeleteRepositoryCreationTemplate"); err != nil {
		return nil, err
	}
	var t *template
	err := a.changeTemplate(ctx, registry, *in.Prefix, func(old *template) (*template, error) {
		if t = old; t == nil {
			return nil, templateNotFound(registry, *in.Prefix)
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryCreationTemplateOutput{RegistryId: &registry.Account, RepositoryCreationTemplate: t.describe()}, nil
}

func (a privateAPI) DescribeRepositoryCreationTemplates(ctx context.Context, in *ecr.DescribeRepositoryCreationTemplatesInput) (*ecr.DescribeRepositoryCreationTemplatesOutput, error) {
	registry := registryName(ctx)
	if err := a.authorizeRegistry(ctx, "ecr:DescribeRepositoryCreationTemplates"); err != nil {
		return nil, err
	}
	page := pagetoken.Listing{Account: registry.Account, Region: registry.Region, Operation: "ecr:DescribeRepositoryCreationTemplates"}
	after, limit, err := a.position(page, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeRepositoryCreationTemplatesOutput{
		RegistryId: &registry.Account, RepositoryCreationTemplates: []*ecr.RepositoryCreationTemplate{},
	}
	err = a.view(ctx, func(tx kv.Reader) error {
		if len(in.Prefixes) > 0 {
			// Those that are not there are left out, as on AWS.
			for _, prefix := range in.Prefixes {
				b, err := tx.Get(ctx, templateKey(registry, prefix))
				if err != nil {
					return err
				}
				t, err := decode[template](b)
				if err != nil {
					return err
				}
				if t != nil {
					out.RepositoryCreationTemplates = append(out.RepositoryCreationTemplates, t.describe())
				}
			}
			return nil
		}
		prefix := templatesOf(registry)
		from := prefix
		if after != "" {
			from = append(tuple.AppendString(prefix[:len(prefix):len(prefix)], after), 0)
		}
		last := ""
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix), Limit: limit + 1}) {
			if err != nil {
				return err
			}
			if len(out.RepositoryCreationTemplates) == limit {
				out.NextToken = new(a.seal.Seal(page, []byte(last)))
				return nil
			}
			t, err := decode[template](p.Val)
			if err != nil {
				return err
			}
			if last, err = lastText(p.Key, prefix); err != nil {
				return err
			}
			out.RepositoryCreationTemplates = append(out.RepositoryCreationTemplates, t.describe())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// describe is a template as the API shows it.
func (t *template) describe() *ecr.RepositoryCreationTemplate {
	out := &ecr.RepositoryCreationTemplate{
		Prefix: &t.Prefix, AppliedFor: t.AppliedFor, ImageTagMutability: new(t.Mutability.mode()),
		ImageTagMutabilityExclusionFilters: describeFilters(t.Mutability),
		EncryptionConfiguration:            &ecr.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: new("AES256")},
		CreatedAt:                          &t.Created, UpdatedAt: &t.Updated,
	}
	if len(t.Tags) > 0 {
		out.ResourceTags = privateTags(t.Tags)
	}
	for _, f := range []struct {
		to   **string
		from *string
	}{{&out.Description, &t.Description}, {&out.RepositoryPolicy, &t.Policy}, {&out.LifecyclePolicy, &t.Lifecycle}, {&out.CustomRoleArn, &t.Role}} {
		if *f.from != "" {
			*f.to = f.from
		}
	}
	return out
}
