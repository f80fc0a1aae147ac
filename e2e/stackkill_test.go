package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog"

	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
)

// config is that of the SDK for Go.
func (s *server) config() aws.Config {
	return aws.Config{
		BaseEndpoint: &s.url, Region: region, HTTPClient: &http.Client{Transport: wiretest.Transport(16)},
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")),
	}
}

// fortyResources is a template of 40 resources: tables, packages, images, roles, policies.
// The second version changes some in place, replaces others, and has others instead.
func fortyResources(second bool) string {
	var b strings.Builder
	add := func(id, typ, properties string, after ...string) {
		fmt.Fprintf(&b, "  %s:\n    Type: AWS::%s\n    DependsOn: [%s]\n    Properties: {%s}\n", id, typ, strings.Join(after, ", "), properties)
	}
	pick := func(first, then string) string {
		if second {
			return then
		}
		return first
	}
	b.WriteString("Resources:\n")
	for i := range 16 {
		var after []string
		if i >= 4 {
			after = []string{fmt.Sprintf("Table%d", i-4)}
		}
		id, key := fmt.Sprintf("Table%d", i), "id"
		if i%5 == 0 { // which makes another table
			key = pick("id", "key")
		}
		if i == 15 {
			id = pick(id, "OtherTable")
		}
		add(id, "DynamoDB::Table", fmt.Sprintf("BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: %[1]s, AttributeType: S}], "+
			"KeySchema: [{AttributeName: %[1]s, KeyType: HASH}], TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}, "+
			"PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: %[2]s}, Tags: [{Key: version, Value: %[2]s}]", key, pick("false", "true")), after...)
	}
	add("Domain", "CodeArtifact::Domain", "DomainName: models")
	for i := range 6 {
		name := fmt.Sprintf("packages%d", i)
		if i == 5 {
			name = pick(name, "others")
		}
		upstreams := ""
		if i > 0 {
			upstreams = fmt.Sprintf("packages%d", i-1)
		}
		add(fmt.Sprintf("Packages%d", i), "CodeArtifact::Repository",
			fmt.Sprintf("DomainName: !GetAtt Domain.Name, RepositoryName: %s, Description: %s, Upstreams: [%s]", name, pick("one", "two"), upstreams),
			strings.Fields(fmt.Sprint(map[bool]string{true: fmt.Sprintf("Packages%d", i-1)}[i > 0]))...)
	}
	for i := range 6 {
		add(fmt.Sprintf("Images%d", i), "ECR::Repository", "ImageTagMutability: "+pick("MUTABLE", "IMMUTABLE"), fmt.Sprintf("Table%d", i))
	}
	add("Public", "ECR::PublicRepository", "RepositoryName: "+pick("models", "others"))
	for i := range 5 {
		add(fmt.Sprintf("Policy%d", i), "IAM::ManagedPolicy", "PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: 'dynamodb:"+pick("GetItem", "PutItem")+"', Resource: '*'}]}")
		add(fmt.Sprintf("Role%d", i), "IAM::Role", fmt.Sprintf("AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]}, "+
			"ManagedPolicyArns: [!Ref Policy%d], Description: %s", i, pick("one", "two")))
	}
	return b.String()
}

// holdings is what an account has of all that stacks can make.
func (s *server) holdings(t *testing.T) (list []string) {
	t.Helper()
	c, ctx := s.config(), t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tables, err := dynamodb.NewFromConfig(c).ListTables(ctx, &dynamodb.ListTablesInput{})
	check(err)
	list = append(list, tables.TableNames...)
	domains, err := codeartifact.NewFromConfig(c).ListDomains(ctx, &codeartifact.ListDomainsInput{})
	check(err)
	for _, d := range domains.Domains {
		list = append(list, *d.Arn)
	}
	repositories, err := codeartifact.NewFromConfig(c).ListRepositories(ctx, &codeartifact.ListRepositoriesInput{})
	check(err)
	for _, r := range repositories.Repositories {
		list = append(list, *r.Arn)
	}
	images, err := ecr.NewFromConfig(c).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
	check(err)
	for _, r := range images.Repositories {
		list = append(list, *r.RepositoryName)
	}
	public, err := ecrpublic.NewFromConfig(c).DescribeRepositories(ctx, &ecrpublic.DescribeRepositoriesInput{})
	check(err)
	for _, r := range public.Repositories {
		list = append(list, *r.RepositoryName)
	}
	roles, err := iam.NewFromConfig(c).ListRoles(ctx, &iam.ListRolesInput{})
	check(err)
	for _, r := range roles.Roles {
		list = append(list, *r.RoleName)
	}
	policies, err := iam.NewFromConfig(c).ListPolicies(ctx, &iam.ListPoliciesInput{Scope: "Local"})
	check(err)
	for _, p := range policies.Policies {
		list = append(list, *p.Arn)
	}
	users, err := iam.NewFromConfig(c).ListUsers(ctx, &iam.ListUsersInput{})
	check(err)
	for _, u := range users.Users {
		list = append(list, *u.UserName)
	}
	portfolios, err := servicecatalog.NewFromConfig(c).ListPortfolios(ctx, &servicecatalog.ListPortfoliosInput{})
	check(err)
	for _, p := range portfolios.PortfolioDetails {
		list = append(list, *p.ARN)
	}
	products, err := servicecatalog.NewFromConfig(c).SearchProductsAsAdmin(ctx, &servicecatalog.SearchProductsAsAdminInput{})
	check(err)
	for _, p := range products.ProductViewDetails {
		list = append(list, *p.ProductARN)
	}
	buckets, err := s3.NewFromConfig(c).ListBuckets(ctx, &s3.ListBucketsInput{})
	check(err)
	for _, b := range buckets.Buckets {
		list = append(list, *b.Name)
	}
	slices.Sort(list)
	return list
}

