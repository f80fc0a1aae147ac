package servicecatalog_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	sdkcfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// ready is an offer that the platform's administrator may launch, in a role that can.
func ready(w *world, body string) offer {
	o := w.admin.offer("Model", body)
	w.admin.constrain(o, "LAUNCH", `{"RoleArn":"`+w.admin.role("launch", trustsCatalog, launches)+`"}`)
	w.admin.admit(o.portfolio, "arn:aws:iam::"+platform+":root")
	return o
}

// TestIDs: a prefix and 13 letters and digits; ARNs with the account.
func TestIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := ready(w, aModel)
	c := w.admin.constrain(o, "TEMPLATE", `{"Rules":{}}`)
	tag := must(w.admin.CreateTagOption(t.Context(), &sdk.CreateTagOptionInput{Key: new("k"), Value: new("v")}))(t).TagOptionDetail
	act := must(w.admin.CreateServiceAction(t.Context(), &sdk.CreateServiceActionInput{
		Name: new("a"), DefinitionType: types.ServiceActionDefinitionTypeSsmAutomation, Definition: map[string]string{"Name": "AWS-RestartEC2Instance", "Version": "1"}, IdempotencyToken: w.token(),
	}))(t).ServiceActionDetail.ServiceActionSummary
	r := w.admin.launch(o, "m")
	for prefix, id := range map[string]string{
		"prod": o.product, "port": o.portfolio, "pa": o.artifact, "cons": c, "tag": *tag.Id, "act": *act.Id, "rec": *r.RecordId, "pp": *r.ProvisionedProductId, "lpv3": *r.PathId,
	} {
		if !regexp.MustCompile(`^` + prefix + `-[a-z0-9]{13}$`).MatchString(id) {
			t.Errorf("%s: %s", prefix, id)
		}
	}
	p := must(w.admin.DescribeProductAsAdmin(t.Context(), &sdk.DescribeProductAsAdminInput{Id: &o.product}))(t)
	if got := *p.ProductViewDetail.ProductARN; got != "arn:aws:catalog:"+region+":"+platform+":product/"+o.product {
		t.Error(got)
	}
	if got := *w.admin.launched("m").Arn; got != "arn:aws:servicecatalog:"+region+":"+platform+":stack/m/"+*r.ProvisionedProductId {
		t.Error(got)
	}
}

// TestIdempotency: the same token gets the same answer, with other input an error.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := &sdk.CreatePortfolioInput{DisplayName: new("p"), ProviderName: new("x"), IdempotencyToken: new("once")}
	one, two := must(w.admin.CreatePortfolio(t.Context(), in))(t), must(w.admin.CreatePortfolio(t.Context(), in))(t)
	if *one.PortfolioDetail.Id != *two.PortfolioDetail.Id {
		t.Error("made twice")
	}
	in.DisplayName = new("q")
	_, err := w.admin.CreatePortfolio(t.Context(), in)
	refused(t, err, "InvalidParametersException", "token")
	// The token is another account's own.
	if got := must(w.lead.CreatePortfolio(t.Context(), in))(t); *got.PortfolioDetail.Id == *one.PortfolioDetail.Id {
		t.Error("one token for two accounts")
	}

	o := ready(w, aModel)
	launch := w.admin.launching(o, "m")
	first, again := must(w.admin.ProvisionProduct(t.Context(), launch))(t), must(w.admin.ProvisionProduct(t.Context(), launch))(t)
	if *first.RecordDetail.RecordId != *again.RecordDetail.RecordId {
		t.Error("launched twice")
	}
	w.admin.ended(first.RecordDetail)
	_, err = w.admin.ProvisionProduct(t.Context(), w.admin.launching(o, "m"))
	refused(t, err, "InvalidParametersException", "already exists")
	end := &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("m"), TerminateToken: new("end")}
	gone := must(w.admin.TerminateProvisionedProduct(t.Context(), end))(t)
	w.admin.ended(gone.RecordDetail)
	if got := must(w.admin.TerminateProvisionedProduct(t.Context(), end))(t); *got.RecordDetail.RecordId != *gone.RecordDetail.RecordId {
		t.Error("terminated twice")
	}
}

