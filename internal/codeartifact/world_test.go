package codeartifact_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// world is a server with a client of the API that acts as the administrator. Its clock
// stands still unless it is told to go.
type world struct {
	*sdk.Client
	t      testing.TB
	server *servertest.Server
	mu     sync.Mutex
	time   time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

// newWorld starts a server. Its clock begins at the present, which the clients' signatures
// are made at.
func newWorld(t testing.TB, changes ...func(*server.Config)) *world {
	t.Helper()
	w := &world{t: t, time: time.Now().UTC()}
	w.server = servertest.Start(t, append(changes, func(c *server.Config) { c.Now = w.now })...)
	w.Client = sdk.NewFromConfig(w.server.AWS())
	return w
}

// domain makes a domain with repositories.
func (w *world) domain(name string, repositories ...string) {
	w.t.Helper()
	if _, err := w.CreateDomain(w.t.Context(), &sdk.CreateDomainInput{Domain: &name}); err != nil {
		w.t.Fatal(err)
	}
	for _, r := range repositories {
		w.repository(name, r)
	}
}

func (w *world) repository(domain, name string, upstreams ...string) {
	w.t.Helper()
	in := &sdk.CreateRepositoryInput{Domain: &domain, Repository: &name}
	for _, u := range upstreams {
		in.Upstreams = append(in.Upstreams, types.UpstreamRepository{RepositoryName: &u})
	}
	if _, err := w.CreateRepository(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

// file is an asset of a generic package.
type file struct{ domain, repository, namespace, name, version, asset string }

func (f file) publishing(content []byte, unfinished bool) *sdk.PublishPackageVersionInput {
	sum := sha256.Sum256(content)
	in := &sdk.PublishPackageVersionInput{
		Domain: &f.domain, Repository: &f.repository, Format: types.PackageFormatGeneric, Package: &f.name, PackageVersion: &f.version,
		AssetName: &f.asset, AssetContent: bytes.NewReader(content), AssetSHA256: new(hex.EncodeToString(sum[:])),
	}
	if f.namespace != "" {
		in.Namespace = &f.namespace
	}
	if unfinished {
		in.Unfinished = new(true)
	}
	return in
}

func (w *world) publish(f file, content string) *sdk.PublishPackageVersionOutput {
	w.t.Helper()
	out, err := w.PublishPackageVersion(w.t.Context(), f.publishing([]byte(content), false))
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// fetch reads an asset; the second result is the code of the error.
func (w *world) fetch(f file) (content, code string) {
	w.t.Helper()
	in := &sdk.GetPackageVersionAssetInput{
		Domain: &f.domain, Repository: &f.repository, Format: types.PackageFormatGeneric, Package: &f.name, PackageVersion: &f.version, Asset: &f.asset,
	}
	if f.namespace != "" {
		in.Namespace = &f.namespace
	}
	out, err := w.GetPackageVersionAsset(w.t.Context(), in)
	if err != nil {
		return "", codeOf(err)
	}
	defer out.Asset.Close()
	b, err := io.ReadAll(out.Asset)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b), ""
}

// codeOf is the code of an API's error, "" of none.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (w *world) wantCode(err error, code string) {
	w.t.Helper()
	if got := codeOf(err); got != code {
		w.t.Errorf("the error is %q (%v), want %q", got, err, code)
	}
}

// user makes a user with a policy and returns a client that acts as it.
func (w *world) user(name, policy string) *sdk.Client {
	w.t.Helper()
	id, secret := w.userKey(name, policy)
	return sdk.NewFromConfig(w.server.As(id, secret, ""))
}

func (w *world) userKey(name, policy string) (id, secret string) {
	w.t.Helper()
	users := iam.NewFromConfig(w.server.AWS())
	if _, err := users.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		w.t.Fatal(err)
	}
	if policy != "" {
		_, err := users.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: &policy})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	key, err := users.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	return *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey
}

// allow is a policy of identities that allows actions on resources.
func allow(resource string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"` + resource + `"}]}`
}

func (w *world) token(c *sdk.Client, domain string, seconds *int64) string {
	w.t.Helper()
	out, err := c.GetAuthorizationToken(w.t.Context(), &sdk.GetAuthorizationTokenInput{Domain: &domain, DurationSeconds: seconds})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.AuthorizationToken
}

// endpoint is a repository's.
func (w *world) endpoint(domain, repository, format string) string {
	w.t.Helper()
	out, err := w.GetRepositoryEndpoint(w.t.Context(), &sdk.GetRepositoryEndpointInput{Domain: &domain, Repository: &repository, Format: types.PackageFormat(format)})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.RepositoryEndpoint
}

// get asks a URL; set changes the request.
func (w *world) get(url string, set func(*http.Request)) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if set != nil {
		set(r)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer, string(b)
}

func (w *world) session(id, secret string, seconds int32) *sdk.Client {
	w.t.Helper()
	out, err := sts.NewFromConfig(w.server.As(id, secret, "")).GetSessionToken(w.t.Context(), &sts.GetSessionTokenInput{DurationSeconds: &seconds})
	if err != nil {
		w.t.Fatal(err)
	}
	c := out.Credentials
	return sdk.NewFromConfig(w.server.As(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
}
