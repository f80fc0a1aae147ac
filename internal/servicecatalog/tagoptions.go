package servicecatalog

import (
	"context"
	"slices"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// tagOption is a pair of a key and a value that what is launched may, or must, have as a tag.
type tagOption struct {
	ID, Account, Region string
	Key, Value          string
	Active              bool
	Resources           []string `json:",omitempty"` // IDs of products and portfolios
}

func (o *tagOption) key() []byte { return key(tagOptionKind, o.Region, o.Account, o.ID) }
func (o *tagOption) pair() []byte {
	return key(tagPairKind, o.Region, o.Account, o.Key, o.Value)
}

func (o *tagOption) detail() *shapes.TagOptionDetail {
	return &shapes.TagOptionDetail{Key: &o.Key, Value: &o.Value, Active: &o.Active, Id: &o.ID, Owner: &o.Account}
}

func (o *tagOption) trail(ctx context.Context, tx kv.Txn, more map[string]any) {
	if more == nil {
		more = map[string]any{}
	}
	more["id"], more["key"], more["value"] = o.ID, o.Key, o.Value
	trail(ctx, tx, "TagOption", "arn:aws:catalog:"+o.Region+":"+o.Account+":tagOption/"+o.ID, more)
}

func ownTagOption(ctx context.Context, tx kv.Reader, id string) (*tagOption, error) {
	account, region := home(ctx)
	o, err := get[tagOption](ctx, tx, key(tagOptionKind, region, account, id))
	if err == nil && o == nil {
		err = missing("TagOption %s not found.", id)
	}
	return o, err
}

// tagOptionsOf describes the tag options of a product or a portfolio.
func tagOptionsOf(ctx context.Context, tx kv.Reader, account, region string, some []string) ([]*shapes.TagOptionDetail, error) {
	list := []*shapes.TagOptionDetail{}
	for _, id := range some {
		o, err := get[tagOption](ctx, tx, key(tagOptionKind, region, account, id))
		if err != nil {
			return nil, err
		}
		if o != nil {
			list = append(list, o.detail())
		}
	}
	return list, nil
}

// CreateTagOption makes a tag option.
func (s *Service) CreateTagOption(ctx context.Context, in *shapes.CreateTagOptionInput) (out *shapes.CreateTagOptionOutput, err error) {
	if err := s.ask(ctx, "CreateTagOption", "*", nil); err != nil {
		return nil, err
	}
	account, region := home(ctx)
	err = s.update(ctx, func(tx kv.Txn) error {
		o := &tagOption{ID: newID("tag"), Account: account, Region: region, Key: *in.Key, Value: *in.Value, Active: true}
		if err := free(ctx, tx, o); err != nil {
			return err
		}
		tx.Put(o.key(), encode(o))
		tx.Put(o.pair(), []byte(o.ID))
		o.trail(ctx, tx, nil)
		out = &shapes.CreateTagOptionOutput{TagOptionDetail: o.detail()}
		return nil
	})
	return out, err
}

// free refuses a pair that another tag option has.
func free(ctx context.Context, tx kv.Reader, o *tagOption) error {
	b, err := tx.Get(ctx, o.pair())
	if err == nil && b != nil && string(b) != o.ID {
		err = shapes.DuplicateResourceException("A TagOption with key %s and value %s already exists.", o.Key, o.Value)
	}
	return err
}

// DescribeTagOption describes a tag option.
func (s *Service) DescribeTagOption(ctx context.Context, in *shapes.DescribeTagOptionInput) (out *shapes.DescribeTagOptionOutput, err error) {
	if err := s.ask(ctx, "DescribeTagOption", "*", nil); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		o, err := ownTagOption(ctx, tx, *in.Id)
		if err == nil {
			out = &shapes.DescribeTagOptionOutput{TagOptionDetail: o.detail()}
		}
		return err
	})
	return out, err
}