// TestConstraints: what the parameters of the five types are, and which go together.
func TestConstraints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := w.admin.role("launch", trustsCatalog, launches)
	stackSet := func(account string) string {
		return `{"Version":"1.0","Properties":{"AccountList":["` + account + `"],"RegionList":["` + region + `"],"AdminRole":"` + role + `","ExecutionRole":"exec"}}`
	}
	for _, c := range []struct{ kind, parameters, wrong string }{
		{"LAUNCH", `{"RoleArn":"` + role + `"}`, ""},
		{"LAUNCH", `{"LocalRoleName":"launch"}`, ""},
		{"LAUNCH", `{"RoleArn":"` + role + `","LocalRoleName":"launch"}`, "exactly one"},
		{"LAUNCH", `{}`, "exactly one"},
		{"LAUNCH", `{"RoleArn":"launch"}`, "Invalid RoleArn"},
		{"LAUNCH", `{"Role":"x"}`, "Invalid constraint parameters"},
		{"NOTIFICATION", `{"NotificationArns":["arn:aws:sns:eu-west-1:111111111111:t"]}`, ""},
		{"NOTIFICATION", `{"NotificationArns":["t"]}`, "Invalid notification ARN"},
		{"NOTIFICATION", `{"NotificationArns":[]}`, "NotificationArns"},
		{"RESOURCE_UPDATE", `{"Version":"2.0","Properties":{"TagUpdateOnProvisionedProduct":"ALLOWED"}}`, ""},
		{"RESOURCE_UPDATE", `{"Version":"1.0","Properties":{"TagUpdateOnProvisionedProduct":"ALLOWED"}}`, "Version"},
		{"RESOURCE_UPDATE", `{"Version":"2.0","Properties":{"TagUpdateOnProvisionedProduct":"YES"}}`, "ALLOWED"},
		{"STACKSET", stackSet(platform), ""},
		{"STACKSET", stackSet(team), "only one account and region"},
		{"TEMPLATE", `{"Rules":{"R":{"Assertions":[{"Assert":{"Fn::Contains":[["small"],{"Ref":"Size"}]}}]}}}`, ""},
		{"TEMPLATE", `{"Rules":[]}`, "Invalid template constraint"},
		{"TEMPLATE", `{`, "Invalid template constraint"},
		{"OTHER", `{}`, "Invalid constraint type"},
	} {
		o := w.admin.offer("Model", aModel)
		_, err := w.admin.CreateConstraint(t.Context(), &sdk.CreateConstraintInput{
			PortfolioId: &o.portfolio, ProductId: &o.product, Type: &c.kind, Parameters: &c.parameters, IdempotencyToken: w.token(),
		})
		switch {
		case c.wrong != "":
			refused(t, err, "InvalidParametersException", c.wrong)
		case err != nil:
			t.Errorf("%s %s: %v", c.kind, c.parameters, err)
		}
	}

	o := w.admin.offer("Model", aModel)
	id := w.admin.constrain(o, "LAUNCH", `{"LocalRoleName":"launch"}`)
	for _, c := range [][2]string{{"LAUNCH", `{"RoleArn":"` + role + `"}`}, {"STACKSET", stackSet(platform)}} {
		_, err := w.admin.CreateConstraint(t.Context(), &sdk.CreateConstraintInput{
			PortfolioId: &o.portfolio, ProductId: &o.product, Type: &c[0], Parameters: &c[1], IdempotencyToken: w.token(),
		})
		refused(t, err, "DuplicateResourceException", id)
	}
	// Who cannot pass a role cannot have others launch in it.
	clerk := w.admin.user("clerk", "servicecatalog:*")
	_, err := clerk.CreateConstraint(t.Context(), &sdk.CreateConstraintInput{
		PortfolioId: &o.portfolio, ProductId: &o.product, Type: new("LAUNCH"), Parameters: new(`{"RoleArn":"` + role + `"}`), IdempotencyToken: w.token(),
	})
	refused(t, err, "AccessDeniedException", "iam:PassRole")

	must(w.admin.UpdateConstraint(t.Context(), &sdk.UpdateConstraintInput{Id: &id, Parameters: new(`{"RoleArn":"` + role + `"}`), Description: new("d")}))(t)
	if d := must(w.admin.DescribeConstraint(t.Context(), &sdk.DescribeConstraintInput{Id: &id}))(t); *d.ConstraintParameters != `{"RoleArn":"`+role+`"}` || *d.ConstraintDetail.Description != "d" {
		t.Errorf("updated: %v", d)
	}
	must(w.admin.DeleteConstraint(t.Context(), &sdk.DeleteConstraintInput{Id: &id}))(t)
	_, err = w.admin.DescribeConstraint(t.Context(), &sdk.DescribeConstraintInput{Id: &id})
	refused(t, err, "ResourceNotFoundException", "")
}

