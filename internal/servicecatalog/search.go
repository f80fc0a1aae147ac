package servicecatalog

import (
	"cmp"
	"context"
	"slices"
	"strings"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// matching are the products of a list that match filters, in an order. Every key of the
// filters must have a value that fits.
func matching(list []*product, filters map[string][]string, by, order *string) ([]*product, error) {
	for k := range filters {
		if !slices.Contains([]string{"FullTextSearch", "Owner", "ProductType", "SourceProductId"}, k) {
			return nil, invalid("Invalid filter: %s", k)
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(p *product) bool {
		for k, values := range filters {
			if !slices.ContainsFunc(values, func(v string) bool { return p.fits(k, v) }) {
				return true
			}
		}
		return false
	})
	slices.SortStableFunc(list, func(a, b *product) int {
		n := 0
		switch text(by) {
		case "VersionCount":
			n = cmp.Compare(len(a.Artifacts), len(b.Artifacts))
		case "CreationDate":
			n = a.Created.Compare(b.Created)
		case "Title":
			n = strings.Compare(a.Name, b.Name)
		}
		if text(order) == "DESCENDING" {
			n = -n
		}
		return cmp.Or(n, strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

func (p *product) fits(key, value string) bool {
	switch key {
	case "Owner":
		return p.Owner == value
	case "ProductType":
		return value == cloudFormation
	case "SourceProductId":
		return p.ID == value
	}
	all := strings.ToLower(strings.Join([]string{p.Name, p.Owner, p.Description, p.Distributor, p.SupportDescription}, "\n"))
	for word := range strings.FieldsSeq(strings.ToLower(value)) {
		if !strings.Contains(all, strings.Trim(word, `"*`)) {
			return false
		}
	}
	return true
}

// SearchProductsAsAdmin lists the products of the account and of the portfolios that are
// shared with it, or those of one portfolio.
func (s *Service) SearchProductsAsAdmin(ctx context.Context, in *shapes.SearchProductsAsAdminInput) (*shapes.SearchProductsAsAdminOutput, error) {
	ask := s.ask(ctx, "SearchProductsAsAdmin", "*", nil)
	if in.PortfolioId != nil {
		ask = s.onPortfolio(ctx, "SearchProductsAsAdmin", *in.PortfolioId)
	}
	if ask != nil {
		return nil, ask
	}
	account, _ := home(ctx)
	var list []*product
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		list, err = adminProducts(ctx, tx, in.PortfolioId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if text(in.ProductSource) == "ACCOUNT" {
		list = slices.DeleteFunc(list, func(p *product) bool { return p.Account != account })
	}
	if list, err = matching(list, in.Filters, in.SortBy, in.SortOrder); err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, (*product).id, text(in.PortfolioId), string(encode(in.Filters)), text(in.SortBy), text(in.SortOrder), text(in.ProductSource))
	out := &shapes.SearchProductsAsAdminOutput{ProductViewDetails: []*shapes.ProductViewDetail{}, NextPageToken: next}
	for _, p := range some {
		out.ProductViewDetails = append(out.ProductViewDetails, p.viewDetail())
	}
	return out, err
}

// SearchProducts lists the products that the caller can launch.
func (s *Service) SearchProducts(ctx context.Context, in *shapes.SearchProductsInput) (*shapes.SearchProductsOutput, error) {
	if err := s.ask(ctx, "SearchProducts", "*", nil); err != nil {
		return nil, err
	}
	who, err := s.launcher(ctx)
	if err != nil {
		return nil, err
	}
	var paths []*launchPath
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		paths, err = launchPaths(ctx, tx, who, "")
		return err
	})
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	var list []*product
	for _, p := range paths {
		if count[p.product.ID]++; count[p.product.ID] == 1 {
			list = append(list, p.product)
		}
	}
	if list, err = matching(list, in.Filters, in.SortBy, in.SortOrder); err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, (*product).id, string(encode(in.Filters)), text(in.SortBy), text(in.SortOrder))
	out := &shapes.SearchProductsOutput{ProductViewSummaries: []*shapes.ProductViewSummary{}, ProductViewAggregations: facets(list), NextPageToken: next}
	for _, p := range some {
		out.ProductViewSummaries = append(out.ProductViewSummaries, p.summary(count[p.ID] == 1))
	}
	return out, err
}

// facets count the products of a search by what can be filtered for.
func facets(list []*product) map[string][]*shapes.ProductViewAggregationValue {
	count := map[string]map[string]int64{"Owner": {}, "ProductType": {}, "Vendor": {}}
	for _, p := range list {
		count["Owner"][p.Owner]++
		count["ProductType"][cloudFormation]++
		if p.Distributor != "" {
			count["Vendor"][p.Distributor]++
		}
	}
	out := map[string][]*shapes.ProductViewAggregationValue{}
	for k, values := range count {
		list := []*shapes.ProductViewAggregationValue{}
		for v, n := range values {
			list = append(list, &shapes.ProductViewAggregationValue{Value: &v, ApproximateCount: &n})
		}
		slices.SortFunc(list, func(a, b *shapes.ProductViewAggregationValue) int { return strings.Compare(*a.Value, *b.Value) })
		out[k] = list
	}
	return out
}
