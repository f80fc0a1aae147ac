package servicecatalog_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// TestLaunchPaths: a path is a product in a portfolio of which the caller is a principal; it
// is named as the portfolio.
func TestLaunchPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	o := w.admin.offer("Model", aModel)
	user := w.admin.user("anna", endUser+" sts:AssumeRole")

	// Nobody has a path yet, not even an administrator.
	_, err := w.admin.ListLaunchPaths(ctx, &sdk.ListLaunchPathsInput{ProductId: &o.product})
	refused(t, err, "ResourceNotFoundException", "")
	_, err = w.admin.DescribeProduct(ctx, &sdk.DescribeProductInput{Id: &o.product})
	refused(t, err, "ResourceNotFoundException", "")

	// A role stands for its sessions, a pattern for the names that match it.
	one := w.admin.role("science", `{"AWS":"arn:aws:iam::`+platform+`:user/anna"}`, endUser)
	two := w.admin.role("ResearchTeam7", `{"AWS":"arn:aws:iam::`+platform+`:user/anna"}`, endUser)
	w.admin.admit(o.portfolio, one)
	w.admin.admit(o.portfolio, "arn:aws:iam:::role/Research*")
	for role, sees := range map[string]int{one: 1, two: 1} {
		if got := must(user.session(role).SearchProducts(ctx, &sdk.SearchProductsInput{}))(t).ProductViewSummaries; len(got) != sees {
			t.Errorf("%s sees %d", role, len(got))
		}
	}
	if got := must(user.SearchProducts(ctx, &sdk.SearchProductsInput{}))(t).ProductViewSummaries; len(got) > 0 {
		t.Errorf("the user sees %v", got)
	}

	// Several paths: the caller must choose.
	w.admin.admit(o.portfolio, "arn:aws:iam::"+platform+":user/anna")
	second := w.admin.portfolio("second")
	must(w.admin.AssociateProductWithPortfolio(ctx, &sdk.AssociateProductWithPortfolioInput{ProductId: &o.product, PortfolioId: &second}))(t)
	w.admin.admit(second, "arn:aws:iam::"+platform+":user/anna")
	paths := must(user.ListLaunchPaths(ctx, &sdk.ListLaunchPathsInput{ProductId: &o.product}))(t).LaunchPathSummaries
	if len(paths) != 2 || *paths[0].Name == *paths[1].Name {
		t.Fatalf("paths %v", paths)
	}
	in := user.launching(o, "m")
	_, err = user.ProvisionProduct(ctx, in)
	refused(t, err, "InvalidParametersException", "PathId")
	in.PathName, in.ProvisionToken = new("second"), w.token()
	r := must(user.ProvisionProduct(ctx, in))(t).RecordDetail
	if i := map[bool]int{true: 0, false: 1}[*paths[0].Name == "second"]; *r.PathId != *paths[i].Id {
		t.Errorf("path %s", *r.PathId)
	}
	// The launcher has no rights of its own to make stacks, and no role lends it any.
	if r := user.ended(r); r.Status != types.RecordStatusFailed || user.launched("m").Status != types.ProvisionedProductStatusError {
		t.Errorf("launched without rights: %v", r)
	}
}
