package servicecatalog_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// TestCopyProduct: versions of a product, with their templates, become a product of one's own,
// or more versions of one.
func TestCopyProduct(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a := w.admin
	o := a.offer("Model", aModel)
	second := a.version(o, "v1.1", aModel)
	arn := "arn:aws:catalog:" + region + ":" + platform + ":product/" + o.product
	in := &sdk.CopyProductInput{SourceProductArn: &arn, TargetProductName: new("Copy"), IdempotencyToken: w.token()}
	copied := func(p *who, token *string) (id string, names map[string]string) {
		t.Helper()
		d := must(p.DescribeCopyProductStatus(ctx, &sdk.DescribeCopyProductStatusInput{CopyProductToken: token}))(t)
		if d.CopyProductStatus != types.CopyProductStatusSucceeded {
			t.Fatalf("copy %+v", d)
		}
		names = map[string]string{}
		for _, v := range must(p.DescribeProductAsAdmin(ctx, &sdk.DescribeProductAsAdminInput{Id: d.TargetProductId}))(t).ProvisioningArtifactSummaries {
			names[*v.Name] = *v.Id
		}
		return *d.TargetProductId, names
	}
	first := must(a.CopyProduct(ctx, in))(t)
	id, versions := copied(a, first.CopyProductToken)
	if again := must(a.CopyProduct(ctx, in))(t); *again.CopyProductToken != *first.CopyProductToken {
		t.Error("copied twice")
	}
	if len(versions) != 2 || id == o.product || versions["v1.1"] == second {
		t.Errorf("copied %v", versions)
	}
	// The copy lives without its source.
	must(a.DisassociateProductFromPortfolio(ctx, &sdk.DisassociateProductFromPortfolioInput{ProductId: &o.product, PortfolioId: &o.portfolio}))(t)
	must(a.DeleteProduct(ctx, &sdk.DeleteProductInput{Id: &o.product}))(t)
	must(a.AssociateProductWithPortfolio(ctx, &sdk.AssociateProductWithPortfolioInput{ProductId: &id, PortfolioId: &o.portfolio}))(t)
	a.admit(o.portfolio, "arn:aws:iam::"+platform+":root")
	if r := a.launch(offer{id, versions["v1.1"], o.portfolio}, "m"); r.Status != types.RecordStatusSucceeded {
		t.Error(*r.RecordErrors[0].Description)
	}

	// Some versions, into a product that there is; of a portfolio that is shared.
	arn = "arn:aws:catalog:" + region + ":" + platform + ":product/" + id
	_, err := w.lead.CopyProduct(ctx, &sdk.CopyProductInput{SourceProductArn: &arn, IdempotencyToken: w.token()})
	refused(t, err, "ResourceNotFoundException", "")
	must(a.CreatePortfolioShare(ctx, &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}))(t)
	must(w.lead.AcceptPortfolioShare(ctx, &sdk.AcceptPortfolioShareInput{PortfolioId: &o.portfolio}))(t)
	own := w.lead.offer("Own", aModel)
	token := must(w.lead.CopyProduct(ctx, &sdk.CopyProductInput{
		SourceProductArn: &arn, TargetProductId: &own.product, SourceProvisioningArtifactIdentifiers: []map[string]string{{"Id": versions["v1.1"]}}, IdempotencyToken: w.token(),
	}))(t).CopyProductToken
	if got, names := copied(w.lead, token); got != own.product || len(names) != 2 || names["v1.0"] != own.artifact || names["v1.1"] == "" {
		t.Errorf("copied into %s: %v", got, names)
	}
	_, err = a.DescribeCopyProductStatus(ctx, &sdk.DescribeCopyProductStatusInput{CopyProductToken: token})
	refused(t, err, "ResourceNotFoundException", "")
}
