package servicecatalog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkcfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	sdktrail "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudtrail"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/awsjson"
	"github.com/modelwharf/modelwharf/internal/wire/query"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

const (
	platform = "111111111111"
	team     = "222222222222"
	region   = "eu-west-1"
)

// world is a server of the catalog, of stacks and of identities for two accounts.
type world struct {
	testing.TB
	store    *kv.DB
	identity *identity.Service
	seal     *identity.Sealer
	model    *model
	url      string
	services atomic.Pointer[map[string]wire.Protocol]
	stop     func()
	// urls are the templates that can be read, by URL.
	urls sync.Map
	// admin and lead are the roots of the platform's and the team's account.
	admin, lead *who
	names       atomic.Int64
	quotas      quota.Values
	metrics     atomic.Pointer[prometheus.Registry]
}

// who is an identity with its clients.
type who struct {
	*sdk.Client
	w       *world
	account string
	iam     *sdkiam.Client
	sts     *sdksts.Client
	stacks  *sdkcfn.Client
	trail   *sdktrail.Client
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t}
	var err error
	if w.store, err = kv.Open(mem.New(), kv.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.seal, err = identity.NewSealer([]byte(strings.Repeat("k", 32))); err != nil {
		t.Fatal(err)
	}
	if w.identity, err = identity.New(identity.Config{Store: w.store, Seal: w.seal, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	w.model = &model{identity: w.identity, models: map[string]string{}}
	w.start()
	w.serve()
	t.Cleanup(func() {
		w.stop()
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, x := range []struct {
		account string
		who     **who
	}{{platform, &w.admin}, {team, &w.lead}} {
		key, err := w.identity.EnsureRoot(t.Context(), x.account, "", "")
		if err != nil {
			t.Fatal(err)
		}
		*x.who = w.as(x.account, key.AccessKeyID, key.Secret, "")
	}
	return w
}

// start starts the services and what works for them in the background.
func (w *world) start() { w.startOn(w.store) }

func (w *world) startOn(store kv.Store) {
	// Launches wait for stacks, which need workers of their own.
	runner := jobs.New(jobs.Config{Store: store, Owner: "test", Poll: 5 * time.Millisecond, Workers: 256, Logger: slog.New(slog.DiscardHandler)})
	fetch := func(_ context.Context, url string) ([]byte, error) {
		if b, ok := w.urls.Load(url); ok {
			return []byte(b.(string)), nil
		}
		return nil, api.Errorf("ValidationError", 400, "The template at %s could not be read.", url)
	}
	stacks := cloudformation.New(cloudformation.Config{
		Store: store, Identity: w.identity, Seal: w.seal.Pages(), Wake: runner.Wake, Log: slog.New(slog.DiscardHandler), Fetch: fetch,
		Types: cloudformation.Types{"Test::Model": {
			Name: "Test::Model", Attributes: []string{"Size"}, Handler: w.model, Properties: map[string]cloudformation.Property{"Size": {}, "Secret": {}},
		}},
	})
	w.metrics.Store(prometheus.NewRegistry())
	catalog := servicecatalog.New(servicecatalog.Config{
		Metrics: w.metrics.Load(), Quotas: w.quotas,
		Store: store, Identity: w.identity, Seal: w.seal.Pages(), Stacks: stacks, Fetch: fetch, Wake: runner.Wake, Log: slog.New(slog.DiscardHandler),
	})
	runner.Register(stacks.Jobs()...)
	runner.Register(catalog.Jobs()...)
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { _ = runner.Run(ctx) })
	w.stop = func() { cancel(); ended.Wait() }
	w.services.Store(&map[string]wire.Protocol{
		"servicecatalog": awsjson.New(catalog.API()), "cloudformation": query.New(stacks.API()),
		"cloudtrail": awsjson.New(cloudtrail.New(&audit.CloudTrail{Store: store, Pages: w.seal.Pages(), Authorize: func(ctx context.Context, action, resource string) error {
			return w.identity.Authorize(ctx, identity.Check{Action: action, Resource: resource})
		}})),
		"iam": query.New(iam.New(w.identity)), "sts": query.New(sts.New(w.identity)),
	})
}

// serve answers the APIs on a loopback port until the test ends.
func (w *world) serve() {
	verifier := &sigv4.Verifier[*identity.Identity]{Lookup: w.identity.Lookup, Now: time.Now}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		scope, _ := sigv4.ScopeOf(r)
		protocol := (*w.services.Load())[scope.Service]
		answer := func() error {
			call, failed := protocol.Open(r, body)
			if failed != nil {
				return failed
			}
			signature, err := verifier.Verify(r, body, sigv4.Expect{Service: scope.Service})
			if err != nil {
				return err
			}
			in, err := call.Input()
			if err != nil {
				return err
			}
			ctx := api.WithRequest(r.Context(), &api.Request{
				ID: "req", Service: protocol.Service().Name, Operation: call.Name, Region: signature.Region,
				SourceIP: netip.MustParseAddr("127.0.0.1"), UserAgent: r.UserAgent(), Time: time.Now(),
			})
			out, err := call.Operation.Call(w.identity.Admit(ctx, signature.Owner), in)
			if err != nil {
				return err
			}
			return protocol.WriteAnswer(rw, "req", call, out)
		}
		if err := answer(); err != nil {
			e := api.AsError(err)
			if e.HTTPStatus() >= 500 && !errors.Is(err, errCut) {
				w.Log("internal error:", e)
			}
			protocol.WriteError(rw, "req", e)
		}
	}))
	w.Cleanup(server.Close)
	w.url = server.URL
}

