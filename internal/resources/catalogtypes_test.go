package resources_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	catalog "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	catalogtypes "github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"

	"github.com/modelwharf/modelwharf/internal/server/control"
)

// launched is the template of a product.
const launched = `
Parameters: {Name: {Type: String}, Note: {Type: String, Default: none}}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Ref Name
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
Outputs:
  Table: {Value: !Ref Table}
  Note: {Value: !Ref Note}
`

// wholeCatalog has each type of the catalog. In place is what can be changed so, other makes
// other resources.
const wholeCatalog = `
Parameters:
  InPlace: {Type: String}
  Other: {Type: String}
  Account: {Type: String}
Resources:
  Product:
    Type: AWS::ServiceCatalog::CloudFormationProduct
    Properties:
      Name: !Sub "model-${InPlace}"
      Owner: !Ref InPlace
      Description: !Ref InPlace
      Distributor: !Ref InPlace
      SupportEmail: a@example.com
      Tags: [{Key: inplace, Value: !Ref InPlace}]
      ProvisioningArtifactParameters: [{Name: v1.0, Info: {LoadTemplateFromURL: URL}}]
  Portfolio:
    Type: AWS::ServiceCatalog::Portfolio
    Properties: {DisplayName: !Sub "portfolio-${InPlace}", ProviderName: !Ref InPlace, Description: !Ref InPlace, Tags: [{Key: inplace, Value: !Ref InPlace}]}
  Products:
    Type: AWS::ServiceCatalog::PortfolioProductAssociation
    Properties: {PortfolioId: !Ref Portfolio, ProductId: !Ref Product}
  Root:
    Type: AWS::ServiceCatalog::PortfolioPrincipalAssociation
    Properties: {PortfolioId: !Ref Portfolio, PrincipalARN: !Sub "arn:aws:iam::${AWS::AccountId}:root", PrincipalType: IAM}
  Pattern:
    Type: AWS::ServiceCatalog::PortfolioPrincipalAssociation
    Properties: {PortfolioId: !Ref Portfolio, PrincipalARN: !Sub "arn:aws:iam:::role/${Other}*", PrincipalType: IAM_PATTERN}
  Share:
    Type: AWS::ServiceCatalog::PortfolioShare
    Properties: {PortfolioId: !Ref Portfolio, AccountId: !Ref Account}
  Rules:
    Type: AWS::ServiceCatalog::LaunchTemplateConstraint
    DependsOn: Products
    Properties: {PortfolioId: !Ref Portfolio, ProductId: !Ref Product, Description: !Ref InPlace, Rules: !Sub '{"${InPlace}":{"Assertions":[{"Assert":{"Fn::Not":[{"Fn::Equals":[{"Ref":"Note"},"forbidden"]}]}}]}}'}
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub "launch-${Other}"
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: servicecatalog.amazonaws.com}, Action: "sts:AssumeRole"}]}
      Policies: [{PolicyName: p, PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: ["cloudformation:*", "dynamodb:*"], Resource: "*"}]}}]
  Launch:
    Type: AWS::ServiceCatalog::LaunchRoleConstraint
    DependsOn: Products
    Properties: {PortfolioId: !Ref Portfolio, ProductId: !Ref Product, Description: !Ref InPlace, RoleArn: !GetAtt Role.Arn}
  Topics:
    Type: AWS::ServiceCatalog::LaunchNotificationConstraint
    DependsOn: Products
    Properties: {PortfolioId: !Ref Portfolio, ProductId: !Ref Product, NotificationArns: [!Sub "arn:aws:sns:${AWS::Region}:${AWS::AccountId}:${InPlace}"]}
  Retag:
    Type: AWS::ServiceCatalog::ResourceUpdateConstraint
    DependsOn: Products
    Properties: {PortfolioId: !Ref Portfolio, ProductId: !Ref Product, Description: !Ref InPlace, TagUpdateOnProvisionedProduct: ALLOWED}
  Option:
    Type: AWS::ServiceCatalog::TagOption
    Properties: {Key: cost, Value: !Ref Other, Active: true}
  OptionOfPortfolio:
    Type: AWS::ServiceCatalog::TagOptionAssociation
    Properties: {TagOptionId: !Ref Option, ResourceId: !Ref Portfolio}
  Action:
    Type: AWS::ServiceCatalog::ServiceAction
    Properties:
      Name: !Sub "restart-${InPlace}"
      Description: !Ref InPlace
      DefinitionType: SSM_AUTOMATION
      Definition: [{Key: Name, Value: AWS-RestartEC2Instance}, {Key: Version, Value: "1"}]
  ActionOfProduct:
    Type: AWS::ServiceCatalog::ServiceActionAssociation
    Properties: {ProductId: !Ref Product, ProvisioningArtifactId: !GetAtt Product.ProvisioningArtifactIds, ServiceActionId: !Ref Action}
  Mine:
    Type: AWS::ServiceCatalog::CloudFormationProvisionedProduct
    DependsOn: [Launch, Rules, Root, Topics, Retag, OptionOfPortfolio]
    Properties:
      ProvisionedProductName: !Sub "mine-${Other}"
      ProductId: !Ref Product
      ProvisioningArtifactName: v1.0
      ProvisioningParameters: [{Key: Name, Value: !Sub "launched-${Other}"}, {Key: Note, Value: !Ref InPlace}]
      Tags: [{Key: inplace, Value: !Ref InPlace}, {Key: cost, Value: !Ref Other}]
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub "bucket-${Other}"
      Tags: [{Key: inplace, Value: !Ref InPlace}]
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
  Named:
    Type: AWS::S3::Bucket
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Sid: !Ref InPlace, Effect: Allow, Principal: {AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root"}, Action: "s3:GetObject", Resource: !Sub "${Bucket.Arn}/*"}]
Outputs:
  Table: {Value: !GetAtt Mine.Outputs.Table}
  Note: {Value: !GetAtt Mine.Outputs.Note}
  Stack: {Value: !GetAtt Mine.CloudformationStackArn}
  Record: {Value: !GetAtt Mine.RecordId}
  Action: {Value: !GetAtt Action.Id}
  Bucket: {Value: !GetAtt Bucket.DomainName}
`

