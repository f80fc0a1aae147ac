package servicecatalog

import (
	"context"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// CreatePortfolio makes a portfolio.
func (s *Service) CreatePortfolio(ctx context.Context, in *shapes.CreatePortfolioInput) (out *shapes.CreatePortfolioOutput, err error) {
	tags, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, "CreatePortfolio", "*", nil, requestTags(tags)); err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "CreatePortfolio", in.IdempotencyToken, in, func() (*shapes.CreatePortfolioOutput, error) {
			account, region := home(ctx)
			some, err := ids(ctx, tx, key(portfoliosKind, region, account))
			if err != nil {
				return nil, err
			}
			if err := s.room(portfoliosQuota, len(some)); err != nil {
				return nil, err
			}
			p := &portfolio{
				ID: newID("port"), Account: account, Region: region, Name: text(in.DisplayName), Description: text(in.Description),
				Provider: text(in.ProviderName), Created: s.instant(), Tags: tags,
			}
			tx.Put(p.key(), encode(p))
			tx.Put(key(portfoliosKind, region, account, p.ID), []byte{})
			p.trail(ctx, tx, map[string]any{"displayName": p.Name, "providerName": p.Provider})
			return &shapes.CreatePortfolioOutput{PortfolioDetail: p.detail(), Tags: tagsOf(tags)}, nil
		})
		return err
	})
	return out, err
}

// DescribePortfolio describes a portfolio, also one that is shared with the caller's account.
func (s *Service) DescribePortfolio(ctx context.Context, in *shapes.DescribePortfolioInput) (out *shapes.DescribePortfolioOutput, err error) {
	if err := s.onPortfolio(ctx, "DescribePortfolio", *in.Id); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		p, err := knownPortfolio(ctx, tx, *in.Id)
		if err != nil {
			return err
		}
		out = &shapes.DescribePortfolioOutput{PortfolioDetail: p.detail(), Tags: tagsOf(p.Tags), Budgets: budgets(p.Budgets)}
		out.TagOptions, err = tagOptionsOf(ctx, tx, p.Account, p.Region, p.TagOptions)
		return err
	})
	return out, err
}

// ListPortfolios lists the portfolios of the caller's account.
func (s *Service) ListPortfolios(ctx context.Context, in *shapes.ListPortfoliosInput) (*shapes.ListPortfoliosOutput, error) {
	if err := s.ask(ctx, "ListPortfolios", "*", nil); err != nil {
		return nil, err
	}
	var list []*portfolio
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		account, region := home(ctx)
		list, err = portfoliosAt(ctx, tx, key(portfoliosKind, region, account))
		return err
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, (*portfolio).id)
	return &shapes.ListPortfoliosOutput{PortfolioDetails: details(some), NextPageToken: next}, err
}

func (p *portfolio) id() string { return p.ID }

func details(list []*portfolio) []*shapes.PortfolioDetail {
	all := []*shapes.PortfolioDetail{}
	for _, p := range list {
		all = append(all, p.detail())
	}
	return all
}

// portfoliosAt reads the portfolios of an index.
func portfoliosAt(ctx context.Context, tx kv.Reader, index []byte) (list []*portfolio, err error) {
	_, region := home(ctx)
	some, err := ids(ctx, tx, index)
	if err != nil {
		return nil, err
	}
	for _, id := range some {
		p, err := get[portfolio](ctx, tx, key(portfolioKind, region, id))
		if err != nil {
			return nil, err
		}
		if p != nil {
			list = append(list, p)
		}
	}
	return list, nil
}

// UpdatePortfolio changes what a portfolio says of itself, and its tags.
func (s *Service) UpdatePortfolio(ctx context.Context, in *shapes.UpdatePortfolioInput) (out *shapes.UpdatePortfolioOutput, err error) {
	added, err := newTags(ctx, in.AddTags)
	if err != nil {
		return nil, err
	}
	if err := s.onPortfolio(ctx, "UpdatePortfolio", *in.Id, requestTags(added)); err != nil {
		return nil, err
	}
	err = s.changePortfolio(ctx, *in.Id, map[string]any{"id": in.Id, "displayName": in.DisplayName}, func(_ kv.Txn, p *portfolio) (err error) {
		set(&p.Name, in.DisplayName)
		set(&p.Description, in.Description)
		set(&p.Provider, in.ProviderName)
		if p.Tags, err = retagged(ctx, p.Tags, in.AddTags, in.RemoveTags); err != nil {
			return err
		}
		out = &shapes.UpdatePortfolioOutput{PortfolioDetail: p.detail(), Tags: tagsOf(p.Tags)}
		return nil
	})
	return out, err
}

// set changes a text if there is another: an empty one is one, too.
func set(dst, src *string) {
	if src != nil {
		*dst = *src
	}
}

// changePortfolio changes a portfolio of the caller's account by one transaction.
func (s *Service) changePortfolio(ctx context.Context, id string, parameters map[string]any, fn func(tx kv.Txn, p *portfolio) error) error {
	return s.update(ctx, func(tx kv.Txn) error {
		p, err := ownPortfolio(ctx, tx, id)
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

// DeletePortfolio deletes a portfolio that nothing belongs to.
func (s *Service) DeletePortfolio(ctx context.Context, in *shapes.DeletePortfolioInput) (*shapes.DeletePortfolioOutput, error) {
	if err := s.onPortfolio(ctx, "DeletePortfolio", *in.Id); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		p, err := ownPortfolio(ctx, tx, *in.Id)
		if err != nil {
			return err
		}
		for _, held := range []struct {
			some int
			by   string
		}{
			{len(p.Products), "products"}, {len(p.Principals), "principals"}, {len(p.Shares), "shares"},
			{len(p.TagOptions), "TagOptions"}, {len(p.Budgets), "budgets"},
		} {
			if held.some > 0 {
				return inUse("Portfolio %s still has %s associated with it and cannot be deleted.", p.ID, held.by)
			}
		}
		tx.Delete(p.key())
		tx.Delete(key(portfoliosKind, p.Region, p.Account, p.ID))
		p.trail(ctx, tx, map[string]any{"id": p.ID})
		return nil
	})
	return &shapes.DeletePortfolioOutput{}, err
}
