package servicecatalog_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// TestSharing: a share must be accepted, sharing again changes nothing, what was shared is not
// shared on, and a local portfolio adds to the constraints or replaces the launch role.
func TestSharing(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	o := w.admin.offer("Model", aModel)
	share := &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}
	for _, account := range []string{platform, "333333333333"} {
		_, err := w.admin.CreatePortfolioShare(ctx, &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: &account})
		refused(t, err, "InvalidParametersException", "")
	}
	_, err := w.admin.CreatePortfolioShare(ctx, &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, OrganizationNode: &types.OrganizationNode{Type: types.OrganizationNodeTypeOrganization, Value: new("o-abcdef1234")}})
	refused(t, err, "OperationNotSupportedException", "Organizations")

	_, err = w.lead.AcceptPortfolioShare(ctx, &sdk.AcceptPortfolioShareInput{PortfolioId: &o.portfolio})
	refused(t, err, "ResourceNotFoundException", "")
	must(w.admin.CreatePortfolioShare(ctx, share))(t)
	must(w.lead.AcceptPortfolioShare(ctx, &sdk.AcceptPortfolioShareInput{PortfolioId: &o.portfolio}))(t)
	must(w.admin.CreatePortfolioShare(ctx, share))(t)
	shares := must(w.admin.DescribePortfolioShares(ctx, &sdk.DescribePortfolioSharesInput{PortfolioId: &o.portfolio, Type: types.DescribePortfolioShareTypeAccount}))(t).PortfolioShareDetails
	if len(shares) != 1 || !shares[0].Accepted || *shares[0].PrincipalId != team {
		t.Fatalf("shares %v", shares)
	}
	_, err = w.lead.CreatePortfolioShare(ctx, &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(platform)})
	refused(t, err, "ResourceNotFoundException", "")

	// A portfolio of the team's own takes the product, with the constraints of the shared one.
	local := offer{o.product, o.artifact, w.lead.portfolio("local")}
	w.lead.role("mine", trustsCatalog, launches)
	must(w.lead.AssociateProductWithPortfolio(ctx, &sdk.AssociateProductWithPortfolioInput{ProductId: &o.product, PortfolioId: &local.portfolio, SourcePortfolioId: &o.portfolio}))(t)
	w.lead.admit(local.portfolio, "arn:aws:iam::"+team+":root")
	w.admin.constrain(o, "LAUNCH", `{"LocalRoleName":"theirs"}`)
	w.admin.constrain(o, "TEMPLATE", `{"Rules":{"A":{"Assertions":[{"Assert":{"Fn::Contains":[["small","large"],{"Ref":"Size"}]}}]}}}`)
	w.lead.constrain(local, "LAUNCH", `{"LocalRoleName":"mine"}`)
	w.lead.constrain(local, "TEMPLATE", `{"Rules":{"B":{"Assertions":[{"Assert":{"Fn::Contains":[["large","huge"],{"Ref":"Size"}]}}]}}}`)
	for _, size := range []string{"small", "huge"} {
		_, err := w.lead.ProvisionProduct(ctx, w.lead.launching(local, "m", "Size="+size))
		refused(t, err, "InvalidParametersException", "")
	}
	if r := w.lead.launch(local, "m", "Size=large"); r.Status != types.RecordStatusSucceeded || *r.LaunchRoleArn != "arn:aws:iam::"+team+":role/mine" {
		t.Errorf("local launch: %v %v", r, r.RecordErrors)
	}
	_, err = w.lead.UpdateProduct(ctx, &sdk.UpdateProductInput{Id: &o.product, Name: new("stolen")})
	refused(t, err, "ResourceNotFoundException", "")

	// What the owner takes out, is out there, too; what runs, runs.
	must(w.admin.DeletePortfolioShare(ctx, &sdk.DeletePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}))(t)
	_, err = w.lead.ProvisionProduct(ctx, w.lead.launching(local, "n", "Size=large"))
	refused(t, err, "ResourceNotFoundException", "No launch paths")
	if len(w.model.sizes()) != 1 {
		t.Error("what was launched is gone")
	}
}

// TestSharedPrincipals: the owner's principals count by name in the other account, if they are
// shared.
func TestSharedPrincipals(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	o := w.admin.offer("Model", aModel)
	w.admin.admit(o.portfolio, "arn:aws:iam:::user/anna")
	must(w.admin.CreatePortfolioShare(ctx, &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}))(t)
	must(w.lead.AcceptPortfolioShare(ctx, &sdk.AcceptPortfolioShareInput{PortfolioId: &o.portfolio}))(t)
	anna := w.lead.user("anna", endUser)
	sees := func() int {
		return len(must(anna.SearchProducts(ctx, &sdk.SearchProductsInput{}))(t).ProductViewSummaries)
	}
	if sees() != 0 {
		t.Error("principals are not shared, but count")
	}
	must(w.admin.UpdatePortfolioShare(ctx, &sdk.UpdatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team), SharePrincipals: new(true)}))(t)
	if sees() != 1 {
		t.Error("shared principals do not count")
	}
	must(w.lead.RejectPortfolioShare(ctx, &sdk.RejectPortfolioShareInput{PortfolioId: &o.portfolio}))(t)
	if sees() != 0 {
		t.Error("rejected, but seen")
	}
}

// TestPages: a listing has pages, whose tokens are good for that listing alone.
func TestPages(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	want := map[string]bool{}
	for range 5 {
		want[w.admin.portfolio("p")] = true
	}
	var token *string
	for {
		out := must(w.admin.ListPortfolios(ctx, &sdk.ListPortfoliosInput{PageSize: 2, PageToken: token}))(t)
		for _, p := range out.PortfolioDetails {
			if !want[*p.Id] {
				t.Errorf("%s twice", *p.Id)
			}
			delete(want, *p.Id)
		}
		if token = out.NextPageToken; token == nil {
			break
		}
		_, err := w.lead.ListPortfolios(ctx, &sdk.ListPortfoliosInput{PageSize: 2, PageToken: token})
		refused(t, err, "InvalidParametersException", "page token")
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
}