func (w *world) as(account, id, secret, token string) *who {
	cfg := aws.Config{
		Region: region, BaseEndpoint: &w.url, Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	return &who{sdk.NewFromConfig(cfg), w, account, sdkiam.NewFromConfig(cfg), sdksts.NewFromConfig(cfg), sdkcfn.NewFromConfig(cfg), sdktrail.NewFromConfig(cfg)}
}

// must returns the value of a call that must not fail.
func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// refused checks that a call was refused with a code, and a text in its message.
func refused(t testing.TB, err error, code, part string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), part) {
		t.Fatalf("got %v, want %s with %q", err, code, part)
	}
}

// user makes a user with an inline policy, and returns it.
func (p *who) user(name, actions string) *who {
	p.w.Helper()
	ctx := p.w.Context()
	must(p.iam.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: &name}))(p.w)
	if actions != "" {
		must(p.iam.PutUserPolicy(ctx, &sdkiam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: new(allow(actions))}))(p.w)
	}
	k := must(p.iam.CreateAccessKey(ctx, &sdkiam.CreateAccessKeyInput{UserName: &name}))(p.w).AccessKey
	return p.w.as(p.account, *k.AccessKeyId, *k.SecretAccessKey, "")
}

func allow(actions string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["%s"],"Resource":"*"}]}`, strings.ReplaceAll(actions, " ", `","`))
}

// role makes a role that a principal may assume, with an inline policy.
func (p *who) role(name, trusted, actions string) string {
	p.w.Helper()
	ctx := p.w.Context()
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":%s,"Action":"sts:AssumeRole"}]}`, trusted)
	out := must(p.iam.CreateRole(ctx, &sdkiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))(p.w)
	must(p.iam.PutRolePolicy(ctx, &sdkiam.PutRolePolicyInput{RoleName: &name, PolicyName: new("p"), PolicyDocument: new(allow(actions))}))(p.w)
	return *out.Role.Arn
}

