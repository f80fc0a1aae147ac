// Package serving makes models that are served, for tests and benchmarks of a server from outside:
// images of a program that says its version, and all that an account needs to serve them.
package serving

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
)

// Program is the program of the models, built once.
var Program = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "modelwharf-e2e-model")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	at := filepath.Join(folder, "model")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", at, "github.com/modelwharf/modelwharf/e2e/serving/model")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.New(string(out))
	}
	return os.ReadFile(at)
})

// Image is an image of the program that says a version.
func Image(t testing.TB, version string, env ...string) v1.Image {
	t.Helper()
	program, err := Program()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err = errors.Join(w.WriteHeader(&tar.Header{Name: "model", Mode: 0o755, Size: int64(len(program))}), write(w, program), w.Close())
	if err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	image, err = mutate.Config(image, v1.Config{Entrypoint: []string{"/model"}, Env: append(env, "VERSION="+version)})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func write(w *tar.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

// Region is where all is.
const Region = "us-east-1"

// patience is how long a test waits for what must come.
const patience = time.Minute

// Platform is what an account needs to serve models: a role, a repository of images and a table
// for predictions. Its clients retry nothing.
type Platform struct {
	testing.TB
	URL         string
	Account     string
	credentials aws.CredentialsProvider
	client      *http.Client
}

// New returns the platform of an account of a server, with the access key of its root.
func New(t testing.TB, url, account, id, secret string) *Platform {
	p := &Platform{t, url, account, credentials.NewStaticCredentialsProvider(id, secret, ""), &http.Client{Transport: wiretest.Transport(64)}}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// Config is that of its clients.
func (p *Platform) Config() aws.Config {
	return aws.Config{
		BaseEndpoint: &p.URL, Region: Region, HTTPClient: p.client, Credentials: p.credentials, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// Models is its client of SageMaker.
func (p *Platform) Models() *sagemaker.Client { return sagemaker.NewFromConfig(p.Config()) }

// Must fails the test on an error.
func (p *Platform) Must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// Role is the ARN of the models' role.
func (p *Platform) Role() *string { return new("arn:aws:iam::" + p.Account + ":role/models") }

// Prepare makes them.
func (p *Platform) Prepare() {
	p.Helper()
	ctx := p.Context()
	identities := iam.NewFromConfig(p.Config())
	_, err := identities.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("models"), AssumeRolePolicyDocument: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	if _, exists := errors.AsType[*iamtypes.EntityAlreadyExistsException](err); !exists {
		p.Must(err)
	}
	_, err = identities.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("models"), PolicyName: new("may"), PolicyDocument: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:*","s3:*","dynamodb:*"],"Resource":"*"}]}`)})
	p.Must(err)
	_, err = ecr.NewFromConfig(p.Config()).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: new("team/model")})
	if _, exists := errors.AsType[*ecrtypes.RepositoryAlreadyExistsException](err); !exists {
		p.Must(err)
	}
	_, err = dynamodb.NewFromConfig(p.Config()).CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: new("predictions"), BillingMode: dynamotypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamotypes.AttributeDefinition{
			{AttributeName: new("predictionId"), AttributeType: dynamotypes.ScalarAttributeTypeS}, {AttributeName: new("timestamp"), AttributeType: dynamotypes.ScalarAttributeTypeN},
		},
		KeySchema: []dynamotypes.KeySchemaElement{{AttributeName: new("predictionId"), KeyType: dynamotypes.KeyTypeHash}, {AttributeName: new("timestamp"), KeyType: dynamotypes.KeyTypeRange}},
	})
	p.Must(err)
}

// ImageName is the name of an image of the account's.
func (p *Platform) ImageName(tag string) string {
	return strings.TrimPrefix(p.URL, "http://") + "/" + p.Account + "/" + Region + "/team/model:" + tag
}

// Push pushes an image.
func (p *Platform) Push(tag string, image v1.Image) {
	p.Helper()
	login, err := ecr.NewFromConfig(p.Config()).GetAuthorizationToken(p.Context(), &ecr.GetAuthorizationTokenInput{})
	p.Must(err)
	text, err := base64.StdEncoding.DecodeString(*login.AuthorizationData[0].AuthorizationToken)
	p.Must(err)
	user, token, _ := strings.Cut(string(text), ":")
	ref, err := name.NewTag(p.ImageName(tag), name.Insecure)
	p.Must(err)
	p.Must(remote.Write(ref, image, remote.WithAuth(&authn.Basic{Username: user, Password: token}), remote.WithTransport(p.client.Transport)))
}

// Configure makes a model and a configuration of an image, both called like its tag.
func (p *Platform) Configure(tag string) {
	p.Helper()
	_, err := p.Models().CreateModel(p.Context(), &sagemaker.CreateModelInput{
		ModelName: new("model-" + tag), ExecutionRoleArn: p.Role(), PrimaryContainer: &types.ContainerDefinition{Image: new(p.ImageName(tag))},
	})
	p.Must(err)
	_, err = p.Models().CreateEndpointConfig(p.Context(), &sagemaker.CreateEndpointConfigInput{
		EndpointConfigName: new("config-" + tag), ProductionVariants: []types.ProductionVariant{{
			VariantName: new("all"), ModelName: new("model-" + tag), InitialInstanceCount: aws.Int32(1), InstanceType: types.ProductionVariantInstanceTypeMlT2Medium,
		}},
	})
	p.Must(err)
}

// Serve makes an endpoint with a prediction cache.
func (p *Platform) Serve(endpoint, tag string) {
	p.Helper()
	_, err := p.Models().CreateEndpoint(p.Context(), &sagemaker.CreateEndpointInput{
		EndpointName: &endpoint, EndpointConfigName: new("config-" + tag), Tags: []types.Tag{
			{Key: new("modelwharf:prediction-cache-table"), Value: new("predictions")}, {Key: new("modelwharf:prediction-cache-ttl"), Value: new("3600")},
		},
	})
	p.Must(err)
	p.Settled(endpoint)
}

// Settled waits until an endpoint is in service and returns the configuration that it serves.
func (p *Platform) Settled(endpoint string) string {
	p.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		d, err := p.Models().DescribeEndpoint(p.Context(), &sagemaker.DescribeEndpointInput{EndpointName: &endpoint})
		p.Must(err)
		switch {
		case d.EndpointStatus == types.EndpointStatusInService:
			return *d.EndpointConfigName
		case d.EndpointStatus == types.EndpointStatusFailed:
			p.Fatal(*d.FailureReason)
		case time.Now().After(deadline):
			p.Fatalf("the endpoint is %s", d.EndpointStatus)
		}
	}
}

// predicted is an answer of a model.
type predicted struct{ Version, Question, Sum, Padding string }

// Predict asks an endpoint; an answer that is not whole, or of another question, is no error but
// a failure of the test.
func (p *Platform) Predict(endpoint, question string) (version string, err error) {
	out, err := sagemakerruntime.NewFromConfig(p.Config()).InvokeEndpoint(p.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: &endpoint, Body: []byte(question)})
	if err != nil {
		return "", err
	}
	var a predicted
	if err := json.Unmarshal(out.Body, &a); err != nil {
		p.Errorf("half an answer: %v: %.100s", err, out.Body)
		return "", err
	}
	sum := sha256.Sum256([]byte(a.Version + question))
	if a.Question != question || a.Sum != hex.EncodeToString(sum[:]) || len(a.Padding) != 20_000 {
		p.Errorf("%s was answered with %+.200v", question, a)
		return "", fmt.Errorf("a wrong answer")
	}
	return a.Version, nil
}
