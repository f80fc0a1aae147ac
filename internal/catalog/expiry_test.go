package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	ecrapi "github.com/modelwharf/modelwharf/internal/api/ecr"
	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
	"github.com/modelwharf/modelwharf/internal/catalog"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/generic"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// bench is a catalog with the services that it needs, in a bubble in which time passes only
// when the test sleeps. The tables do their work in the background.
type bench struct {
	testing.TB
	ctx    context.Context
	close  func()
	tables *dynamodb.Service
	images *ecr.Service
	models *catalog.Service
}

func inBubble(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, folder)
		background, stop := context.WithCancel(b.ctx)
		var working sync.WaitGroup
		working.Go(func() { b.tables.Run(background) })
		defer func() {
			stop()
			working.Wait()
			b.close()
		}()
		test(b)
	})
}

// newBench makes a catalog with a table and a repository of images.
func newBench(t testing.TB, folder string) *bench {
	t.Helper()
	store := ok(kv.Open(mem.New(), kv.Options{}))(t)
	seal := ok(identity.NewSealer([]byte(strings.Repeat("k", 32))))(t)
	people := ok(identity.New(identity.Config{Store: store, Seal: seal}))(t)
	blobs := ok(dir.Open(folder, dir.Options{}))(t)
	b := &bench{TB: t, tables: dynamodb.New(dynamodb.Config{Store: store, Identity: people})}
	b.images = ecr.New(ecr.Config{Store: store, Blobs: blobs, Identity: people, Seal: seal.Pages()})
	packages := codeartifact.New(codeartifact.Config{Store: store, Blobs: blobs, Identity: people, Seal: seal.Pages(), Formats: []codeartifact.Format{generic.Format{}}})
	b.models = catalog.New(catalog.Config{Store: store, Tables: b.tables, Images: b.images, Packages: packages, Identity: people, Seal: seal.Pages()})
	b.ctx = wharf.WithRequest(t.Context(), &wharf.Request{Region: region, Time: time.Now(), Operation: "RegisterModelVersion", Caller: wharf.Caller{
		Account: account, ARN: "arn:aws:iam::" + account + ":root", Principal: "arn:aws:iam::" + account + ":root", Type: wharf.RootCaller,
	}})
	b.close = func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	ok(b.tables.CreateTable(b.ctx, &ddb.CreateTableInput{
		TableName: new(table), BillingMode: new("PAY_PER_REQUEST"),
		AttributeDefinitions: []*ddb.AttributeDefinition{{AttributeName: new("ModelId"), AttributeType: new("S")}, {AttributeName: new("ModelVersion"), AttributeType: new("S")}},
		KeySchema:            []*ddb.KeySchemaElement{{AttributeName: new("ModelId"), KeyType: new("HASH")}, {AttributeName: new("ModelVersion"), KeyType: new("RANGE")}},
	}))(t)
	ok(b.images.CreateRepository(b.ctx, ecr.Repository{Name: b.repository()}))(t)
	return b
}

