package catalog_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	ca "github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

// TestRegistrationMeetsDeletion: of a registration and a deletion of what it needs that meet,
// exactly one succeeds: never is there a version without its image or package.
func TestRegistrationMeetsDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	const rounds = 40
	registered := 0
	for i := range rounds {
		version := fmt.Sprint("1.", i)
		digest, part := w.push(version), w.publish("part", version)
		var together sync.WaitGroup
		var registering error
		gone := make([]bool, 2)
		together.Go(func() {
			_, registering = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration(version, "ml-model-repo@"+digest, part))
		})
		together.Go(func() {
			time.Sleep(time.Duration(i%8) * 300 * time.Microsecond) // so that either wins at times
			out, err := w.images.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: new("ml-model-repo"), ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}}})
			gone[0] = err == nil && len(out.Failures) == 0
		})
		together.Go(func() {
			time.Sleep(time.Duration(i%5) * 500 * time.Microsecond)
			out, err := w.packages.DeletePackageVersions(ctx, &codeartifact.DeletePackageVersionsInput{
				Domain: new("models"), Repository: new("team"), Format: ca.PackageFormatGeneric, Namespace: new("parts"), Package: new("part"), Versions: []string{version},
			})
			gone[1] = err == nil && len(out.SuccessfulVersions) == 1
		})
		together.Wait()
		switch {
		case registering == nil:
			registered++
			if gone[0] || gone[1] {
				t.Fatalf("round %d: registered, and image gone: %t, package gone: %t", i, gone[0], gone[1])
			}
			if missing := w.describe(version).Missing; len(missing) > 0 {
				t.Fatalf("round %d: missing %q", i, missing)
			}
		case !gone[0] && !gone[1]:
			t.Fatalf("round %d: nothing was deleted, and still: %v", i, registering)
		case w.item(version) != nil:
			t.Fatalf("round %d: refused with %v, and there", i, registering)
		}
	}
	t.Logf("%d of %d were registered", registered, rounds)
}

// TestRegistrationMeetsTheEnd: of a registration and the deletion of the whole table or
// repository that it needs, exactly one succeeds.
func TestRegistrationMeetsTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	const rounds = 24
	registered := 0
	for i := range rounds {
		name := fmt.Sprint("end-", i)
		_, err := w.images.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
		w.must(err)
		_, err = w.images.PutImage(ctx, &ecr.PutImageInput{RepositoryName: &name, ImageTag: new("1.0"), ImageManifest: new(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)})
		w.must(err)
		_, err = w.packages.CreateRepository(ctx, &codeartifact.CreateRepositoryInput{Domain: new("models"), Repository: &name})
		w.must(err)
		_, err = w.packages.PublishPackageVersion(ctx, &codeartifact.PublishPackageVersionInput{
			Domain: new("models"), Repository: &name, Format: ca.PackageFormatGeneric, Namespace: new("parts"), Package: new("part"), PackageVersion: new("1"),
			AssetName: new("content"), AssetContent: strings.NewReader("x"), AssetSHA256: new("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
		})
		w.must(err)
		_, err = w.tables.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName: &name, BillingMode: ddb.BillingModePayPerRequest, AttributeDefinitions: []ddb.AttributeDefinition{text("ModelId"), text("ModelVersion")},
			KeySchema: []ddb.KeySchemaElement{{AttributeName: new("ModelId"), KeyType: ddb.KeyTypeHash}, {AttributeName: new("ModelVersion"), KeyType: ddb.KeyTypeRange}},
		})
		w.must(err)
		var together sync.WaitGroup
		var registering error
		ended := make([]error, 3)
		together.Go(func() {
			time.Sleep(time.Duration(i%5) * 300 * time.Microsecond) // so that either wins at times
			in := registration("1.0", name+":1.0")
			in.TableName, in.Dependencies = &name, &api.Dependencies{Domain: new("models"), Repository: &name, Packages: []*api.LockedPackage{
				{Format: new("generic"), Namespace: new("parts"), Name: new("part"), Version: new("1")},
			}}
			_, registering = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", in)
		})
		which := i % len(ended)
		together.Go(func() {
			time.Sleep(time.Duration(i%4) * 300 * time.Microsecond)
			switch which {
			case 0:
				_, ended[0] = w.tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
			case 1:
				_, ended[1] = w.images.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: &name, Force: true})
			case 2:
				_, ended[2] = w.packages.DeleteRepository(ctx, &codeartifact.DeleteRepositoryInput{Domain: new("models"), Repository: &name})
			}
		})
		together.Wait()
		if (registering == nil) == (ended[which] == nil) {
			t.Fatalf("round %d: registered: %v, deleted: %v", i, registering, ended[which])
		}
		if registering == nil {
			registered++
		}
	}
	t.Logf("%d of %d were registered", registered, rounds)
}

