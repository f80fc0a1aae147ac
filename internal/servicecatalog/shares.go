package servicecatalog

import (
	"context"
	"regexp"
	"slices"
	"strings"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// sharedAccount is the account that a share is about. There are no organizations here.
func sharedAccount(account *string, node *shapes.OrganizationNode) (string, error) {
	switch {
	case (account == nil) == (node == nil):
		return "", invalid("Exactly one of AccountId and OrganizationNode is required.")
	case node != nil && text(node.Type) != "ACCOUNT":
		return "", noOrganizations()
	case node != nil:
		account = node.Value
	}
	if !accountForm.MatchString(text(account)) {
		return "", invalid("Invalid account: %s", text(account))
	}
	return *account, nil
}

func noOrganizations() error {
	return shapes.OperationNotSupportedException("AWS Organizations does not exist here: share with accounts.")
}

// CreatePortfolioShare shares a portfolio with an account of this server, which may accept
// it. Sharing it again changes nothing.
func (s *Service) CreatePortfolioShare(ctx context.Context, in *shapes.CreatePortfolioShareInput) (*shapes.CreatePortfolioShareOutput, error) {
	if err := s.onPortfolio(ctx, "CreatePortfolioShare", *in.PortfolioId); err != nil {
		return nil, err
	}
	account, err := sharedAccount(in.AccountId, in.OrganizationNode)
	if err != nil {
		return nil, err
	}
	if own, _ := home(ctx); account == own {
		return nil, invalid("A portfolio cannot be shared with the account that owns it.")
	}
	if _, err := s.identity.Account(ctx, account); err == identity.ErrNoAccount {
		return nil, invalid("Account %s does not exist.", account)
	} else if err != nil {
		return nil, err
	}
	parameters := map[string]any{"portfolioId": in.PortfolioId, "accountId": account, "shareTagOptions": isTrue(in.ShareTagOptions), "sharePrincipals": isTrue(in.SharePrincipals)}
	err = s.changePortfolio(ctx, *in.PortfolioId, parameters, func(tx kv.Txn, p *portfolio) error {
		if p.share(account) == nil {
			p.Shares = append(p.Shares, share{Account: account, TagOptions: isTrue(in.ShareTagOptions), Principals: isTrue(in.SharePrincipals)})
			tx.Put(key(sharedKind, p.Region, account, p.ID), []byte{})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &shapes.CreatePortfolioShareOutput{}
	if in.OrganizationNode != nil {
		out.PortfolioShareToken = new(shareToken(*in.PortfolioId, account))
	}
	return out, nil
}

// A share is made at once, so its token need not remember more than what it is about.
func shareToken(portfolio, account string) string {
	return "share-" + strings.TrimPrefix(portfolio, "port-") + "-" + account
}

// UpdatePortfolioShare changes what is shared with an account beside the products.
func (s *Service) UpdatePortfolioShare(ctx context.Context, in *shapes.UpdatePortfolioShareInput) (*shapes.UpdatePortfolioShareOutput, error) {
	if err := s.onPortfolio(ctx, "UpdatePortfolioShare", *in.PortfolioId); err != nil {
		return nil, err
	}
	account, err := sharedAccount(in.AccountId, in.OrganizationNode)
	if err != nil {
		return nil, err
	}
	parameters := map[string]any{"portfolioId": in.PortfolioId, "accountId": account, "shareTagOptions": in.ShareTagOptions, "sharePrincipals": in.SharePrincipals}
	err = s.changePortfolio(ctx, *in.PortfolioId, parameters, func(_ kv.Txn, p *portfolio) error {
		sh := p.share(account)
		if sh == nil {
			return missing("Portfolio %s is not shared with %s.", p.ID, account)
		}
		if in.ShareTagOptions != nil {
			sh.TagOptions = *in.ShareTagOptions
		}
		if in.SharePrincipals != nil {
			sh.Principals = *in.SharePrincipals
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.UpdatePortfolioShareOutput{PortfolioShareToken: new(shareToken(*in.PortfolioId, account)), Status: new("COMPLETED")}, nil
}

// DeletePortfolioShare ends a share: what the account has of it, it has no longer. What was
// launched goes on.
func (s *Service) DeletePortfolioShare(ctx context.Context, in *shapes.DeletePortfolioShareInput) (*shapes.DeletePortfolioShareOutput, error) {
	if err := s.onPortfolio(ctx, "DeletePortfolioShare", *in.PortfolioId); err != nil {
		return nil, err
	}
	account, err := sharedAccount(in.AccountId, in.OrganizationNode)
	if err != nil {
		return nil, err
	}
	err = s.changePortfolio(ctx, *in.PortfolioId, map[string]any{"portfolioId": in.PortfolioId, "accountId": account}, func(tx kv.Txn, p *portfolio) error {
		if p.share(account) == nil {
			return missing("Portfolio %s is not shared with %s.", p.ID, account)
		}
		p.Shares = slices.DeleteFunc(p.Shares, func(x share) bool { return x.Account == account })
		p.Principals = slices.DeleteFunc(p.Principals, func(g grantee) bool { return g.Account == account })
		tx.Delete(key(sharedKind, p.Region, account, p.ID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &shapes.DeletePortfolioShareOutput{}
	if in.OrganizationNode != nil {
		out.PortfolioShareToken = new(shareToken(*in.PortfolioId, account))
	}
	return out, nil
}

// DescribePortfolioShareStatus tells that a share, which is made at once, is there.
func (s *Service) DescribePortfolioShareStatus(ctx context.Context, in *shapes.DescribePortfolioShareStatusInput) (*shapes.DescribePortfolioShareStatusOutput, error) {
	if err := s.ask(ctx, "DescribePortfolioShareStatus", "*", nil); err != nil {
		return nil, err
	}
	name, ok := strings.CutPrefix(*in.PortfolioShareToken, "share-")
	id, account, whole := strings.Cut(name, "-")
	if !ok || !whole {
		return nil, missing("Portfolio share %s not found.", *in.PortfolioShareToken)
	}
	id = "port-" + id
	if err := s.view(ctx, func(tx kv.Reader) error {
		_, err := ownPortfolio(ctx, tx, id)
		return err
	}); err != nil {
		return nil, err
	}
	return &shapes.DescribePortfolioShareStatusOutput{
		PortfolioShareToken: in.PortfolioShareToken, PortfolioId: &id, OrganizationNodeValue: &account, Status: new("COMPLETED"),
		ShareDetails: &shapes.ShareDetails{SuccessfulShares: []string{account}, ShareErrors: []*shapes.ShareError{}},
	}, nil
}

// DescribePortfolioShares lists the shares of a portfolio.
func (s *Service) DescribePortfolioShares(ctx context.Context, in *shapes.DescribePortfolioSharesInput) (*shapes.DescribePortfolioSharesOutput, error) {
	list, err := s.sharesOf(ctx, "DescribePortfolioShares", *in.PortfolioId)
	if err != nil {
		return nil, err
	}
	if *in.Type != "ACCOUNT" {
		list = nil // there are no organizations
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(x share) string { return x.Account }, *in.PortfolioId, *in.Type)
	out := &shapes.DescribePortfolioSharesOutput{PortfolioShareDetails: []*shapes.PortfolioShareDetail{}, NextPageToken: next}
	for _, x := range some {
		out.PortfolioShareDetails = append(out.PortfolioShareDetails, &shapes.PortfolioShareDetail{
			PrincipalId: &x.Account, Type: new("ACCOUNT"), Accepted: &x.Accepted, ShareTagOptions: &x.TagOptions, SharePrincipals: &x.Principals,
		})
	}
	return out, err
}

// ListPortfolioAccess lists the accounts that a portfolio is shared with.
func (s *Service) ListPortfolioAccess(ctx context.Context, in *shapes.ListPortfolioAccessInput) (*shapes.ListPortfolioAccessOutput, error) {
	list, err := s.sharesOf(ctx, "ListPortfolioAccess", *in.PortfolioId)
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(x share) string { return x.Account }, *in.PortfolioId)
	out := &shapes.ListPortfolioAccessOutput{AccountIds: []string{}, NextPageToken: next}
	for _, x := range some {
		out.AccountIds = append(out.AccountIds, x.Account)
	}
	return out, err
}

func (s *Service) sharesOf(ctx context.Context, action, id string) (list []share, err error) {
	if err := s.onPortfolio(ctx, action, id); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		p, err := ownPortfolio(ctx, tx, id)
		if err == nil {
			list = p.Shares
		}
		return err
	})
	return list, err
}

// AcceptPortfolioShare takes a portfolio that another account shares.
func (s *Service) AcceptPortfolioShare(ctx context.Context, in *shapes.AcceptPortfolioShareInput) (*shapes.AcceptPortfolioShareOutput, error) {
	err := s.decide(ctx, "AcceptPortfolioShare", *in.PortfolioId, in.PortfolioShareType, true)
	return &shapes.AcceptPortfolioShareOutput{}, err
}

// RejectPortfolioShare gives back a portfolio that another account shares: also after it
// was accepted. The share itself is there until its owner ends it.
func (s *Service) RejectPortfolioShare(ctx context.Context, in *shapes.RejectPortfolioShareInput) (*shapes.RejectPortfolioShareOutput, error) {
	err := s.decide(ctx, "RejectPortfolioShare", *in.PortfolioId, in.PortfolioShareType, false)
	return &shapes.RejectPortfolioShareOutput{}, err
}

func (s *Service) decide(ctx context.Context, action, id string, kind *string, accept bool) error {
	if err := s.onPortfolio(ctx, action, id); err != nil {
		return err
	}
	if k := text(kind); k != "" && k != "IMPORTED" {
		return invalid("Portfolio %s was not shared as %s: there are only shares with accounts here.", id, k)
	}
	account, _ := home(ctx)
	return s.update(ctx, func(tx kv.Txn) error {
		p, err := knownPortfolio(ctx, tx, id)
		if err != nil {
			return err
		}
		sh := p.share(account)
		if sh == nil {
			return missing("Portfolio %s is not shared with account %s.", id, account)
		}
		sh.Accepted = accept
		if !accept {
			p.Principals = slices.DeleteFunc(p.Principals, func(g grantee) bool { return g.Account == account })
		}
		tx.Put(p.key(), encode(p))
		p.trail(ctx, tx, map[string]any{"portfolioId": id})
		return nil
	})
}

// ListAcceptedPortfolioShares lists the portfolios of other accounts that this one has taken.
func (s *Service) ListAcceptedPortfolioShares(ctx context.Context, in *shapes.ListAcceptedPortfolioSharesInput) (*shapes.ListAcceptedPortfolioSharesOutput, error) {
	if err := s.ask(ctx, "ListAcceptedPortfolioShares", "*", nil); err != nil {
		return nil, err
	}
	account, region := home(ctx)
	var list []*portfolio
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		list, err = portfoliosAt(ctx, tx, key(sharedKind, region, account))
		return err
	})
	if err != nil {
		return nil, err
	}
	kind := text(in.PortfolioShareType)
	list = slices.DeleteFunc(list, func(p *portfolio) bool {
		sh := p.share(account)
		return sh == nil || !sh.Accepted || kind != "" && kind != "IMPORTED"
	})
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, (*portfolio).id, kind)
	return &shapes.ListAcceptedPortfolioSharesOutput{PortfolioDetails: details(some), NextPageToken: next}, err
}

// GetAWSOrganizationsAccessStatus tells that there are no organizations.
func (s *Service) GetAWSOrganizationsAccessStatus(ctx context.Context, _ *shapes.GetAWSOrganizationsAccessStatusInput) (*shapes.GetAWSOrganizationsAccessStatusOutput, error) {
	if err := s.ask(ctx, "GetAWSOrganizationsAccessStatus", "*", nil); err != nil {
		return nil, err
	}
	return &shapes.GetAWSOrganizationsAccessStatusOutput{AccessStatus: new("DISABLED")}, nil
}

// EnableAWSOrganizationsAccess refuses: there are no organizations.
func (s *Service) EnableAWSOrganizationsAccess(ctx context.Context, _ *shapes.EnableAWSOrganizationsAccessInput) (*shapes.EnableAWSOrganizationsAccessOutput, error) {
	if err := s.ask(ctx, "EnableAWSOrganizationsAccess", "*", nil); err != nil {
		return nil, err
	}
	return nil, noOrganizations()
}

// DisableAWSOrganizationsAccess does what is so already.
func (s *Service) DisableAWSOrganizationsAccess(ctx context.Context, _ *shapes.DisableAWSOrganizationsAccessInput) (*shapes.DisableAWSOrganizationsAccessOutput, error) {
	if err := s.ask(ctx, "DisableAWSOrganizationsAccess", "*", nil); err != nil {
		return nil, err
	}
	return nil, shapes.InvalidStateException("AWS Organizations access is not enabled.")
}

// ListOrganizationPortfolioAccess refuses: there are no organizations.
func (s *Service) ListOrganizationPortfolioAccess(ctx context.Context, in *shapes.ListOrganizationPortfolioAccessInput) (*shapes.ListOrganizationPortfolioAccessOutput, error) {
	if err := s.onPortfolio(ctx, "ListOrganizationPortfolioAccess", *in.PortfolioId); err != nil {
		return nil, err
	}
	return nil, noOrganizations()
}
