package servicecatalog

import (
	"context"
	"slices"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// AssociateProductWithPortfolio puts a product into a portfolio of the caller's account: one
// of the account's own, or one of a portfolio that is shared with it. Doing it again changes
// nothing.
func (s *Service) AssociateProductWithPortfolio(ctx context.Context, in *shapes.AssociateProductWithPortfolioInput) (*shapes.AssociateProductWithPortfolioOutput, error) {
	if err := s.onPortfolio(ctx, "AssociateProductWithPortfolio", *in.PortfolioId); err != nil {
		return nil, err
	}
	parameters := map[string]any{"portfolioId": in.PortfolioId, "productId": in.ProductId, "sourcePortfolioId": in.SourcePortfolioId}
	err := s.changePortfolio(ctx, *in.PortfolioId, parameters, func(tx kv.Txn, p *portfolio) error {
		x, err := get[product](ctx, tx, key(productKind, p.Region, *in.ProductId))
		if err != nil {
			return err
		}
		c := content{Product: *in.ProductId}
		switch {
		case x == nil:
			return missing("Product %s not found.", *in.ProductId)
		case x.Account != p.Account:
			if c.Source, err = sharedSource(ctx, tx, p, c.Product, in.SourcePortfolioId); err != nil {
				return err
			}
		default:
			x.Portfolios = with(x.Portfolios, p.ID)
			if err := noTagConflict(ctx, tx, p, x); err != nil {
				return err
			}
			tx.Put(x.key(), encode(x))
		}
		if p.content(c.Product) != nil {
			return nil
		}
		if err := s.room(contentsQuota, len(p.Products)); err != nil {
			return err
		}
		p.Products = append(p.Products, c)
		return nil
	})
	return &shapes.AssociateProductWithPortfolioOutput{}, err
}

// sharedSource finds the shared portfolio that a product of another account is taken from.
// What a portfolio has from another account goes no further: it is not found there.
func sharedSource(ctx context.Context, tx kv.Reader, p *portfolio, product string, named *string) (string, error) {
	shared, err := portfoliosAt(ctx, tx, key(sharedKind, p.Region, p.Account))
	if err != nil {
		return "", err
	}
	for _, from := range shared {
		if named != nil && from.ID != *named {
			continue
		}
		if c := from.content(product); c != nil && c.Source == "" && from.share(p.Account) != nil && from.share(p.Account).Accepted {
			return from.ID, nil
		}
	}
	return "", missing("Product %s not found.", product)
}

// DisassociateProductFromPortfolio takes a product out of a portfolio in which nothing
// constrains it any more.
func (s *Service) DisassociateProductFromPortfolio(ctx context.Context, in *shapes.DisassociateProductFromPortfolioInput) (*shapes.DisassociateProductFromPortfolioOutput, error) {
	if err := s.onPortfolio(ctx, "DisassociateProductFromPortfolio", *in.PortfolioId); err != nil {
		return nil, err
	}
	parameters := map[string]any{"portfolioId": in.PortfolioId, "productId": in.ProductId}
	err := s.changePortfolio(ctx, *in.PortfolioId, parameters, func(tx kv.Txn, p *portfolio) error {
		if p.content(*in.ProductId) == nil {
			return missing("Product %s is not associated with portfolio %s.", *in.ProductId, p.ID)
		}
		some, err := ids(ctx, tx, key(constraintsKind, p.Region, p.ID, *in.ProductId))
		if err != nil {
			return err
		}
		if len(some) > 0 {
			return inUse("Product %s still has constraints in portfolio %s and cannot be disassociated from it.", *in.ProductId, p.ID)
		}
		p.Products = slices.DeleteFunc(p.Products, func(c content) bool { return c.Product == *in.ProductId })
		x, err := get[product](ctx, tx, key(productKind, p.Region, *in.ProductId))
		if err != nil {
			return err
		}
		if x != nil && x.Account == p.Account {
			x.Portfolios = without(x.Portfolios, p.ID)
			tx.Put(x.key(), encode(x))
		}
		return nil
	})
	return &shapes.DisassociateProductFromPortfolioOutput{}, err
}

// ListPortfoliosForProduct lists the portfolios, of the account and shared with it, that a
// product is in.
func (s *Service) ListPortfoliosForProduct(ctx context.Context, in *shapes.ListPortfoliosForProductInput) (*shapes.ListPortfoliosForProductOutput, error) {
	if err := s.onProduct(ctx, "ListPortfoliosForProduct", *in.ProductId); err != nil {
		return nil, err
	}
	var list []*portfolio
	err := s.view(ctx, func(tx kv.Reader) error {
		known, err := knownPortfolios(ctx, tx)
		if err != nil {
			return err
		}
		for _, p := range known {
			if p.content(*in.ProductId) != nil {
				list = append(list, p)
			}
		}
		if len(list) == 0 {
			_, err = ownProduct(ctx, tx, *in.ProductId)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, (*portfolio).id, *in.ProductId)
	return &shapes.ListPortfoliosForProductOutput{PortfolioDetails: details(some), NextPageToken: next}, err
}

// knownPortfolios are the portfolios of the caller's account, and those that are shared with
// it and were accepted.
func knownPortfolios(ctx context.Context, tx kv.Reader) ([]*portfolio, error) {
	account, region := home(ctx)
	list, err := portfoliosAt(ctx, tx, key(portfoliosKind, region, account))
	if err != nil {
		return nil, err
	}
	shared, err := portfoliosAt(ctx, tx, key(sharedKind, region, account))
	for _, p := range shared {
		if sh := p.share(account); sh != nil && sh.Accepted {
			list = append(list, p)
		}
	}
	return list, err
}

// AssociateBudgetWithResource notes that a budget is about a product or a portfolio. There
// are no budgets here: nothing looks at what is spent, and the association is all there is.
func (s *Service) AssociateBudgetWithResource(ctx context.Context, in *shapes.AssociateBudgetWithResourceInput) (*shapes.AssociateBudgetWithResourceOutput, error) {
	err := s.changeBudgets(ctx, "AssociateBudgetWithResource", *in.ResourceId, *in.BudgetName, func(list []string) ([]string, error) {
		if slices.Contains(list, *in.BudgetName) {
			return nil, shapes.DuplicateResourceException("Budget %s is already associated with %s.", *in.BudgetName, *in.ResourceId)
		}
		if len(list) > 0 {
			return nil, shapes.LimitExceededException("A resource can have at most 1 budget.")
		}
		return append(list, *in.BudgetName), nil
	})
	return &shapes.AssociateBudgetWithResourceOutput{}, err
}

// DisassociateBudgetFromResource undoes an AssociateBudgetWithResource.
func (s *Service) DisassociateBudgetFromResource(ctx context.Context, in *shapes.DisassociateBudgetFromResourceInput) (*shapes.DisassociateBudgetFromResourceOutput, error) {
	err := s.changeBudgets(ctx, "DisassociateBudgetFromResource", *in.ResourceId, *in.BudgetName, func(list []string) ([]string, error) {
		if !slices.Contains(list, *in.BudgetName) {
			return nil, missing("Budget %s is not associated with %s.", *in.BudgetName, *in.ResourceId)
		}
		return without(list, *in.BudgetName), nil
	})
	return &shapes.DisassociateBudgetFromResourceOutput{}, err
}

func (s *Service) changeBudgets(ctx context.Context, action, resource, budget string, fn func([]string) ([]string, error)) error {
	parameters := map[string]any{"resourceId": resource, "budgetName": budget}
	if isProduct(resource) {
		if err := s.onProduct(ctx, action, resource); err != nil {
			return err
		}
		return s.changeProduct(ctx, resource, parameters, func(_ kv.Txn, p *product) (err error) {
			p.Budgets, err = fn(p.Budgets)
			return err
		})
	}
	if err := s.onPortfolio(ctx, action, resource); err != nil {
		return err
	}
	return s.changePortfolio(ctx, resource, parameters, func(_ kv.Txn, p *portfolio) (err error) {
		p.Budgets, err = fn(p.Budgets)
		return err
	})
}

func isProduct(id string) bool { return len(id) > 5 && id[:5] == "prod-" }

// ListBudgetsForResource lists the budgets of a product or a portfolio.
func (s *Service) ListBudgetsForResource(ctx context.Context, in *shapes.ListBudgetsForResourceInput) (*shapes.ListBudgetsForResourceOutput, error) {
	ask := s.onPortfolio
	if isProduct(*in.ResourceId) {
		ask = s.onProduct
	}
	if err := ask(ctx, "ListBudgetsForResource", *in.ResourceId); err != nil {
		return nil, err
	}
	var list []string
	err := s.view(ctx, func(tx kv.Reader) error {
		if isProduct(*in.ResourceId) {
			p, err := ownProduct(ctx, tx, *in.ResourceId)
			if err == nil {
				list = p.Budgets
			}
			return err
		}
		p, err := knownPortfolio(ctx, tx, *in.ResourceId)
		if err == nil {
			list = p.Budgets
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(b string) string { return b }, *in.ResourceId)
	return &shapes.ListBudgetsForResourceOutput{Budgets: budgets(some), NextPageToken: next}, err
}

func budgets(names []string) []*shapes.BudgetDetail {
	list := []*shapes.BudgetDetail{}
	for _, n := range names {
		list = append(list, &shapes.BudgetDetail{BudgetName: &n})
	}
	return list
}
