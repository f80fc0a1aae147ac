package sagemaker_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	ask "github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/smithy-go"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// world is a whole server whose models are handlers of this process.
type world struct {
	*testing.T
	*servertest.Server
	hosts   *hosts
	models  *sdk.Client
	runtime *ask.Client
	tables  *dynamodb.Client
}

const (
	role       = "arn:aws:iam::" + servertest.Account + ":role/models"
	repository = "team/model"
	cacheTable = "predictions"
)

// newWorld starts a server with a role for models, a repository with the images "1" and "2",
// and a table for predictions.
func newWorld(t *testing.T, changes ...func(*server.Config)) *world {
	t.Helper()
	w := &world{T: t, hosts: &hosts{running: map[string]*host{}, handler: version}}
	w.Server = servertest.Start(t, append([]func(*server.Config){func(c *server.Config) { c.Containers = w.hosts }}, changes...)...)
	w.models, w.runtime, w.tables = sdk.NewFromConfig(w.AWS()), ask.NewFromConfig(w.AWS()), dynamodb.NewFromConfig(w.AWS())
	ctx := t.Context()
	identities := iam.NewFromConfig(w.AWS())
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	_, err := identities.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("models"), AssumeRolePolicyDocument: &trust})
	w.must(err)
	may := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:*","s3:*","dynamodb:*"],"Resource":"*"}]}`
	_, err = identities.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("models"), PolicyName: new("may"), PolicyDocument: &may})
	w.must(err)
	_, err = ecr.NewFromConfig(w.AWS()).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: new(repository)})
	w.must(err)
	w.push("1", "VERSION=1")
	w.push("2", "VERSION=2")
	_, err = w.tables.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: new(cacheTable), BillingMode: dynamotypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamotypes.AttributeDefinition{
			{AttributeName: new("predictionId"), AttributeType: dynamotypes.ScalarAttributeTypeS}, {AttributeName: new("timestamp"), AttributeType: dynamotypes.ScalarAttributeTypeN},
		},
		KeySchema: []dynamotypes.KeySchemaElement{{AttributeName: new("predictionId"), KeyType: dynamotypes.KeyTypeHash}, {AttributeName: new("timestamp"), KeyType: dynamotypes.KeyTypeRange}},
	})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused fails unless an error has a code, and a message with some text.
func (w *world) refused(err error, code, text string) {
	w.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		w.Fatalf("got %v, want %s with %q", err, code, text)
	}
}

// image is the name of an image.
func (w *world) image(tag string) string {
	return strings.TrimPrefix(w.URL(), "http://") + "/" + servertest.Account + "/" + servertest.Region + "/" + repository + ":" + tag
}

// push pushes an image that has an environment.
func (w *world) push(tag string, env ...string) v1.Hash {
	w.Helper()
	login, err := ecr.NewFromConfig(w.AWS()).GetAuthorizationToken(w.Context(), &ecr.GetAuthorizationTokenInput{})
	w.must(err)
	text, err := base64.StdEncoding.DecodeString(*login.AuthorizationData[0].AuthorizationToken)
	w.must(err)
	user, token, _ := strings.Cut(string(text), ":")
	image, err := mutate.Config(empty.Image, v1.Config{Env: env, Entrypoint: []string{"/model"}})
	w.must(err)
	ref, err := name.NewTag(w.image(tag), name.Insecure)
	w.must(err)
	w.must(remote.Write(ref, image, remote.WithAuth(&authn.Basic{Username: user, Password: token})))
	d, err := image.Digest()
	w.must(err)
	return d
}

// model makes a model of an image.
func (w *world) model(name, tag string) {
	w.Helper()
	_, err := w.models.CreateModel(w.Context(), &sdk.CreateModelInput{
		ModelName: &name, ExecutionRoleArn: new(role), PrimaryContainer: &types.ContainerDefinition{Image: new(w.image(tag))},
	})
	w.must(err)
}

func variantOf(name, model string, weight float32, instances int32) types.ProductionVariant {
	return types.ProductionVariant{
		VariantName: &name, ModelName: &model, InitialVariantWeight: &weight, InitialInstanceCount: &instances, InstanceType: types.ProductionVariantInstanceTypeMlM5Large,
	}
}

// config makes an endpoint configuration.
func (w *world) config(name string, variants ...types.ProductionVariant) {
	w.Helper()
	_, err := w.models.CreateEndpointConfig(w.Context(), &sdk.CreateEndpointConfigInput{EndpointConfigName: &name, ProductionVariants: variants})
	w.must(err)
}