// templateAt puts a template into a bucket and returns its URL.
func (w *world) templateAt(body string) string {
	w.Helper()
	objects, bucket, name := s3.NewFromConfig(w.server.AWS(), func(o *s3.Options) { o.UsePathStyle = true }), "templates", "launched"
	_, err := objects.CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	if err == nil {
		_, err = objects.PutObject(w.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: strings.NewReader(body)})
	}
	if err != nil {
		w.Fatal(err)
	}
	return w.server.URL() + "/templates/launched"
}

// physical are the physical IDs of a stack's resources by their logical ones.
func (w *world) physical(stack string) map[string]string {
	w.Helper()
	m := map[string]string{}
	out, err := w.stacks.ListStackResources(w.Context(), &cloudformation.ListStackResourcesInput{StackName: &stack})
	if err != nil {
		w.Fatal(err)
	}
	for _, r := range out.StackResourceSummaries {
		m[*r.LogicalResourceId] = aws.ToString(r.PhysicalResourceId)
	}
	return m
}

// TestCatalogTypes makes each type of the catalog and of buckets, changes it in place, replaces
// it, and deletes it.
func TestCatalogTypes(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	body := strings.Replace(wholeCatalog, "LoadTemplateFromURL: URL", "LoadTemplateFromURL: "+w.templateAt(launched), 1)
	other, err := control.NewClient(w.server.Data).CreateAccount(ctx, control.NewAccount{Name: "team"})
	if err != nil {
		t.Fatal(err)
	}
	values := func(inPlace, name string) (list []types.Parameter) {
		for k, v := range map[string]string{"InPlace": inPlace, "Other": name, "Account": other.ID} {
			list = append(list, types.Parameter{ParameterKey: &k, ParameterValue: &v})
		}
		return list
	}
	w.create("catalog", body, func(in *cloudformation.CreateStackInput) { in.Parameters = values("one", "a") })
	out := outputs(w.want("catalog", types.StackStatusCreateComplete))
	first := w.physical("catalog")
	if out["Table"] != "launched-a" || out["Note"] != "one" || !strings.Contains(out["Stack"], ":stack/SC-") || !strings.HasPrefix(out["Record"], "rec-") ||
		out["Action"] != first["Action"] || out["Bucket"] != "bucket-a.s3.amazonaws.com" || !strings.HasPrefix(first["Named"], "catalog-named-") {
		t.Errorf("outputs %v, resources %v", out, first)
	}
	update := func(inPlace, other string) map[string]string {
		t.Helper()
		if _, err := w.stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{
			StackName: aws.String("catalog"), UsePreviousTemplate: aws.Bool(true), Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}, Parameters: values(inPlace, other),
		}); err != nil {
			t.Fatal(err)
		}
		return outputs(w.want("catalog", types.StackStatusUpdateComplete))
	}

	out = update("two", "a")
	if second := w.physical("catalog"); !maps.Equal(first, second) {
		t.Errorf("in place is not:\n%v\n%v", first, second)
	}
	if out["Note"] != "two" {
		t.Errorf("outputs %v", out)
	}
	c := catalog.NewFromConfig(w.server.AWS())
	product, err := c.DescribeProductAsAdmin(ctx, &catalog.DescribeProductAsAdminInput{Id: aws.String(first["Product"])})
	if err != nil {
		t.Fatal(err)
	}
	if p := product.ProductViewDetail.ProductViewSummary; *p.Name != "model-two" || *p.Owner != "two" || *p.Distributor != "two" || *p.ShortDescription != "two" {
		t.Errorf("product %+v", p)
	}
	tagged := func(tags []catalogtypes.Tag) bool {
		return slices.ContainsFunc(tags, func(tag catalogtypes.Tag) bool { return *tag.Key == "inplace" && *tag.Value == "two" })
	}
	portfolio, err := c.DescribePortfolio(ctx, &catalog.DescribePortfolioInput{Id: aws.String(first["Portfolio"])})
	if err != nil {
		t.Fatal(err)
	}
	if p := portfolio.PortfolioDetail; *p.DisplayName != "portfolio-two" || *p.ProviderName != "two" || !tagged(portfolio.Tags) || !tagged(product.Tags) {
		t.Errorf("portfolio %+v %+v %+v", p, portfolio.Tags, product.Tags)
	}
	for _, id := range []string{"Rules", "Launch", "Retag"} {
		d, err := c.DescribeConstraint(ctx, &catalog.DescribeConstraintInput{Id: aws.String(first[id])})
		if err != nil || aws.ToString(d.ConstraintDetail.Description) != "two" || id == "Rules" && !strings.Contains(*d.ConstraintParameters, `"two"`) {
			t.Errorf("%s: %v %+v", id, err, d)
		}
	}
	action, err := c.DescribeServiceAction(ctx, &catalog.DescribeServiceActionInput{Id: aws.String(first["Action"])})
	if err != nil || *action.ServiceActionDetail.ServiceActionSummary.Name != "restart-two" || action.ServiceActionDetail.Definition["Name"] != "AWS-RestartEC2Instance" {
		t.Errorf("action %v %+v", err, action)
	}
	mine, err := c.SearchProvisionedProducts(ctx, &catalog.SearchProvisionedProductsInput{})
	if err != nil || len(mine.ProvisionedProducts) != 1 || !tagged(mine.ProvisionedProducts[0].Tags) {
		t.Errorf("launched %v %+v", err, mine)
	}
	objects := s3.NewFromConfig(w.server.AWS(), func(o *s3.Options) { o.UsePathStyle = true })
	policy, err := objects.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("bucket-a")})
	if err != nil || !strings.Contains(*policy.Policy, `"two"`) {
		t.Errorf("policy %v %+v", err, policy)
	}
	tags, err := objects.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: aws.String("bucket-a")})
	if err != nil {
		t.Fatal(err)
	}
	bucketTags := map[string]string{}
	for _, tag := range tags.TagSet {
		bucketTags[*tag.Key] = *tag.Value
	}
	if bucketTags["inplace"] != "two" || bucketTags["aws:cloudformation:logical-id"] != "Bucket" {
		t.Errorf("tags %v", bucketTags)
	}

	// The system's tags are not for anybody to take away.
	mineOnly := &s3.PutBucketTaggingInput{Bucket: aws.String("bucket-a"), Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}}
	_, err = objects.PutBucketTagging(ctx, mineOnly)
	w.failsWith(err, "InvalidTag: System tags cannot be removed by requester")
	mineOnly.Tagging.TagSet = append(mineOnly.Tagging.TagSet, s3types.Tag{Key: aws.String("aws:own"), Value: aws.String("v")})
	_, err = objects.PutBucketTagging(ctx, mineOnly)
	w.failsWith(err, "InvalidTag: System tags cannot be added/updated by requester")
	mineOnly.Tagging.TagSet = append(slices.Clone(tags.TagSet), mineOnly.Tagging.TagSet[0])
	if _, err := objects.PutBucketTagging(ctx, mineOnly); err != nil {
		t.Error(err)
	}
	if _, err := objects.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: aws.String("bucket-a")}); err != nil {
		t.Error(err)
	}
	if got, err := objects.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: aws.String("bucket-a")}); err != nil || len(got.TagSet) != 3 {
		t.Errorf("tags %v %v", err, got)
	}

	// Other names: other resources, and the old ones go.
	update("two", "b")
	var replaced []string
	for id, now := range w.physical("catalog") {
		if now != first[id] {
			replaced = append(replaced, id)
		}
	}
	slices.Sort(replaced)
	if got := strings.Join(replaced, " "); got != "Bucket Mine Option OptionOfPortfolio Pattern Policy Role" {
		t.Errorf("replaced were %s", got)
	}
	tables, err := dynamodb.NewFromConfig(w.server.AWS()).ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil || !slices.Equal(tables.TableNames, []string{"launched-b"}) {
		t.Errorf("tables %v %v", err, tables)
	}

	w.delete("catalog")
	tables, err = dynamodb.NewFromConfig(w.server.AWS()).ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil || len(tables.TableNames) != 0 {
		t.Errorf("tables %v %v", err, tables)
	}
	left, err := c.SearchProductsAsAdmin(ctx, &catalog.SearchProductsAsAdminInput{})
	if err != nil || len(left.ProductViewDetails) != 0 {
		t.Errorf("products %v %v", err, left)
	}
	buckets, err := objects.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil || len(buckets.Buckets) != 1 {
		t.Errorf("buckets %v %v", err, buckets)
	}
}

