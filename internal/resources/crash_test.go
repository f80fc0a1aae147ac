package resources_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/cloudformation"
	codeartifactshapes "github.com/modelwharf/modelwharf/internal/api/codeartifact"
	tableshapes "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	ecrshapes "github.com/modelwharf/modelwharf/internal/api/ecr"
	publicshapes "github.com/modelwharf/modelwharf/internal/api/ecrpublic"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	catalogshapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/resources"
	"github.com/modelwharf/modelwharf/internal/servicecatalog"
)

// cuttable is a store that is cut off after some transactions, as a crash does: before the
// last one is there, or after it, when nobody is told any more.
type cuttable struct {
	kv.Store
	left  atomic.Int64
	after bool
	cut   atomic.Bool
}

var errCut = errors.New("cut off")

func (s *cuttable) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	switch left := s.left.Add(-1); {
	case s.cut.Load():
		return 0, errCut
	case left < 0 && s.cut.CompareAndSwap(false, true):
		if s.after {
			_, _ = s.Store.Update(ctx, fn)
		}
		return 0, errCut
	case left < 0:
		return 0, errCut
	}
	return s.Store.Update(ctx, fn)
}

func (s *cuttable) View(ctx context.Context, fn func(kv.Reader) error) error {
	if s.cut.Load() {
		return errCut
	}
	return s.Store.View(ctx, fn)
}

// life is one life of the services between two crashes.
type life struct {
	store  *cuttable
	stacks *cloudformation.Service
	tables *dynamodb.Service
	all    []*api.Service
	ids    *identity.Service
	ctx    context.Context // of the administrator's requests
	stop   func()
}

const region = "eu-west-1"

func begin(t *testing.T, db *kv.DB, seal *identity.Sealer, updates int64, after bool) *life {
	t.Helper()
	l := &life{store: &cuttable{Store: db, after: after}}
	l.store.left.Store(1 << 40)
	quiet := slog.New(slog.DiscardHandler)
	id, err := identity.New(identity.Config{Store: l.store, Seal: seal, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	root, err := id.EnsureRoot(t.Context(), "111111111111", "AKIACRASHCRASHCRASH0", "a-secret-of-the-administrator/000000001")
	if err != nil {
		t.Fatal(err)
	}
	l.tables = dynamodb.New(dynamodb.Config{Store: l.store, Identity: id, Pages: seal.Pages(), Log: quiet})
	packages := codeartifact.New(codeartifact.Config{Store: l.store, Formats: []codeartifact.Format{pypi.Format{}}, Identity: id, Seal: seal.Pages(), Log: quiet})
	images := ecr.New(ecr.Config{Store: l.store, Identity: id, Seal: seal.Pages(), Log: quiet})
	runner := jobs.New(jobs.Config{Store: l.store, Owner: "test", Poll: 5 * time.Millisecond, Workers: 16, Logger: quiet})
	template := func(context.Context, string) ([]byte, error) { return []byte(oneTable), nil }
	of := resources.Services{DynamoDB: l.tables.API(), CodeArtifact: packages.API(), ECR: images.API(), ECRPublic: images.PublicAPI(), IAM: iam.New(id)}
	l.stacks = cloudformation.New(cloudformation.Config{
		Store: l.store, Identity: id, Seal: seal.Pages(), Wake: runner.Wake, Log: quiet, Types: resources.Types(of), Fetch: template,
	})
	catalog := servicecatalog.New(servicecatalog.Config{
		Store: l.store, Identity: id, Seal: seal.Pages(), Stacks: l.stacks, Fetch: template, Wake: runner.Wake, Log: quiet,
	})
	of.ServiceCatalog = catalog.API()
	l.stacks.Add(resources.Types(resources.Services{ServiceCatalog: of.ServiceCatalog}))
	l.ids, l.all = id, []*api.Service{of.DynamoDB, of.CodeArtifact, of.ECR, of.ECRPublic, of.IAM, of.ServiceCatalog}
	runner.Register(l.stacks.Jobs()...)
	l.ctx = api.WithRequest(t.Context(), &api.Request{ID: "test", Service: "cloudformation", Region: region, Time: time.Now()})
	who, _, err := id.Lookup(l.ctx, root.AccessKeyID, "")
	if err != nil {
		t.Fatal(err)
	}
	l.ctx = id.Admit(l.ctx, who)
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	l.store.left.Store(updates)
	ended.Go(func() { _ = runner.Run(ctx) })
	ended.Go(func() { _ = l.tables.Run(ctx) })
	l.stop = func() { cancel(); ended.Wait() }
	return l
}

// TestCrashAtAnyStep cuts the store off again and again while stacks of every type are
// made, changed and deleted: each operation ends as it should, and then the account has
// what the template says, once.
func TestCrashAtAnyStep(t *testing.T) {
	t.Parallel()
	for every, as := range map[int64]string{7: "the root", 10: "a user", 13: "a role"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprint("every ", every, after, " as ", as), func(t *testing.T) {
				t.Parallel()
				crash(t, every, after, as)
			})
		}
	}
}

