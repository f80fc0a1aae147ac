package servicecatalog

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// The types of principals: one, or a pattern without an account, which may have * and ?.
const (
	iamPrincipal = "IAM"
	iamPattern   = "IAM_PATTERN"
)

var (
	principalForm = regexp.MustCompile(`^arn:aws:iam::([0-9]{12}):(root|(user|role|group)/.+)$`)
	patternForm   = regexp.MustCompile(`^arn:aws:iam:::(user|role|group)/[\w+=,.@/*?-]+$`)
)

// AssociatePrincipalWithPortfolio lets a principal of the caller's account launch what is in
// a portfolio, which may be one that is shared with it. Doing it again changes nothing.
func (s *Service) AssociatePrincipalWithPortfolio(ctx context.Context, in *shapes.AssociatePrincipalWithPortfolioInput) (*shapes.AssociatePrincipalWithPortfolioOutput, error) {
	if err := s.onPortfolio(ctx, "AssociatePrincipalWithPortfolio", *in.PortfolioId); err != nil {
		return nil, err
	}
	account, _ := home(ctx)
	g := grantee{account, *in.PrincipalARN, *in.PrincipalType}
	switch g.Type {
	case iamPattern:
		if !patternForm.MatchString(g.ARN) {
			return nil, invalid("Invalid principal ARN pattern: %s", g.ARN)
		}
	default:
		m := principalForm.FindStringSubmatch(g.ARN)
		if m == nil {
			return nil, invalid("Invalid principal ARN: %s", g.ARN)
		}
		if m[1] != account {
			return nil, invalid("The principal %s does not belong to account %s.", g.ARN, account)
		}
	}
	err := s.changePrincipals(ctx, *in.PortfolioId, g, func(p *portfolio) error {
		if slices.Contains(p.Principals, g) {
			return nil
		}
		if err := s.room(principalsQuota, len(p.Principals)); err != nil {
			return err
		}
		p.Principals = append(p.Principals, g)
		return nil
	})
	return &shapes.AssociatePrincipalWithPortfolioOutput{}, err
}

// DisassociatePrincipalFromPortfolio undoes an AssociatePrincipalWithPortfolio.
func (s *Service) DisassociatePrincipalFromPortfolio(ctx context.Context, in *shapes.DisassociatePrincipalFromPortfolioInput) (*shapes.DisassociatePrincipalFromPortfolioOutput, error) {
	if err := s.onPortfolio(ctx, "DisassociatePrincipalFromPortfolio", *in.PortfolioId); err != nil {
		return nil, err
	}
	account, _ := home(ctx)
	g := grantee{Account: account, ARN: *in.PrincipalARN, Type: text(in.PrincipalType)}
	if g.Type == "" {
		g.Type = iamPrincipal
		if strings.HasPrefix(g.ARN, "arn:aws:iam:::") {
			g.Type = iamPattern
		}
	}
	err := s.changePrincipals(ctx, *in.PortfolioId, g, func(p *portfolio) error {
		if !slices.Contains(p.Principals, g) {
			return missing("Principal %s is not associated with portfolio %s.", g.ARN, p.ID)
		}
		p.Principals = slices.DeleteFunc(p.Principals, func(x grantee) bool { return x == g })
		return nil
	})
	return &shapes.DisassociatePrincipalFromPortfolioOutput{}, err
}

// changePrincipals changes the principals of a portfolio that the account has or was given.
func (s *Service) changePrincipals(ctx context.Context, id string, g grantee, fn func(p *portfolio) error) error {
	return s.update(ctx, func(tx kv.Txn) error {
		p, err := knownPortfolio(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		tx.Put(p.key(), encode(p))
		p.trail(ctx, tx, map[string]any{"portfolioId": p.ID, "principalARN": g.ARN, "principalType": g.Type})
		return nil
	})
}

// ListPrincipalsForPortfolio lists the principals that the caller's account has let launch
// what is in a portfolio.
func (s *Service) ListPrincipalsForPortfolio(ctx context.Context, in *shapes.ListPrincipalsForPortfolioInput) (*shapes.ListPrincipalsForPortfolioOutput, error) {
	if err := s.onPortfolio(ctx, "ListPrincipalsForPortfolio", *in.PortfolioId); err != nil {
		return nil, err
	}
	account, _ := home(ctx)
	var list []grantee
	err := s.view(ctx, func(tx kv.Reader) error {
		p, err := knownPortfolio(ctx, tx, *in.PortfolioId)
		if err == nil {
			list = slices.DeleteFunc(p.Principals, func(g grantee) bool { return g.Account != account })
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(g grantee) string { return g.ARN }, *in.PortfolioId)
	out := &shapes.ListPrincipalsForPortfolioOutput{Principals: []*shapes.Principal{}, NextPageToken: next}
	for _, g := range some {
		out.Principals = append(out.Principals, &shapes.Principal{PrincipalARN: &g.ARN, PrincipalType: &g.Type})
	}
	return out, err
}

// admits tells whether a caller is one of a portfolio's principals: those that the caller's
// account granted it to, and those of the owner if it shares them. A role stands for its
// sessions, a group for its users.
func (p *portfolio) admits(who launcher) bool {
	sh := p.share(who.account)
	return slices.ContainsFunc(p.Principals, func(g grantee) bool {
		own := g.Account == who.account
		if !own && (sh == nil || !sh.Principals || g.Account != p.Account) {
			return false
		}
		if g.Type == iamPattern || !own {
			return slices.ContainsFunc(who.principals, func(arn string) bool { return matches(nameIn(g.ARN), nameIn(arn)) })
		}
		return slices.Contains(who.principals, g.ARN)
	})
}

// launcher is who asks, as portfolios know them: an account, and the principals that the caller
// stands for, who are a user with its groups, a role or root.
type launcher struct {
	account    string
	principals []string
}

func (s *Service) launcher(ctx context.Context) (launcher, error) {
	c := &api.RequestOf(ctx).Caller
	groups, err := s.identity.GroupsOf(ctx)
	return launcher{c.Account, append([]string{c.Principal}, groups...)}, err
}

// nameIn is what an ARN has behind its account.
func nameIn(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	return parts[len(parts)-1]
}

// matches tells whether a name matches a pattern, in which * also stands for slashes.
func matches(pattern, name string) bool {
	hide := strings.NewReplacer("/", "\x01", "[", "\\[", "\\", "\\\\")
	ok, err := path.Match(hide.Replace(pattern), strings.ReplaceAll(name, "/", "\x01"))
	return ok && err == nil
}
