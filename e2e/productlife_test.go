package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// modelTemplate is the template of a product: a table for predictions, whose size class is one
// of three, and a repository of images.
const modelTemplate = `
Parameters:
  ModelName: {Type: String, AllowedPattern: "[a-z]{3,20}", ConstraintDescription: three to twenty small letters}
  Size: {Type: String, Default: small, AllowedValues: [small, large], Description: how much it can do}
  Secret: {Type: String, Default: none, NoEcho: true}
Resources:
  Predictions:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "predictions-${ModelName}"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      Tags: [{Key: size, Value: !Ref Size}]
  Images:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: !Sub "models/${ModelName}"}
Outputs:
  Table: {Value: !GetAtt Predictions.Arn, Description: where the predictions are}
  Version: {Value: VERSION}
`

// productTemplates are the versions of the product: what v2.0 makes beside the rest cannot be.
var productTemplates = map[string]string{
	"v1.0": modelTemplate,
	"v1.1": strings.Replace(modelTemplate, "VERSION", "'1.1'", 1),
	"v2.0": strings.Replace(modelTemplate, "Outputs:", "  Broken: {Type: 'AWS::ECR::Repository', DependsOn: Images, Properties: {RepositoryName: NO}}\nOutputs:", 1),
}

// endUserPolicy is what AWS's own policy for end users of the catalog allows there: to find and
// launch what is offered to one, and to see and change what one has launched oneself.
const endUserPolicy = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Resource":"*","Action":["servicecatalog:DescribeProduct","servicecatalog:DescribeProductView","servicecatalog:DescribeProvisioningParameters",
		"servicecatalog:ListLaunchPaths","servicecatalog:ProvisionProduct","servicecatalog:SearchProducts"]},
	{"Effect":"Allow","Resource":"*","Action":["servicecatalog:DescribeProvisionedProduct","servicecatalog:DescribeRecord","servicecatalog:GetProvisionedProductOutputs",
		"servicecatalog:ListRecordHistory","servicecatalog:ScanProvisionedProducts","servicecatalog:SearchProvisionedProducts","servicecatalog:TerminateProvisionedProduct",
		"servicecatalog:UpdateProvisionedProduct","servicecatalog:*ProvisionedProductPlan*"],
		"Condition":{"StringEquals":{"servicecatalog:userLevel":"self"}}}]}`

// party is an account beside the server's first one.
type party struct {
	ID              string
	AccessKeyID     string
	SecretAccessKey string
}

// market is a server with the templates of the product and the account of a team that is to
// launch it.
func market(t *testing.T) (s *server, team party) {
	t.Helper()
	s = start(t)
	if err := json.Unmarshal([]byte(s.command(t, "account create", "team", "--json")), &team); err != nil {
		t.Fatal(err)
	}
	bucket := "templates"
	_, err := s.objects().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	for name, body := range productTemplates {
		if err == nil {
			_, err = s.objects().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: strings.NewReader(body)})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, team
}

// TestBoto3ProductLife is TestAWSCommandProductLife as a script, in each of the catalog's
// protocols.
func TestBoto3ProductLife(t *testing.T) {
	t.Parallel()
	python := client(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		missing(t, "boto3 is not here (run e2e/setup)")
	}
	for _, protocol := range []string{"json", "smithy-rpc-v2-cbor"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s, team := market(t)
			cmd := exec.CommandContext(t.Context(), python, "testdata/catalog/life.py")
			cmd.Env = append(s.env(), "PYTHONDONTWRITEBYTECODE=1", "PROTOCOL="+protocol, "TEMPLATES="+s.url+"/templates/", "END_USER_POLICY="+endUserPolicy,
				"TEAM="+team.ID, "TEAM_ACCESS_KEY_ID="+team.AccessKeyID, "TEAM_SECRET_ACCESS_KEY="+team.SecretAccessKey)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "ok\n") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// TestAWSCommandProductLife is the whole life of a product as three identities of two accounts
// with the aws command: the platform team offers and shares it, a team takes it and a user of
// that team launches, updates and terminates it; another user, an outsider, sees nothing of it
// and can do nothing with it.
func TestAWSCommandProductLife(t *testing.T) {
	t.Parallel()
	s, team := market(t)
	platform := s.aws(t)
	lead := platform.as(team.AccessKeyID, team.SecretAccessKey, "")
	text := func(doc any, path ...any) string {
		t.Helper()
		v, ok := at(t, doc, path...).(string)
		if !ok {
			t.Fatalf("%v is no text in %v", path, doc)
		}
		return v
	}
	user := func(name string) *awsCommand {
		t.Helper()
		lead.run("iam", "create-user", "--user-name", name)
		lead.run("iam", "put-user-policy", "--user-name", name, "--policy-name", "Catalog", "--policy-document", endUserPolicy)
		key := lead.run("iam", "create-access-key", "--user-name", name)
		return lead.as(text(key, "AccessKey", "AccessKeyId"), text(key, "AccessKey", "SecretAccessKey"), "")
	}
	version := func(name string) string {
		return "Name=" + name + ",Type=CLOUD_FORMATION_TEMPLATE,Info={LoadTemplateFromURL=" + s.url + "/templates/" + name + "}"
	}

	// The platform team offers the product, to be launched in a role that each account has, and
	// never as a large one; and shares it.
	made := platform.run("servicecatalog", "create-product", "--name", "MLModelProduct", "--owner", "data-team", "--product-type", "CLOUD_FORMATION_TEMPLATE",
		"--support-email", "data@example.com", "--provisioning-artifact-parameters", version("v1.0"))
	product, v10 := text(made, "ProductViewDetail", "ProductViewSummary", "ProductId"), text(made, "ProvisioningArtifactDetail", "Id")
	portfolio := text(platform.run("servicecatalog", "create-portfolio", "--display-name", "MLModelPortfolio", "--provider-name", "YourOrg"), "PortfolioDetail", "Id")
	platform.run("servicecatalog", "associate-product-with-portfolio", "--product-id", product, "--portfolio-id", portfolio)
	constraint := func(kind, parameters string) {
		t.Helper()
		platform.run("servicecatalog", "create-constraint", "--product-id", product, "--portfolio-id", portfolio, "--type", kind, "--parameters", parameters)
	}
	constraint("LAUNCH", `{"LocalRoleName":"ServiceCatalogLaunchRole"}`)
	constraint("TEMPLATE", `{"Rules":{"Small":{"Assertions":[{"Assert":{"Fn::Contains":[["small"],{"Ref":"Size"}]},"AssertDescription":"only small ones are offered"}]}}}`)
	platform.run("servicecatalog", "create-portfolio-share", "--portfolio-id", portfolio, "--account-id", team.ID)

	// The team takes it, has the role and says who may launch.
	launcher, outsider := user("launcher"), user("outsider")
	lead.run("iam", "create-role", "--role-name", "ServiceCatalogLaunchRole", "--assume-role-policy-document",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"servicecatalog.amazonaws.com"},"Action":"sts:AssumeRole"}}`)
	lead.run("iam", "put-role-policy", "--role-name", "ServiceCatalogLaunchRole", "--policy-name", "Launch", "--policy-document",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["cloudformation:*","dynamodb:*","ecr:*"],"Resource":"*"}}`)
	if seen := launcher.run("servicecatalog", "search-products"); len(at(t, seen, "ProductViewSummaries").([]any)) != 0 {
		t.Errorf("before the share is accepted: %v", seen)
	}
	lead.run("servicecatalog", "accept-portfolio-share", "--portfolio-id", portfolio)
	lead.run("servicecatalog", "associate-principal-with-portfolio", "--portfolio-id", portfolio, "--principal-arn", "arn:aws:iam::"+team.ID+":user/launcher", "--principal-type", "IAM")
	if got := text(launcher.run("servicecatalog", "search-products", "--filters", "FullTextSearch=mlmodel"), "ProductViewSummaries", 0, "ProductId"); got != product {
		t.Errorf("found %s", got)
	}
	if got := text(launcher.run("servicecatalog", "list-launch-paths", "--product-id", product), "LaunchPathSummaries", 0, "Name"); got != "MLModelPortfolio" {
		t.Errorf("the launch path is %s", got)
	}
	asked := launcher.run("servicecatalog", "describe-provisioning-parameters", "--product-id", product, "--provisioning-artifact-id", v10)
	if text(asked, "ProvisioningArtifactParameters", 0, "ParameterKey") != "ModelName" || text(asked, "ProvisioningArtifactParameters", 1, "ParameterConstraints", "AllowedValues", 0) != "small" {
		t.Errorf("parameters %v", asked)
	}

	// wait follows a record to its end.
	wait := func(c *awsCommand, record map[string]any, want string) map[string]any {
		t.Helper()
		id := text(record, "RecordDetail", "RecordId")
		for deadline := time.Now().Add(patience); ; {
			r := c.run("servicecatalog", "describe-record", "--id", id)
			switch status := text(r, "RecordDetail", "Status"); {
			case status == want:
				return r
			case status == "SUCCEEDED", status == "FAILED", time.Now().After(deadline):
				t.Fatalf("the record is %s: %v", status, r)
			}
		}
	}
	status := func(want string) map[string]any {
		t.Helper()
		d := launcher.run("servicecatalog", "describe-provisioned-product", "--name", "fraud")
		if got := text(d, "ProvisionedProductDetail", "Status"); got != want {
			t.Errorf("what was launched is %s, want %s", got, want)
		}
		return d
	}
	launch := func(parameters ...string) []string {
		return append([]string{"servicecatalog", "provision-product", "--product-id", product, "--provisioning-artifact-id", v10,
			"--provisioned-product-name", "fraud", "--tags", "Key=team,Value=risk", "--provisioning-parameters"}, parameters...)
	}

	// What is wrong is refused before anything is made.
	for _, wrong := range [][]string{
		{"Key=ModelName,Value=Fraud", "three to twenty small letters"},
		{"Key=Size,Value=small", "ModelName"},
		{"Key=ModelName,Value=fraud", "Key=Colour,Value=red", "Colour"},
		{"Key=ModelName,Value=fraud", "Key=Size,Value=huge", "Size"},
		{"Key=ModelName,Value=fraud", "Key=Size,Value=large", "only small ones are offered"},
	} {
		n := len(wrong) - 1
		if said := launcher.fails(launch(wrong[:n]...)...); !strings.Contains(said, "InvalidParametersException") || !strings.Contains(said, wrong[n]) {
			t.Errorf("%q: %s", wrong[:n], said)
		}
	}
	wait(launcher, launcher.run(launch("Key=ModelName,Value=fraud", "Key=Secret,Value=s3cret")...), "SUCCEEDED")
	d := status("AVAILABLE")
	if got := text(d, "ProvisionedProductDetail", "LaunchRoleArn"); got != "arn:aws:iam::"+team.ID+":role/ServiceCatalogLaunchRole" {
		t.Errorf("it was launched in %s", got)
	}
	outputs := func() map[string]string {
		t.Helper()
		m := map[string]string{}
		for _, o := range at(t, launcher.run("servicecatalog", "get-provisioned-product-outputs", "--provisioned-product-name", "fraud"), "Outputs").([]any) {
			m[text(o, "OutputKey")] = text(o, "OutputValue")
		}
		return m
	}
	stack := ":" + team.ID + ":stack/SC-" + team.ID + "-" + text(d, "ProvisionedProductDetail", "Id") + "/"
	if got := outputs(); got["Version"] != "VERSION" || !strings.HasSuffix(got["Table"], ":"+team.ID+":table/predictions-fraud") || !strings.Contains(got["CloudformationStackARN"], stack) {
		t.Errorf("outputs %v", got)
	}
	tags := map[string]string{}
	for _, tag := range at(t, lead.run("dynamodb", "list-tags-of-resource", "--resource-arn", outputs()["Table"]), "Tags").([]any) {
		tags[text(tag, "Key")] = text(tag, "Value")
	}
	if tags["team"] != "risk" || tags["size"] != "small" || !strings.HasSuffix(tags["aws:servicecatalog:productArn"], ":product/"+product) ||
		tags["aws:servicecatalog:provisioningPrincipalArn"] != "arn:aws:iam::"+team.ID+":user/launcher" || tags["aws:servicecatalog:provisioningArtifactIdentifier"] != v10 {
		t.Errorf("tags %v", tags)
	}

	// A new version, and one that fails: the old one works on.
	for _, v := range []string{"v1.1", "v2.0"} {
		platform.run("servicecatalog", "create-provisioning-artifact", "--product-id", product, "--parameters", version(v))
	}
	update := func(version string) map[string]any {
		t.Helper()
		return launcher.run("servicecatalog", "update-provisioned-product", "--provisioned-product-name", "fraud", "--product-id", product,
			"--provisioning-artifact-name", version, "--provisioning-parameters", "Key=ModelName,UsePreviousValue=true", "Key=Secret,UsePreviousValue=true")
	}
	wait(launcher, update("v1.1"), "SUCCEEDED")
	status("AVAILABLE")
	if got := outputs()["Version"]; got != "1.1" {
		t.Errorf("after the update it is of version %s", got)
	}
	failed := wait(launcher, update("v2.0"), "FAILED")
	if got := text(failed, "RecordDetail", "RecordErrors", 0, "Description"); !strings.HasPrefix(got, "AmazonCloudFormationException  ") {
		t.Errorf("the update failed with %s", got)
	}
	status("TAINTED")
	if got := text(lead.run("dynamodb", "describe-table", "--table-name", "predictions-fraud"), "Table", "TableStatus"); got != "ACTIVE" {
		t.Errorf("the old table is %s", got)
	}
	if said := lead.fails("cloudformation", "describe-stacks", "--stack-name", "SC-nothing"); !strings.Contains(said, "does not exist") {
		t.Error(said)
	}

	// The outsider sees nothing and can do nothing, whatever policy allows; the platform team
	// does not reach into the team's account.
	for _, list := range [][2]string{{"search-products", "ProductViewSummaries"}, {"scan-provisioned-products", "ProvisionedProducts"}, {"list-record-history", "RecordDetails"}} {
		if seen := at(t, outsider.run("servicecatalog", list[0]), list[1]).([]any); len(seen) != 0 {
			t.Errorf("%s shows an outsider %v", list[0], seen)
		}
	}
	for _, act := range [][]string{
		{"describe-record", "--id", text(failed, "RecordDetail", "RecordId")},
		{"describe-provisioned-product", "--name", "fraud"},
		{"terminate-provisioned-product", "--provisioned-product-name", "fraud"},
		{"update-provisioned-product", "--provisioned-product-name", "fraud", "--provisioning-artifact-id", v10},
	} {
		if said := outsider.fails(append([]string{"servicecatalog"}, act...)...); !strings.Contains(said, "AccessDeniedException") {
			t.Errorf("%s: %s", act[0], said)
		}
	}
	for _, act := range [][]string{
		{"describe-product", "--id", product},
		{"list-launch-paths", "--product-id", product},
		{"describe-provisioning-parameters", "--product-id", product, "--provisioning-artifact-id", v10},
		{"provision-product", "--product-id", product, "--provisioning-artifact-id", v10, "--provisioned-product-name", "theirs", "--provisioning-parameters", "Key=ModelName,Value=theirs"},
	} {
		if said := outsider.fails(append([]string{"servicecatalog"}, act...)...); !strings.Contains(said, "ResourceNotFoundException") {
			t.Errorf("%s: %s", act[0], said)
		}
	}
	if said := platform.fails("servicecatalog", "describe-provisioned-product", "--name", "fraud"); !strings.Contains(said, "ResourceNotFoundException") {
		t.Error(said)
	}
	if seen := at(t, platform.run("dynamodb", "list-tables"), "TableNames").([]any); len(seen) != 0 {
		t.Errorf("the platform's account has tables %v", seen)
	}

	wait(launcher, launcher.run("servicecatalog", "terminate-provisioned-product", "--provisioned-product-name", "fraud"), "SUCCEEDED")
	if said := launcher.fails("servicecatalog", "describe-provisioned-product", "--name", "fraud"); !strings.Contains(said, "ResourceNotFoundException") {
		t.Error(said)
	}
	if left := at(t, lead.run("dynamodb", "list-tables"), "TableNames").([]any); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	platform.run("servicecatalog", "delete-portfolio-share", "--portfolio-id", portfolio, "--account-id", team.ID)
	if said := launcher.fails(launch("Key=ModelName,Value=fraud")...); !strings.Contains(said, "ResourceNotFoundException") {
		t.Errorf("without the share: %s", said)
	}
}