// session assumes a role.
func (p *who) session(role string) *who {
	p.w.Helper()
	c := must(p.sts.AssumeRole(p.w.Context(), &sdksts.AssumeRoleInput{RoleArn: &role, RoleSessionName: new("session")}))(p.w).Credentials
	return p.w.as(strings.Split(role, ":")[4], *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// trustsCatalog is the principal of a launch role's trust policy.
const trustsCatalog = `{"Service":"servicecatalog.amazonaws.com"}`

// launches is what a launch role may do.
const launches = "cloudformation:* test:MakeModel"

// aModel is the template of a product.
const aModel = `
Parameters:
  Size: {Type: String, Default: small, AllowedValues: [small, large, huge]}
  Secret: {Type: String, Default: none, NoEcho: true}
Resources:
  Model: {Type: "Test::Model", Properties: {Size: !Ref Size, Secret: !Ref Secret}}
Outputs:
  Size: {Value: !GetAtt Model.Size, Description: how large it is}
`

// token returns a token that no other request has.
func (w *world) token() *string { return new(fmt.Sprintf("t%d", w.names.Add(1))) }

// at puts a template to a URL.
func (w *world) at(body string) map[string]string {
	url := fmt.Sprintf("https://templates.example/%d.yaml", w.names.Add(1))
	w.urls.Store(url, body)
	return map[string]string{"LoadTemplateFromURL": url}
}

// offer is a product of one version in a portfolio.
type offer struct{ product, artifact, portfolio string }

func (p *who) product(name, body string) (product, artifact string) {
	p.w.Helper()
	out := must(p.CreateProduct(p.w.Context(), &sdk.CreateProductInput{
		Name: &name, Owner: new("data-team"), ProductType: types.ProductTypeCloudFormationTemplate, IdempotencyToken: p.w.token(),
		ProvisioningArtifactParameters: &types.ProvisioningArtifactProperties{Name: new("v1.0"), Info: p.w.at(body), Type: types.ProvisioningArtifactTypeCloudFormationTemplate},
	}))(p.w)
	return *out.ProductViewDetail.ProductViewSummary.ProductId, *out.ProvisioningArtifactDetail.Id
}

func (p *who) portfolio(name string) string {
	p.w.Helper()
	out := must(p.CreatePortfolio(p.w.Context(), &sdk.CreatePortfolioInput{DisplayName: &name, ProviderName: new("YourOrg"), IdempotencyToken: p.w.token()}))(p.w)
	return *out.PortfolioDetail.Id
}

// offer makes a product in a portfolio.
func (p *who) offer(name, body string) (o offer) {
	p.w.Helper()
	o.product, o.artifact = p.product(name, body)
	o.portfolio = p.portfolio(name + "-portfolio")
	must(p.AssociateProductWithPortfolio(p.w.Context(), &sdk.AssociateProductWithPortfolioInput{ProductId: &o.product, PortfolioId: &o.portfolio}))(p.w)
	return o
}

func (p *who) admit(portfolio, principal string) {
	p.w.Helper()
	kind := types.PrincipalTypeIam
	if strings.HasPrefix(principal, "arn:aws:iam:::") {
		kind = types.PrincipalTypeIamPattern
	}
	must(p.AssociatePrincipalWithPortfolio(p.w.Context(), &sdk.AssociatePrincipalWithPortfolioInput{PortfolioId: &portfolio, PrincipalARN: &principal, PrincipalType: kind}))(p.w)
}

func (p *who) constrain(o offer, kind, parameters string) string {
	p.w.Helper()
	out := must(p.CreateConstraint(p.w.Context(), &sdk.CreateConstraintInput{
		PortfolioId: &o.portfolio, ProductId: &o.product, Type: &kind, Parameters: &parameters, IdempotencyToken: p.w.token(),
	}))(p.w)
	return *out.ConstraintDetail.ConstraintId
}

// version adds a version to a product.
func (p *who) version(o offer, name, body string) string {
	p.w.Helper()
	out := must(p.CreateProvisioningArtifact(p.w.Context(), &sdk.CreateProvisioningArtifactInput{
		ProductId: &o.product, IdempotencyToken: p.w.token(),
		Parameters: &types.ProvisioningArtifactProperties{Name: &name, Info: p.w.at(body), Type: types.ProvisioningArtifactTypeCloudFormationTemplate},
	}))(p.w)
	return *out.ProvisioningArtifactDetail.Id
}

// launching is a launch of an offer; parameters are "key=value".
func (p *who) launching(o offer, name string, parameters ...string) *sdk.ProvisionProductInput {
	in := &sdk.ProvisionProductInput{ProductId: &o.product, ProvisioningArtifactId: &o.artifact, ProvisionedProductName: &name, ProvisionToken: p.w.token()}
	for _, kv := range parameters {
		k, v, _ := strings.Cut(kv, "=")
		in.ProvisioningParameters = append(in.ProvisioningParameters, types.ProvisioningParameter{Key: &k, Value: &v})
	}
	return in
}

// launch launches an offer and waits for its end.
func (p *who) launch(o offer, name string, parameters ...string) *types.RecordDetail {
	p.w.Helper()
	return p.ended(must(p.ProvisionProduct(p.w.Context(), p.launching(o, name, parameters...)))(p.w).RecordDetail)
}

// ended waits for the end of a record.
func (p *who) ended(r *types.RecordDetail) *types.RecordDetail {
	p.w.Helper()
	for {
		r = must(p.DescribeRecord(p.w.Context(), &sdk.DescribeRecordInput{Id: r.RecordId}))(p.w).RecordDetail
		if r.Status == types.RecordStatusSucceeded || r.Status == types.RecordStatusFailed {
			return r
		}
		select {
		case <-p.w.Context().Done():
			p.w.Fatalf("record %s has status %s", *r.RecordId, r.Status)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// launched describes a provisioned product by its name.
func (p *who) launched(name string) *types.ProvisionedProductDetail {
	p.w.Helper()
	return must(p.DescribeProvisionedProduct(p.w.Context(), &sdk.DescribeProvisionedProductInput{Name: &name}))(p.w).ProvisionedProductDetail
}

// outputs are the outputs of a provisioned product.
func (p *who) outputs(name string) map[string]string {
	p.w.Helper()
	out := must(p.GetProvisionedProductOutputs(p.w.Context(), &sdk.GetProvisionedProductOutputsInput{ProvisionedProductName: &name}))(p.w)
	m := map[string]string{}
	for _, o := range out.Outputs {
		m[*o.OutputKey] = *o.OutputValue
	}
	return m
}
