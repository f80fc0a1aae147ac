package resources_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamo "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// everything has each type. Its parameter changes what can be changed in place.
const everything = `
Parameters:
  V: {Type: String}
Conditions:
  Two: !Equals [!Ref V, two]
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions:
        - {AttributeName: ModelId, AttributeType: S}
        - {AttributeName: Version, AttributeType: S}
        - !If [Two, {AttributeName: Owner, AttributeType: S}, {AttributeName: Kind, AttributeType: S}]
      KeySchema:
        - {AttributeName: ModelId, KeyType: HASH}
        - {AttributeName: Version, KeyType: RANGE}
      GlobalSecondaryIndexes:
        - IndexName: !If [Two, ByOwner, ByKind]
          KeySchema: [{AttributeName: !If [Two, Owner, Kind], KeyType: HASH}]
          Projection: {ProjectionType: ALL}
          ProvisionedThroughput: !If [Two, !Ref AWS::NoValue, {ReadCapacityUnits: 3, WriteCapacityUnits: "4"}]
      BillingMode: !If [Two, PAY_PER_REQUEST, PROVISIONED]
      ProvisionedThroughput: !If [Two, !Ref AWS::NoValue, {ReadCapacityUnits: 5, WriteCapacityUnits: 6}]
      StreamSpecification: {StreamViewType: !If [Two, NEW_IMAGE, NEW_AND_OLD_IMAGES]}
      TimeToLiveSpecification: {AttributeName: TimeToLive, Enabled: true}
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: !If [Two, false, true]}
      TableClass: !If [Two, STANDARD_INFREQUENT_ACCESS, STANDARD]
      Tags: [{Key: Version, Value: !Ref V}]
  Domain:
    Type: AWS::CodeArtifact::Domain
    Properties:
      DomainName: models
      PermissionsPolicyDocument: !If
        - Two
        - !Ref AWS::NoValue
        - {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: "*", Action: "codeartifact:ListRepositoriesInDomain", Resource: "*"}]}
      Tags: [{Key: Version, Value: !Ref V}]
  Upstream:
    Type: AWS::CodeArtifact::Repository
    Properties: {DomainName: !GetAtt Domain.Name, RepositoryName: upstream}
  Packages:
    Type: AWS::CodeArtifact::Repository
    Properties:
      DomainName: !GetAtt Domain.Name
      RepositoryName: packages
      Description: !Sub "for ${V}"
      Upstreams: !If [Two, [], [!GetAtt Upstream.Name]]
  Group:
    Type: AWS::CodeArtifact::PackageGroup
    Properties:
      DomainName: !GetAtt Domain.Name
      Pattern: /pypi/*
      Description: !Ref V
      OriginConfiguration:
        Restrictions:
          ExternalUpstream: {RestrictionMode: !If [Two, ALLOW, BLOCK]}
          Publish: {RestrictionMode: ALLOW_SPECIFIC_REPOSITORIES, Repositories: [!GetAtt Packages.Name]}
  Images:
    Type: AWS::ECR::Repository
    Properties:
      ImageTagMutability: !If [Two, MUTABLE, IMMUTABLE]
      EmptyOnDelete: true
      LifecyclePolicy: {LifecyclePolicyText: '{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}}]}'}
      RepositoryPolicyText: !If
        - Two
        - !Ref AWS::NoValue
        - {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: "*", Action: "ecr:BatchGetImage"}]}
      Tags: [{Key: Version, Value: !Ref V}]
  Public:
    Type: AWS::ECR::PublicRepository
    Properties:
      RepositoryName: ml-model-repo
      RepositoryCatalogData: {RepositoryDescription: !Ref V, Architectures: [ARM 64]}
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: !If [Two, "dynamodb:GetItem", "dynamodb:PutItem"], Resource: !GetAtt Table.Arn}]}
  Role:
    Type: AWS::IAM::Role
    Properties:
      Path: /models/
      Description: !Ref V
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
      ManagedPolicyArns: [!Ref Policy]
      Policies:
        - PolicyName: !Ref V
          PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: "ecr:*", Resource: "*"}]}
  Inline:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: inline
      Roles: [!Ref Role]
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: !Sub "sqs:${V}", Resource: "*"}]}
  Handle:
    Type: AWS::CloudFormation::WaitConditionHandle
Outputs:
  Table: {Value: !Ref Table}
  Stream: {Value: !GetAtt Table.StreamArn}
  Uri: {Value: !GetAtt Images.RepositoryUri}
  Images: {Value: !Ref Images}
  Role: {Value: !Ref Role}
  RoleArn: {Value: !GetAtt Role.Arn}
  Policy: {Value: !Ref Policy}
  DomainArn: {Value: !Ref Domain}
  Group: {Value: !Ref Group}
`

func version(v string) func(*cloudformation.CreateStackInput) {
	return func(in *cloudformation.CreateStackInput) {
		in.Parameters = []types.Parameter{{ParameterKey: aws.String("V"), ParameterValue: &v}}
		in.Tags = []types.Tag{{Key: aws.String("Team"), Value: aws.String("data")}}
	}
}

