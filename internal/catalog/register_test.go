package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

// TestRegister registers a version with all that there is to say, and finds it in the table,
// in its index, in the list and in its description.
func TestRegister(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.push("1.0")
	in := registration("1.0", "ml-model-repo:1.0", w.publish("numpy", "2.1.0"), w.publish("arrow", "17"))
	in.ModelDescription = new("finds fraud")
	in.Metrics = map[string]string{"accuracy": "0.9712", "f1": "9.1e-1"}
	in.Files = []*api.ModelFile{{Name: new("weights.bin"), Size: new(int64(42)), SHA256: new(strings.Repeat("ab", 32))}}
	in.ProductId, in.ProvisioningArtifactId = new("prod-abc"), new("pa-abc")
	d := do[api.RegisterModelVersionOutput](w, "RegisterModelVersion", in).ModelVersion
	if *d.Status != "REGISTERED" || *d.ImageDigest != digest || *d.ImageUri != "ml-model-repo@"+digest || *d.RegisteredBy != "arn:aws:iam::"+account+":root" {
		t.Errorf("registered %+v", d)
	}
	shown := w.describe("1.0")
	if !slices.Equal(shown.Dependencies, []string{"generic parts/arrow 17", "generic parts/numpy 2.1.0"}) || shown.Metrics["accuracy"] != "0.9712" || shown.Metrics["f1"] != "0.91" ||
		*shown.Files[0].Size != 42 || *shown.ProductId != "prod-abc" || len(shown.Missing) > 0 || *shown.ModelDescription != "finds fraud" {
		t.Errorf("shown as %+v", shown)
	}
	// Any client of tables reads it, also by its type.
	if it := w.item("1.0"); it["ImageDigest"].(*ddb.AttributeValueMemberS).Value != digest {
		t.Errorf("item %v", it)
	}
	byType, err := w.tables.Query(t.Context(), &dynamodb.QueryInput{
		TableName: new(table), IndexName: new("ByType"), KeyConditionExpression: new("ModelType = :t"),
		ExpressionAttributeValues: map[string]ddb.AttributeValue{":t": &ddb.AttributeValueMemberS{Value: "classifier"}},
	})
	w.must(err)
	if byType.Count != 1 {
		t.Errorf("%d versions by type", byType.Count)
	}
	w.push("1.1")
	w.register("1.1", "ml-model-repo:1.1")
	list := do[api.ListModelVersionsOutput](w, "ListModelVersions", &api.ListModelVersionsInput{TableName: new(table), ModelId: new("fraud"), MaxResults: new(int64(1))})
	if len(list.ModelVersions) != 1 || *list.ModelVersions[0].ModelVersion != "1.0" || list.NextToken == nil {
		t.Fatalf("first page %+v", list)
	}
	list = do[api.ListModelVersionsOutput](w, "ListModelVersions", &api.ListModelVersionsInput{TableName: new(table), ModelId: new("fraud"), NextToken: list.NextToken})
	if len(list.ModelVersions) != 1 || *list.ModelVersions[0].ModelVersion != "1.1" || list.NextToken != nil {
		t.Errorf("second page %+v", list)
	}
	all := do[api.ListModelVersionsOutput](w, "ListModelVersions", &api.ListModelVersionsInput{TableName: new(table), ModelType: new("classifier")})
	if len(all.ModelVersions) != 2 {
		t.Errorf("%d versions of all models", len(all.ModelVersions))
	}
}

// TestWrittenOnce: a version is never another one; the same words again are the same version.
func TestWrittenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push("1.0")
	w.push("1.1")
	first := w.register("1.0", "ml-model-repo:1.0")
	if again := w.register("1.0", "ml-model-repo:1.0"); *again.CreationDate != *first.CreationDate {
		t.Errorf("registered again at %s, at first %s", *again.CreationDate, *first.CreationDate)
	}
	_, err := call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration("1.0", "ml-model-repo:1.1"))
	w.refused(err, "ConflictException", "fraud", "1.0", "another ImageUri, ImageDigest:", "written once")
	if got := w.describe("1.0"); *got.ImageDigest != *first.ImageDigest {
		t.Errorf("the version has another image")
	}
	// As little after it is retired, and its item deleted.
	w.retire("1.0")
	_, err = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration("1.0", "ml-model-repo:1.0"))
	w.refused(err, "ConflictException", "written once")
	_, err = w.tables.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: new(table), Key: key("1.0")})
	w.must(err)
	_, err = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration("1.0", "ml-model-repo:1.0"))
	w.refused(err, "ConflictException", "is RETIRED")
}