// ListTagOptions lists the tag options of the account that match the filters.
func (s *Service) ListTagOptions(ctx context.Context, in *shapes.ListTagOptionsInput) (*shapes.ListTagOptionsOutput, error) {
	if err := s.ask(ctx, "ListTagOptions", "*", nil); err != nil {
		return nil, err
	}
	account, region := home(ctx)
	var list []*tagOption
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		list, err = all[tagOption](ctx, tx, key(tagOptionKind, region, account))
		return err
	})
	if err != nil {
		return nil, err
	}
	filter := ""
	if f := in.Filters; f != nil {
		filter = string(encode(f))
		list = slices.DeleteFunc(list, func(o *tagOption) bool {
			return f.Key != nil && *f.Key != o.Key || f.Value != nil && *f.Value != o.Value || f.Active != nil && *f.Active != o.Active
		})
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(o *tagOption) string { return o.ID }, filter)
	out := &shapes.ListTagOptionsOutput{TagOptionDetails: []*shapes.TagOptionDetail{}, PageToken: next}
	for _, o := range some {
		out.TagOptionDetails = append(out.TagOptionDetails, o.detail())
	}
	return out, err
}

// UpdateTagOption changes a tag option's value, or whether it is active.
func (s *Service) UpdateTagOption(ctx context.Context, in *shapes.UpdateTagOptionInput) (out *shapes.UpdateTagOptionOutput, err error) {
	if err := s.ask(ctx, "UpdateTagOption", "*", nil); err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		o, err := ownTagOption(ctx, tx, *in.Id)
		if err != nil {
			return err
		}
		tx.Delete(o.pair())
		set(&o.Value, in.Value)
		if in.Active != nil {
			o.Active = *in.Active
		}
		if err := free(ctx, tx, o); err != nil {
			return err
		}
		tx.Put(o.key(), encode(o))
		tx.Put(o.pair(), []byte(o.ID))
		o.trail(ctx, tx, nil)
		out = &shapes.UpdateTagOptionOutput{TagOptionDetail: o.detail()}
		return nil
	})
	return out, err
}

// DeleteTagOption deletes a tag option that nothing has.
func (s *Service) DeleteTagOption(ctx context.Context, in *shapes.DeleteTagOptionInput) (*shapes.DeleteTagOptionOutput, error) {
	if err := s.ask(ctx, "DeleteTagOption", "*", nil); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		o, err := ownTagOption(ctx, tx, *in.Id)
		if err != nil {
			return err
		}
		if len(o.Resources) > 0 {
			return inUse("TagOption %s is still associated with a resource and cannot be deleted.", o.ID)
		}
		tx.Delete(o.key())
		tx.Delete(o.pair())
		o.trail(ctx, tx, nil)
		return nil
	})
	return &shapes.DeleteTagOptionOutput{}, err
}

// AssociateTagOptionWithResource gives a tag option to a product or a portfolio.
func (s *Service) AssociateTagOptionWithResource(ctx context.Context, in *shapes.AssociateTagOptionWithResourceInput) (*shapes.AssociateTagOptionWithResourceOutput, error) {
	err := s.changeTagOptions(ctx, "AssociateTagOptionWithResource", *in.ResourceId, *in.TagOptionId, func(o *tagOption, list []string) ([]string, error) {
		if slices.Contains(list, o.ID) {
			return nil, shapes.DuplicateResourceException("TagOption %s is already associated with resource %s.", o.ID, *in.ResourceId)
		}
		if !o.Active {
			return nil, shapes.InvalidStateException("TagOption %s is not active.", o.ID)
		}
		o.Resources = with(o.Resources, *in.ResourceId)
		return append(list, o.ID), nil
	})
	return &shapes.AssociateTagOptionWithResourceOutput{}, err
}

