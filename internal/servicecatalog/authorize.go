package servicecatalog

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// ask asks policy whether the caller may do an action to a resource, which has tags.
func (s *Service) ask(ctx context.Context, action, resource string, tags map[string]string, conditions ...map[string][]string) error {
	c := identity.Check{Action: "servicecatalog:" + action, Resource: resource, Conditions: map[string][]string{}}
	for k, v := range tags {
		c.Conditions["aws:ResourceTag/"+k] = []string{v}
	}
	if account, _ := home(ctx); ofAnother(resource, account) {
		c.ResourcePolicy = shareOf(account)
	}
	for _, more := range conditions {
		maps.Copy(c.Conditions, more)
	}
	return s.identity.Authorize(ctx, c)
}

// ofAnother tells whether an ARN is of another account.
func ofAnother(arn, account string) bool {
	parts := strings.SplitN(arn, ":", 6)
	return len(parts) == 6 && parts[4] != "" && parts[4] != account
}

// shareOf is what a share says as a policy: the account may do with what is shared what its
// own policies allow.
func shareOf(account string) []byte {
	return []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"servicecatalog:*","Resource":"*"}]}`)
}

// requestTags are the condition keys of the tags that a request brings.
func requestTags(tags map[string]string) map[string][]string {
	if tags = own(tags); len(tags) == 0 {
		return nil
	}
	c := map[string][]string{"aws:TagKeys": slices.Sorted(maps.Keys(tags))}
	for k, v := range tags {
		c["aws:RequestTag/"+k] = []string{v}
	}
	return c
}

// home is the account and region of a request.
func home(ctx context.Context) (account, region string) {
	r := api.RequestOf(ctx)
	return r.Caller.Account, r.Region
}

// productARN is the ARN of a product of the caller's, which may not be there.
func productARN(ctx context.Context, id string) string {
	account, region := home(ctx)
	return "arn:aws:catalog:" + region + ":" + account + ":product/" + id
}

func portfolioARN(ctx context.Context, id string) string {
	account, region := home(ctx)
	return "arn:aws:catalog:" + region + ":" + account + ":portfolio/" + id
}

// onProduct authorizes an action on a product, by its ARN or, if there is none that the
// caller's account has, by what its ARN would be. The product itself is read in the
// operation's own transaction.
func (s *Service) onProduct(ctx context.Context, action, id string, conditions ...map[string][]string) error {
	var p *product
	account, region := home(ctx)
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		p, err = get[product](ctx, tx, key(productKind, region, id))
		return err
	})
	if err != nil {
		return err
	}
	if p == nil || p.Account != account {
		return s.ask(ctx, action, productARN(ctx, id), nil, conditions...)
	}
	return s.ask(ctx, action, p.arn(), p.Tags, conditions...)
}

// onPortfolio authorizes an action on a portfolio, likewise.
func (s *Service) onPortfolio(ctx context.Context, action, id string, conditions ...map[string][]string) error {
	var p *portfolio
	_, region := home(ctx)
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		p, err = get[portfolio](ctx, tx, key(portfolioKind, region, id))
		return err
	})
	if err != nil {
		return err
	}
	if p == nil || !p.visible(ctx) {
		return s.ask(ctx, action, portfolioARN(ctx, id), nil, conditions...)
	}
	return s.ask(ctx, action, p.arn(), p.Tags, conditions...)
}

// visible tells whether a portfolio is the caller's account's, or shared with it.
func (p *portfolio) visible(ctx context.Context) bool {
	account, _ := home(ctx)
	return p.Account == account || p.share(account) != nil
}

// ownProduct reads a product of the caller's account.
func ownProduct(ctx context.Context, tx kv.Reader, id string) (*product, error) {
	account, region := home(ctx)
	p, err := get[product](ctx, tx, key(productKind, region, id))
	if err != nil {
		return nil, err
	}
	if p == nil || p.Account != account {
		return nil, missing("Product %s not found.", id)
	}
	return p, nil
}

// ownPortfolio reads a portfolio of the caller's account.
func ownPortfolio(ctx context.Context, tx kv.Reader, id string) (*portfolio, error) {
	account, region := home(ctx)
	p, err := get[portfolio](ctx, tx, key(portfolioKind, region, id))
	if err != nil {
		return nil, err
	}
	if p == nil || p.Account != account {
		return nil, missing("Portfolio %s not found.", id)
	}
	return p, nil
}

// knownPortfolio reads a portfolio of the caller's account, or one that is shared with it.
func knownPortfolio(ctx context.Context, tx kv.Reader, id string) (*portfolio, error) {
	_, region := home(ctx)
	p, err := get[portfolio](ctx, tx, key(portfolioKind, region, id))
	if err != nil {
		return nil, err
	}
	if p == nil || !p.visible(ctx) {
		return nil, missing("Portfolio %s not found.", id)
	}
	return p, nil
}

// trail keeps an act in the audit trail: what it was done to, and what was asked beside.
func trail(ctx context.Context, tx kv.Txn, kind, arn string, parameters map[string]any) {
	audit.Record(ctx, tx, audit.Event{
		Resources: []audit.Resource{{Type: "AWS::ServiceCatalog::" + kind, ARN: arn}}, Parameters: encode(parameters),
	})
}

func (p *product) trail(ctx context.Context, tx kv.Txn, parameters map[string]any) {
	trail(ctx, tx, "CloudFormationProduct", p.arn(), parameters)
}

func (p *portfolio) trail(ctx context.Context, tx kv.Txn, parameters map[string]any) {
	trail(ctx, tx, "Portfolio", p.arn(), parameters)
}