// TestTemplateRules: the rules of a TEMPLATE constraint bind the next launch, and narrow what
// the parameters may be.
func TestTemplateRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := ready(w, aModel)
	w.admin.launch(o, "before", "Size=large")
	w.admin.constrain(o, "TEMPLATE", `{"Rules":{"Small":{"Assertions":[{"Assert":{"Fn::Contains":[["small"],{"Ref":"Size"}]},"AssertDescription":"only small ones"}]}}}`)
	_, err := w.admin.ProvisionProduct(t.Context(), w.admin.launching(o, "m", "Size=large"))
	refused(t, err, "InvalidParametersException", "only small ones")
	if r := w.admin.launch(o, "m", "Size=small"); r.Status != types.RecordStatusSucceeded {
		t.Error(r.RecordErrors)
	}
	asked := must(w.admin.DescribeProvisioningParameters(t.Context(), &sdk.DescribeProvisioningParametersInput{ProductId: &o.product, ProvisioningArtifactId: &o.artifact}))(t)
	if got := asked.ProvisioningArtifactParameters[0].ParameterConstraints.AllowedValues; len(got) != 1 || got[0] != "small" {
		t.Errorf("allowed %v", got)
	}
	_, err = w.admin.UpdateProvisionedProduct(t.Context(), &sdk.UpdateProvisionedProductInput{
		ProvisionedProductName: new("before"), UpdateToken: w.token(), ProvisioningParameters: []types.UpdateProvisioningParameter{{Key: new("Size"), UsePreviousValue: true}},
	})
	refused(t, err, "InvalidParametersException", "only small ones")
}

// TestDeletion: what is in use is not deleted.
func TestDeletion(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a := w.admin
	o := a.offer("Model", aModel)
	inUse := func(err error) { t.Helper(); refused(t, err, "ResourceInUseException", "") }
	deleteProduct := func() error {
		_, err := a.DeleteProduct(ctx, &sdk.DeleteProductInput{Id: &o.product})
		return err
	}
	deletePortfolio := func() error {
		_, err := a.DeletePortfolio(ctx, &sdk.DeletePortfolioInput{Id: &o.portfolio})
		return err
	}
	inUse(deleteProduct())
	inUse(deletePortfolio())
	_, err := a.DeleteProvisioningArtifact(ctx, &sdk.DeleteProvisioningArtifactInput{ProductId: &o.product, ProvisioningArtifactId: &o.artifact})
	inUse(err)

	c := a.constrain(o, "TEMPLATE", `{"Rules":{}}`)
	leave := &sdk.DisassociateProductFromPortfolioInput{ProductId: &o.product, PortfolioId: &o.portfolio}
	_, err = a.DisassociateProductFromPortfolio(ctx, leave)
	inUse(err)
	must(a.DeleteConstraint(ctx, &sdk.DeleteConstraintInput{Id: &c}))(t)
	must(a.DisassociateProductFromPortfolio(ctx, leave))(t)

	tag := must(a.CreateTagOption(ctx, &sdk.CreateTagOptionInput{Key: new("k"), Value: new("v")}))(t).TagOptionDetail.Id
	must(a.AssociateTagOptionWithResource(ctx, &sdk.AssociateTagOptionWithResourceInput{ResourceId: &o.product, TagOptionId: tag}))(t)
	_, err = a.DeleteTagOption(ctx, &sdk.DeleteTagOptionInput{Id: tag})
	inUse(err)
	inUse(deleteProduct())
	must(a.DisassociateTagOptionFromResource(ctx, &sdk.DisassociateTagOptionFromResourceInput{ResourceId: &o.product, TagOptionId: tag}))(t)
	must(a.DeleteTagOption(ctx, &sdk.DeleteTagOptionInput{Id: tag}))(t)

	act := must(a.CreateServiceAction(ctx, &sdk.CreateServiceActionInput{
		Name: new("a"), DefinitionType: types.ServiceActionDefinitionTypeSsmAutomation, Definition: map[string]string{"Name": "n", "Version": "1"}, IdempotencyToken: w.token(),
	}))(t).ServiceActionDetail.ServiceActionSummary.Id
	must(a.AssociateServiceActionWithProvisioningArtifact(ctx, &sdk.AssociateServiceActionWithProvisioningArtifactInput{
		ProductId: &o.product, ProvisioningArtifactId: &o.artifact, ServiceActionId: act,
	}))(t)
	_, err = a.DeleteServiceAction(ctx, &sdk.DeleteServiceActionInput{Id: act})
	inUse(err)

	must(a.CreatePortfolioShare(ctx, &sdk.CreatePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}))(t)
	inUse(deletePortfolio())
	must(a.DeletePortfolioShare(ctx, &sdk.DeletePortfolioShareInput{PortfolioId: &o.portfolio, AccountId: new(team)}))(t)
	a.admit(o.portfolio, "arn:aws:iam::"+platform+":root")
	inUse(deletePortfolio())
	must(a.DisassociatePrincipalFromPortfolio(ctx, &sdk.DisassociatePrincipalFromPortfolioInput{PortfolioId: &o.portfolio, PrincipalARN: new("arn:aws:iam::" + platform + ":root")}))(t)
	for _, err := range []error{deletePortfolio(), deleteProduct()} {
		if err != nil {
			t.Error(err)
		}
	}
	must(a.DeleteServiceAction(ctx, &sdk.DeleteServiceActionInput{Id: act}))(t)
}

