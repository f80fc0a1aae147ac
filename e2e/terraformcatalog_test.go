package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// aTable is the template of a product whose launch makes a table.
const aTable = `
Parameters: {Name: {Type: String}}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Ref Name
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
Outputs: {Arn: {Value: !GetAtt Table.Arn}}
`

// TestTerraformCatalog offers a product, launches it, changes both in place and takes them
// away again.
func TestTerraformCatalog(t *testing.T) {
	t.Parallel()
	templates := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(aTable)) }))
	t.Cleanup(templates.Close)
	s := start(t, "--allow-egress", templates.Listener.Addr().String())
	var team party
	if err := json.Unmarshal([]byte(s.command(t, "account create", "team", "--json")), &team); err != nil {
		t.Fatal(err)
	}
	tf := newTerraform(t, s, "../deploy/terraform/provider.tf", "testdata/catalog/*.tf")
	tf.env = append(tf.env, "TF_VAR_template="+templates.URL+"/model.yaml", "TF_VAR_team="+team.ID)
	tf.run("init", "-no-color")
	tf.run("apply", "-no-color", "-auto-approve")
	tf.empty("after apply")

	aws := s.aws(t)
	if got := at(t, aws.run("servicecatalog", "describe-provisioned-product", "--name", "mine"), "ProvisionedProductDetail", "Status"); got != "AVAILABLE" {
		t.Errorf("what was launched is %v", got)
	}
	if got := at(t, aws.run("dynamodb", "list-tables"), "TableNames", 0); got != "launched-one" {
		t.Errorf("the table is %v", got)
	}
	// The other account takes the share while Terraform has it: that is no change.
	lead := aws.as(team.AccessKeyID, team.SecretAccessKey, "")
	portfolio := at(t, aws.run("servicecatalog", "list-portfolios"), "PortfolioDetails", 0, "Id").(string)
	lead.run("servicecatalog", "accept-portfolio-share", "--portfolio-id", portfolio)
	tf.empty("after the share was accepted")
	share := func() any {
		t.Helper()
		return at(t, aws.run("servicecatalog", "describe-portfolio-shares", "--portfolio-id", portfolio, "--type", "ACCOUNT"), "PortfolioShareDetails", 0)
	}
	if d := share(); at(t, d, "PrincipalId") != team.ID || at(t, d, "Accepted") != true || at(t, d, "ShareTagOptions") != false {
		t.Errorf("the share is %v", d)
	}
	changed := []string{"-var", "share_tag_options=true", "-var", "description=two", "-var", "table=launched-two"}
	tf.run(append([]string{"apply", "-no-color", "-auto-approve"}, changed...)...)
	tf.empty("after a change", changed...)
	if got := at(t, aws.run("dynamodb", "list-tables"), "TableNames", 0); got != "launched-two" {
		t.Errorf("the table is %v", got)
	}

	if d := share(); at(t, d, "Accepted") != true || at(t, d, "ShareTagOptions") != true {
		t.Errorf("the share is %v", d)
	}

	tf.run(append([]string{"destroy", "-no-color", "-auto-approve"}, changed...)...)
	if got := at(t, aws.run("servicecatalog", "list-portfolios"), "PortfolioDetails").([]any); len(got) != 0 {
		t.Errorf("portfolios are left: %v", got)
	}
	if got := at(t, lead.run("servicecatalog", "list-accepted-portfolio-shares"), "PortfolioDetails").([]any); len(got) != 0 {
		t.Errorf("shares are left: %v", got)
	}
	if got := at(t, aws.run("dynamodb", "list-tables"), "TableNames").([]any); len(got) != 0 {
		t.Errorf("tables are left: %v", got)
	}
}