// ok returns what a function returned that must not fail.
func ok[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (b *bench) repository() ecr.Name {
	return ecr.Name{Account: account, Region: region, Name: "ml-model-repo"}
}

// push pushes an image of its own under a tag, and returns its digest.
func (b *bench) push(tag string) digest.Digest {
	b.Helper()
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"tag":%q}}`, tag)
	r := ok(b.images.Find(b.ctx, b.repository()))(b)
	ok(b.images.PutManifest(b.ctx, r, ecr.Push{Digest: digest.FromBytes(manifest), MediaType: "application/vnd.oci.image.index.v1+json", Bytes: manifest, Tags: []string{tag}}))(b)
	return digest.FromBytes(manifest)
}

// remove tries to delete an image, and tells whether it is gone.
func (b *bench) remove(d digest.Digest) bool {
	b.Helper()
	r := ok(b.images.Find(b.ctx, b.repository()))(b)
	return b.images.DeleteManifest(b.ctx, r, d, false) == nil
}

// register registers a version with the image of its name; life is that of a draft, zero for
// none.
func (b *bench) register(version string, life time.Duration) *api.ModelVersionDescription {
	b.Helper()
	in := registration(version, "ml-model-repo:"+version)
	if life > 0 {
		in.ExpiresAt = new(time.Now().Add(life).Format(time.RFC3339))
	}
	return ok(b.models.RegisterModelVersion(b.ctx, in))(b).ModelVersion
}

// expireBy makes the table's items expire by an attribute.
func (b *bench) expireBy(attribute string) {
	b.Helper()
	ok(b.tables.UpdateTimeToLive(b.ctx, &ddb.UpdateTimeToLiveInput{
		TableName: new(table), TimeToLiveSpecification: &ddb.TimeToLiveSpecification{AttributeName: &attribute, Enabled: new(true)},
	}))(b)
	synctest.Wait()
}

func (b *bench) there(version string) bool {
	b.Helper()
	out := ok(b.tables.GetItem(b.ctx, &ddb.GetItemInput{TableName: new(table), Key: benchKey(version)}))(b)
	return out.Item != nil
}

func benchKey(version string) ddb.Attributes {
	return ddb.Attributes{}.Set("ModelId", word("fraud")).Set("ModelVersion", word(version))
}

func word(s string) ddb.AttributeValue { return ddb.AttributeValue{Type: ddb.TypeS, S: s} }

// TestDraftExpires: a draft holds what it has until it expires by the table's TTL, or until
// its item is deleted; confirmed, it stays. The name of a draft that is gone is free.
func TestDraftExpires(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.expireBy("TimeToLive")
		digests := map[string]digest.Digest{}
		for _, version := range []string{"1.0", "1.1", "1.2"} {
			digests[version] = b.push(version)
			if d := b.register(version, 24*time.Hour); *d.Status != "DRAFT" {
				b.Errorf("status %s", *d.Status)
			}
		}
		_, err := b.models.PromoteModelVersion(b.ctx, promotion("1.0", "champion"))
		if err == nil || !strings.Contains(err.Error(), "confirm") {
			b.Errorf("promoted a draft: %v", err)
		}
		ok(b.models.ConfirmModelVersion(b.ctx, &api.ConfirmModelVersionInput{TableName: new(table), ModelId: new("fraud"), ModelVersion: new("1.1")}))(b)
		if b.remove(digests["1.0"]) || b.remove(digests["1.1"]) || b.remove(digests["1.2"]) {
			b.Error("a draft does not hold its image")
		}
		ok(b.tables.DeleteItem(b.ctx, &ddb.DeleteItemInput{TableName: new(table), Key: benchKey("1.2")}))(b)
		if !b.remove(digests["1.2"]) {
			b.Error("a deleted draft holds its image")
		}
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if b.there("1.0") || !b.there("1.1") {
			b.Errorf("after the time of the drafts: 1.0 is there: %t, 1.1: %t", b.there("1.0"), b.there("1.1"))
		}
		if !b.remove(digests["1.0"]) {
			b.Error("an expired draft holds its image")
		}
		if b.remove(digests["1.1"]) {
			b.Error("a confirmed draft does not hold its image")
		}
		b.push("1.0")
		b.register("1.0", 0)
	})
}

// TestRegisteredDoesNotExpire: whatever attribute a table's items expire by, a registered
// version does not.
func TestRegisteredDoesNotExpire(t *testing.T) {
	inBubble(t, func(b *bench) {
		d := b.push("1.0")
		b.register("1.0", 0)
		past := ddb.AttributeValue{Type: ddb.TypeN, S: fmt.Sprint(time.Now().Unix() - 60)}
		ok(b.tables.UpdateItem(b.ctx, &ddb.UpdateItemInput{
			TableName: new(table), Key: benchKey("1.0"), UpdateExpression: new("SET GoesAt = :t"), ExpressionAttributeValues: ddb.Attributes{{Name: ":t", Value: past}},
		}))(b)
		ok(b.tables.PutItem(b.ctx, &ddb.PutItemInput{TableName: new(table), Item: benchKey("0.1").Set("GoesAt", past)}))(b)
		b.expireBy("GoesAt")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if b.there("0.1") {
			b.Error("an item that is no version did not expire")
		}
		if !b.there("1.0") || b.remove(d) {
			b.Error("a registered version expired")
		}
	})
}

// TestImageDoesNotExpire: a lifecycle policy passes over the image of a version, until the
// version is retired.
func TestImageDoesNotExpire(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.push("1.0")
		b.push("1.1")
		b.register("1.0", 0)
		private := operation(b, b.images.API(), "PutLifecyclePolicy")
		_, err := private.Call(b.ctx, &ecrapi.PutLifecyclePolicyInput{RepositoryName: new("ml-model-repo"), LifecyclePolicyText: new(`{"rules":[{"rulePriority":1,
			"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":1},"action":{"type":"expire"}}]}`)})
		ok(0, err)(b)
		time.Sleep(72 * time.Hour)
		for round, want := range []int{1, 0} {
			if n := ok(b.images.ExpireImages(b.ctx))(b); n != want {
				b.Errorf("round %d: %d images expired, want %d", round, n, want)
			}
		}
		ok(b.models.RetireModelVersion(b.ctx, &api.RetireModelVersionInput{TableName: new(table), ModelId: new("fraud"), ModelVersion: new("1.0")}))(b)
		if n := ok(b.images.ExpireImages(b.ctx))(b); n != 1 {
			b.Errorf("%d images expired after the version was retired", n)
		}
	})
}

func operation(t testing.TB, s *wharf.Service, name string) wharf.Operation {
	t.Helper()
	for _, op := range s.Operations {
		if op.Name == name {
			return op
		}
	}
	t.Fatalf("no operation %s", name)
	return wharf.Operation{}
}