// TestVersions: an inactive one is hidden, a deprecated one is not launched but updated to.
func TestVersions(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	o := ready(w, aModel)
	old, hidden := w.admin.version(o, "old", aModel), w.admin.version(o, "hidden", aModel)
	w.admin.launch(o, "m")
	must(w.admin.UpdateProvisioningArtifact(ctx, &sdk.UpdateProvisioningArtifactInput{ProductId: &o.product, ProvisioningArtifactId: &old, Guidance: types.ProvisioningArtifactGuidanceDeprecated}))(t)
	must(w.admin.UpdateProvisioningArtifact(ctx, &sdk.UpdateProvisioningArtifactInput{ProductId: &o.product, ProvisioningArtifactId: &hidden, Active: new(false)}))(t)
	d := must(w.admin.DescribeProduct(ctx, &sdk.DescribeProductInput{Id: &o.product}))(t)
	if len(d.ProvisioningArtifacts) != 2 || d.ProvisioningArtifacts[1].Guidance != types.ProvisioningArtifactGuidanceDeprecated {
		t.Errorf("versions %v", d.ProvisioningArtifacts)
	}
	_, err := w.admin.ProvisionProduct(ctx, w.admin.launching(offer{o.product, old, o.portfolio}, "x"))
	refused(t, err, "InvalidParametersException", "deprecated")
	_, err = w.admin.ProvisionProduct(ctx, w.admin.launching(offer{o.product, hidden, o.portfolio}, "x"))
	refused(t, err, "ResourceNotFoundException", hidden)
	up := must(w.admin.UpdateProvisionedProduct(ctx, &sdk.UpdateProvisionedProductInput{ProvisionedProductName: new("m"), ProvisioningArtifactId: &old, UpdateToken: w.token()}))(t)
	if r := w.admin.ended(up.RecordDetail); r.Status != types.RecordStatusSucceeded || *w.admin.launched("m").ProvisioningArtifactId != old {
		t.Errorf("updated: %v", r.RecordErrors)
	}
}

