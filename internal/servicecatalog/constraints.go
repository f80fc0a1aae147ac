package servicecatalog

import (
	"context"
	"time"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// constraint is a constraint of a product in a portfolio.
type constraint struct {
	ID, Region         string
	Owner              string // the account that made it
	Portfolio, Product string
	Type               string
	Description        string
	Parameters         string // as they were given
	Created            time.Time
}

func (c *constraint) key() []byte { return key(constraintKind, c.Region, c.ID) }

func (c *constraint) detail() *shapes.ConstraintDetail {
	return &shapes.ConstraintDetail{
		ConstraintId: &c.ID, Type: &c.Type, Description: optional(c.Description), Owner: &c.Owner, ProductId: &c.Product, PortfolioId: &c.Portfolio,
	}
}

func (c *constraint) trail(ctx context.Context, tx kv.Txn) {
	trail(ctx, tx, c.Type+"Constraint", "arn:aws:catalog:"+c.Region+":"+c.Owner+":constraint/"+c.ID,
		map[string]any{"id": c.ID, "portfolioId": c.Portfolio, "productId": c.Product, "parameters": c.Parameters})
}

// constraintsOf reads the constraints of a product in a portfolio, or of all its products if
// none is named.
func constraintsOf(ctx context.Context, tx kv.Reader, region, portfolio, product string) (list []*constraint, err error) {
	at := key(constraintsKind, region, portfolio)
	if product != "" {
		at = key(constraintsKind, region, portfolio, product)
	}
	some, err := ids(ctx, tx, at)
	if err != nil {
		return nil, err
	}
	for _, id := range some {
		c, err := get[constraint](ctx, tx, key(constraintKind, region, id))
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// CreateConstraint constrains how a product of a portfolio is launched, at once.
func (s *Service) CreateConstraint(ctx context.Context, in *shapes.CreateConstraintInput) (out *shapes.CreateConstraintOutput, err error) {
	if err := s.onPortfolio(ctx, "CreateConstraint", *in.PortfolioId); err != nil {
		return nil, err
	}
	if err := s.checkConstraint(ctx, *in.Type, *in.Parameters); err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "CreateConstraint", in.IdempotencyToken, in, func() (*shapes.CreateConstraintOutput, error) {
			p, err := ownPortfolio(ctx, tx, *in.PortfolioId)
			if err != nil {
				return nil, err
			}
			if p.content(*in.ProductId) == nil {
				return nil, missing("Product %s is not associated with portfolio %s.", *in.ProductId, p.ID)
			}
			c := &constraint{
				ID: newID("cons"), Region: p.Region, Owner: p.Account, Portfolio: p.ID, Product: *in.ProductId, Type: *in.Type,
				Description: text(in.Description), Parameters: *in.Parameters, Created: s.instant(),
			}
			others, err := constraintsOf(ctx, tx, p.Region, p.ID, c.Product)
			if err != nil {
				return nil, err
			}
			for _, o := range others {
				if !c.besides(o) {
					return nil, shapes.DuplicateResourceException("A %s constraint cannot be added to product %s in portfolio %s, which has %s constraint %s.",
						c.Type, c.Product, p.ID, o.Type, o.ID)
				}
			}
			if err := s.room(constraintsQuota, len(others)); err != nil {
				return nil, err
			}
			p.Constraints++ // so that no other constraint comes meanwhile
			tx.Put(p.key(), encode(p))
			tx.Put(c.key(), encode(c))
			tx.Put(key(constraintsKind, c.Region, c.Portfolio, c.Product, c.ID), []byte{})
			c.trail(ctx, tx)
			return &shapes.CreateConstraintOutput{ConstraintDetail: c.detail(), ConstraintParameters: &c.Parameters, Status: new("AVAILABLE")}, nil
		})
		return err
	})
	return out, err
}

// besides tells whether a constraint can stand beside another of the same product.
func (c *constraint) besides(o *constraint) bool {
	switch {
	case c.Type == launchConstraint && o.Type == stackSetConstraint, c.Type == stackSetConstraint && o.Type == launchConstraint:
		return false
	case c.Type == o.Type:
		return c.Type == templateConstraint || c.Type == notificationConstraint
	}
	return true
}

