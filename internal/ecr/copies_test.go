package ecr_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	gcrtypes "github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/control"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// Two registries of the tests' server, beside the administrator's in servertest.Region.
const (
	elsewhere = "eu-west-1"
	team      = "123456789012"
)

// site is a server with clients of one account.
type site struct {
	*servertest.Server
	t       *testing.T
	account string
	config  aws.Config
	login   authn.Authenticator
	now     func() time.Time // the server's clock
}

func startSite(t *testing.T, changes ...func(*server.Config)) *site {
	t.Helper()
	s := servertest.Start(t, changes...)
	c := server.Config{Now: time.Now}
	for _, change := range changes {
		change(&c)
	}
	return newSite(t, s, servertest.Account, s.AWS(), c.Now)
}

// newSite is the view that a key's owner has of a server.
func newSite(t *testing.T, s *servertest.Server, account string, config aws.Config, now func() time.Time) *site {
	t.Helper()
	w := &site{Server: s, t: t, account: account, config: config, now: now}
	out, err := w.api(servertest.Region).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(string(text), ":")
	w.login = authn.FromConfig(authn.AuthConfig{Username: user, Password: password})
	return w
}

// another makes an account and returns its view of the server.
func (w *site) another(account string) *site {
	w.t.Helper()
	a, err := control.NewClient(w.Data).CreateAccount(w.t.Context(), control.NewAccount{ID: account, Name: "account-" + account})
	if err != nil {
		w.t.Fatal(err)
	}
	return newSite(w.t, w.Server, account, w.As(a.AccessKeyID, a.SecretAccessKey, ""), w.now)
}

// api is the API of ECR in a region.
func (w *site) api(region string) *ecr.Client {
	return ecr.NewFromConfig(w.config, func(o *ecr.Options) { o.Region, o.HTTPSignerV4 = region, signer{w.now} })
}

// signer signs by a clock of its own.
type signer struct{ now func() time.Time }

func (s signer) SignHTTP(ctx context.Context, as aws.Credentials, r *http.Request, hash, service, region string, _ time.Time, options ...func(*v4.SignerOptions)) error {
	return v4.NewSigner().SignHTTP(ctx, as, r, hash, service, region, s.now(), options...)
}

// ref is the reference to an image of the account, ":tag" or "@digest" at its end.
func (w *site) ref(region, image string) name.Reference {
	w.t.Helper()
	r, err := name.ParseReference(strings.TrimPrefix(w.URL(), "http://")+"/"+w.account+"/"+region+"/"+image, name.Insecure)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *site) options() []remote.Option {
	return []remote.Option{remote.WithAuth(w.login), remote.WithContext(w.t.Context())}
}

func (w *site) create(region, repository string, mode types.ImageTagMutability) {
	w.t.Helper()
	_, err := w.api(region).CreateRepository(w.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository, ImageTagMutability: mode})
	if err != nil {
		w.t.Fatal(err)
	}
}

// push pushes an image and returns its digest.
func (w *site) push(region, image string, img v1.Image) string {
	w.t.Helper()
	if err := remote.Write(w.ref(region, image), img, w.options()...); err != nil {
		w.t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		w.t.Fatal(err)
	}
	return d.String()
}

// head returns the digest of an image, "" if it is not there.
func (w *site) head(region, image string) string {
	d, err := remote.Head(w.ref(region, image), w.options()...)
	if err != nil {
		return ""
	}
	return d.Digest.String()
}

// verify pulls all of an image and checks its digests.
func (w *site) verify(region, image string) {
	w.t.Helper()
	img, err := remote.Image(w.ref(region, image), w.options()...)
	if err == nil {
		err = validate.Image(img)
	}
	if err != nil {
		w.t.Errorf("pull %s: %v", image, err)
	}
}