// TestFrozenTemplates: what lies at the URL later changes nothing, and what is no template is
// refused when the version is made.
func TestFrozenTemplates(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	o := ready(w, aModel)
	w.urls.Range(func(k, _ any) bool { w.urls.Store(k, "rubbish"); return true })
	if r := w.admin.launch(o, "m"); r.Status != types.RecordStatusSucceeded {
		t.Error(r.RecordErrors)
	}
	create := func(info map[string]string, unchecked bool) error {
		_, err := w.admin.CreateProvisioningArtifact(ctx, &sdk.CreateProvisioningArtifactInput{ProductId: &o.product, IdempotencyToken: w.token(),
			Parameters: &types.ProvisioningArtifactProperties{Info: info, DisableTemplateValidation: unchecked}})
		return err
	}
	refused(t, create(w.at("Resources: {A: {Type: 'Test::None'}}"), false), "InvalidParametersException", "Test::None")
	refused(t, create(map[string]string{"LoadTemplateFromURL": "https://nowhere.example/x"}, false), "InvalidParametersException", "could not be read")
	refused(t, create(map[string]string{"Other": "x"}, false), "InvalidParametersException", "exactly one")
	if err := create(w.at("Resources: {A: {Type: 'Test::None'}}"), true); err != nil {
		t.Error(err)
	}
	// More than a request's own template may have, and one of a stack.
	if err := create(w.at(aModel+"\n#"+strings.Repeat("x", 100<<10)), false); err != nil {
		t.Error(err)
	}
	if err := create(map[string]string{"ImportFromPhysicalId": w.admin.outputs("m")["CloudformationStackARN"]}, false); err != nil {
		t.Error(err)
	}
}

// TestTags: AutoTags are on the stack, tag options too, and of several values one must be chosen.
func TestTags(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	o := ready(w, aModel)
	for _, kv := range [][2]string{{"cost", "ml"}, {"env", "dev"}, {"env", "prod"}} {
		id := must(w.admin.CreateTagOption(ctx, &sdk.CreateTagOptionInput{Key: &kv[0], Value: &kv[1]}))(t).TagOptionDetail.Id
		must(w.admin.AssociateTagOptionWithResource(ctx, &sdk.AssociateTagOptionWithResourceInput{ResourceId: &o.portfolio, TagOptionId: id}))(t)
	}
	_, err := w.admin.CreateTagOption(ctx, &sdk.CreateTagOptionInput{Key: new("cost"), Value: new("ml")})
	refused(t, err, "DuplicateResourceException", "")
	in := w.admin.launching(o, "m")
	_, err = w.admin.ProvisionProduct(ctx, in)
	refused(t, err, "InvalidParametersException", "env")
	in.Tags = []types.Tag{{Key: new("env"), Value: new("test")}}
	_, err = w.admin.ProvisionProduct(ctx, in)
	refused(t, err, "InvalidParametersException", "env=test")
	in.Tags[0].Value = new("prod")
	r := w.admin.ended(must(w.admin.ProvisionProduct(ctx, in))(t).RecordDetail)
	out := w.admin.outputs("m")
	d := must(w.admin.stacks.DescribeStacks(ctx, &sdkcfn.DescribeStacksInput{StackName: new(out["CloudformationStackARN"])}))(t)
	got := map[string]string{}
	for _, tag := range d.Stacks[0].Tags {
		got[*tag.Key] = *tag.Value
	}
	want := map[string]string{
		"cost": "ml", "env": "prod",
		"aws:servicecatalog:portfolioArn":                   "arn:aws:catalog:" + region + ":" + platform + ":portfolio/" + o.portfolio,
		"aws:servicecatalog:productArn":                     "arn:aws:catalog:" + region + ":" + platform + ":product/" + o.product,
		"aws:servicecatalog:provisioningPrincipalArn":       "arn:aws:iam::" + platform + ":root",
		"aws:servicecatalog:provisionedProductArn":          "arn:aws:servicecatalog:" + region + ":" + platform + ":stack/m/" + *r.ProvisionedProductId,
		"aws:servicecatalog:provisioningArtifactIdentifier": o.artifact,
	}
	if !maps.Equal(got, want) {
		t.Errorf("tags %v", got)
	}
	// Tags change only where a constraint allows it.
	update := &sdk.UpdateProvisionedProductInput{ProvisionedProductName: new("m"), UpdateToken: w.token(), Tags: []types.Tag{{Key: new("env"), Value: new("dev")}}}
	_, err = w.admin.UpdateProvisionedProduct(ctx, update)
	refused(t, err, "InvalidParametersException", "RESOURCE_UPDATE")
	w.admin.constrain(o, "RESOURCE_UPDATE", `{"Version":"2.0","Properties":{"TagUpdateOnProvisionedProduct":"ALLOWED"}}`)
	if r := w.admin.ended(must(w.admin.UpdateProvisionedProduct(ctx, update))(t).RecordDetail); r.Status != types.RecordStatusSucceeded {
		t.Error(r.RecordErrors)
	}
}