// DisassociateTagOptionFromResource undoes an AssociateTagOptionWithResource.
func (s *Service) DisassociateTagOptionFromResource(ctx context.Context, in *shapes.DisassociateTagOptionFromResourceInput) (*shapes.DisassociateTagOptionFromResourceOutput, error) {
	err := s.changeTagOptions(ctx, "DisassociateTagOptionFromResource", *in.ResourceId, *in.TagOptionId, func(o *tagOption, list []string) ([]string, error) {
		if !slices.Contains(list, o.ID) {
			return nil, missing("TagOption %s is not associated with resource %s.", o.ID, *in.ResourceId)
		}
		o.Resources = without(o.Resources, *in.ResourceId)
		return without(list, o.ID), nil
	})
	return &shapes.DisassociateTagOptionFromResourceOutput{}, err
}

func (s *Service) changeTagOptions(ctx context.Context, action, resource, id string, fn func(o *tagOption, list []string) ([]string, error)) error {
	ask := s.onPortfolio
	if isProduct(resource) {
		ask = s.onProduct
	}
	if err := ask(ctx, action, resource); err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		o, err := ownTagOption(ctx, tx, id)
		if err != nil {
			return err
		}
		if isProduct(resource) {
			p, err := ownProduct(ctx, tx, resource)
			if err != nil {
				return err
			}
			if p.TagOptions, err = fn(o, p.TagOptions); err != nil {
				return err
			}
			tx.Put(p.key(), encode(p))
		} else {
			p, err := ownPortfolio(ctx, tx, resource)
			if err != nil {
				return err
			}
			if p.TagOptions, err = fn(o, p.TagOptions); err != nil {
				return err
			}
			tx.Put(p.key(), encode(p))
		}
		tx.Put(o.key(), encode(o))
		o.trail(ctx, tx, map[string]any{"resourceId": resource})
		return nil
	})
}

// noTagConflict refuses to bring a product and a portfolio together of which one says what
// value a tag has and the other has the tag with another.
func noTagConflict(ctx context.Context, tx kv.Reader, p *portfolio, x *product) error {
	for _, id := range x.TagOptions {
		o, err := get[tagOption](ctx, tx, key(tagOptionKind, x.Region, x.Account, id))
		if err != nil {
			return err
		}
		if o == nil || !o.Active {
			continue
		}
		if v, ok := p.Tags[o.Key]; ok && v != o.Value {
			return invalid("Portfolio %s has the tag %s=%s, which conflicts with a TagOption of product %s.", p.ID, o.Key, v, x.ID)
		}
	}
	return nil
}

// ListResourcesForTagOption lists the products and portfolios that have a tag option.
func (s *Service) ListResourcesForTagOption(ctx context.Context, in *shapes.ListResourcesForTagOptionInput) (*shapes.ListResourcesForTagOptionOutput, error) {
	if err := s.ask(ctx, "ListResourcesForTagOption", "*", nil); err != nil {
		return nil, err
	}
	kind := text(in.ResourceType)
	if kind != "" && kind != "Portfolio" && kind != "Product" {
		return nil, invalid("Invalid resource type: %s", kind)
	}
	var list []*shapes.ResourceDetail
	err := s.view(ctx, func(tx kv.Reader) error {
		o, err := ownTagOption(ctx, tx, *in.TagOptionId)
		if err != nil {
			return err
		}
		for _, id := range o.Resources {
			if isProduct(id) {
				p, err := ownProduct(ctx, tx, id)
				if err != nil {
					return err
				}
				if kind != "Portfolio" {
					list = append(list, &shapes.ResourceDetail{Id: &p.ID, ARN: new(p.arn()), Name: &p.Name, Description: optional(p.Description), CreatedTime: &p.Created})
				}
				continue
			}
			p, err := ownPortfolio(ctx, tx, id)
			if err != nil {
				return err
			}
			if kind != "Product" {
				list = append(list, &shapes.ResourceDetail{Id: &p.ID, ARN: new(p.arn()), Name: &p.Name, Description: optional(p.Description), CreatedTime: &p.Created})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(d *shapes.ResourceDetail) string { return *d.Id }, *in.TagOptionId, kind)
	return &shapes.ListResourcesForTagOptionOutput{ResourceDetails: append([]*shapes.ResourceDetail{}, some...), PageToken: next}, err
}
