package servicecatalog

import (
	"context"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// The type of products that there are here.
const cloudFormation = "CLOUD_FORMATION_TEMPLATE"

// CreateProduct makes a product with its first version, whose template is read, checked and
// kept now.
func (s *Service) CreateProduct(ctx context.Context, in *shapes.CreateProductInput) (out *shapes.CreateProductOutput, err error) {
	tags, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, "CreateProduct", "*", nil, requestTags(tags)); err != nil {
		return nil, err
	}
	switch {
	case in.SourceConnection != nil:
		return nil, shapes.OperationNotSupportedException("Products that are synced from a CodeStar connection do not exist here: use ProvisioningArtifactParameters.")
	case text(in.ProductType) != cloudFormation:
		return nil, invalid("Products of type %s cannot be launched here: use %s.", text(in.ProductType), cloudFormation)
	case in.ProvisioningArtifactParameters == nil:
		return nil, invalid("ProvisioningArtifactParameters is required.")
	}
	a, body, err := s.newArtifact(ctx, in.ProvisioningArtifactParameters)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "CreateProduct", in.IdempotencyToken, in, func() (*shapes.CreateProductOutput, error) {
			account, region := home(ctx)
			p := &product{
				ID: newID("prod"), Account: account, Region: region, Name: text(in.Name), Owner: text(in.Owner), Description: text(in.Description),
				Distributor: text(in.Distributor), SupportDescription: text(in.SupportDescription), SupportEmail: text(in.SupportEmail),
				SupportURL: text(in.SupportUrl), Created: s.instant(), Tags: tags, Artifacts: []*artifact{a},
			}
			if err := s.putProduct(ctx, tx, p); err != nil {
				return nil, err
			}
			tx.Put(key(templateKind, region, a.ID), body)
			p.trail(ctx, tx, map[string]any{"name": p.Name, "owner": p.Owner, "provisioningArtifactName": a.Name})
			return &shapes.CreateProductOutput{ProductViewDetail: p.viewDetail(), ProvisioningArtifactDetail: a.detail(), Tags: tagsOf(tags)}, nil
		})
		return err
	})
	return out, err
}

// putProduct stores a new product.
func (s *Service) putProduct(ctx context.Context, tx kv.Txn, p *product) error {
	some, err := ids(ctx, tx, key(productsKind, p.Region, p.Account))
	if err != nil {
		return err
	}
	if err := s.room(productsQuota, len(some)); err != nil {
		return err
	}
	tx.Put(p.key(), encode(p))
	tx.Put(key(productsKind, p.Region, p.Account, p.ID), []byte{})
	return nil
}

func (p *product) id() string { return p.ID }

func (p *product) summary(hasDefaultPath bool) *shapes.ProductViewSummary {
	return &shapes.ProductViewSummary{
		Id: new("prodview-" + p.ID[len("prod-"):]), ProductId: &p.ID, Name: &p.Name, Owner: &p.Owner, ShortDescription: optional(p.Description),
		Type: new(cloudFormation), Distributor: optional(p.Distributor), HasDefaultPath: &hasDefaultPath, SupportEmail: optional(p.SupportEmail),
		SupportDescription: optional(p.SupportDescription), SupportUrl: optional(p.SupportURL),
	}
}

func (p *product) viewDetail() *shapes.ProductViewDetail {
	return &shapes.ProductViewDetail{ProductViewSummary: p.summary(false), Status: new("AVAILABLE"), ProductARN: new(p.arn()), CreatedTime: &p.Created}
}

