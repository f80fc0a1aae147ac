package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/models"
)

const modelTable = "modelCatalogTable"

// catalog makes the table of models and a repository of images.
func (s *server) catalog(t *testing.T) {
	t.Helper()
	text := func(name string) ddb.AttributeDefinition {
		return ddb.AttributeDefinition{AttributeName: &name, AttributeType: ddb.ScalarAttributeTypeS}
	}
	_, err := s.tables().CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: new(modelTable), BillingMode: ddb.BillingModePayPerRequest, AttributeDefinitions: []ddb.AttributeDefinition{text("ModelId"), text("ModelVersion")},
		KeySchema: []ddb.KeySchemaElement{{AttributeName: new("ModelId"), KeyType: ddb.KeyTypeHash}, {AttributeName: new("ModelVersion"), KeyType: ddb.KeyTypeRange}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ecr.NewFromConfig(s.config()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("ml-model-repo")}); err != nil {
		t.Fatal(err)
	}
}

// pushEmpty pushes an image of nothing under a tag, and returns its digest.
func (s *server) pushEmpty(t *testing.T, tag string) string {
	t.Helper()
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"tag":%q}}`, tag)
	out, err := ecr.NewFromConfig(s.config()).PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: new("ml-model-repo"), ImageManifest: &manifest, ImageTag: &tag})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Image.ImageId.ImageDigest
}

// removes tries to delete an image, and tells whether it is gone.
func (s *server) removes(t *testing.T, digest string) bool {
	t.Helper()
	out, err := ecr.NewFromConfig(s.config()).BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: new("ml-model-repo"), ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}}})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Failures) == 0
}

// model runs `modelwharf model`, and returns what it says, on either stream.
func (s *server) model(t *testing.T, want bool, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"model"}, args...)...)
	cmd.Env = s.env()
	out, err := cmd.CombinedOutput()
	if (err == nil) != want {
		t.Fatalf("modelwharf model %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestModelChain goes along the chain by the program's own command and the real clients: what
// pip resolves is locked, an image is pushed, a version is registered with both and promoted;
// then nobody takes away what it is made of, until it is retired.
func TestModelChain(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.python(t, "team", "shared")
	p.run("twine", p.twine("shared", p.wheel("petals", "1.5", "petals", "", 0))...)
	p.run("twine", p.twine("shared", p.wheel("petals", "2.0", "petals", "", 0))...)
	s.catalog(t)
	digest := s.pushEmpty(t, "1.0")
	s.pushEmpty(t, "1.1")
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	says := func(out string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(out, word) {
				t.Errorf("it does not say %q:\n%s", word, out)
			}
		}
	}
	repository := []string{"--domain", "models", "--repository", "team"}
	says(s.model(t, false, append([]string{"register", "flowers", "1.0", "--image", "ml-model-repo:1.0"}, repository...)...), "lock it first", "modelwharf deps lock")
	runDeps(t, p.env, "lock", file("requirements.txt", "petals==1.5\n"))
	register := append([]string{"register", "flowers", "1.0", "--image", "ml-model-repo:1.0", "--type", "classifier", "--metric", "accuracy=0.95",
		"--metrics", file("metrics.json", `{"f1": 0.9}`), "--file", file("weights.bin", "0123")}, repository...)
	says(s.model(t, true, register...), "flowers 1.0 is registered: it holds the image "+digest[:19]+" and 1 package")
	says(s.model(t, true, register...), "flowers 1.0 is registered") // as before
	says(s.model(t, false, "register", "flowers", "1.0", "--image", "ml-model-repo:1.1"), "written once", "ImageDigest")
	s.model(t, true, "register", "flowers", "1.1", "--image", "ml-model-repo:1.1", "--metric", "accuracy=0.97")
	says(s.model(t, true, "show", "flowers", "1.0"), digest, "pypi petals 1.5", "generic model-dependencies/flowers 1.0", "accuracy = 0.95", "f1 = 0.9", "weights.bin")
	says(s.model(t, true, "diff", "flowers", "1.0", "1.1"), "pypi petals", "+0.02", "weights.bin", digest[:19])
	says(s.model(t, true, "promote", "flowers", "1.0", "--reason", "first"), "champion of flowers is 1.0")
	before := time.Now()
	says(s.model(t, true, "promote", "flowers", "1.1", "--expect", "1.0"), "before it was 1.0")
	says(s.model(t, false, "promote", "flowers", "1.1", "staging", "--expect", "1.0"), "names no version")
	says(s.model(t, true, "history", "flowers"), "1.1", "first", "root")
	var live struct {
		Changes []struct{ Alias, ModelVersion, ChangedBy string }
	}
	if err := json.Unmarshal([]byte(s.model(t, true, "history", "flowers", "--json", "--at", before.UTC().Format(time.RFC3339Nano))), &live); err != nil {
		t.Fatal(err)
	}
	if len(live.Changes) != 1 || live.Changes[0].ModelVersion != "1.0" {
		t.Errorf("live was %+v", live)
	}
	says(s.model(t, true, "list"), "flowers", "champion", "classifier", digest[:19])

	// The real clients meet the holds.
	cli := s.aws(t)
	says(fmt.Sprint(cli.run("codeartifact", "delete-package-versions", "--domain", "models", "--repository", "team", "--format", "pypi", "--package", "petals", "--versions", "1.5")),
		"NOT_ALLOWED", "the model version flowers 1.0")
	says(fmt.Sprint(cli.run("ecr", "batch-delete-image", "--repository-name", "ml-model-repo", "--image-ids", "imageDigest="+digest)), "the model version flowers 1.0")
	says(cli.fails("codeartifact", "delete-repository", "--domain", "models", "--repository", "team"), "ConflictException", "the model version flowers 1.0")
	says(cli.fails("dynamodb", "delete-item", "--table-name", modelTable, "--key", `{"ModelId":{"S":"flowers"},"ModelVersion":{"S":"1.0"}}`), "AccessDeniedException", "retire it first")
	says(cli.fails("dynamodb", "delete-table", "--table-name", modelTable), "ResourceInUseException")
	says(s.model(t, true, "retire", "flowers", "1.0", "--reason", "1.1 is better"), "flowers 1.0 is retired")
	if !s.removes(t, digest) {
		t.Error("the image of a retired version cannot be deleted")
	}
	says(fmt.Sprint(cli.run("codeartifact", "delete-package-versions", "--domain", "models", "--repository", "team", "--format", "pypi", "--package", "petals", "--versions", "1.5")), "successfulVersions")
	says(s.model(t, true, "show", "flowers", "1.0"), "RETIRED", "1.1 is better", "MISSING", "petals 1.5")
	says(s.model(t, false, "promote", "flowers", "1.0"), "is retired")

	// AWS's own CLI speaks the API, given its model.
	cmd := exec.CommandContext(t.Context(), client(t, "aws"), "modelwharf", "describe-model-version", "--table-name", modelTable, "--model-id", "flowers", "--alias", "champion")
	cmd.Env = append(s.env(), "AWS_DATA_PATH="+filepath.Join("..", "internal", "api", "gen", "models"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	says(string(out), `"ModelVersion": "1.1"`, `"REGISTERED"`)
}

// TestKillRegistration kills the server while versions are registered, promoted and retired
// and their images are deleted. After each restart, a version that is there has its image and
// holds it; one that is not holds nothing; what was acknowledged is so; and an alias is where
// its history ends.
func TestKillRegistration(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	s.catalog(t)
	rounds := setting(t, "MODELWHARF_REGISTRATION_KILLS", 6)
	const each = 12
	there, absent := 0, 0
	for round := range rounds {
		digests, acknowledged, retired := make([]string, each), make([]bool, each), make([]bool, each)
		for i := range each {
			digests[i] = s.pushEmpty(t, fmt.Sprint(round, ".", i))
		}
		ask := &models.Client{Endpoint: s.url, Region: region, Credentials: s.config().Credentials}
		var together sync.WaitGroup
		begun := make(chan struct{}, each)
		for i := range each {
			version, table, model := fmt.Sprint(round, ".", i), new(modelTable), new("fraud")
			together.Go(func() {
				begun <- struct{}{}
				_, err := models.Call[api.RegisterModelVersionOutput](t.Context(), ask, "RegisterModelVersion", &api.RegisterModelVersionInput{
					TableName: table, ModelId: model, ModelVersion: &version, ImageUri: new("ml-model-repo@" + digests[i]),
				})
				if acknowledged[i] = err == nil; !acknowledged[i] {
					return
				}
				if i%3 == 0 {
					_, err = models.Call[api.RetireModelVersionOutput](t.Context(), ask, "RetireModelVersion", &api.RetireModelVersionInput{TableName: table, ModelId: model, ModelVersion: &version})
					retired[i] = err == nil
					return
				}
				_, _ = models.Call[api.PromoteModelVersionOutput](t.Context(), ask, "PromoteModelVersion", &api.PromoteModelVersionInput{TableName: table, ModelId: model, ModelVersion: &version, Alias: new("champion")})
			})
		}
		victim := s
		go func() {
			for range 1 + rand.IntN(each) {
				<-begun
			}
			time.Sleep(time.Duration(rand.IntN(12)) * time.Millisecond) // anywhere in what they do
			_ = victim.cmd.Process.Kill()
		}()
		together.Wait()
		<-s.done
		s = startOn(t, data)
		ask = &models.Client{Endpoint: s.url, Region: region, Credentials: s.config().Credentials}
		for i := range each {
			version := fmt.Sprint(round, ".", i)
			out, err := models.Call[api.DescribeModelVersionOutput](t.Context(), ask, "DescribeModelVersion", &api.DescribeModelVersionInput{TableName: new(modelTable), ModelId: new("fraud"), ModelVersion: &version})
			switch {
			case err != nil && acknowledged[i]:
				t.Fatalf("round %d: the acknowledged version %s: %v", round, version, err)
			case err != nil:
				absent++
				if !s.removes(t, digests[i]) {
					t.Fatalf("round %d: the version %s is not there, and its image is held", round, version)
				}
				continue
			}
			there++
			d := out.ModelVersion
			status := *d.Status
			if retired[i] && status != "RETIRED" || status == "UNREGISTERED" || len(d.Missing) > 0 {
				t.Fatalf("round %d: the version %s is %s and lacks %q", round, version, status, d.Missing)
			}
			if gone := s.removes(t, digests[i]); gone != (status == "RETIRED") {
				t.Fatalf("round %d: the version %s is %s, and its image gone: %t", round, version, status, gone)
			}
		}
		s.aliasMatches(t, ask, round)
	}
	t.Logf("%d versions were there, %d were not", there, absent)
}

// aliasMatches checks that the alias champion is where its history ends.
func (s *server) aliasMatches(t *testing.T, ask *models.Client, round int) {
	t.Helper()
	history, err := models.Call[api.ListModelHistoryOutput](t.Context(), ask, "ListModelHistory", &api.ListModelHistoryInput{TableName: new(modelTable), ModelId: new("fraud"), Alias: new("champion"), MaxResults: new(int64(1000))})
	if err != nil {
		t.Fatal(err)
	}
	aliases, err := models.Call[api.ListModelAliasesOutput](t.Context(), ask, "ListModelAliases", &api.ListModelAliasesInput{TableName: new(modelTable), ModelId: new("fraud")})
	if err != nil {
		t.Fatal(err)
	}
	if len(aliases.Aliases) == 0 && len(history.Changes) == 0 {
		return
	}
	now, last := aliases.Aliases[0], history.Changes[0]
	if *now.ModelVersion != *last.ModelVersion || *now.Revision != *last.Revision || int(*last.Revision) != len(history.Changes) {
		t.Fatalf("round %d: the alias is %+v, and %d moves end with %+v", round, now, len(history.Changes), last)
	}
}
