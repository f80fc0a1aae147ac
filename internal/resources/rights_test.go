package resources_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	packages "github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamo "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	images "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	identity "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const oneTable = `
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: catalog
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
Outputs:
  Arn: {Value: !GetAtt Table.Arn}
`

// as returns a client of the stacks of a new user with a policy.
func (w *world) as(user, policy string) *cloudformation.Client {
	w.Helper()
	c := iam.NewFromConfig(w.server.AWS())
	_, err := c.CreateUser(w.Context(), &iam.CreateUserInput{UserName: &user})
	if err == nil {
		_, err = c.PutUserPolicy(w.Context(), &iam.PutUserPolicyInput{UserName: &user, PolicyName: aws.String("p"), PolicyDocument: &policy})
	}
	if err != nil {
		w.Fatal(err)
	}
	key, err := c.CreateAccessKey(w.Context(), &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		w.Fatal(err)
	}
	return cloudformation.NewFromConfig(w.server.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
}

func (w *world) role(name, service, policy string) *string {
	w.Helper()
	c := iam.NewFromConfig(w.server.AWS())
	out, err := c.CreateRole(w.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}}`)})
	if err == nil {
		_, err = c.PutRolePolicy(w.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy})
	}
	if err != nil {
		w.Fatal(err)
	}
	return out.Role.Arn
}

func allow(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}}`
}

func TestAStackDoesWhatItsCallerMayDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as("alice", allow("cloudformation:*"))
	before := w.inventory()
	out, err := c.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("mine"), TemplateBody: aws.String(oneTable)})
	if err != nil {
		t.Fatal(err)
	}
	w.want("mine", "ROLLBACK_COMPLETE")
	if events := strings.Join(w.events(*out.StackId), "\n"); !strings.Contains(events, "alice is not authorized to perform: dynamodb:CreateTable") {
		t.Error(events)
	}
	w.wantInventory(before)
}

func TestAStackIsMadeInItsRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := w.role("deployer", "cloudformation.amazonaws.com", allow("dynamodb:*"))
	other := w.role("other", "lambda.amazonaws.com", allow("dynamodb:*"))
	in := &cloudformation.CreateStackInput{StackName: aws.String("mine"), TemplateBody: aws.String(oneTable), RoleARN: role}
	_, err := w.as("bob", allow("cloudformation:*")).CreateStack(t.Context(), in)
	w.failsWith(err, "bob is not authorized to perform: iam:PassRole")

	c := w.as("alice", allow("cloudformation:*", "iam:PassRole"))
	in.RoleARN = other
	_, err = c.CreateStack(t.Context(), in)
	w.failsWith(err, "ValidationError: Role "+*other+" is invalid or cannot be assumed")
	in.RoleARN = role
	if _, err := c.CreateStack(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	w.want("mine", "CREATE_COMPLETE")

	found, err := cloudtrail.NewFromConfig(w.server.AWS()).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []trail.LookupAttribute{{AttributeKey: trail.LookupAttributeKeyEventName, AttributeValue: aws.String("CreateTable")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Events) != 1 || !strings.Contains(*found.Events[0].CloudTrailEvent, "assumed-role/deployer/AWSCloudFormation") {
		t.Errorf("the trail has %v", found.Events)
	}
	w.delete("mine")
}

// TestOwnershipTagsAreNotTheUsers: only a stack may set or take away tags that begin with
// "aws:"; what has such tags can have others.
func TestOwnershipTagsAreNotTheUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("all", everything, version("one"))
	out := outputs(w.want("all", "CREATE_COMPLETE"))
	c, ctx, key, value := w.server.AWS(), t.Context(), aws.String("aws:cloudformation:stack-name"), aws.String("x")
	tables := dynamodb.NewFromConfig(c)
	d, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(out["Table"])})
	if err != nil {
		t.Fatal(err)
	}
	repository, err := ecr.NewFromConfig(c).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{out["Images"]}})
	if err != nil {
		t.Fatal(err)
	}
	arn := repository.Repositories[0].RepositoryArn
	own := aws.String("own")
	for name, do := range map[string]struct {
		tag, untag func(*string) error
	}{
		"table": {func(k *string) error {
			_, err := tables.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: d.Table.TableArn, Tags: []dynamo.Tag{{Key: k, Value: value}}})
			return err
		}, func(k *string) error {
			_, err := tables.UntagResource(ctx, &dynamodb.UntagResourceInput{ResourceArn: d.Table.TableArn, TagKeys: []string{*k}})
			return err
		}},
		"images": {func(k *string) error {
			_, err := ecr.NewFromConfig(c).TagResource(ctx, &ecr.TagResourceInput{ResourceArn: arn, Tags: []images.Tag{{Key: k, Value: value}}})
			return err
		}, func(k *string) error {
			_, err := ecr.NewFromConfig(c).UntagResource(ctx, &ecr.UntagResourceInput{ResourceArn: arn, TagKeys: []string{*k}})
			return err
		}},
		"packages": {func(k *string) error {
			_, err := codeartifact.NewFromConfig(c).TagResource(ctx, &codeartifact.TagResourceInput{ResourceArn: aws.String(out["DomainArn"]), Tags: []packages.Tag{{Key: k, Value: value}}})
			return err
		}, func(k *string) error {
			_, err := codeartifact.NewFromConfig(c).UntagResource(ctx, &codeartifact.UntagResourceInput{ResourceArn: aws.String(out["DomainArn"]), TagKeys: []string{*k}})
			return err
		}},
		"role": {func(k *string) error {
			_, err := iam.NewFromConfig(c).TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String(out["Role"]), Tags: []identity.Tag{{Key: k, Value: value}}})
			return err
		}, func(k *string) error {
			_, err := iam.NewFromConfig(c).UntagRole(ctx, &iam.UntagRoleInput{RoleName: aws.String(out["Role"]), TagKeys: []string{*k}})
			return err
		}},
	} {
		if do.tag(key) == nil || do.untag(key) == nil {
			t.Errorf("%s: a user set or took away %s", name, *key)
		}
		if err := do.tag(own); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := do.untag(own); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTemplatesFromTheWeb(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.stacks.ValidateTemplate(t.Context(), &cloudformation.ValidateTemplateInput{TemplateURL: aws.String("http://127.0.0.1:1/x.yaml")})
	w.failsWith(err, "ValidationError: TemplateURL must reference a host that this server may ask")
	_, err = w.stacks.ValidateTemplate(t.Context(), &cloudformation.ValidateTemplateInput{TemplateURL: aws.String("file:///etc/passwd")})
	w.failsWith(err, "ValidationError: TemplateURL must be a supported URL.")
}