// DescribeProductAsAdmin describes a product of the caller's account, or one that is in a
// portfolio which is shared with it.
func (s *Service) DescribeProductAsAdmin(ctx context.Context, in *shapes.DescribeProductAsAdminInput) (out *shapes.DescribeProductAsAdminOutput, err error) {
	if (in.Id == nil) == (in.Name == nil) {
		return nil, invalid("Exactly one of Id and Name is required.")
	}
	var p *product
	err = s.view(ctx, func(tx kv.Reader) error {
		list, err := adminProducts(ctx, tx, in.SourcePortfolioId)
		for _, x := range list {
			if x.ID == text(in.Id) || in.Name != nil && x.Name == *in.Name {
				p = x
				break
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	name := text(in.Id)
	if p != nil {
		name = p.ID
	}
	if err := s.onProduct(ctx, "DescribeProductAsAdmin", name); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, missing("Product %s not found.", text(in.Id)+text(in.Name))
	}
	out = &shapes.DescribeProductAsAdminOutput{ProductViewDetail: p.viewDetail(), Tags: tagsOf(p.Tags), Budgets: budgets(p.Budgets)}
	for _, a := range p.Artifacts {
		out.ProvisioningArtifactSummaries = append(out.ProvisioningArtifactSummaries, &shapes.ProvisioningArtifactSummary{
			Id: &a.ID, Name: &a.Name, Description: optional(a.Description), CreatedTime: &a.Created, ProvisioningArtifactMetadata: a.Info,
		})
	}
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		out.TagOptions, err = tagOptionsOf(ctx, tx, p.Account, p.Region, p.TagOptions)
		return err
	})
	return out, err
}

// adminProducts are the products that an administrator sees: those of the account and of
// what is shared with it, or those of one portfolio.
func adminProducts(ctx context.Context, tx kv.Reader, of *string) (list []*product, err error) {
	account, region := home(ctx)
	var wanted []string
	if of != nil {
		p, err := knownPortfolio(ctx, tx, *of)
		if err != nil {
			return nil, err
		}
		some, err := productsIn(ctx, tx, p)
		return some, err
	}
	if wanted, err = ids(ctx, tx, key(productsKind, region, account)); err != nil {
		return nil, err
	}
	for _, id := range wanted {
		p, err := get[product](ctx, tx, key(productKind, region, id))
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	shared, err := portfoliosAt(ctx, tx, key(sharedKind, region, account))
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, p := range shared {
		some, err := productsIn(ctx, tx, p)
		if err != nil {
			return nil, err
		}
		for _, x := range some {
			if !seen[x.ID] {
				seen[x.ID] = true
				list = append(list, x)
			}
		}
	}
	return list, nil
}

// productsIn reads the products of a portfolio. One that was taken from another account's
// portfolio is there only as long as it is in that one, and that one is shared.
func productsIn(ctx context.Context, tx kv.Reader, p *portfolio) (list []*product, err error) {
	for _, c := range p.Products {
		if c.Source != "" {
			from, err := get[portfolio](ctx, tx, key(portfolioKind, p.Region, c.Source))
			if err != nil {
				return nil, err
			}
			if from == nil || from.content(c.Product) == nil || from.share(p.Account) == nil || !from.share(p.Account).Accepted {
				continue
			}
		}
		x, err := get[product](ctx, tx, key(productKind, p.Region, c.Product))
		if err != nil {
			return nil, err
		}
		if x != nil {
			list = append(list, x)
		}
	}
	return list, nil
}

// UpdateProduct changes what a product says of itself, and its tags.
func (s *Service) UpdateProduct(ctx context.Context, in *shapes.UpdateProductInput) (out *shapes.UpdateProductOutput, err error) {
	added, err := newTags(ctx, in.AddTags)
	if err != nil {
		return nil, err
	}
	if err := s.onProduct(ctx, "UpdateProduct", *in.Id, requestTags(added)); err != nil {
		return nil, err
	}
	if in.SourceConnection != nil {
		return nil, invalid("Products that are synced from a CodeStar connection do not exist here.")
	}
	err = s.changeProduct(ctx, *in.Id, map[string]any{"id": in.Id, "name": in.Name}, func(_ kv.Txn, p *product) (err error) {
		set(&p.Name, in.Name)
		set(&p.Owner, in.Owner)
		set(&p.Description, in.Description)
		set(&p.Distributor, in.Distributor)
		set(&p.SupportDescription, in.SupportDescription)
		set(&p.SupportEmail, in.SupportEmail)
		set(&p.SupportURL, in.SupportUrl)
		if p.Tags, err = retagged(ctx, p.Tags, in.AddTags, in.RemoveTags); err != nil {
			return err
		}
		out = &shapes.UpdateProductOutput{ProductViewDetail: p.viewDetail(), Tags: tagsOf(p.Tags)}
		return nil
	})
	return out, err
}

// changeProduct changes a product of the caller's account by one transaction.
func (s *Service) changeProduct(ctx context.Context, id string, parameters map[string]any, fn func(tx kv.Txn, p *product) error) error {
	return s.update(ctx, func(tx kv.Txn) error {
		p, err := ownProduct(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := fn(tx, p); err != nil {
			return err
		}
		tx.Put(p.key(), encode(p))
		p.trail(ctx, tx, parameters)
		return nil
	})
}

// DeleteProduct deletes a product that is in no portfolio, with its versions. What was
// launched of it goes on.
func (s *Service) DeleteProduct(ctx context.Context, in *shapes.DeleteProductInput) (*shapes.DeleteProductOutput, error) {
	if err := s.onProduct(ctx, "DeleteProduct", *in.Id); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		p, err := ownProduct(ctx, tx, *in.Id)
		if err != nil {
			return err
		}
		switch {
		case len(p.Portfolios) > 0:
			return inUse("Product %s is still associated with a portfolio and cannot be deleted.", p.ID)
		case len(p.TagOptions) > 0:
			return inUse("Product %s still has TagOptions associated with it and cannot be deleted.", p.ID)
		case len(p.Budgets) > 0:
			return inUse("Product %s still has budgets associated with it and cannot be deleted.", p.ID)
		}
		for _, a := range p.Artifacts {
			if err := dropArtifact(ctx, tx, p, a); err != nil {
				return err
			}
		}
		tx.Delete(p.key())
		tx.Delete(key(productsKind, p.Region, p.Account, p.ID))
		p.trail(ctx, tx, map[string]any{"id": p.ID})
		return nil
	})
	return &shapes.DeleteProductOutput{}, err
}
