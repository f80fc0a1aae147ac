package e2e

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	stacks "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// launchedBy are the products whose launches TestKillLaunch kills: of 40 resources in a role
// of the platform's, and of a few with the launching user's own rights.
var launchedBy = map[string]struct {
	v10, v11  string
	resources [2]int // that each version has
}{
	"role": {fortyResources(false), fortyResources(true), [2]int{40, 40}},
	"user": {fewResources("one"), fewResources("two") + "  More: {Type: AWS::ECR::Repository, DependsOn: Table}\n", [2]int{3, 4}},
}

func fewResources(policy string) string {
	return `
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DependsOn: Domain
    Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: ` + policy + `, AttributeType: S}], KeySchema: [{AttributeName: ` + policy + `, KeyType: HASH}]}
  Domain: {Type: AWS::CodeArtifact::Domain, Properties: {DomainName: few}}
  Packages: {Type: AWS::CodeArtifact::Repository, DependsOn: Table, Properties: {DomainName: !GetAtt Domain.Name, RepositoryName: few, Description: ` + policy + `}}
`
}

// TestKillLaunch kills the server in the launch of a product, an update, an update that fails
// and the termination: once it is asked for, then at any moment of the start of those that
// come after it, which go on with the work as they start, and whenever some more steps have
// left an event. Each ends as it should, and the account has what the stack has, once.
//
// MODELWHARF_LAUNCH_KILLS is how often it is killed while it starts.
func TestKillLaunch(t *testing.T) {
	t.Parallel()
	for by, product := range launchedBy {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			k := &launchKill{T: t, data: filepath.Join(t.TempDir(), "data"), early: setting(t, "MODELWHARF_LAUNCH_KILLS", 4)}
			k.start()
			k.offer(by, product.v10, product.v11, product.v11+"  Broken:\n    Type: AWS::ECR::Repository\n    DependsOn: [Table"+map[string]string{"role": "0"}[by]+"]\n    Properties: {RepositoryName: NO}\n")
			before := k.s.holdings(t)

			k.through(types.RecordStatusSucceeded, func(c *servicecatalog.Client) (*types.RecordDetail, error) {
				out, err := c.ProvisionProduct(t.Context(), &servicecatalog.ProvisionProductInput{
					ProductName: aws.String("Killed"), ProvisioningArtifactName: aws.String("v1.0"), ProvisionedProductName: aws.String("mine"), ProvisionToken: aws.String("launch"),
				})
				if err != nil {
					return nil, err
				}
				return out.RecordDetail, nil
			})
			first := k.has(before, product.resources[0])
			k.became(types.ProvisionedProductStatusAvailable)
			update := func(version string) func(c *servicecatalog.Client) (*types.RecordDetail, error) {
				return func(c *servicecatalog.Client) (*types.RecordDetail, error) {
					out, err := c.UpdateProvisionedProduct(t.Context(), &servicecatalog.UpdateProvisionedProductInput{
						ProvisionedProductName: aws.String("mine"), ProvisioningArtifactName: &version, UpdateToken: aws.String(strings.ReplaceAll("to-"+version, ".", "-")),
					})
					if err != nil {
						return nil, err
					}
					return out.RecordDetail, nil
				}
			}
			k.through(types.RecordStatusFailed, update("broken"))
			if again := k.has(before, product.resources[0]); !slices.Equal(first, again) {
				t.Fatalf("before the update that failed\n%q\nafter it\n%q", first, again)
			}
			k.became(types.ProvisionedProductStatusTainted)
			k.through(types.RecordStatusSucceeded, update("v1.1"))
			k.has(before, product.resources[1])
			k.became(types.ProvisionedProductStatusAvailable)
			k.through(types.RecordStatusSucceeded, func(c *servicecatalog.Client) (*types.RecordDetail, error) {
				out, err := c.TerminateProvisionedProduct(t.Context(), &servicecatalog.TerminateProvisionedProductInput{ProvisionedProductName: aws.String("mine"), TerminateToken: aws.String("end")})
				if err != nil {
					return nil, err
				}
				return out.RecordDetail, nil
			})
			if after := k.s.holdings(t); !slices.Equal(before, after) {
				t.Fatalf("before %q, after %q", before, after)
			}
			var kinds []string
			history, err := k.catalog().ListRecordHistory(t.Context(), &servicecatalog.ListRecordHistoryInput{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range history.RecordDetails {
				kinds = append(kinds, strings.TrimSuffix(*r.RecordType, "_PROVISIONED_PRODUCT"), string(r.Status))
			}
			if got := strings.Join(kinds, " "); got != "TERMINATE SUCCEEDED UPDATE SUCCEEDED UPDATE FAILED PROVISION_PRODUCT SUCCEEDED" {
				t.Error(got)
			}
			t.Logf("%d kills", k.kills)
		})
	}
}

