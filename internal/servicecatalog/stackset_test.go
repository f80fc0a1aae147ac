package servicecatalog_test

import (
	"fmt"
	"strings"
	"testing"

	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// TestStackSets: behind a STACKSET constraint a launch is done by the execution role, which the
// administration role assumes, in one account and region; any other is refused.
func TestStackSets(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a := w.admin
	o := a.offer("Model", aModel)
	a.admit(o.portfolio, "arn:aws:iam::"+platform+":root")
	admin := a.role("Administration", `{"Service":"cloudformation.amazonaws.com"}`, "sts:AssumeRole")
	execution := a.role("Execution", `{"AWS":"arn:aws:iam::`+platform+`:root"}`, launches)
	constraint := func(accounts, regions string) *sdk.CreateConstraintInput {
		return &sdk.CreateConstraintInput{PortfolioId: &o.portfolio, ProductId: &o.product, Type: new("STACKSET"), IdempotencyToken: w.token(), Parameters: new(fmt.Sprintf(
			`{"Version":"1.0","Properties":{"AccountList":[%s],"RegionList":[%s],"AdminRole":"%s","ExecutionRole":"Execution"}}`, accounts, regions, admin))}
	}
	here, there := `"`+platform+`"`, `"`+team+`"`
	for _, c := range [][2]string{{there, `"` + region + `"`}, {here + "," + there, `"` + region + `"`}, {here, `"us-west-2"`}, {here, `"` + region + `","us-west-2"`}, {"", `"` + region + `"`}, {here, ""}} {
		_, err := a.CreateConstraint(ctx, constraint(c[0], c[1]))
		refused(t, err, "InvalidParametersException", "only one account and region")
	}
	must(a.CreateConstraint(ctx, constraint(here, `"`+region+`"`)))(t)

	asked := must(a.DescribeProvisioningParameters(ctx, &sdk.DescribeProvisioningParametersInput{ProductId: &o.product, ProvisioningArtifactId: &o.artifact}))(t)
	if p := asked.ProvisioningArtifactPreferences; p == nil || strings.Join(p.StackSetAccounts, "") != platform || strings.Join(p.StackSetRegions, "") != region {
		t.Errorf("preferences %+v", p)
	}
	for _, p := range []*types.ProvisioningPreferences{{StackSetAccounts: []string{team}}, {StackSetRegions: []string{"us-west-2"}}} {
		in := a.launching(o, "m")
		in.ProvisioningPreferences = p
		_, err := a.ProvisionProduct(ctx, in)
		refused(t, err, "InvalidParametersException", "only in")
	}
	in := a.launching(o, "m")
	in.ProvisioningPreferences = &types.ProvisioningPreferences{StackSetAccounts: []string{platform}, StackSetRegions: []string{region}}
	r := a.ended(must(a.ProvisionProduct(ctx, in))(t).RecordDetail)
	if r.Status != types.RecordStatusSucceeded || *r.LaunchRoleArn != execution || *r.ProvisionedProductType != "CFN_STACKSET" {
		t.Fatalf("launched: %+v", r)
	}
	pp := a.launched("m")
	if *pp.Type != "CFN_STACKSET" || len(w.model.sizes()) != 1 {
		t.Errorf("launched: %+v", pp)
	}
	list := must(a.ListStackInstancesForProvisionedProduct(ctx, &sdk.ListStackInstancesForProvisionedProductInput{ProvisionedProductId: pp.Id}))(t).StackInstances
	if len(list) != 1 || *list[0].Account != platform || *list[0].Region != region || list[0].StackInstanceStatus != types.StackInstanceStatusCurrent {
		t.Errorf("instances %+v", list)
	}

	// An administration role that may not assume the other one cannot have anything launched.
	must(a.iam.DeleteRolePolicy(ctx, &sdkiam.DeleteRolePolicyInput{RoleName: new("Administration"), PolicyName: new("p")}))(t)
	if r := a.launch(o, "n"); r.Status != types.RecordStatusFailed || !strings.Contains(*r.RecordErrors[0].Description, "sts:AssumeRole") {
		t.Errorf("without the right to assume: %+v", r)
	}
	must(a.iam.PutRolePolicy(ctx, &sdkiam.PutRolePolicyInput{RoleName: new("Administration"), PolicyName: new("p"), PolicyDocument: new(allow("sts:AssumeRole"))}))(t)
	for _, name := range []string{"m", "n"} {
		if r := a.ended(must(a.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: &name, TerminateToken: w.token()}))(t).RecordDetail); r.Status != types.RecordStatusSucceeded || *r.ProvisionedProductType != "CFN_STACKSET" {
			t.Errorf("terminated: %+v", r)
		}
	}
	// What is launched without such a constraint has no stack set.
	plain := ready(w, aModel)
	a.launch(plain, "plain")
	_, err := a.ListStackInstancesForProvisionedProduct(ctx, &sdk.ListStackInstancesForProvisionedProductInput{ProvisionedProductId: a.launched("plain").Id})
	refused(t, err, "InvalidParametersException", "CFN_STACKSET")
}