// randomImage is an image of layers of random bytes.
func randomImage(t *testing.T, size int64, layers int64) v1.Image {
	t.Helper()
	img, err := random.Image(size, layers)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// eventually waits for what a job does in the background.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: never", what)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// replicate configures the replication of the account's registry: to each of the
// destinations, "account/region", what the prefixes match.
func (w *site) replicate(region string, prefixes []string, destinations ...string) error {
	rule := types.ReplicationRule{Destinations: []types.ReplicationDestination{}}
	for _, d := range destinations {
		account, region, _ := strings.Cut(d, "/")
		rule.Destinations = append(rule.Destinations, types.ReplicationDestination{Region: &region, RegistryId: &account})
	}
	for _, p := range prefixes {
		rule.RepositoryFilters = append(rule.RepositoryFilters, types.RepositoryFilter{Filter: &p, FilterType: types.RepositoryFilterTypePrefixMatch})
	}
	_, err := w.api(region).PutReplicationConfiguration(w.t.Context(), &ecr.PutReplicationConfigurationInput{
		ReplicationConfiguration: &types.ReplicationConfiguration{Rules: []types.ReplicationRule{rule}},
	})
	return err
}

// status is how far the replication of an image is, as "account/region STATUS code".
func (w *site) status(region, repository, digest string) string {
	w.t.Helper()
	out, err := w.api(region).DescribeImageReplicationStatus(w.t.Context(), &ecr.DescribeImageReplicationStatusInput{
		RepositoryName: &repository, ImageId: &types.ImageIdentifier{ImageDigest: &digest},
	})
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, s := range out.ReplicationStatuses {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s/%s %s %s", *s.RegistryId, *s.Region, s.Status, aws.ToString(s.FailureCode))))
	}
	return strings.Join(list, ", ")
}

func (w *site) awaitStatus(region, repository, digest, want string) {
	w.t.Helper()
	got := ""
	eventually(w.t, "the status "+want, func() bool {
		got = w.status(region, repository, digest)
		return got == want || !strings.Contains(got, "IN_PROGRESS")
	})
	if got != want {
		w.t.Errorf("the status is %s, want %s", got, want)
	}
}

// TestReplicationConfiguration keeps what it is given, and refuses what cannot be.
func TestReplicationConfiguration(t *testing.T) {
	t.Parallel()
	w := startSite(t)
	show := func(region string) *types.ReplicationConfiguration {
		out, err := w.api(region).DescribeRegistry(t.Context(), &ecr.DescribeRegistryInput{})
		if err != nil {
			t.Fatal(err)
		}
		return out.ReplicationConfiguration
	}
	if err := w.replicate(servertest.Region, []string{"team/", "prod"}, w.account+"/"+elsewhere, team+"/"+servertest.Region); err != nil {
		t.Fatal(err)
	}
	c := show(servertest.Region)
	if len(c.Rules) != 1 || len(c.Rules[0].Destinations) != 2 || *c.Rules[0].Destinations[1].RegistryId != team || *c.Rules[0].RepositoryFilters[0].Filter != "team/" {
		t.Errorf("%+v", c)
	}
	if c := show(elsewhere); len(c.Rules) != 0 {
		t.Errorf("the registry of another region has %+v", c)
	}
	if err := w.replicate(servertest.Region, nil, w.account+"/"+servertest.Region); !is[*types.InvalidParameterException](err) || !strings.Contains(err.Error(), "cannot be the same as the source registry") {
		t.Errorf("a destination that is the source: %v", err)
	}
	var many []string
	for i := range 26 {
		many = append(many, fmt.Sprintf("%012d/%s", i+1, elsewhere))
	}
	if err := w.replicate(servertest.Region, nil, many...); !is[*types.InvalidParameterException](err) {
		t.Errorf("26 destinations: %v", err)
	}
	if err := w.replicate(servertest.Region, nil, many[:25]...); err != nil {
		t.Errorf("25 destinations: %v", err)
	}
	_, err := w.api(servertest.Region).PutReplicationConfiguration(t.Context(), &ecr.PutReplicationConfigurationInput{
		ReplicationConfiguration: &types.ReplicationConfiguration{Rules: make([]types.ReplicationRule, 11)},
	})
	if err == nil {
		t.Error("11 rules were taken")
	}
	if _, err := w.api(servertest.Region).PutReplicationConfiguration(t.Context(), &ecr.PutReplicationConfigurationInput{
		ReplicationConfiguration: &types.ReplicationConfiguration{Rules: []types.ReplicationRule{}},
	}); err != nil || len(show(servertest.Region).Rules) != 0 {
		t.Errorf("take it away: %v", err)
	}
}

// TestReplication copies what is pushed after the configuration, of the repositories that
// it is for, once and not on from there.
func TestReplication(t *testing.T) {
	t.Parallel()
	w := startSite(t)
	const third = "us-west-2"
	w.create(servertest.Region, "team/model", "")
	w.create(servertest.Region, "other", "")
	before := w.push(servertest.Region, "team/model:before", randomImage(t, 100, 1))
	if err := w.replicate(servertest.Region, []string{"team/"}, w.account+"/"+elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := w.replicate(elsewhere, nil, w.account+"/"+third); err != nil {
		t.Fatal(err)
	}
	w.push(servertest.Region, "other:1", randomImage(t, 100, 1))
	d := w.push(servertest.Region, "team/model:1", randomImage(t, 1000, 3))
	w.awaitStatus(servertest.Region, "team/model", d, w.account+"/"+elsewhere+" COMPLETE")
	w.verify(elsewhere, "team/model:1")
	w.verify(elsewhere, "team/model@"+d)
	if got := w.status(servertest.Region, "team/model", before); got != "" {
		t.Errorf("an image of before has the status %s", got)
	}
	if w.head(elsewhere, "team/model:before") != "" || w.head(elsewhere, "other:1") != "" {
		t.Error("more was copied than is to be")
	}
	if got := w.status(elsewhere, "team/model", d); got != "" || w.head(third, "team/model:1") != "" {
		t.Errorf("the copy was copied: %s", got)
	}
	// A second tag for the same image, and one that moves.
	if err := remote.Tag(w.ref(servertest.Region, "team/model:1").Context().Tag("latest"), just(remote.Get(w.ref(servertest.Region, "team/model:1"), w.options()...)), w.options()...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second tag", func() bool { return w.head(elsewhere, "team/model:latest") == d })
	second := w.push(servertest.Region, "team/model:latest", randomImage(t, 1000, 1))
	eventually(t, "the tag that moved", func() bool { return w.head(elsewhere, "team/model:latest") == second })
	// What is deleted here stays there.
	if err := remote.Delete(w.ref(servertest.Region, "team/model@"+d), w.options()...); err != nil {
		t.Fatal(err)
	}
	if got := w.status(servertest.Region, "team/model", d); !strings.Contains(got, "ImageNotFoundException") {
		t.Errorf("the status of a deleted image: %s", got)
	}
	w.verify(elsewhere, "team/model:1")
	if got := w.status(servertest.Region, "absent", d); !strings.Contains(got, "RepositoryNotFoundException") {
		t.Error(got)
	}
}

func just[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestReplicationOfIndexes copies an index with its images, also those that were pushed
// before, and what refers to it.
func TestReplicationOfIndexes(t *testing.T) {
	t.Parallel()
	w := startSite(t)
	w.create(servertest.Region, "model", "")
	old := randomImage(t, 100, 2)
	w.push(servertest.Region, "model:old", old)
	if err := w.replicate(servertest.Region, nil, w.account+"/"+elsewhere); err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: old}, mutate.IndexAddendum{Add: randomImage(t, 100, 2)})
	if err := remote.WriteIndex(w.ref(servertest.Region, "model:both"), index, w.options()...); err != nil {
		t.Fatal(err)
	}
	d := just(index.Digest()).String()
	w.awaitStatus(servertest.Region, "model", d, w.account+"/"+elsewhere+" COMPLETE")
	got, err := remote.Index(w.ref(elsewhere, "model:both"), w.options()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range just(got.IndexManifest()).Manifests {
		w.verify(elsewhere, "model@"+m.Digest.String())
	}
	if w.head(elsewhere, "model:old") != "" {
		t.Error("an image came with the tag that it had before")
	}
	subject := just(remote.Head(w.ref(servertest.Region, "model:both"), w.options()...))
	signature := mutate.Subject(mutate.MediaType(just(mutate.AppendLayers(empty.Image, static.NewLayer([]byte("signed"), "application/x-signature"))), gcrtypes.OCIManifestSchema1), *subject).(v1.Image)
	s := w.push(servertest.Region, "model:signature", signature)
	w.awaitStatus(servertest.Region, "model", s, w.account+"/"+elsewhere+" COMPLETE")
	referrers, err := remote.Referrers(w.ref(elsewhere, "model@"+d).Context().Digest(d), w.options()...)
	if err != nil {
		t.Fatal(err)
	}
	if list := just(referrers.IndexManifest()).Manifests; len(list) != 1 || list[0].Digest.String() != s {
		t.Errorf("the referrers there are %+v", list)
	}
}

// TestReplicationToImmutable leaves a tag of the destination where it must not move: the
// image comes without it.
func TestReplicationToImmutable(t *testing.T) {
	t.Parallel()
	w := startSite(t)
	w.create(servertest.Region, "model", "")
	w.create(elsewhere, "model", types.ImageTagMutabilityImmutable)
	there := w.push(elsewhere, "model:1", randomImage(t, 100, 1))
	if err := w.replicate(servertest.Region, nil, w.account+"/"+elsewhere); err != nil {
		t.Fatal(err)
	}
	d := w.push(servertest.Region, "model:1", randomImage(t, 100, 1))
	w.awaitStatus(servertest.Region, "model", d, w.account+"/"+elsewhere+" COMPLETE")
	if got := w.head(elsewhere, "model:1"); got != there {
		t.Errorf("the tag points to %s", got)
	}
	w.verify(elsewhere, "model@"+d)
}

// TestReplicationAcrossAccounts needs the permission of the other registry.
func TestReplicationAcrossAccounts(t *testing.T) {
	t.Parallel()
	w := startSite(t)
	other := w.another(team)
	w.create(servertest.Region, "model", "")
	if err := w.replicate(servertest.Region, nil, team+"/"+servertest.Region); err != nil {
		t.Fatal(err)
	}
	d := w.push(servertest.Region, "model:1", randomImage(t, 100, 1))
	w.awaitStatus(servertest.Region, "model", d, team+"/"+servertest.Region+" FAILED AccessDeniedException")
	if other.head(servertest.Region, "model:1") != "" {
		t.Error("it was copied")
	}
	permit := func(actions string) {
		t.Helper()
		document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"replication","Effect":"Allow",
			"Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":[%s],"Resource":"arn:aws:ecr:%s:%s:repository/*"}]}`,
			w.account, actions, servertest.Region, team)
		if _, err := other.api(servertest.Region).PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: &document}); err != nil {
			t.Fatal(err)
		}
	}
	permit(`"ecr:ReplicateImage"`)
	refused := randomImage(t, 100, 1)
	d = w.push(servertest.Region, "model:2", refused)
	w.awaitStatus(servertest.Region, "model", d, team+"/"+servertest.Region+" FAILED AccessDeniedException") // no repository
	permit(`"ecr:ReplicateImage", "ecr:CreateRepository"`)
	if err := remote.Put(w.ref(servertest.Region, "model:2"), refused, w.options()...); err != nil { // as it is
		t.Fatal(err)
	}
	w.awaitStatus(servertest.Region, "model", d, team+"/"+servertest.Region+" COMPLETE")
	other.verify(servertest.Region, "model:2")
	d = w.push(servertest.Region, "model:3", randomImage(t, 100, 1))
	w.awaitStatus(servertest.Region, "model", d, team+"/"+servertest.Region+" COMPLETE")
	other.verify(servertest.Region, "model:3")
	permit(`"ecr:ReplicateImage"`)
	d = w.push(servertest.Region, "model:4", randomImage(t, 100, 1))
	w.awaitStatus(servertest.Region, "model", d, team+"/"+servertest.Region+" COMPLETE")
}

// TestReplicationOfMany copies the pushes of many clients at once, each under its tag.
func TestReplicationOfMany(t *testing.T) {
	t.Parallel()
	w := startSite(t)
	w.create(servertest.Region, "model", "")
	if err := w.replicate(servertest.Region, nil, w.account+"/"+elsewhere); err != nil {
		t.Fatal(err)
	}
	const writers, pushes = 8, 8
	done := make(chan map[string]string)
	for i := range writers {
		go func() {
			pushed := map[string]string{}
			for j := range pushes {
				tag := fmt.Sprintf("model:%d-%d", i, j)
				img, err := random.Image(64, 1)
				if err == nil {
					err = remote.Write(w.ref(servertest.Region, tag), img, remote.WithAuth(w.login), remote.WithContext(context.Background()))
				}
				if err != nil {
					t.Error(err)
					break
				}
				pushed[tag] = just(img.Digest()).String()
			}
			done <- pushed
		}()
	}
	all := map[string]string{}
	for range writers {
		for tag, d := range <-done {
			all[tag] = d
		}
	}
	for tag, d := range all {
		eventually(t, tag, func() bool { return w.head(elsewhere, tag) == d })
	}
}

// user makes a user of the account who may do actions, and returns their view.
func (w *site) user(name, actions string) *site {
	w.t.Helper()
	users := iam.NewFromConfig(w.config)
	if _, err := users.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		w.t.Fatal(err)
	}
	document := allow(actions)
	if _, err := users.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("own"), PolicyDocument: &document}); err != nil {
		w.t.Fatal(err)
	}
	k, err := users.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	return newSite(w.t, w.Server, w.account, w.As(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, ""), w.now)
}