// launchKill is a server that is killed while somebody launches.
type launchKill struct {
	*testing.T
	s            *server
	data         string
	early, kills int
	startup      time.Duration // of the last server
	user         aws.CredentialsProvider
	stack        string // its ARN, once it is known
}

func (k *launchKill) try(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// catalog is a client of whoever launches.
func (k *launchKill) catalog() *servicecatalog.Client {
	c := k.s.config()
	c.Credentials = k.user
	return servicecatalog.NewFromConfig(c)
}

// offer offers the product in the versions v1.0, v1.1 and broken to a user, to be launched in
// a role that may do all, or with the user's own rights.
func (k *launchKill) offer(by string, versions ...string) {
	k.Helper()
	c, ctx := k.s.config(), k.Context()
	id, objects, admin := iam.NewFromConfig(c), k.s.objects(), servicecatalog.NewFromConfig(c)
	actions := map[string]string{"role": "servicecatalog:*", "user": "*"}[by]
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + actions + `","Resource":"*"}}`
	_, err := id.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("launcher")})
	k.try(err)
	_, err = id.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("launcher"), PolicyName: aws.String("p"), PolicyDocument: &policy})
	k.try(err)
	key, err := id.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("launcher")})
	k.try(err)
	k.user = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")

	_, err = objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("templates")})
	k.try(err)
	var product, portfolio *string
	for i, name := range []string{"v1.0", "v1.1", "broken"} {
		_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("templates"), Key: &name, Body: strings.NewReader(versions[i])})
		k.try(err)
		version := &types.ProvisioningArtifactProperties{Name: &name, Info: map[string]string{"LoadTemplateFromURL": k.s.url + "/templates/" + name}, Type: types.ProvisioningArtifactTypeCloudFormationTemplate}
		if product == nil {
			out, err := admin.CreateProduct(ctx, &servicecatalog.CreateProductInput{
				Name: aws.String("Killed"), Owner: aws.String("data-team"), ProductType: types.ProductTypeCloudFormationTemplate, ProvisioningArtifactParameters: version,
			})
			k.try(err)
			product = out.ProductViewDetail.ProductViewSummary.ProductId
			continue
		}
		_, err = admin.CreateProvisioningArtifact(ctx, &servicecatalog.CreateProvisioningArtifactInput{ProductId: product, Parameters: version})
		k.try(err)
	}
	out, err := admin.CreatePortfolio(ctx, &servicecatalog.CreatePortfolioInput{DisplayName: aws.String("models"), ProviderName: aws.String("YourOrg")})
	k.try(err)
	portfolio = out.PortfolioDetail.Id
	_, err = admin.AssociateProductWithPortfolio(ctx, &servicecatalog.AssociateProductWithPortfolioInput{ProductId: product, PortfolioId: portfolio})
	k.try(err)
	user, err := id.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("launcher")})
	k.try(err)
	_, err = admin.AssociatePrincipalWithPortfolio(ctx, &servicecatalog.AssociatePrincipalWithPortfolioInput{PortfolioId: portfolio, PrincipalARN: user.User.Arn, PrincipalType: types.PrincipalTypeIam})
	k.try(err)
	if by == "role" {
		role, err := id.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("launch"), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"servicecatalog.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
		k.try(err)
		_, err = id.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("launch"), PolicyName: aws.String("p"), PolicyDocument: aws.String(strings.Replace(policy, actions, "*", 1))})
		k.try(err)
		_, err = admin.CreateConstraint(ctx, &servicecatalog.CreateConstraintInput{
			PortfolioId: portfolio, ProductId: product, Type: aws.String("LAUNCH"), Parameters: aws.String(`{"RoleArn":"` + *role.Role.Arn + `"}`),
		})
		k.try(err)
	}
}