func TestEveryTypeIsMadeChangedInPlaceAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.inventory()
	w.create("all", everything, version("one"))
	first := outputs(w.want("all", "CREATE_COMPLETE"))
	w.check(first, "one")

	if _, err := w.stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: aws.String("all"), UsePreviousTemplate: aws.Bool(true), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		Parameters: []types.Parameter{{ParameterKey: aws.String("V"), ParameterValue: aws.String("two")}},
	}); err != nil {
		t.Fatal(err)
	}
	second := outputs(w.want("all", "UPDATE_COMPLETE"))
	w.check(second, "two")
	first["Stream"], second["Stream"] = "", "" // which is another one
	if !maps.Equal(first, second) {
		t.Errorf("in place is not:\n%v\n%v", first, second)
	}
	w.delete("all")
	w.wantInventory(before)
}

// check checks what the stack of everything has made.
func (w *world) check(out map[string]string, v string) {
	w.Helper()
	c, ctx, two := w.server.AWS(), w.Context(), v == "two"
	want := func(what string, got, want any) {
		w.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			w.Errorf("%s: %s is %v, want %v", v, what, got, want)
		}
	}
	pick := func(first, second any) any {
		if two {
			return second
		}
		return first
	}
	tables := dynamodb.NewFromConfig(c)
	d, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(out["Table"])})
	if err != nil {
		w.Fatal(err)
	}
	want("index", *d.Table.GlobalSecondaryIndexes[0].IndexName, pick("ByKind", "ByOwner"))
	want("stream", d.Table.StreamSpecification.StreamViewType, pick("NEW_AND_OLD_IMAGES", "NEW_IMAGE"))
	want("stream ARN", out["Stream"], *d.Table.LatestStreamArn)
	want("on demand", d.Table.BillingModeSummary != nil && d.Table.BillingModeSummary.BillingMode == dynamo.BillingModePayPerRequest, two)
	want("reads", *d.Table.ProvisionedThroughput.ReadCapacityUnits, pick(5, 0))
	backups, err := tables.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: aws.String(out["Table"])})
	if err != nil {
		w.Fatal(err)
	}
	want("recovery", backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus, pick("ENABLED", "DISABLED"))
	ttl, err := tables.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(out["Table"])})
	if err != nil {
		w.Fatal(err)
	}
	want("time to live", aws.ToString(ttl.TimeToLiveDescription.AttributeName), "TimeToLive")
	tags, err := tables.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: d.Table.TableArn})
	if err != nil {
		w.Fatal(err)
	}
	has := map[string]string{}
	for _, t := range tags.Tags {
		has[*t.Key] = *t.Value
	}
	want("tag", has["Version"]+" "+has["Team"]+" "+has["aws:cloudformation:stack-name"]+" "+has["aws:cloudformation:logical-id"], v+" data all Table")

	group, err := codeartifact.NewFromConfig(c).DescribePackageGroup(ctx, &codeartifact.DescribePackageGroupInput{Domain: aws.String("models"), PackageGroup: aws.String("/pypi/*")})
	if err != nil {
		w.Fatal(err)
	}
	want("group", *group.PackageGroup.Description+" "+string(group.PackageGroup.OriginConfiguration.Restrictions["EXTERNAL_UPSTREAM"].Mode), v+" "+pick("BLOCK", "ALLOW").(string))
	want("group's ARN", out["Group"], *group.PackageGroup.Arn)
	packages, err := codeartifact.NewFromConfig(c).DescribeRepository(ctx, &codeartifact.DescribeRepositoryInput{Domain: aws.String("models"), Repository: aws.String("packages")})
	if err != nil {
		w.Fatal(err)
	}
	want("packages", fmt.Sprint(*packages.Repository.Description, len(packages.Repository.Upstreams)), fmt.Sprint("for ", v, pick(1, 0)))
	_, err = codeartifact.NewFromConfig(c).GetDomainPermissionsPolicy(ctx, &codeartifact.GetDomainPermissionsPolicyInput{Domain: aws.String("models")})
	want("domain's policy is absent", err != nil, two)

	images, err := ecr.NewFromConfig(c).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{out["Images"]}})
	if err != nil {
		w.Fatal(err)
	}
	want("mutability", images.Repositories[0].ImageTagMutability, pick("IMMUTABLE", "MUTABLE"))
	want("URI", out["Uri"], *images.Repositories[0].RepositoryUri)
	public, err := ecrpublic.NewFromConfig(c).GetRepositoryCatalogData(ctx, &ecrpublic.GetRepositoryCatalogDataInput{RepositoryName: aws.String("ml-model-repo")})
	if err != nil {
		w.Fatal(err)
	}
	want("catalog", aws.ToString(public.CatalogData.Description), v)

	identities := iam.NewFromConfig(c)
	inline, err := identities.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: aws.String(out["Role"])})
	if err != nil {
		w.Fatal(err)
	}
	want("inline", strings.Join(inline.PolicyNames, " "), "inline "+v)
	policy, err := identities.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(out["Policy"])})
	if err != nil {
		w.Fatal(err)
	}
	want("policy", fmt.Sprint(*policy.Policy.DefaultVersionId, *policy.Policy.AttachmentCount), pick("v11", "v21"))
	if !strings.Contains(out["RoleArn"], ":role/models/") {
		w.Errorf("the role is %s", out["RoleArn"])
	}
}
