package servicecatalog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"

	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/servicecatalog"
)

// TestMetrics: launches, updates and terminations by their end, and what there is by status.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, o := w.admin, ready(w, aModel)
	for _, name := range []string{"one", "two", "huge"} {
		a.launch(o, name, "Size="+map[string]string{"huge": "huge"}[name]+strings.Repeat("small", len(name)%2*(5-len(name))/2))
	}
	a.ended(must(a.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("two"), TerminateToken: w.token()}))(t).RecordDetail)
	a.planned(o, "planned")
	families, err := w.metrics.Load().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetValue())
			}
			n := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			got = append(got, fmt.Sprintf("%s %s %v", strings.TrimPrefix(f.GetName(), "modelwharf_catalog_"), strings.Join(labels, " "), n))
		}
	}
	slices.Sort(got)
	want := []string{
		"operation_seconds launch 3", "operation_seconds terminate 1",
		"operations_total launch FAILED 1", "operations_total launch SUCCEEDED 2", "operations_total terminate SUCCEEDED 1",
		"provisioned_products AVAILABLE 1", "provisioned_products ERROR 1", "provisioned_products PLAN_IN_PROGRESS 1",
		"provisioned_products TAINTED 0", "provisioned_products UNDER_CHANGE 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestQuotas: each quota can be set, and says its name where it is reached.
func TestQuotas(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	values := quota.Values{}
	for _, q := range servicecatalog.Quotas() {
		values[q.Name] = 1
	}
	w.stop()
	w.quotas = values
	w.start()
	a := w.admin
	o := a.offer("Model", aModel)
	a.admit(o.portfolio, "arn:aws:iam::"+platform+":root")
	a.constrain(o, "TEMPLATE", `{"Rules":{}}`)
	actions := []string{}
	for _, name := range []string{"one", "two"} {
		actions = append(actions, *must(a.CreateServiceAction(ctx, &sdk.CreateServiceActionInput{
			Name: &name, DefinitionType: types.ServiceActionDefinitionTypeSsmAutomation, Definition: map[string]string{"Name": "AWS-RestartEC2Instance", "Version": "1"}, IdempotencyToken: w.token(),
		}))(t).ServiceActionDetail.ServiceActionSummary.Id)
	}
	associate := func(action string) error {
		_, err := a.AssociateServiceActionWithProvisioningArtifact(ctx, &sdk.AssociateServiceActionWithProvisioningArtifactInput{ProductId: &o.product, ProvisioningArtifactId: &o.artifact, ServiceActionId: &action})
		return err
	}
	if err := associate(actions[0]); err != nil {
		t.Fatal(err)
	}
	other, _ := w.lead.product("Another", aModel) // of an account of its own
	must(w.lead.CreatePortfolio(ctx, &sdk.CreatePortfolioInput{DisplayName: new("p"), ProviderName: new("x"), IdempotencyToken: w.token()}))(t)
	for name, ask := range map[string]func() error{
		"servicecatalog-products": func() error {
			_, err := a.CreateProduct(ctx, &sdk.CreateProductInput{Name: new("x"), Owner: new("x"), ProductType: types.ProductTypeCloudFormationTemplate, IdempotencyToken: w.token(),
				ProvisioningArtifactParameters: &types.ProvisioningArtifactProperties{Info: w.at(aModel)}})
			return err
		},
		"servicecatalog-portfolios": func() error {
			_, err := a.CreatePortfolio(ctx, &sdk.CreatePortfolioInput{DisplayName: new("x"), ProviderName: new("x"), IdempotencyToken: w.token()})
			return err
		},
		"servicecatalog-artifacts": func() error {
			_, err := w.lead.CreateProvisioningArtifact(ctx, &sdk.CreateProvisioningArtifactInput{ProductId: &other, Parameters: &types.ProvisioningArtifactProperties{Info: w.at(aModel)}, IdempotencyToken: w.token()})
			return err
		},
		"servicecatalog-portfolio-principals": func() error {
			_, err := a.AssociatePrincipalWithPortfolio(ctx, &sdk.AssociatePrincipalWithPortfolioInput{PortfolioId: &o.portfolio, PrincipalARN: new("arn:aws:iam:::role/x"), PrincipalType: types.PrincipalTypeIamPattern})
			return err
		},
		"servicecatalog-constraints": func() error {
			_, err := a.CreateConstraint(ctx, &sdk.CreateConstraintInput{PortfolioId: &o.portfolio, ProductId: &o.product, Type: new("TEMPLATE"), Parameters: new(`{"Rules":{}}`), IdempotencyToken: w.token()})
			return err
		},
		"servicecatalog-actions": func() error { return associate(actions[1]) },
	} {
		refused(t, ask(), "LimitExceededException", "--quota "+name+"=")
	}
}