// catalogToo are the types of Service Catalog, and a stack in the stack.
const catalogToo = `
  Portfolio: {Type: AWS::ServiceCatalog::Portfolio, Properties: {DisplayName: models, ProviderName: platform, Description: !Ref V}}
  Product:
    Type: AWS::ServiceCatalog::CloudFormationProduct
    Properties:
      Name: model
      Owner: platform
      ProvisioningArtifactParameters:
        - {Name: v1, Info: {LoadTemplateFromURL: "https://templates.example.com/one"}}
        - !If [Two, {Name: v2, Info: {LoadTemplateFromURL: "https://templates.example.com/two"}}, !Ref AWS::NoValue]
  Offer: {Type: AWS::ServiceCatalog::PortfolioProductAssociation, Properties: {PortfolioId: !Ref Portfolio, ProductId: !Ref Product}}
  Principal: {Type: AWS::ServiceCatalog::PortfolioPrincipalAssociation, Properties: {PortfolioId: !Ref Portfolio, PrincipalARN: !GetAtt Role.Arn, PrincipalType: IAM}}
  Launch: {Type: AWS::ServiceCatalog::LaunchRoleConstraint, DependsOn: Offer, Properties: {PortfolioId: !Ref Portfolio, ProductId: !Ref Product, RoleArn: !GetAtt Role.Arn}}
  Option: {Type: AWS::ServiceCatalog::TagOption, Properties: {Key: Team, Value: !Ref V}}
  Optional: {Type: AWS::ServiceCatalog::TagOptionAssociation, Properties: {TagOptionId: !Ref Option, ResourceId: !Ref Portfolio}}
  Inner: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: !Sub "https://templates.example.com/${V}", Tags: [{Key: V, Value: !Ref V}]}}
`

// whole is everything with the types of Service Catalog.
func whole() string {
	// Its index stays: who was killed while he filled one has a lease of 30 seconds.
	body := strings.NewReplacer("!If [Two, ByOwner, ByKind]", "ByKind", "!If [Two, Owner, Kind]", "Kind",
		"!If [Two, {AttributeName: Owner, AttributeType: S}, {AttributeName: Kind, AttributeType: S}]", "{AttributeName: Kind, AttributeType: S}",
		"{Service: lambda.amazonaws.com}", "{Service: servicecatalog.amazonaws.com}").Replace(everything)
	return strings.Replace(body, "\nOutputs:", catalogToo+"Outputs:", 1)
}

// crashes is a store through many lives of its services.
type crashes struct {
	*testing.T
	db    *kv.DB
	seal  *identity.Sealer
	every int64 // how many transactions a life has, more from life to life
	after bool
	lives int
}

func newCrashes(t *testing.T, every int64, after bool) *crashes {
	db, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return &crashes{T: t, db: db, seal: seal, every: every, after: after}
}

// calm does something in a life that is not cut off.
func (c *crashes) calm(do func(l *life)) {
	c.Helper()
	l := begin(c.T, c.db, c.seal, 1<<40, false)
	defer l.stop()
	do(l)
}

