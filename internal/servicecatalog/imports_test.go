package servicecatalog_test

import (
	"strings"
	"testing"

	sdkcfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// TestImportAsProvisionedProduct: a stack with the template of a version becomes what was
// launched of it, once, and is updated and terminated as if it had been.
func TestImportAsProvisionedProduct(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, o := w.admin, ready(w, aModel)
	stack := func(name, body string) *string {
		t.Helper()
		out := must(a.stacks.CreateStack(ctx, &sdkcfn.CreateStackInput{StackName: &name, TemplateBody: &body,
			Parameters: []cfntypes.Parameter{{ParameterKey: new("Size"), ParameterValue: new("large")}}}))(t)
		for {
			d := must(a.stacks.DescribeStacks(ctx, &sdkcfn.DescribeStacksInput{StackName: out.StackId}))(t).Stacks[0]
			if !strings.HasSuffix(string(d.StackStatus), "_IN_PROGRESS") {
				return out.StackId
			}
		}
	}
	importing := func(id, name string) *sdk.ImportAsProvisionedProductInput {
		return &sdk.ImportAsProvisionedProductInput{PhysicalId: &id, ProductId: &o.product, ProvisioningArtifactId: &o.artifact, ProvisionedProductName: &name, IdempotencyToken: w.token()}
	}
	there := stack("there", aModel)
	r := must(a.ImportAsProvisionedProduct(ctx, importing(*there, "mine")))(t).RecordDetail
	if r = a.ended(r); r.Status != types.RecordStatusSucceeded || *r.RecordType != "IMPORT_PROVISIONED_PRODUCT" {
		t.Fatalf("imported: %+v", r)
	}
	if got := a.outputs("mine"); got["Size"] != "large" || got["CloudformationStackARN"] != *there || a.launched("mine").Status != types.ProvisionedProductStatusAvailable {
		t.Errorf("outputs %v, %+v", got, a.launched("mine"))
	}
	_, err := a.ImportAsProvisionedProduct(ctx, importing(*there, "again"))
	refused(t, err, "DuplicateResourceException", "mine")
	other := stack("other", strings.Replace(aModel, "Default: small", "Default: large", 1))
	_, err = a.ImportAsProvisionedProduct(ctx, importing(*other, "other"))
	refused(t, err, "InvalidParametersException", "template")
	_, err = a.ImportAsProvisionedProduct(ctx, importing(*other, "mine"))
	refused(t, err, "InvalidParametersException", "")
	_, err = a.ImportAsProvisionedProduct(ctx, importing("arn:aws:cloudformation:"+region+":"+platform+":stack/none/7a6ae1f0-1d2f-11ee-be56-0242ac120002", "none"))
	refused(t, err, "InvalidParametersException", "none")
	gone := stack("gone", strings.Replace(aModel, "Size: !Ref Size", "Size: huge", 1))
	_, err = a.ImportAsProvisionedProduct(ctx, importing(*gone, "gone"))
	refused(t, err, "InvalidStateException", "ROLLBACK_COMPLETE")
	stranger := a.user("stranger", endUser+" cloudformation:*")
	_, err = stranger.ImportAsProvisionedProduct(ctx, importing(*there, "theirs"))
	refused(t, err, "ResourceNotFoundException", "")

	up := a.ended(must(a.UpdateProvisionedProduct(ctx, &sdk.UpdateProvisionedProductInput{
		ProvisionedProductName: new("mine"), UpdateToken: w.token(), ProvisioningParameters: []types.UpdateProvisioningParameter{parameter("Size", "small")},
	}))(t).RecordDetail)
	if up.Status != types.RecordStatusSucceeded || a.outputs("mine")["Size"] != "small" {
		t.Errorf("updated: %+v", up)
	}
	end := a.ended(must(a.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("mine"), TerminateToken: w.token()}))(t).RecordDetail)
	if end.Status != types.RecordStatusSucceeded || len(w.model.sizes()) != 1 { // of the stack other
		t.Errorf("terminated: %+v, %v", end, w.model.sizes())
	}
}

// TestLaunchRoleOfOne: the launch role that an administrator sets for what was launched is that
// of its updates and its termination, whatever the constraint says.
func TestLaunchRoleOfOne(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, o := w.admin, ready(w, aModel)
	a.launch(o, "m")
	weak, strong := a.role("weak", trustsCatalog, "cloudformation:*"), a.role("strong", trustsCatalog, launches)
	give := func(role string) {
		t.Helper()
		must(a.UpdateProvisionedProductProperties(ctx, &sdk.UpdateProvisionedProductPropertiesInput{
			ProvisionedProductId: a.launched("m").Id, ProvisionedProductProperties: map[string]string{"LAUNCH_ROLE": role}, IdempotencyToken: w.token(),
		}))(t)
	}
	update := func(size string) *types.RecordDetail {
		t.Helper()
		return a.ended(must(a.UpdateProvisionedProduct(ctx, &sdk.UpdateProvisionedProductInput{
			ProvisionedProductName: new("m"), UpdateToken: w.token(), ProvisioningParameters: []types.UpdateProvisioningParameter{parameter("Size", size)},
		}))(t).RecordDetail)
	}
	give(strong)
	for range 2 {
		if r := update(map[bool]string{true: "large", false: "small"}[w.model.sizes()[0] == "small"]); r.Status != types.RecordStatusSucceeded || *r.LaunchRoleArn != strong {
			t.Errorf("in the strong role: %+v", r)
		}
	}
	give(weak)
	if r := update("large"); r.Status != types.RecordStatusFailed || *r.LaunchRoleArn != weak || !strings.Contains(*r.RecordErrors[0].Description, "test:MakeModel") {
		t.Errorf("in the weak role: %+v", r)
	}
}
