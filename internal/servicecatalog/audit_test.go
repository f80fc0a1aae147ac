package servicecatalog_test

import (
	"strings"
	"testing"

	sdktrail "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
)

// TestAudit: every change leaves an audit record that says who did what to what; what is only
// read, and what was refused by the service, leaves none. Of a launch there are, too, those of
// the stack that it made, by whoever launched it.
func TestAudit(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, o := w.admin, ready(w, aModel)
	must(a.CreatePortfolioShare(ctx, &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}))(t)
	must(w.lead.AcceptPortfolioShare(ctx, &sdk.AcceptPortfolioShareInput{PortfolioId: &o.portfolio}))(t)
	must(a.SearchProducts(ctx, &sdk.SearchProductsInput{}))(t)
	_, err := a.ProvisionProduct(ctx, a.launching(o, "m", "Size=tiny"))
	refused(t, err, "InvalidParametersException", "")
	r := a.launch(o, "m", "Secret=s3cret")
	plan := a.planned(o, "m", parameter("Size", "large")).ProvisionedProductPlanDetails
	must(a.DeleteProvisionedProductPlan(ctx, &sdk.DeleteProvisionedProductPlanInput{PlanId: plan.PlanId}))(t)
	a.ended(must(a.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("m"), TerminateToken: w.token()}))(t).RecordDetail)

	events := func(p *who) (names []string, all string) {
		t.Helper()
		pages := sdktrail.NewLookupEventsPaginator(p.trail, &sdktrail.LookupEventsInput{})
		for pages.HasMorePages() {
			for _, e := range must(pages.NextPage(ctx))(t).Events {
				if *e.EventSource == "iam.amazonaws.com" || *e.EventSource == "sts.amazonaws.com" {
					continue
				}
				names = append([]string{strings.TrimSuffix(*e.EventSource, ".amazonaws.com") + ":" + *e.EventName}, names...)
				all += *e.CloudTrailEvent + "\n"
			}
		}
		return names, all
	}
	names, all := events(a)
	if got, want := strings.Join(names, " "), "servicecatalog:CreateProduct servicecatalog:CreatePortfolio servicecatalog:AssociateProductWithPortfolio servicecatalog:CreateConstraint "+
		"servicecatalog:AssociatePrincipalWithPortfolio servicecatalog:CreatePortfolioShare servicecatalog:ProvisionProduct cloudformation:CreateStack "+
		"servicecatalog:CreateProvisionedProductPlan cloudformation:CreateChangeSet cloudformation:DeleteChangeSet servicecatalog:DeleteProvisionedProductPlan "+
		"servicecatalog:TerminateProvisionedProduct cloudformation:DeleteStack"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, part := range []string{*r.ProvisionedProductId, o.product, o.portfolio, `"provisionedProductName":"m"`, "assumed-role/launch/servicecatalog"} {
		if !strings.Contains(all, part) {
			t.Errorf("no event has %s", part)
		}
	}
	if strings.Contains(all, "s3cret") {
		t.Error("an event has the secret")
	}
	if names, _ := events(w.lead); strings.Join(names, " ") != "servicecatalog:AcceptPortfolioShare" {
		t.Errorf("the team's events: %v", names)
	}
}
