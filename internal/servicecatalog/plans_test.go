package servicecatalog_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// planned asks for a plan and waits until it is made, or failed.
func (p *who) planned(o offer, name string, parameters ...types.UpdateProvisioningParameter) *sdk.DescribeProvisionedProductPlanOutput {
	p.w.Helper()
	out := must(p.CreateProvisionedProductPlan(p.w.Context(), p.planning(o, name, parameters...)))(p.w)
	return p.settled(*out.PlanId)
}

func (p *who) planning(o offer, name string, parameters ...types.UpdateProvisioningParameter) *sdk.CreateProvisionedProductPlanInput {
	return &sdk.CreateProvisionedProductPlanInput{
		PlanName: new("of " + name), PlanType: types.ProvisionedProductPlanTypeCloudformation, ProductId: &o.product, ProvisioningArtifactId: &o.artifact,
		ProvisionedProductName: &name, ProvisioningParameters: parameters, IdempotencyToken: p.w.token(),
	}
}

// settled waits until nothing happens to a plan.
func (p *who) settled(plan string) *sdk.DescribeProvisionedProductPlanOutput {
	p.w.Helper()
	for {
		d := must(p.DescribeProvisionedProductPlan(p.w.Context(), &sdk.DescribeProvisionedProductPlanInput{PlanId: &plan}))(p.w)
		if !strings.HasSuffix(string(d.ProvisionedProductPlanDetails.Status), "_IN_PROGRESS") {
			return d
		}
		select {
		case <-p.w.Context().Done():
			p.w.Fatal("the plan is not made")
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (p *who) execute(plan *string) *types.RecordDetail {
	p.w.Helper()
	out := must(p.ExecuteProvisionedProductPlan(p.w.Context(), &sdk.ExecuteProvisionedProductPlanInput{PlanId: plan, IdempotencyToken: p.w.token()}))(p.w)
	return p.ended(out.RecordDetail)
}

func parameter(key, value string) types.UpdateProvisioningParameter {
	return types.UpdateProvisioningParameter{Key: &key, Value: &value}
}

// TestPlans: the plan of a launch, and of an update, says what would change, changes nothing
// until it is executed, and is what is done then.
func TestPlans(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, o := w.admin, ready(w, aModel)

	d := a.planned(o, "m", parameter("Size", "small"), parameter("Secret", "s3cret"))
	p := d.ProvisionedProductPlanDetails
	if p.Status != types.ProvisionedProductPlanStatusCreateSuccess || *p.ProvisionProductName != "m" || !strings.HasPrefix(*p.PlanId, "plan-") {
		t.Fatalf("plan %+v %v", p, text(p.StatusMessage))
	}
	if got := *p.ProvisioningParameters[1].Value; got != "****" {
		t.Errorf("the plan shows the secret %s", got)
	}
	if c := d.ResourceChanges; len(c) != 1 || c[0].Action != types.ChangeActionAdd || *c[0].LogicalResourceId != "Model" || *c[0].ResourceType != "Test::Model" {
		t.Errorf("changes %+v", d.ResourceChanges)
	}
	if pp := a.launched("m"); pp.Status != types.ProvisionedProductStatusPlanInProgress || len(w.model.sizes()) != 0 {
		t.Errorf("planned: %+v, %v", pp, w.model.sizes())
	}
	_, err := a.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("m"), TerminateToken: w.token()})
	refused(t, err, "InvalidParametersException", "PLAN_IN_PROGRESS")
	_, err = a.CreateProvisionedProductPlan(ctx, a.planning(o, "m"))
	refused(t, err, "InvalidStateException", "plan")

	if r := a.execute(p.PlanId); r.Status != types.RecordStatusSucceeded || *r.RecordType != "PROVISION_PRODUCT" {
		t.Fatalf("executed: %+v", r)
	}
	if got := w.model.sizes(); !slices.Equal(got, []string{"small"}) || a.outputs("m")["Size"] != "small" {
		t.Errorf("models %v", got)
	}
	if s := a.settled(*p.PlanId).ProvisionedProductPlanDetails.Status; s != types.ProvisionedProductPlanStatusExecuteSuccess {
		t.Errorf("the executed plan is %s", s)
	}
	_, err = a.ExecuteProvisionedProductPlan(ctx, &sdk.ExecuteProvisionedProductPlanInput{PlanId: p.PlanId, IdempotencyToken: w.token()})
	refused(t, err, "InvalidStateException", "EXECUTE_SUCCESS")

	// An update: what was launched stays what it is until then.
	d = a.planned(o, "m", parameter("Size", "large"), types.UpdateProvisioningParameter{Key: new("Secret"), UsePreviousValue: true})
	up := d.ProvisionedProductPlanDetails
	if c := d.ResourceChanges; len(c) != 1 || c[0].Action != types.ChangeActionModify || c[0].Replacement != types.ReplacementFalse ||
		c[0].Scope[0] != types.ResourceAttributeProperties || *c[0].Details[0].Target.Name != "Size" || c[0].Details[0].Target.RequiresRecreation != types.RequiresRecreationNever {
		t.Errorf("changes %+v", d.ResourceChanges)
	}
	if pp := a.launched("m"); pp.Status != types.ProvisionedProductStatusAvailable || w.model.sizes()[0] != "small" {
		t.Errorf("planned: %+v", pp)
	}
	list := must(a.ListProvisionedProductPlans(ctx, &sdk.ListProvisionedProductPlansInput{ProvisionProductId: up.ProvisionProductId}))(t).ProvisionedProductPlans
	if len(list) != 2 {
		t.Errorf("plans %v", list)
	}
	if r := a.execute(up.PlanId); r.Status != types.RecordStatusSucceeded || *r.RecordType != "UPDATE_PROVISIONED_PRODUCT" || w.model.sizes()[0] != "large" {
		t.Errorf("executed: %+v, %v", r, w.model.sizes())
	}

	// One that changes nothing fails, as its change set does, and another can be made.
	same := a.planned(o, "m", parameter("Size", "large"), types.UpdateProvisioningParameter{Key: new("Secret"), UsePreviousValue: true}).ProvisionedProductPlanDetails
	if same.Status != types.ProvisionedProductPlanStatusCreateFailed || !strings.Contains(text(same.StatusMessage), "didn't contain changes") {
		t.Errorf("nothing to do: %+v", same)
	}
	// One that is out of date fails when it is executed, and one that cannot be is undone.
	old := a.planned(o, "m", parameter("Size", "small")).ProvisionedProductPlanDetails
	a.ended(must(a.UpdateProvisionedProduct(ctx, &sdk.UpdateProvisionedProductInput{
		ProvisionedProductName: new("m"), UpdateToken: w.token(), ProvisioningParameters: []types.UpdateProvisioningParameter{parameter("Size", "large"), parameter("Secret", "other")},
	}))(t).RecordDetail)
	if r := a.execute(old.PlanId); r.Status != types.RecordStatusFailed || !strings.Contains(*r.RecordErrors[0].Description, "OBSOLETE") {
		t.Errorf("executed what is out of date: %+v", r)
	}
	huge := a.planned(o, "m", parameter("Size", "huge")).ProvisionedProductPlanDetails
	if r := a.execute(huge.PlanId); r.Status != types.RecordStatusFailed || !strings.Contains(*r.RecordErrors[0].Description, "no machine is so large") {
		t.Errorf("executed what cannot be: %+v", r)
	}
	if got := a.settled(*huge.PlanId).ProvisionedProductPlanDetails; got.Status != types.ProvisionedProductPlanStatusExecuteFailed || a.launched("m").Status != types.ProvisionedProductStatusTainted {
		t.Errorf("the plan is %s, what was launched %s", got.Status, a.launched("m").Status)
	}

	// Plans go with what was launched.
	a.ended(must(a.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("m"), TerminateToken: w.token()}))(t).RecordDetail)
	if got := must(a.ListProvisionedProductPlans(ctx, &sdk.ListProvisionedProductPlansInput{}))(t).ProvisionedProductPlans; len(got) != 0 || len(w.model.sizes()) != 0 {
		t.Errorf("left: %v, %v", got, w.model.sizes())
	}
}