// TestRetirementMeetsPromotion: of a retirement and a promotion of one version that meet, an
// alias never names a retired version.
func TestRetirementMeetsPromotion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push("image")
	for i := range 30 {
		version, alias := fmt.Sprint("1.", i), fmt.Sprint("a", i)
		w.register(version, "ml-model-repo:image")
		var together sync.WaitGroup
		var promoting, retiring error
		together.Go(func() {
			_, promoting = call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", promotion(version, alias))
		})
		together.Go(func() {
			_, retiring = call[api.RetireModelVersionOutput](w, "RetireModelVersion", &api.RetireModelVersionInput{TableName: new(table), ModelId: new("fraud"), ModelVersion: &version})
		})
		together.Wait()
		if (promoting == nil) == (retiring == nil) {
			t.Fatalf("round %d: promoted: %v, retired: %v", i, promoting, retiring)
		}
	}
}

// move is what one client did to the alias: a promotion to a version, or a look at it.
type move struct {
	version  string // "" for a look
	expected string // "" for any
}

// seen is what came of it: what the alias names for who looked, or that it did not name what
// was expected.
type seen struct {
	version string
	refused bool
}

// alias is what an alias may do: a register with compare-and-set.
var alias = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(move), output.(seen)
		switch {
		case in.version == "":
			return state == out.version, state
		case out.refused:
			return in.expected != state, state
		case in.expected != "" && in.expected != state:
			return false, state
		}
		return true, in.version
	},
}

// TestAliasIsLinearizable moves one alias from many clients at once, some of whom expect what
// it names, and looks at it: there is one order in which all of it happened, and the history
// tells it without a gap.
func TestAliasIsLinearizable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push("image")
	const clients, each = 6, 20
	for i := range clients {
		for j := range 2 {
			w.register(fmt.Sprint(i, ".", j), "ml-model-repo:image")
		}
	}
	var mu sync.Mutex
	var operations []porcupine.Operation
	var moved atomic.Int64
	begin := time.Now()
	var together sync.WaitGroup
	for client := range clients {
		together.Go(func() {
			last := ""
			for i := range each {
				in := move{version: fmt.Sprint(client, ".", i%2)}
				switch i % 4 {
				case 1:
					in = move{}
				case 2:
					in.expected = last
				}
				at := time.Since(begin)
				var out seen
				if in.version == "" {
					d, err := call[api.DescribeModelVersionOutput](w, "DescribeModelVersion", &api.DescribeModelVersionInput{TableName: new(table), ModelId: new("fraud"), Alias: new("champion")})
					if err != nil {
						t.Error(err)
						return
					}
					out.version = *d.ModelVersion.ModelVersion
					last = out.version
				} else {
					q := promotion(in.version, "champion")
					if in.expected != "" {
						q.ExpectedVersion = &in.expected
					}
					c, err := call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", q)
					out.refused = err != nil
					if err != nil && in.expected == "" {
						t.Error(err)
						return
					}
					if err == nil && c.Change != nil {
						moved.Add(1)
					}
				}
				mu.Lock()
				operations = append(operations, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(at), Return: int64(time.Since(begin))})
				mu.Unlock()
			}
		})
	}
	together.Wait()
	if !porcupine.CheckOperations(alias, operations) {
		t.Error("there is no order in which the moves could have happened")
	}
	changes := w.history(&api.ListModelHistoryInput{Alias: new("champion"), MaxResults: new(int64(1000))})
	for i, c := range changes {
		if *c.Revision != int64(len(changes)-i) {
			t.Fatalf("move %d has the revision %d", len(changes)-i, *c.Revision)
		}
		if i+1 < len(changes) && (*c.PreviousVersion != *changes[i+1].ModelVersion || *c.ChangedAt <= *changes[i+1].ChangedAt) {
			t.Fatalf("move %d does not follow move %d: %+v, %+v", i, i+1, c, changes[i+1])
		}
	}
	t.Logf("%d moves, %d of them changes", moved.Load(), len(changes))
}