// serve makes a model of an image, a configuration of one instance and, if there is none, an
// endpoint of it; all but that are called like the image's tag.
func (w *world) serve(endpoint, tag string, tags ...string) {
	w.Helper()
	w.model("m-"+tag, tag)
	w.config("c-"+tag, variantOf("all", "m-"+tag, 1, 1))
	in := &sdk.CreateEndpointInput{EndpointName: &endpoint, EndpointConfigName: new("c-" + tag)}
	for i := 0; i < len(tags); i += 2 {
		in.Tags = append(in.Tags, types.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	_, err := w.models.CreateEndpoint(w.Context(), in)
	w.must(err)
	w.settled(endpoint, types.EndpointStatusInService)
}

// settled waits until nothing is being done to an endpoint, whose status must then be this.
func (w *world) settled(endpoint string, want types.EndpointStatus) *sdk.DescribeEndpointOutput {
	w.Helper()
	for {
		d, err := w.models.DescribeEndpoint(w.Context(), &sdk.DescribeEndpointInput{EndpointName: &endpoint})
		w.must(err)
		switch d.EndpointStatus {
		case types.EndpointStatusInService, types.EndpointStatusFailed:
			if d.EndpointStatus != want {
				w.Fatalf("the endpoint is %s: %v", d.EndpointStatus, d.FailureReason)
			}
			return d
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// gone waits until there is no such endpoint.
func (w *world) gone(endpoint string) {
	w.Helper()
	for {
		_, err := w.models.DescribeEndpoint(w.Context(), &sdk.DescribeEndpointInput{EndpointName: &endpoint})
		if err != nil {
			w.refused(err, "ValidationException", "Could not find endpoint")
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// ask asks an endpoint for a prediction.
func (w *world) ask(endpoint, question string) string {
	w.Helper()
	out, err := w.runtime.InvokeEndpoint(w.Context(), &ask.InvokeEndpointInput{EndpointName: &endpoint, Body: []byte(question), ContentType: new("text/plain")})
	w.must(err)
	return string(out.Body)
}

// hosts is a runtime whose containers are handlers.
type hosts struct {
	mu      sync.Mutex
	running map[string]*host
	started atomic.Int64
	// handler makes what answers in a container; its image's environment is in env. An error
	// ends the container.
	handler func(env map[string]string) (http.Handler, error)
}

// version answers with the version that the image has.
func version(env map[string]string) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /invocations", func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		rw.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(rw, "%s from %s", b, env["VERSION"])
	})
	return mux, nil
}

// set changes what answers in the containers that are started from now on.
func (h *hosts) set(handler func(env map[string]string) (http.Handler, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handler = handler
}

// host is a container.
type host struct {
	of     *hosts
	spec   runtime.Spec
	server *http.Server
	at     net.Addr
	done   chan struct{}
	once   sync.Once
	exit   *runtime.Exit
}

func (h *hosts) Start(ctx context.Context, s runtime.Spec) (runtime.Container, error) {
	_, config, err := s.Image.Read(ctx)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, e := range config.Config.Env {
		k, v, _ := strings.Cut(e, "=")
		env[k] = v
	}
	for k, v := range s.Env {
		env[k] = v
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running[s.Name] != nil {
		return nil, fmt.Errorf("%w: %s", runtime.ErrTaken, s.Name)
	}
	h.started.Add(1)
	c := &host{of: h, spec: s, done: make(chan struct{})}
	h.running[s.Name] = c
	handler, err := h.handler(env)
	if err != nil {
		c.end(&runtime.Exit{Code: 1, Output: err.Error()})
		return c, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c.at, c.server = l.Addr(), &http.Server{Handler: handler}
	go c.server.Serve(l)
	return c, nil
}

// Close stops all.
func (h *hosts) Close() error {
	for _, c := range h.all() {
		_ = c.Stop(context.Background())
	}
	return nil
}

// all are the containers that run.
func (h *hosts) all() (all []*host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.running {
		all = append(all, c)
	}
	return all
}

func (c *host) Dial(ctx context.Context) (net.Conn, error) {
	if c.at == nil {
		return nil, errors.New("nobody listens")
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", c.at.String())
}

func (c *host) Done() <-chan struct{} { return c.done }
func (c *host) Exit() *runtime.Exit   { return c.exit }

// end ends the container as if by itself.
func (c *host) end(e *runtime.Exit) {
	c.once.Do(func() {
		if c.server != nil {
			c.server.Close()
		}
		c.exit = e
		close(c.done)
	})
}

func (c *host) Stop(context.Context) error {
	c.end(&runtime.Exit{Code: 0})
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	delete(c.of.running, c.spec.Name)
	return nil
}