// TestDeletedPlans: the plan of a launch goes with all that was made for it, that of an update
// leaves what there is.
func TestDeletedPlans(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, o := w.admin, ready(w, aModel)
	drop := func(id *string) {
		t.Helper()
		must(a.DeleteProvisionedProductPlan(ctx, &sdk.DeleteProvisionedProductPlanInput{PlanId: id}))(t)
		_, err := a.DescribeProvisionedProductPlan(ctx, &sdk.DescribeProvisionedProductPlanInput{PlanId: id})
		refused(t, err, "ResourceNotFoundException", "")
	}
	drop(a.planned(o, "m").ProvisionedProductPlanDetails.PlanId)
	_, err := a.DescribeProvisionedProduct(ctx, &sdk.DescribeProvisionedProductInput{Name: new("m")})
	refused(t, err, "ResourceNotFoundException", "")
	for len(w.stacksNow()) > 0 { // its stack is deleted in the background
		time.Sleep(time.Millisecond)
	}
	// The name is free.
	if r := a.launch(o, "m"); r.Status != types.RecordStatusSucceeded {
		t.Fatal(*r.RecordErrors[0].Description)
	}
	drop(a.planned(o, "m", parameter("Size", "large")).ProvisionedProductPlanDetails.PlanId)
	if got := w.model.sizes(); !slices.Equal(got, []string{"small"}) || a.launched("m").Status != types.ProvisionedProductStatusAvailable {
		t.Errorf("models %v", got)
	}
	if d := a.planned(o, "m", parameter("Size", "large")).ProvisionedProductPlanDetails; d.Status != types.ProvisionedProductPlanStatusCreateSuccess {
		t.Errorf("another plan: %+v", d)
	}
}