// TestRegisterWrong: what cannot be registered leaves nothing behind, and says what is wrong.
func TestRegisterWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push("1.0")
	numpy := w.publish("numpy", "2.1.0")
	_, err := w.tables.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: new("other"), BillingMode: ddb.BillingModePayPerRequest, AttributeDefinitions: []ddb.AttributeDefinition{text("id")},
		KeySchema: []ddb.KeySchemaElement{{AttributeName: new("id"), KeyType: ddb.KeyTypeHash}},
	})
	w.must(err)
	changed := *numpy
	changed.Assets = []*api.LockedAsset{{Name: new("content"), SHA256: new(strings.Repeat("0", 64))}}
	for _, c := range []struct {
		name   string
		change func(*api.RegisterModelVersionInput)
		code   string
		words  []string
	}{
		{"no table", func(in *api.RegisterModelVersionInput) { in.TableName = new("absent") }, "ResourceNotFoundException", []string{"absent"}},
		{"no catalog", func(in *api.RegisterModelVersionInput) { in.TableName = new("other") }, "ValidationException", []string{"ModelId", "ModelVersion"}},
		{"a model's name", func(in *api.RegisterModelVersionInput) { in.ModelId = new("fraud#history") }, "ValidationException", []string{"modelId"}},
		{"no image", func(in *api.RegisterModelVersionInput) { in.ImageUri = new("ml-model-repo:2.0") }, "ResourceNotFoundException", []string{"2.0", "push it"}},
		{"no repository", func(in *api.RegisterModelVersionInput) { in.ImageUri = new("absent:2.0") }, "ResourceNotFoundException", []string{"absent"}},
		{"no tag", func(in *api.RegisterModelVersionInput) { in.ImageUri = new("ml-model-repo") }, "ValidationException", []string{"tag or a digest"}},
		{"a strange image", func(in *api.RegisterModelVersionInput) { in.ImageUri = new("example.com/UPPER:1") }, "ValidationException", []string{"no image of this server"}},
		{"no package", func(in *api.RegisterModelVersionInput) {
			in.Dependencies = dependencies(numpy, &api.LockedPackage{Format: new("generic"), Namespace: new("parts"), Name: new("scipy"), Version: new("1")})
		}, "ModelVersionIncompleteException", []string{"scipy 1", "team"}},
		{"another file", func(in *api.RegisterModelVersionInput) { in.Dependencies = dependencies(&changed) }, "ModelVersionIncompleteException", []string{"numpy 2.1.0", "SHA-256"}},
		{"no repository of packages", func(in *api.RegisterModelVersionInput) {
			in.Dependencies = &api.Dependencies{Domain: new("models"), Repository: new("absent"), Packages: []*api.LockedPackage{numpy}}
		}, "ResourceNotFoundException", []string{"absent"}},
		{"expired", func(in *api.RegisterModelVersionInput) { in.ExpiresAt = new("2001-01-01T00:00:00Z") }, "ValidationException", []string{"future"}},
		{"a metric", func(in *api.RegisterModelVersionInput) { in.Metrics = map[string]string{"accuracy": "high"} }, "ValidationException", []string{"metrics"}},
		{"too exact", func(in *api.RegisterModelVersionInput) {
			in.Metrics = map[string]string{"x": "1" + strings.Repeat("0", 30) + "." + strings.Repeat("1", 5)}
		}, "", nil},
	} {
		in := registration("9.9", "ml-model-repo:1.0")
		c.change(in)
		_, err := call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", in)
		if c.code == "" {
			w.must(err)
			continue
		}
		t.Log(c.name, err)
		w.refused(err, c.code, c.words...)
		if it := w.item("9.9"); it != nil {
			t.Fatalf("%s: an item was left: %v", c.name, it)
		}
	}
}