// through asks for an operation on a stack, goes through as many lives as it takes, and
// returns in what status it is.
func (c *crashes) through(ask func(l *life) (string, error)) string {
	c.Helper()
	var id string
	asked, born := false, 1
	for deadline := time.Now().Add(2 * time.Minute); ; c.lives, born = c.lives+1, born+1 {
		if time.Now().After(deadline) {
			c.Fatalf("there is no end to it after %d lives", c.lives)
		}
		updates := c.every * int64(born) // later from life to life: else some steps never end
		if !asked {
			updates = 1 << 40
		}
		l := begin(c.T, c.db, c.seal, updates, c.after)
		if !asked {
			var err error
			if id, err = ask(l); err != nil {
				c.Fatal(err)
			}
			asked = true
			l.store.left.Store(c.every)
		}
		for !l.store.cut.Load() {
			out, err := l.stacks.DescribeStacks(l.ctx, &shapes.DescribeStacksInput{StackName: &id})
			if err != nil {
				break // cut off meanwhile
			}
			if st := out.Stacks[0]; !strings.HasSuffix(*st.StackStatus, "_IN_PROGRESS") {
				l.stop()
				return *st.StackStatus
			}
			time.Sleep(time.Millisecond)
		}
		l.stop()
	}
}

// want is through with the status that there is to be.
func (c *crashes) want(status string, ask func(l *life) (string, error)) {
	c.Helper()
	var id string
	got := c.through(func(l *life) (_ string, err error) { id, err = ask(l); return id, err })
	if got == status {
		return
	}
	c.calm(func(l *life) {
		events, _ := l.stacks.DescribeStackEvents(l.ctx, &shapes.DescribeStackEventsInput{StackName: &id})
		for _, e := range events.StackEvents {
			if e.ResourceStatusReason != nil {
				c.Log(*e.LogicalResourceId, *e.ResourceStatus, *e.ResourceStatusReason)
			}
		}
	})
	c.Fatalf("%s, want %s", got, status)
}

// there is what lists tell of each kind of resource, by their names and IDs.
func (c *crashes) there() (all []string) {
	c.Helper()
	c.calm(func(l *life) {
		ask := func(s *api.Service, operation string, in api.Input) any {
			return l.do(c.T, s, operation, in)
		}
		for _, name := range ask(l.all[0], "ListTables", &tableshapes.ListTablesInput{}).(*tableshapes.ListTablesOutput).TableNames {
			all = append(all, "table "+name)
		}
		for _, d := range ask(l.all[1], "ListDomains", &codeartifactshapes.ListDomainsInput{}).(*codeartifactshapes.ListDomainsOutput).Domains {
			all = append(all, "domain "+*d.Name)
		}
		for _, r := range ask(l.all[2], "DescribeRepositories", &ecrshapes.DescribeRepositoriesInput{}).(*ecrshapes.DescribeRepositoriesOutput).Repositories {
			all = append(all, "images "+*r.RepositoryName)
		}
		for _, r := range ask(l.all[3], "DescribeRepositories", &publicshapes.DescribeRepositoriesInput{}).(*publicshapes.DescribeRepositoriesOutput).Repositories {
			all = append(all, "public "+*r.RepositoryName)
		}
		for _, r := range ask(l.all[4], "ListRoles", &iam.ListRolesInput{}).(*iam.ListRolesOutput).Roles {
			all = append(all, "role "+*r.RoleName)
		}
		for _, p := range ask(l.all[4], "ListPolicies", &iam.ListPoliciesInput{Scope: new("Local")}).(*iam.ListPoliciesOutput).Policies {
			all = append(all, "policy "+*p.PolicyName)
		}
		for _, p := range ask(l.all[5], "ListPortfolios", &catalogshapes.ListPortfoliosInput{}).(*catalogshapes.ListPortfoliosOutput).PortfolioDetails {
			all = append(all, "portfolio "+*p.Id)
		}
		for _, p := range ask(l.all[5], "SearchProductsAsAdmin", &catalogshapes.SearchProductsAsAdminInput{}).(*catalogshapes.SearchProductsAsAdminOutput).ProductViewDetails {
			all = append(all, "product "+*p.ProductViewSummary.ProductId)
		}
		for _, o := range ask(l.all[5], "ListTagOptions", &catalogshapes.ListTagOptionsInput{}).(*catalogshapes.ListTagOptionsOutput).TagOptionDetails {
			all = append(all, "option "+*o.Id)
		}
	})
	slices.Sort(all)
	return all
}