// TestPlanRefusals: plans are refused for what a launch would be refused for, before and when
// they are executed.
func TestPlanRefusals(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, o := w.admin, ready(w, aModel)
	_, err := a.CreateProvisionedProductPlan(ctx, a.planning(o, "m", parameter("Size", "tiny")))
	refused(t, err, "InvalidParametersException", "Size")
	_, err = a.CreateProvisionedProductPlan(ctx, a.planning(o, "m", types.UpdateProvisioningParameter{Key: new("Size"), UsePreviousValue: true}))
	refused(t, err, "InvalidParametersException", "previous")
	stranger := a.user("stranger", endUser)
	_, err = stranger.CreateProvisionedProductPlan(ctx, stranger.planning(o, "m"))
	refused(t, err, "ResourceNotFoundException", "No launch paths")
	_, err = a.ExecuteProvisionedProductPlan(ctx, &sdk.ExecuteProvisionedProductPlanInput{PlanId: new("plan-aaaaaaaaaaaaa"), IdempotencyToken: w.token()})
	refused(t, err, "ResourceNotFoundException", "plan-aaaaaaaaaaaaa")

	// A plan is the caller's own where policy says so.
	plan := a.planned(o, "m", parameter("Size", "large")).ProvisionedProductPlanDetails.PlanId
	must(stranger.DescribeProvisionedProductPlan(ctx, &sdk.DescribeProvisionedProductPlanInput{PlanId: plan}))(t)
	must(a.iam.PutUserPolicy(ctx, selfOnly("stranger")))(t)
	_, err = stranger.DescribeProvisionedProductPlan(ctx, &sdk.DescribeProvisionedProductPlanInput{PlanId: plan})
	refused(t, err, "AccessDeniedException", "DescribeProvisionedProductPlan")
	if got := must(stranger.ListProvisionedProductPlans(ctx, &sdk.ListProvisionedProductPlansInput{}))(t).ProvisionedProductPlans; len(got) > 0 {
		t.Errorf("a stranger sees %v", got)
	}

	// A rule that came after the plan holds.
	w.admin.constrain(o, "TEMPLATE", `{"Rules":{"Small":{"Assertions":[{"Assert":{"Fn::Contains":[["small"],{"Ref":"Size"}]},"AssertDescription":"only small ones"}]}}}`)
	_, err = a.ExecuteProvisionedProductPlan(ctx, &sdk.ExecuteProvisionedProductPlanInput{PlanId: plan, IdempotencyToken: w.token()})
	refused(t, err, "InvalidParametersException", "only small ones")
	if len(w.model.sizes()) > 0 {
		t.Error("something was made")
	}
}

// selfOnly is the policy of who may see and change only what they have launched themselves.
func selfOnly(user string) *sdkiam.PutUserPolicyInput {
	return &sdkiam.PutUserPolicyInput{UserName: &user, PolicyName: new("p"), PolicyDocument: new(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"servicecatalog:*","Resource":"*","Condition":{"StringEquals":{"servicecatalog:userLevel":"self"}}}}`)}
}