// constraintOf reads a constraint whose portfolio the caller's account has or was given.
func constraintOf(ctx context.Context, tx kv.Reader, id string) (*constraint, error) {
	_, region := home(ctx)
	c, err := get[constraint](ctx, tx, key(constraintKind, region, id))
	if err != nil {
		return nil, err
	}
	if c != nil {
		if p, err := knownPortfolio(ctx, tx, c.Portfolio); err == nil && p != nil {
			return c, nil
		}
	}
	return nil, missing("Constraint %s not found.", id)
}

// DescribeConstraint describes a constraint.
func (s *Service) DescribeConstraint(ctx context.Context, in *shapes.DescribeConstraintInput) (out *shapes.DescribeConstraintOutput, err error) {
	if err := s.ask(ctx, "DescribeConstraint", "*", nil); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		c, err := constraintOf(ctx, tx, *in.Id)
		if err == nil {
			out = &shapes.DescribeConstraintOutput{ConstraintDetail: c.detail(), ConstraintParameters: &c.Parameters, Status: new("AVAILABLE")}
		}
		return err
	})
	return out, err
}

// changeConstraint changes a constraint of the caller's account.
func (s *Service) changeConstraint(ctx context.Context, id string, fn func(tx kv.Txn, c *constraint) error) error {
	account, _ := home(ctx)
	return s.update(ctx, func(tx kv.Txn) error {
		c, err := constraintOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if c.Owner != account {
			return missing("Constraint %s not found.", id)
		}
		p, err := ownPortfolio(ctx, tx, c.Portfolio)
		if err != nil {
			return err
		}
		p.Constraints++
		tx.Put(p.key(), encode(p))
		c.trail(ctx, tx)
		return fn(tx, c)
	})
}

// UpdateConstraint changes a constraint, at once.
func (s *Service) UpdateConstraint(ctx context.Context, in *shapes.UpdateConstraintInput) (out *shapes.UpdateConstraintOutput, err error) {
	if err := s.ask(ctx, "UpdateConstraint", "*", nil); err != nil {
		return nil, err
	}
	if in.Parameters != nil {
		var old *constraint
		err := s.view(ctx, func(tx kv.Reader) error {
			old, err = constraintOf(ctx, tx, *in.Id)
			return err
		})
		if err == nil {
			err = s.checkConstraint(ctx, old.Type, *in.Parameters)
		}
		if err != nil {
			return nil, err
		}
	}
	err = s.changeConstraint(ctx, *in.Id, func(tx kv.Txn, c *constraint) error {
		set(&c.Description, in.Description)
		set(&c.Parameters, in.Parameters)
		tx.Put(c.key(), encode(c))
		out = &shapes.UpdateConstraintOutput{ConstraintDetail: c.detail(), ConstraintParameters: &c.Parameters, Status: new("AVAILABLE")}
		return nil
	})
	return out, err
}

// DeleteConstraint deletes a constraint.
func (s *Service) DeleteConstraint(ctx context.Context, in *shapes.DeleteConstraintInput) (*shapes.DeleteConstraintOutput, error) {
	if err := s.ask(ctx, "DeleteConstraint", "*", nil); err != nil {
		return nil, err
	}
	err := s.changeConstraint(ctx, *in.Id, func(tx kv.Txn, c *constraint) error {
		tx.Delete(c.key())
		tx.Delete(key(constraintsKind, c.Region, c.Portfolio, c.Product, c.ID))
		return nil
	})
	return &shapes.DeleteConstraintOutput{}, err
}

// ListConstraintsForPortfolio lists the constraints of a portfolio.
func (s *Service) ListConstraintsForPortfolio(ctx context.Context, in *shapes.ListConstraintsForPortfolioInput) (*shapes.ListConstraintsForPortfolioOutput, error) {
	if err := s.onPortfolio(ctx, "ListConstraintsForPortfolio", *in.PortfolioId); err != nil {
		return nil, err
	}
	var list []*constraint
	err := s.view(ctx, func(tx kv.Reader) error {
		p, err := knownPortfolio(ctx, tx, *in.PortfolioId)
		if err == nil {
			list, err = constraintsOf(ctx, tx, p.Region, p.ID, text(in.ProductId))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(c *constraint) string { return c.ID }, *in.PortfolioId, text(in.ProductId))
	out := &shapes.ListConstraintsForPortfolioOutput{ConstraintDetails: []*shapes.ConstraintDetail{}, NextPageToken: next}
	for _, c := range some {
		out.ConstraintDetails = append(out.ConstraintDetails, c.detail())
	}
	return out, err
}