// TestKillStack kills the server at every tenth step of the creation, an update, an update
// that fails, and the deletion of a stack of 40 resources: each ends as it should, and the
// account has what the stack has, once.
func TestKillStack(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	before := s.holdings(t)
	name := aws.String("forty")
	id := name
	kills := 0
	// through follows an operation to its end, and kills the server whenever ten more
	// steps have left an event.
	through := func(status types.StackStatus) {
		t.Helper()
		c := cloudformation.NewFromConfig(s.config())
		count := func() (n int) {
			pages := cloudformation.NewDescribeStackEventsPaginator(c, &cloudformation.DescribeStackEventsInput{StackName: id})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n += len(page.StackEvents)
			}
			return n
		}
		next := count() + 10
		for deadline := time.Now().Add(4 * patience); ; {
			out, err := c.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: id})
			if err != nil {
				t.Fatal(err)
			}
			st := out.Stacks[0]
			if !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") {
				if st.StackStatus != status {
					events, _ := c.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: id})
					for _, e := range events.StackEvents {
						if e.ResourceStatusReason != nil {
							t.Log(*e.LogicalResourceId, e.ResourceStatus, *e.ResourceStatusReason)
						}
					}
					t.Fatalf("the stack is %s (%s), want %s", st.StackStatus, aws.ToString(st.StackStatusReason), status)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the stack is %s", st.StackStatus)
			}
			if n := count(); n >= next {
				s.kill()
				kills++
				s = startOn(t, data)
				c = cloudformation.NewFromConfig(s.config())
				next = n + 10
			}
		}
	}
	// has checks that the account has what the stack has, and nothing else.
	has := func(n int) []string {
		t.Helper()
		want := slices.Clone(before)
		pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(s.config()), &cloudformation.ListStackResourcesInput{StackName: id})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.StackResourceSummaries {
				if r.ResourceStatus != types.ResourceStatusDeleteComplete {
					want = append(want, *r.PhysicalResourceId)
				}
			}
		}
		slices.Sort(want)
		got := s.holdings(t)
		if !slices.Equal(got, want) || len(want)-len(before) != n {
			t.Fatalf("the account has\n%s\nthe stack has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		return got
	}
	capabilities := []types.Capability{types.CapabilityCapabilityIam}

	out, err := cloudformation.NewFromConfig(s.config()).CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: name, TemplateBody: aws.String(fortyResources(false)), Capabilities: capabilities})
	if err != nil {
		t.Fatal(err)
	}
	id = out.StackId
	through(types.StackStatusCreateComplete)
	first := has(40)

	// An update that fails at its end goes back.
	broken := fortyResources(true) + "  Broken:\n    Type: AWS::ECR::Repository\n    DependsOn: [OtherTable, Packages5, Images5, Role4]\n    Properties: {RepositoryName: NO}\n"
	if _, err := cloudformation.NewFromConfig(s.config()).UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: id, TemplateBody: &broken, Capabilities: capabilities}); err != nil {
		t.Fatal(err)
	}
	through(types.StackStatusUpdateRollbackComplete)
	if again := has(40); !slices.Equal(first, again) {
		t.Fatalf("before the update that failed\n%q\nafter it\n%q", first, again)
	}

	if _, err := cloudformation.NewFromConfig(s.config()).UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: id, TemplateBody: aws.String(fortyResources(true)), Capabilities: capabilities}); err != nil {
		t.Fatal(err)
	}
	through(types.StackStatusUpdateComplete)
	has(40)

	if _, err := cloudformation.NewFromConfig(s.config()).DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: id}); err != nil {
		t.Fatal(err)
	}
	through(types.StackStatusDeleteComplete)
	if after := s.holdings(t); !slices.Equal(before, after) {
		t.Fatalf("before %q, after %q", before, after)
	}
	t.Logf("%d kills", kills)
}
