package servicecatalog_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// endUser is what a launching user may do.
const endUser = "servicecatalog:*"

// TestLifeOfAProduct is the whole life of a product between two accounts: the platform team
// offers and shares it, a team takes and launches it, and an outsider sees nothing of it.
func TestLifeOfAProduct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()

	// The platform offers it, to be launched in a role that each account has, and shares it.
	o := w.admin.offer("MLModelProduct", aModel)
	w.admin.constrain(o, "LAUNCH", `{"LocalRoleName":"ServiceCatalogLaunchRole"}`)
	must(w.admin.CreatePortfolioShare(ctx, &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}))(t)

	launcher, outsider := w.lead.user("launcher", endUser), w.lead.user("outsider", endUser)
	role := w.lead.role("ServiceCatalogLaunchRole", trustsCatalog, launches)

	// Before the team has accepted the share, it has nothing of it.
	if got := must(launcher.SearchProducts(ctx, &sdk.SearchProductsInput{}))(t).ProductViewSummaries; len(got) > 0 {
		t.Fatalf("not accepted, but seen: %v", got)
	}
	must(w.lead.AcceptPortfolioShare(ctx, &sdk.AcceptPortfolioShareInput{PortfolioId: &o.portfolio}))(t)
	if got := must(w.lead.ListAcceptedPortfolioShares(ctx, &sdk.ListAcceptedPortfolioSharesInput{}))(t).PortfolioDetails; len(got) != 1 || *got[0].Id != o.portfolio {
		t.Fatalf("accepted: %v", got)
	}
	w.lead.admit(o.portfolio, "arn:aws:iam::"+team+":user/launcher")

	found := must(launcher.SearchProducts(ctx, &sdk.SearchProductsInput{Filters: map[string][]string{"FullTextSearch": {"mlmodel"}}}))(t)
	if len(found.ProductViewSummaries) != 1 || *found.ProductViewSummaries[0].ProductId != o.product || *found.ProductViewAggregations["Owner"][0].Value != "data-team" {
		t.Fatalf("found %v", found)
	}
	asked := must(launcher.DescribeProvisioningParameters(ctx, &sdk.DescribeProvisioningParametersInput{ProductId: &o.product, ProvisioningArtifactId: &o.artifact}))(t)
	if p := asked.ProvisioningArtifactParameters; len(p) != 2 || *p[0].ParameterKey != "Size" || *p[0].DefaultValue != "small" || len(p[0].ParameterConstraints.AllowedValues) != 3 || *p[1].DefaultValue == "none" {
		t.Fatalf("parameters %v", p)
	}

	// The outsider sees and can do nothing, whatever policy allows.
	_, err := outsider.DescribeProduct(ctx, &sdk.DescribeProductInput{Id: &o.product})
	refused(t, err, "ResourceNotFoundException", "")
	_, err = outsider.ProvisionProduct(ctx, outsider.launching(o, "mine"))
	refused(t, err, "ResourceNotFoundException", "No launch paths found for resource: "+o.product)

	// Bad parameters are refused before anything is made.
	_, err = launcher.ProvisionProduct(ctx, launcher.launching(o, "fraud", "Size=tiny"))
	refused(t, err, "InvalidParametersException", "Size")
	_, err = launcher.ProvisionProduct(ctx, launcher.launching(o, "fraud", "Colour=red"))
	refused(t, err, "InvalidParametersException", "Colour")

	r := launcher.launch(o, "fraud", "Size=large", "Secret=s3cret")
	if r.Status != types.RecordStatusSucceeded || *r.RecordType != "PROVISION_PRODUCT" || *r.LaunchRoleArn != role {
		t.Fatalf("launched: %v %v", r, r.RecordErrors)
	}
	pp := launcher.launched("fraud")
	if pp.Status != types.ProvisionedProductStatusAvailable || *pp.LastRecordId != *r.RecordId || *pp.LastSuccessfulProvisioningRecordId != *r.RecordId {
		t.Fatalf("provisioned: %+v", pp)
	}
	out := launcher.outputs("fraud")
	if out["Size"] != "large" || !strings.Contains(out["CloudformationStackARN"], ":"+team+":stack/SC-"+team+"-"+*pp.Id+"/") {
		t.Fatalf("outputs %v", out)
	}
	if got := w.model.sizes(); len(got) != 1 || got[0] != "large" {
		t.Fatalf("models %v", got)
	}

	// An update to v1.1, then one that fails and is undone: the old one works on.
	v11 := w.admin.version(o, "v1.1", strings.Replace(aModel, "how large it is", "its size", 1))
	up := must(launcher.UpdateProvisionedProduct(ctx, &sdk.UpdateProvisionedProductInput{
		ProvisionedProductName: new("fraud"), ProvisioningArtifactId: &v11, UpdateToken: w.token(),
		ProvisioningParameters: []types.UpdateProvisioningParameter{{Key: new("Size"), Value: new("small")}, {Key: new("Secret"), UsePreviousValue: true}},
	}))(t).RecordDetail
	if got := launcher.ended(up); got.Status != types.RecordStatusSucceeded {
		t.Fatalf("update: %v", got.RecordErrors)
	}
	if pp = launcher.launched("fraud"); *pp.ProvisioningArtifactId != v11 || pp.Status != types.ProvisionedProductStatusAvailable {
		t.Fatalf("updated: %+v", pp)
	}
	bad := launcher.ended(must(launcher.UpdateProvisionedProduct(ctx, &sdk.UpdateProvisionedProductInput{
		ProvisionedProductName: new("fraud"), UpdateToken: w.token(), ProvisioningParameters: []types.UpdateProvisioningParameter{{Key: new("Size"), Value: new("huge")}},
	}))(t).RecordDetail)
	if bad.Status != types.RecordStatusFailed || !strings.HasPrefix(*bad.RecordErrors[0].Description, "AmazonCloudFormationException  no machine is so large") {
		t.Fatalf("failing update: %v %v", bad, *bad.RecordErrors[0].Description)
	}
	pp = launcher.launched("fraud")
	if pp.Status != types.ProvisionedProductStatusTainted || *pp.LastProvisioningRecordId != *bad.RecordId || *pp.LastSuccessfulProvisioningRecordId != *up.RecordId {
		t.Fatalf("tainted: %+v", pp)
	}
	if got := w.model.sizes(); len(got) != 1 || got[0] != "small" {
		t.Fatalf("the old one is gone: %v", got)
	}

	// The share ends: what was launched goes on, and can be terminated.
	must(w.admin.DeletePortfolioShare(ctx, &sdk.DeletePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}))(t)
	_, err = launcher.ProvisionProduct(ctx, launcher.launching(o, "another"))
	refused(t, err, "ResourceNotFoundException", "No launch paths found")
	gone := launcher.ended(must(launcher.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("fraud"), TerminateToken: w.token()}))(t).RecordDetail)
	if gone.Status != types.RecordStatusSucceeded || len(w.model.sizes()) != 0 {
		t.Fatalf("terminated: %v %v, %v", gone, gone.RecordErrors, w.model.sizes())
	}
	_, err = launcher.DescribeProvisionedProduct(ctx, &sdk.DescribeProvisionedProductInput{Name: new("fraud")})
	refused(t, err, "ResourceNotFoundException", "")

	// The records outlive it.
	history := must(launcher.ListRecordHistory(ctx, &sdk.ListRecordHistoryInput{}))(t).RecordDetails
	var kinds []string
	for _, r := range history {
		kinds = append(kinds, *r.RecordType)
	}
	if got := strings.Join(kinds, " "); got != "TERMINATE_PROVISIONED_PRODUCT UPDATE_PROVISIONED_PRODUCT UPDATE_PROVISIONED_PRODUCT PROVISION_PRODUCT" {
		t.Fatal(got)
	}
	if got := must(outsider.ListRecordHistory(ctx, &sdk.ListRecordHistoryInput{}))(t).RecordDetails; len(got) > 0 {
		t.Fatalf("the outsider sees %v", got)
	}
}
