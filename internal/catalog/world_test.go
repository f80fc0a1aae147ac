package catalog_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	ca "github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/modelwharf/modelwharf/internal/api/codec"
	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/models"
	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

const (
	account = servertest.Account
	region  = servertest.Region
	table   = "modelCatalogTable"
)

// world is a server with the table of stack 1, the repository of images ml-model-repo and the
// repository of packages team in the domain models.
type world struct {
	t        *testing.T
	server   *servertest.Server
	tables   *dynamodb.Client
	images   *ecr.Client
	packages *codeartifact.Client
	basic    string // of the registry
	client   *models.Client
	later    *atomic.Int64 // by how much the server's clock is ahead, in nanoseconds
}

func newWorld(t *testing.T, changes ...func(*server.Config)) *world {
	t.Helper()
	later := new(atomic.Int64)
	clock := func(c *server.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	}
	s := servertest.Start(t, append([]func(*server.Config){clock}, changes...)...)
	w := join(t, s)
	w.later = later
	ctx := t.Context()
	_, err := w.tables.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: new(table), BillingMode: ddb.BillingModePayPerRequest,
		AttributeDefinitions: []ddb.AttributeDefinition{text("ModelId"), text("ModelVersion"), text("ModelType"), text("CreationDate")},
		KeySchema:            []ddb.KeySchemaElement{{AttributeName: new("ModelId"), KeyType: ddb.KeyTypeHash}, {AttributeName: new("ModelVersion"), KeyType: ddb.KeyTypeRange}},
		GlobalSecondaryIndexes: []ddb.GlobalSecondaryIndex{{
			IndexName: new("ByType"), Projection: &ddb.Projection{ProjectionType: ddb.ProjectionTypeAll},
			KeySchema: []ddb.KeySchemaElement{{AttributeName: new("ModelType"), KeyType: ddb.KeyTypeHash}, {AttributeName: new("CreationDate"), KeyType: ddb.KeyTypeRange}},
		}},
	})
	w.must(err)
	_, err = w.images.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: new("ml-model-repo")})
	w.must(err)
	_, err = w.packages.CreateDomain(ctx, &codeartifact.CreateDomainInput{Domain: new("models")})
	w.must(err)
	_, err = w.packages.CreateRepository(ctx, &codeartifact.CreateRepositoryInput{Domain: new("models"), Repository: new("team")})
	w.must(err)
	return w
}

// join returns the clients of a server, as its administrator.
func join(t *testing.T, s *servertest.Server) *world {
	t.Helper()
	cfg := s.AWS()
	w := &world{
		t: t, server: s, tables: dynamodb.NewFromConfig(cfg), images: ecr.NewFromConfig(cfg), packages: codeartifact.NewFromConfig(cfg),
		client: clientOf(cfg),
	}
	auth, err := w.images.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	w.must(err)
	w.basic = *auth.AuthorizationData[0].AuthorizationToken
	return w
}

func clientOf(cfg aws.Config) *models.Client {
	return &models.Client{Endpoint: *cfg.BaseEndpoint, Region: cfg.Region, Credentials: cfg.Credentials}
}

func text(name string) ddb.AttributeDefinition {
	return ddb.AttributeDefinition{AttributeName: &name, AttributeType: ddb.ScalarAttributeTypeS}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// user returns a configuration that acts as a new user with a policy.
func (w *world) user(name, policy string) aws.Config {
	w.t.Helper()
	users := iam.NewFromConfig(w.server.AWS())
	_, err := users.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: &name})
	w.must(err)
	_, err = users.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: &policy})
	w.must(err)
	key, err := users.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	w.must(err)
	return w.server.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
}

