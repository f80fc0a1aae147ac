package servicecatalog_test

import (
	"testing"

	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// TestGroups: a group that is a principal of a portfolio stands for its users, as long as they
// are in it; so does a pattern of groups.
func TestGroups(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	o := w.admin.offer("Model", aModel)
	w.admin.constrain(o, "LAUNCH", `{"RoleArn":"`+w.admin.role("launch", trustsCatalog, launches)+`"}`)
	anna, ben := w.admin.user("anna", endUser), w.admin.user("ben", endUser)
	must(w.admin.iam.CreateGroup(ctx, &sdkiam.CreateGroupInput{GroupName: new("science"), Path: new("/teams/")}))(t)
	join := &sdkiam.AddUserToGroupInput{GroupName: new("science"), UserName: new("anna")}
	must(w.admin.iam.AddUserToGroup(ctx, join))(t)
	sees := func(p *who) int {
		t.Helper()
		return len(must(p.SearchProducts(ctx, &sdk.SearchProductsInput{}))(t).ProductViewSummaries)
	}
	w.admin.admit(o.portfolio, "arn:aws:iam::"+platform+":group/teams/science")
	if sees(anna) != 1 || sees(ben) != 0 {
		t.Errorf("anna sees %d, ben %d", sees(anna), sees(ben))
	}
	if r := anna.launch(o, "m"); r.Status != types.RecordStatusSucceeded {
		t.Error(*r.RecordErrors[0].Description)
	}
	must(w.admin.iam.RemoveUserFromGroup(ctx, &sdkiam.RemoveUserFromGroupInput{GroupName: join.GroupName, UserName: join.UserName}))(t)
	if sees(anna) != 0 {
		t.Error("out of the group, but sees the product")
	}
	_, err := anna.ProvisionProduct(ctx, anna.launching(o, "n"))
	refused(t, err, "ResourceNotFoundException", "No launch paths")

	must(w.admin.iam.AddUserToGroup(ctx, join))(t)
	must(w.admin.DisassociatePrincipalFromPortfolio(ctx, &sdk.DisassociatePrincipalFromPortfolioInput{PortfolioId: &o.portfolio, PrincipalARN: new("arn:aws:iam::" + platform + ":group/teams/science")}))(t)
	if sees(anna) != 0 {
		t.Error("the group is no principal, but its user sees the product")
	}
	w.admin.admit(o.portfolio, "arn:aws:iam:::group/*/sci?nce")
	if sees(anna) != 1 || sees(ben) != 0 {
		t.Errorf("by the pattern anna sees %d, ben %d", sees(anna), sees(ben))
	}
}

// TestPatterns: what a principal pattern can be, and whom it means.
func TestPatterns(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for _, pattern := range []string{
		"arn:aws:iam::" + platform + ":role/Research*", "arn:aws:iam:::root", "arn:aws:iam:::policy/x", "arn:aws:iam:::role/", "role/x", "arn:aws:iam:::role/[a]",
	} {
		o := w.admin.portfolio("p")
		_, err := w.admin.AssociatePrincipalWithPortfolio(ctx, &sdk.AssociatePrincipalWithPortfolioInput{PortfolioId: &o, PrincipalARN: &pattern, PrincipalType: types.PrincipalTypeIamPattern})
		refused(t, err, "InvalidParametersException", "pattern")
	}
	anna := w.admin.user("anna", endUser)
	for pattern, sees := range map[string]int{
		"user/anna": 1, "user/*": 1, "user/ann?": 1, "user/a*a": 1, "user/ann": 0, "user/*/anna": 0, "role/anna": 0, "role/*": 0, "group/*": 0, "user/ANNA": 0,
	} {
		o := w.admin.offer("Model "+pattern, aModel)
		w.admin.admit(o.portfolio, "arn:aws:iam:::"+pattern)
		_, err := anna.DescribeProduct(ctx, &sdk.DescribeProductInput{Id: &o.product})
		if got := map[bool]int{true: 1}[err == nil]; got != sees {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	o := w.admin.portfolio("listed")
	w.admin.admit(o, "arn:aws:iam:::role/Research*")
	w.admin.admit(o, "arn:aws:iam::"+platform+":root")
	list := must(w.admin.ListPrincipalsForPortfolio(ctx, &sdk.ListPrincipalsForPortfolioInput{PortfolioId: &o}))(t).Principals
	if len(list) != 2 || list[0].PrincipalType != types.PrincipalTypeIamPattern || list[1].PrincipalType != types.PrincipalTypeIam {
		t.Errorf("principals %+v", list)
	}
}