// events are how many events the stack of what was launched has.
func (k *launchKill) events(provisioned *string) (n int) {
	k.Helper()
	c := cloudformation.NewFromConfig(k.s.config())
	if k.stack == "" {
		out, err := c.ListStacks(k.Context(), &cloudformation.ListStacksInput{})
		k.try(err)
		for _, s := range out.StackSummaries {
			if strings.HasSuffix(*s.StackName, *provisioned) {
				k.stack = *s.StackId
			}
		}
		if k.stack == "" {
			return 0
		}
	}
	pages := cloudformation.NewDescribeStackEventsPaginator(c, &cloudformation.DescribeStackEventsInput{StackName: &k.stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(k.Context())
		k.try(err)
		n += len(page.StackEvents)
	}
	return n
}

// through asks for something and follows it to its end. The server is killed as soon as it
// was asked for, and is asked again then with the same token; and whenever some more steps
// have left an event.
func (k *launchKill) through(want types.RecordStatus, ask func(*servicecatalog.Client) (*types.RecordDetail, error)) {
	k.Helper()
	r, err := ask(k.catalog())
	k.try(err)
	k.kill()
	for range k.early {
		k.stillborn()
	}
	k.start()
	again, err := ask(k.catalog())
	k.try(err)
	if *again.RecordId != *r.RecordId {
		k.Fatalf("asked again it is record %s, not %s", *again.RecordId, *r.RecordId)
	}
	next := k.events(r.ProvisionedProductId) + 10
	for deadline := time.Now().Add(4 * patience); ; {
		out, err := k.catalog().DescribeRecord(k.Context(), &servicecatalog.DescribeRecordInput{Id: r.RecordId})
		k.try(err)
		switch r = out.RecordDetail; r.Status {
		case want:
			return
		case types.RecordStatusSucceeded, types.RecordStatusFailed:
			for _, e := range r.RecordErrors {
				k.Log(*e.Description)
			}
			k.Fatalf("the record is %s, want %s", r.Status, want)
		}
		if time.Now().After(deadline) {
			k.Fatalf("the record is %s", r.Status)
		}
		if n := k.events(r.ProvisionedProductId); n >= next {
			next = n + 10
			k.restart()
		}
	}
}

func (k *launchKill) start() {
	k.Helper()
	began := time.Now()
	k.s = startOn(k.T, k.data)
	k.startup = time.Since(began)
}

func (k *launchKill) kill() {
	k.s.kill()
	k.kills++
}

// stillborn is a server that is killed while it starts, or a moment later.
func (k *launchKill) stillborn() {
	k.Helper()
	cmd := exec.Command(binary, "serve", "--data", k.data, "--listen", "127.0.0.1:0")
	cmd.Env = cleanEnv()
	k.try(cmd.Start())
	time.Sleep(rand.N(k.startup * 3 / 2))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	k.kills++
}

func (k *launchKill) restart() {
	k.Helper()
	k.kill()
	k.start()
}

// has checks that the account has what the stack has, and nothing else.
func (k *launchKill) has(before []string, n int) []string {
	k.Helper()
	want := slices.Clone(before)
	pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(k.s.config()), &cloudformation.ListStackResourcesInput{StackName: &k.stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(k.Context())
		k.try(err)
		for _, r := range page.StackResourceSummaries {
			if r.ResourceStatus != stacks.ResourceStatusDeleteComplete {
				want = append(want, *r.PhysicalResourceId)
			}
		}
	}
	slices.Sort(want)
	got := k.s.holdings(k.T)
	if !slices.Equal(got, want) || len(want)-len(before) != n {
		k.Fatalf("the account has\n%s\nthe stack has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return got
}

func (k *launchKill) became(status types.ProvisionedProductStatus) {
	k.Helper()
	out, err := k.catalog().DescribeProvisionedProduct(k.Context(), &servicecatalog.DescribeProvisionedProductInput{Name: aws.String("mine")})
	k.try(err)
	if got := out.ProvisionedProductDetail.Status; got != status {
		k.Fatalf("what was launched is %s, want %s", got, status)
	}
}