// TestStatuses: under change before the answer, ERROR after a failed launch, and both ERROR and
// TAINTED can be terminated.
func TestStatuses(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	o := ready(w, aModel)
	w.model.mu.Lock()
	w.model.gate = make(chan struct{})
	w.model.mu.Unlock()
	r := must(w.admin.ProvisionProduct(ctx, w.admin.launching(o, "m")))(t).RecordDetail
	if r.Status != types.RecordStatusCreated || w.admin.launched("m").Status != types.ProvisionedProductStatusUnderChange {
		t.Errorf("begun: %v", r)
	}
	end := &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("m"), TerminateToken: w.token()}
	_, err := w.admin.TerminateProvisionedProduct(ctx, end)
	refused(t, err, "InvalidParametersException", "UNDER_CHANGE")

	// A restart in the middle: the launch goes on.
	w.stop()
	close(w.model.gate)
	w.start()
	if r := w.admin.ended(r); r.Status != types.RecordStatusSucceeded || len(w.model.sizes()) != 1 {
		t.Errorf("after the restart: %v", r.RecordErrors)
	}
	if r := w.admin.launch(o, "big", "Size=huge"); r.Status != types.RecordStatusFailed {
		t.Error("launched what cannot be")
	}
	if d := w.admin.launched("big"); d.Status != types.ProvisionedProductStatusError || d.LastSuccessfulProvisioningRecordId != nil {
		t.Errorf("failed launch: %+v", d)
	}
	_, err = w.admin.UpdateProvisionedProduct(ctx, &sdk.UpdateProvisionedProductInput{ProvisionedProductName: new("big"), UpdateToken: w.token()})
	refused(t, err, "InvalidParametersException", "terminated")
	for _, name := range []string{"big", "m"} {
		end := &sdk.TerminateProvisionedProductInput{ProvisionedProductName: &name, TerminateToken: w.token()}
		if r := w.admin.ended(must(w.admin.TerminateProvisionedProduct(ctx, end))(t).RecordDetail); r.Status != types.RecordStatusSucceeded {
			t.Errorf("%s: %v", name, r.RecordErrors)
		}
	}
	if got := w.model.sizes(); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

// TestLaunchRole: what the role may not do, fails, though the launcher may.
func TestLaunchRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string][3]string{
		"weak":     {trustsCatalog, "cloudformation:*", "test:MakeModel"},
		"helpless": {trustsCatalog, "test:MakeModel", "cloudformation:CreateStack"},
		"foreign":  {`{"Service":"lambda.amazonaws.com"}`, launches, "sts:AssumeRole"},
	} {
		o := w.admin.offer(name, aModel)
		w.admin.constrain(o, "LAUNCH", `{"RoleArn":"`+w.admin.role(name, c[0], c[1])+`"}`)
		w.admin.admit(o.portfolio, "arn:aws:iam::"+platform+":root")
		r := w.admin.launch(o, name)
		if r.Status != types.RecordStatusFailed || !strings.Contains(*r.RecordErrors[0].Description, c[2]) || !strings.HasPrefix(*r.RecordErrors[0].Description, "AmazonCloudFormationException  ") {
			t.Errorf("%s: %v", name, *r.RecordErrors[0].Description)
		}
	}
	if got := w.model.sizes(); len(got) > 0 {
		t.Errorf("made %v", got)
	}
	// Without a constraint the caller's own rights count.
	o := w.admin.offer("own", aModel)
	w.admin.admit(o.portfolio, "arn:aws:iam::"+platform+":root")
	if r := w.admin.launch(o, "own"); r.Status != types.RecordStatusSucceeded {
		t.Error(r.RecordErrors)
	}
}