// push pushes an image of its own to ml-model-repo under a tag, and returns its digest.
func (w *world) push(tag string) string {
	w.t.Helper()
	config := []byte(`{"id":"` + rand.Text() + `"}`)
	digest := digestOf(config)
	w.registry(http.MethodPost, "/blobs/uploads/?digest="+digest, "application/octet-stream", config, http.StatusCreated)
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`, digest, len(config))
	return w.manifest(tag, "application/vnd.oci.image.manifest.v1+json", manifest)
}

// index pushes an index of images, and returns its digest.
func (w *world) index(tag string, digests ...string) string {
	w.t.Helper()
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	var list []descriptor
	for _, d := range digests {
		list = append(list, descriptor{"application/vnd.oci.image.manifest.v1+json", d, 1})
	}
	b, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": list})
	w.must(err)
	return w.manifest(tag, "application/vnd.oci.image.index.v1+json", b)
}

func (w *world) manifest(tag, mediaType string, b []byte) string {
	w.t.Helper()
	w.registry(http.MethodPut, "/manifests/"+tag, mediaType, b, http.StatusCreated)
	return digestOf(b)
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// registry asks the registry about ml-model-repo, and returns the answer.
func (w *world) registry(method, path, contentType string, body []byte, want int) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL()+"/v2/"+account+"/"+region+"/ml-model-repo"+path, bytes.NewReader(body))
	w.must(err)
	r.Header.Set("Authorization", "Basic "+w.basic)
	r.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	defer answer.Body.Close()
	var said bytes.Buffer
	_, _ = said.ReadFrom(answer.Body)
	if answer.StatusCode != want {
		w.t.Fatalf("%s %s: %s, want %d\n%s", method, path, answer.Status, want, said.String())
	}
	return said.String()
}

// publish publishes a generic package of one file, and returns it as it is locked.
func (w *world) publish(name, version string) *api.LockedPackage {
	w.t.Helper()
	content := []byte(rand.Text())
	sum := sha256.Sum256(content)
	_, err := w.packages.PublishPackageVersion(w.t.Context(), &codeartifact.PublishPackageVersionInput{
		Domain: new("models"), Repository: new("team"), Format: ca.PackageFormatGeneric, Namespace: new("parts"), Package: &name, PackageVersion: &version,
		AssetName: new("content"), AssetContent: bytes.NewReader(content), AssetSHA256: new(hex.EncodeToString(sum[:])),
	})
	w.must(err)
	return &api.LockedPackage{
		Format: new("generic"), Namespace: new("parts"), Name: &name, Version: &version,
		Assets: []*api.LockedAsset{{Name: new("content"), SHA256: new(hex.EncodeToString(sum[:]))}},
	}
}

// dependencies are packages of the repository team.
func dependencies(packages ...*api.LockedPackage) *api.Dependencies {
	return &api.Dependencies{Domain: new("models"), Repository: new("team"), Packages: packages}
}

// call asks the catalog as the administrator; do also expects that it does what it is asked.
func call[Out any, PO interface {
	*Out
	codec.Shape
}](w *world, operation string, in codec.Shape) (*Out, error) {
	return models.Call[Out, PO](w.t.Context(), w.client, operation, in)
}

func do[Out any, PO interface {
	*Out
	codec.Shape
}](w *world, operation string, in codec.Shape) *Out {
	w.t.Helper()
	out, err := call[Out, PO](w, operation, in)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out
}

// register registers a version with an image and packages.
func (w *world) register(version, uri string, packages ...*api.LockedPackage) *api.ModelVersionDescription {
	w.t.Helper()
	return do[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration(version, uri, packages...)).ModelVersion
}

func registration(version, uri string, packages ...*api.LockedPackage) *api.RegisterModelVersionInput {
	in := &api.RegisterModelVersionInput{TableName: new(table), ModelId: new("fraud"), ModelVersion: &version, ModelType: new("classifier")}
	if uri != "" {
		in.ImageUri = &uri
	}
	if packages != nil {
		in.Dependencies = dependencies(packages...)
	}
	return in
}

func (w *world) promote(version, alias string) *api.AliasChange {
	w.t.Helper()
	return do[api.PromoteModelVersionOutput](w, "PromoteModelVersion", promotion(version, alias)).Change
}

func promotion(version, alias string) *api.PromoteModelVersionInput {
	return &api.PromoteModelVersionInput{TableName: new(table), ModelId: new("fraud"), ModelVersion: &version, Alias: &alias}
}

func (w *world) retire(version string) *api.ModelVersionDescription {
	w.t.Helper()
	return do[api.RetireModelVersionOutput](w, "RetireModelVersion", &api.RetireModelVersionInput{
		TableName: new(table), ModelId: new("fraud"), ModelVersion: &version, Reason: new("a test"),
	}).ModelVersion
}

func (w *world) describe(version string) *api.ModelVersionDescription {
	w.t.Helper()
	return do[api.DescribeModelVersionOutput](w, "DescribeModelVersion", &api.DescribeModelVersionInput{
		TableName: new(table), ModelId: new("fraud"), ModelVersion: &version,
	}).ModelVersion
}

// refused expects an error of a code, in either kind of client, whose message has some words.
func (w *world) refused(err error, code string, words ...string) {
	w.t.Helper()
	var is, message string
	if e, ok := errors.AsType[*models.Error](err); ok {
		is, message = e.Code, e.Message
	} else if e, ok := errors.AsType[smithy.APIError](err); ok {
		is, message = e.ErrorCode(), e.ErrorMessage()
	}
	if is != code {
		w.t.Fatalf("error is %v, want %s", err, code)
	}
	for _, word := range words {
		if !strings.Contains(message, word) {
			w.t.Errorf("%s says %q, want it to say %q", code, message, word)
		}
	}
}

// key is the primary key of a version of fraud.
func key(version string) map[string]ddb.AttributeValue {
	return map[string]ddb.AttributeValue{"ModelId": &ddb.AttributeValueMemberS{Value: "fraud"}, "ModelVersion": &ddb.AttributeValueMemberS{Value: version}}
}

// item is the item of a version as a client of the tables has it; nil if there is none.
func (w *world) item(version string) map[string]ddb.AttributeValue {
	w.t.Helper()
	out, err := w.tables.GetItem(w.t.Context(), &dynamodb.GetItemInput{TableName: new(table), Key: key(version), ConsistentRead: new(true)})
	w.must(err)
	return out.Item
}