// become lets the life's requests be another's.
func (l *life) become(t *testing.T, key string) {
	t.Helper()
	who, _, err := l.ids.Lookup(l.ctx, key, "")
	if err != nil {
		t.Fatal(err)
	}
	l.ctx = l.ids.Admit(l.ctx, who)
}

// deployer makes a role for stacks.
func (l *life) deployer(t *testing.T, policy string) {
	t.Helper()
	l.do(t, l.all[4], "CreateRole", &iam.CreateRoleInput{RoleName: new("deployer"), AssumeRolePolicyDocument: new(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"cloudformation.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	l.do(t, l.all[4], "PutRolePolicy", &iam.PutRolePolicyInput{RoleName: new("deployer"), PolicyName: new("p"), PolicyDocument: &policy})
}

// do calls an operation as the administrator.
func (l *life) do(t *testing.T, s *api.Service, operation string, in api.Input) any {
	t.Helper()
	for _, op := range s.Operations {
		if op.Name == operation {
			r := new(*api.RequestOf(l.ctx))
			r.Service, r.Operation = s.Name, operation
			out, err := op.Call(api.WithRequest(l.ctx, r), in)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	t.Fatalf("there is no %s", operation)
	return nil
}

func crash(t *testing.T, every int64, after bool, as string) {
	c := newCrashes(t, every, after)
	// The rights of whoever it is stay the same through all lives.
	var role, key *string
	c.calm(func(l *life) {
		switch as {
		case "a user":
			l.do(t, l.all[4], "CreateUser", &iam.CreateUserInput{UserName: new("alice")})
			l.do(t, l.all[4], "PutUserPolicy", &iam.PutUserPolicyInput{UserName: new("alice"), PolicyName: new("p"), PolicyDocument: new(allow("*"))})
			key = l.do(t, l.all[4], "CreateAccessKey", &iam.CreateAccessKeyInput{UserName: new("alice")}).(*iam.CreateAccessKeyOutput).AccessKey.AccessKeyId
		case "a role":
			role = new("arn:aws:iam::111111111111:role/deployer")
			l.deployer(t, allow("*"))
		}
	})
	through := func(want string, ask func(l *life) (string, error)) {
		t.Helper()
		c.want(want, func(l *life) (string, error) {
			if key != nil {
				l.become(t, *key)
			}
			return ask(l)
		})
	}
	before := c.there()
	tables := func() (names []string) {
		for _, name := range c.there() {
			if strings.HasPrefix(name, "table ") && name != "table catalog" {
				names = append(names, name)
			}
		}
		return names
	}
	v := func(value string) []*shapes.Parameter {
		return []*shapes.Parameter{{ParameterKey: new("V"), ParameterValue: &value}}
	}
	capabilities := []string{"CAPABILITY_IAM"}
	everything := whole()
	through("CREATE_COMPLETE", func(l *life) (string, error) {
		out, err := l.stacks.CreateStack(l.ctx, &shapes.CreateStackInput{StackName: new("all"), TemplateBody: new(everything), Parameters: v("one"), Capabilities: capabilities, RoleARN: role})
		if err != nil {
			return "", err
		}
		return *out.StackId, nil
	})
	first := tables()
	if len(first) != 1 {
		t.Fatalf("tables %q", first)
	}
	update := func(want, body, to string) {
		t.Helper()
		through(want, func(l *life) (string, error) {
			out, err := l.stacks.UpdateStack(l.ctx, &shapes.UpdateStackInput{StackName: new("all"), TemplateBody: &body, Parameters: v(to), Capabilities: capabilities})
			if err != nil {
				return "", err
			}
			return *out.StackId, nil
		})
	}
	update("UPDATE_COMPLETE", everything, "two")
	// Another table instead, and one that cannot be.
	replaced := strings.Replace(everything, "{AttributeName: Version, KeyType: RANGE}", "{AttributeName: Kind2, KeyType: RANGE}", 1)
	replaced = strings.Replace(replaced, "{AttributeName: Version, AttributeType: S}", "{AttributeName: Kind2, AttributeType: S}", 1)
	broken := strings.Replace(replaced, "  Handle:\n", "  Broken:\n    Type: AWS::ECR::Repository\n    DependsOn: [Table, Inline, Group, Images, Public]\n    Properties: {RepositoryName: NO}\n  Handle:\n", 1)
	was := c.there()
	update("UPDATE_ROLLBACK_COMPLETE", broken, "two")
	if again := c.there(); !slices.Equal(was, again) {
		t.Fatalf("there is %q, before the update that failed %q", again, was)
	}
	update("UPDATE_COMPLETE", replaced, "two")
	if again := tables(); len(again) != 1 || again[0] == first[0] {
		t.Fatalf("tables %q, before the replacement %q", again, first)
	}
	through("DELETE_COMPLETE", func(l *life) (string, error) {
		out, err := l.stacks.DescribeStacks(l.ctx, &shapes.DescribeStacksInput{StackName: new("all")})
		if err != nil {
			return "", err
		}
		_, err = l.stacks.DeleteStack(l.ctx, &shapes.DeleteStackInput{StackName: new("all")})
		return *out.Stacks[0].StackId, err
	})
	if left := c.there(); !slices.Equal(left, before) {
		t.Fatalf("left are %q", left)
	}
	// Every name is free: the same stack is made again.
	through("CREATE_COMPLETE", func(l *life) (string, error) {
		out, err := l.stacks.CreateStack(l.ctx, &shapes.CreateStackInput{StackName: new("all"), TemplateBody: new(everything), Parameters: v("one"), Capabilities: capabilities, RoleARN: role})
		if err != nil {
			return "", err
		}
		return *out.StackId, nil
	})
	t.Logf("%d lives", c.lives)
}

// writing are the rights to make and to take away, without those to look.
const writing = `{"Version": "2012-10-17", "Statement": [
	{"Effect": "Allow", "Action": "*", "Resource": "*"},
	{"Effect": "Deny", "Action": ["dynamodb:Describe*", "dynamodb:List*", "ecr:Describe*", "ecr:List*", "ecr-public:Describe*", "ecr-public:List*",
		"codeartifact:Describe*", "codeartifact:List*", "iam:Get*", "iam:List*", "servicecatalog:List*", "servicecatalog:Describe*", "servicecatalog:Search*"], "Resource": "*"}]}`

// TestCrashInARoleThatMayNotLook: what was made before a crash is known, though the stack's
// role may not look. Whatever could be made is taken away again when the role may.
func TestCrashInARoleThatMayNotLook(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for every := int64(3); every < 60; every += 14 {
			t.Run(fmt.Sprint(every, after), func(t *testing.T) {
				t.Parallel()
				c := newCrashes(t, every, after)
				c.calm(func(l *life) { l.deployer(t, writing) })
				before := c.there()
				role, body := "arn:aws:iam::111111111111:role/deployer", whole()
				status := c.through(func(l *life) (string, error) {
					out, err := l.stacks.CreateStack(l.ctx, &shapes.CreateStackInput{
						StackName: new("all"), TemplateBody: &body, RoleARN: &role, Capabilities: []string{"CAPABILITY_IAM"}, Parameters: []*shapes.Parameter{{ParameterKey: new("V"), ParameterValue: new("one")}},
					})
					if err != nil {
						return "", err
					}
					return *out.StackId, nil
				})
				if !strings.HasPrefix(status, "ROLLBACK_") {
					t.Fatalf("it is %s", status)
				}
				c.calm(func(l *life) {
					l.do(t, l.all[4], "PutRolePolicy", &iam.PutRolePolicyInput{RoleName: new("deployer"), PolicyName: new("p"), PolicyDocument: new(allow("*"))})
				})
				c.want("DELETE_COMPLETE", func(l *life) (string, error) {
					out, err := l.stacks.DescribeStacks(l.ctx, &shapes.DescribeStacksInput{StackName: new("all")})
					if err != nil {
						return "", err
					}
					_, err = l.stacks.DeleteStack(l.ctx, &shapes.DeleteStackInput{StackName: new("all")})
					return *out.Stacks[0].StackId, err
				})
				if left := c.there(); !slices.Equal(left, before) {
					t.Fatalf("left are %q", left)
				}
			})
		}
	}
}
