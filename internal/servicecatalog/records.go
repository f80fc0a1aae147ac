package servicecatalog

import (
	"maps"
	"slices"
	"time"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
)

// product is what is stored of a product.
type product struct {
	ID, Account, Region                          string
	Name, Owner, Description, Distributor        string
	SupportDescription, SupportEmail, SupportURL string
	Created                                      time.Time
	Tags                                         map[string]string `json:",omitempty"`
	Artifacts                                    []*artifact
	Portfolios                                   []string `json:",omitempty"` // of the same account, that it is in
	TagOptions                                   []string `json:",omitempty"`
	Budgets                                      []string `json:",omitempty"`
}

func (p *product) arn() string {
	return "arn:aws:catalog:" + p.Region + ":" + p.Account + ":product/" + p.ID
}

func (p *product) key() []byte { return key(productKind, p.Region, p.ID) }

// artifact returns a version of the product, nil if there is none of the ID.
func (p *product) artifact(id string) *artifact {
	for _, a := range p.Artifacts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// artifact is a version of a product. Its template is what it was when the artifact was
// made, see templateKind.
type artifact struct {
	ID, Name, Description string
	Created               time.Time
	Active                bool
	Guidance              string            // DEFAULT or DEPRECATED
	Info                  map[string]string // where its template came from
	Actions               []string          `json:",omitempty"` // IDs of service actions
}

const (
	byDefault  = "DEFAULT"
	deprecated = "DEPRECATED"
)

// portfolio is what is stored of a portfolio.
type portfolio struct {
	ID, Account, Region         string
	Name, Description, Provider string
	Created                     time.Time
	Tags                        map[string]string `json:",omitempty"`
	Products                    []content         `json:",omitempty"`
	Principals                  []grantee         `json:",omitempty"`
	Shares                      []share           `json:",omitempty"`
	TagOptions                  []string          `json:",omitempty"`
	Budgets                     []string          `json:",omitempty"`
	// Constraints counts the changes of its constraints, so that two of them see each other.
	Constraints int
}

// content is a product in a portfolio. Source is the portfolio of another account that it
// was taken from, "" for a product of the portfolio's own account.
type content struct {
	Product string
	Source  string `json:",omitzero"`
}

// grantee is a principal of a portfolio. Account is who granted: who gets a portfolio
// shared grants it within the own account.
type grantee struct{ Account, ARN, Type string }

// share is that a portfolio is shared with an account.
type share struct {
	Account    string
	Accepted   bool
	Principals bool // the owner's principals count there, too
	TagOptions bool
}

func (p *portfolio) arn() string {
	return "arn:aws:catalog:" + p.Region + ":" + p.Account + ":portfolio/" + p.ID
}

func (p *portfolio) key() []byte { return key(portfolioKind, p.Region, p.ID) }

// content returns how a product is in the portfolio, nil if it is not.
func (p *portfolio) content(product string) *content {
	i := slices.IndexFunc(p.Products, func(c content) bool { return c.Product == product })
	if i < 0 {
		return nil
	}
	return &p.Products[i]
}

// share returns the share with an account, nil if there is none.
func (p *portfolio) share(account string) *share {
	i := slices.IndexFunc(p.Shares, func(s share) bool { return s.Account == account })
	if i < 0 {
		return nil
	}
	return &p.Shares[i]
}

func (p *portfolio) detail() *shapes.PortfolioDetail {
	return &shapes.PortfolioDetail{
		Id: &p.ID, ARN: new(p.arn()), DisplayName: &p.Name, Description: optional(p.Description), CreatedTime: &p.Created, ProviderName: &p.Provider,
	}
}

// tagsOf is a set of tags as the API shows it, by key.
func tagsOf(m map[string]string) []*shapes.Tag {
	list := []*shapes.Tag{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, &shapes.Tag{Key: &k, Value: new(m[k])})
	}
	return list
}