// TestBucketRefusals: a bucket that is there is not taken over, and what buckets cannot have here
// fails the resource.
func TestBucketRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.templateAt(launched)
	for i, c := range []struct{ properties, why string }{
		{"{BucketName: templates}", "templates already exists"},
		{"{VersioningConfiguration: {Status: Enabled}}", "This VersioningConfiguration of a bucket is not available"},
		{"{WebsiteConfiguration: {IndexDocument: index.html}}", "This WebsiteConfiguration of a bucket is not available"},
		{"{BucketName: NO}", "The specified bucket is not valid"},
	} {
		name := fmt.Sprint("bucket", i)
		w.create(name, "Resources: {B: {Type: 'AWS::S3::Bucket', Properties: "+c.properties+"}}")
		w.want(name, types.StackStatusRollbackComplete)
		if got := strings.Join(w.events(name), "\n"); !strings.Contains(got, c.why) {
			t.Errorf("%s: %s", c.properties, got)
		}
	}
	w.create("plain", "Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {VersioningConfiguration: {Status: Suspended}, AccessControl: Private}}}")
	w.want("plain", types.StackStatusCreateComplete)
}

// TestFailedLaunchInAStack: a launch that fails fails its resource, with its reason, and leaves
// nothing.
func TestFailedLaunchInAStack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.templateAt(strings.Replace(launched, "Outputs:", "  Broken: {Type: AWS::ECR::Repository, DependsOn: Table, Properties: {RepositoryName: NO}}\nOutputs:", 1))
	w.create("offer", `
Resources:
  Product: {Type: AWS::ServiceCatalog::CloudFormationProduct, Properties: {Name: m, Owner: o, ProvisioningArtifactParameters: [{Name: v1, Info: {LoadTemplateFromURL: "`+url+`"}}]}}
  Portfolio: {Type: AWS::ServiceCatalog::Portfolio, Properties: {DisplayName: p, ProviderName: o}}
  Products: {Type: AWS::ServiceCatalog::PortfolioProductAssociation, Properties: {PortfolioId: !Ref Portfolio, ProductId: !Ref Product}}
  Root: {Type: AWS::ServiceCatalog::PortfolioPrincipalAssociation, Properties: {PortfolioId: !Ref Portfolio, PrincipalARN: !Sub "arn:aws:iam::${AWS::AccountId}:root", PrincipalType: IAM}}
`)
	w.want("offer", types.StackStatusCreateComplete)
	w.create("taker", `
Resources:
  Mine: {Type: AWS::ServiceCatalog::CloudFormationProvisionedProduct, Properties: {ProductName: m, ProvisioningArtifactName: v1, ProvisioningParameters: [{Key: Name, Value: one}]}}
`)
	w.want("taker", types.StackStatusRollbackComplete)
	if got := strings.Join(w.events("taker"), "\n"); !strings.Contains(got, "AmazonCloudFormationException  ") {
		t.Error(got)
	}
	left, err := catalog.NewFromConfig(w.server.AWS()).SearchProvisionedProducts(t.Context(), &catalog.SearchProvisionedProductsInput{})
	if err != nil || len(left.ProvisionedProducts) != 0 {
		t.Errorf("left %v %v", err, left)
	}
}
