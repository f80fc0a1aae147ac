package catalog_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	ct "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	ca "github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

func (w *world) history(in *api.ListModelHistoryInput) []*api.AliasChange {
	w.t.Helper()
	in.TableName, in.ModelId = new(table), new("fraud")
	return do[api.ListModelHistoryOutput](w, "ListModelHistory", in).Changes
}

// live is what aliases name at a time.
func (w *world) live(at time.Time, alias *string) map[string]string {
	w.t.Helper()
	names := map[string]string{}
	for _, c := range w.history(&api.ListModelHistoryInput{At: new(at.Format(time.RFC3339Nano)), Alias: alias}) {
		names[*c.Alias] = *c.ModelVersion
	}
	return names
}

// TestHistory moves aliases and asks what was live at any second, and who changed it.
func TestHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digests := map[string]string{}
	for _, version := range []string{"1.0", "1.1"} {
		digests[version] = w.push(version)
		w.register(version, "ml-model-repo:"+version)
	}
	root := w.client
	ml := clientOf(w.user("ml", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*","modelwharf:*"],"Resource":"*"}]}`))
	start := time.Now()
	root.Now = func() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }
	ml.Now = root.Now
	step := func(after time.Duration) { w.later.Store(int64(after - time.Since(start))) }
	step(1 * time.Hour)
	w.promote("1.0", "staging")
	step(2 * time.Hour)
	w.promote("1.0", "champion")
	w.client = ml
	step(3 * time.Hour)
	in := promotion("1.1", "champion")
	in.Reason, in.ExpectedVersion = new("better"), new("1.0")
	c := do[api.PromoteModelVersionOutput](w, "PromoteModelVersion", in).Change
	if *c.ChangedBy != "arn:aws:iam::"+account+":user/ml" || *c.PreviousVersion != "1.0" || *c.Revision != 2 || *c.ImageDigest != digests["1.1"] {
		t.Errorf("change %+v", c)
	}
	w.client = root
	step(4 * time.Hour)
	w.promote("1.0", "champion-eu")
	do[api.RemoveModelAliasOutput](w, "RemoveModelAlias", &api.RemoveModelAliasInput{TableName: new(table), ModelId: new("fraud"), Alias: new("staging"), Reason: new("done")})
	for _, x := range []struct {
		after time.Duration
		want  map[string]string
	}{
		{0, map[string]string{}},
		{90 * time.Minute, map[string]string{"staging": "1.0"}},
		{150 * time.Minute, map[string]string{"staging": "1.0", "champion": "1.0"}},
		{210 * time.Minute, map[string]string{"staging": "1.0", "champion": "1.1"}},
		{300 * time.Minute, map[string]string{"champion": "1.1", "champion-eu": "1.0"}},
	} {
		got := w.live(start.Add(x.after), nil)
		if len(got) != len(x.want) {
			t.Errorf("after %s: %v, want %v", x.after, got, x.want)
		}
		for alias, version := range x.want {
			if got[alias] != version {
				t.Errorf("after %s: %s is %s, want %s", x.after, alias, got[alias], version)
			}
			if one := w.live(start.Add(x.after), &alias); len(one) != 1 || one[alias] != version {
				t.Errorf("after %s: asked for %s alone: %v", x.after, alias, one)
			}
		}
	}
	// To the microsecond: from the instant of the change on it is live, before it is not.
	at, err := time.Parse(time.RFC3339Nano, *c.ChangedAt)
	w.must(err)
	if before, now := w.live(at.Add(-time.Microsecond), new("champion")), w.live(at, new("champion")); before["champion"] != "1.0" || now["champion"] != "1.1" {
		t.Errorf("just before %v, then %v", before, now)
	}
	all := w.history(&api.ListModelHistoryInput{Alias: new("champion")})
	if len(all) != 2 || *all[0].ModelVersion != "1.1" || *all[0].Reason != "better" || *all[1].ChangedBy != "arn:aws:iam::"+account+":root" {
		t.Errorf("history of champion: %+v", all)
	}
	if all := w.history(&api.ListModelHistoryInput{}); len(all) != 5 {
		t.Errorf("%d moves in all", len(all))
	}
	if removed := w.history(&api.ListModelHistoryInput{Alias: new("staging"), MaxResults: new(int64(1))}); len(removed) != 1 || removed[0].ModelVersion != nil || *removed[0].PreviousVersion != "1.0" {
		t.Errorf("the end of staging: %+v", removed)
	}
	aliases := do[api.ListModelAliasesOutput](w, "ListModelAliases", &api.ListModelAliasesInput{TableName: new(table), ModelId: new("fraud")}).Aliases
	if len(aliases) != 2 || *aliases[0].Alias != "champion" || *aliases[0].ModelVersion != "1.1" {
		t.Errorf("aliases %+v", aliases)
	}
	if d := do[api.DescribeModelVersionOutput](w, "DescribeModelVersion", &api.DescribeModelVersionInput{TableName: new(table), ModelId: new("fraud"), Alias: new("champion")}).ModelVersion; *d.ModelVersion != "1.1" || !slices.Equal(d.Aliases, []string{"champion"}) {
		t.Errorf("champion is %+v", d)
	}
	// The audit trail tells of each change, too, with the same id of the request.
	w.later.Store(0)
	trail := cloudtrail.NewFromConfig(w.server.AWS())
	events, err := trail.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{EndTime: new(start.Add(24 * time.Hour)), LookupAttributes: []ct.LookupAttribute{{AttributeKey: ct.LookupAttributeKeyEventName, AttributeValue: new("PromoteModelVersion")}}})
	w.must(err)
	if len(events.Events) != 4 || *events.Events[1].Username != "ml" {
		t.Errorf("%d events of PromoteModelVersion", len(events.Events))
	}
}

// TestPromoteRefused: what cannot be promoted, and why.
func TestPromoteRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push("1.0")
	numpy := w.publish("numpy", "2.1.0")
	w.register("0.9", "", numpy)
	_, err := call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", promotion("0.9", "champion"))
	w.refused(err, "ModelVersionIncompleteException", "an image: none was registered")
	_, err = call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", promotion("7.7", "champion"))
	w.refused(err, "ResourceNotFoundException", "7.7", "fraud")
	w.register("1.0", "ml-model-repo:1.0", numpy)
	in := promotion("1.0", "champion")
	in.ExpectedVersion = new("0.9")
	_, err = call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", in)
	w.refused(err, "ConflictException", "names no version")
	first := w.promote("1.0", "champion")
	if again := w.promote("1.0", "champion"); *again.Revision != *first.Revision || len(w.history(&api.ListModelHistoryInput{})) != 1 {
		t.Errorf("promoted again: %+v", again)
	}
	_, err = call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", in)
	w.refused(err, "ConflictException", "names 1.0")
	_, err = call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", promotion("1.0", "Champion"))
	w.refused(err, "ValidationException", "alias")
	_, err = call[api.RemoveModelAliasOutput](w, "RemoveModelAlias", &api.RemoveModelAliasInput{TableName: new(table), ModelId: new("fraud"), Alias: new("absent")})
	w.refused(err, "ResourceNotFoundException", "absent")
	do[api.RemoveModelAliasOutput](w, "RemoveModelAlias", &api.RemoveModelAliasInput{TableName: new(table), ModelId: new("fraud"), Alias: new("champion")})
	w.retire("1.0")
	_, err = call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", promotion("1.0", "champion"))
	w.refused(err, "ConflictException", "retired")
	_, err = call[api.RetireModelVersionOutput](w, "RetireModelVersion", &api.RetireModelVersionInput{TableName: new(table), ModelId: new("fraud"), ModelVersion: new("1.0")})
	w.refused(err, "ConflictException", "already")
}

// TestRetiredThenGone: of a retired version, what is missing is told.
func TestRetiredThenGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest, numpy := w.push("1.0"), w.publish("numpy", "2.1.0")
	w.register("1.0", "ml-model-repo:1.0", numpy)
	w.retire("1.0")
	w.registry("DELETE", "/manifests/"+digest, "", nil, 202)
	_, err := w.packages.DisposePackageVersions(t.Context(), &codeartifact.DisposePackageVersionsInput{
		Domain: new("models"), Repository: new("team"), Format: ca.PackageFormatGeneric, Namespace: new("parts"), Package: new("numpy"), Versions: []string{"2.1.0"},
	})
	w.must(err)
	if missing := w.describe("1.0").Missing; len(missing) != 2 {
		t.Errorf("missing %q", missing)
	}
}

// TestLink records what serves a version, after it was registered.
func TestLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("1.0", "")
	in := &api.LinkModelVersionInput{TableName: new(table), ModelId: new("fraud"), ModelVersion: new("1.0"), ProductId: new("prod-1"), EndpointName: new("fraud-live")}
	do[api.LinkModelVersionOutput](w, "LinkModelVersion", in)
	in.ProductId, in.EndpointName, in.ProvisioningArtifactId = nil, nil, new("pa-1")
	d := do[api.LinkModelVersionOutput](w, "LinkModelVersion", in).ModelVersion
	if *d.ProductId != "prod-1" || *d.ProvisioningArtifactId != "pa-1" || *d.EndpointName != "fraud-live" {
		t.Errorf("linked %+v", d)
	}
	in.ProvisioningArtifactId = nil
	_, err := call[api.LinkModelVersionOutput](w, "LinkModelVersion", in)
	w.refused(err, "ValidationException", "needed")
	in.ModelVersion, in.ProductId = new("2.0"), new("prod-1")
	_, err = call[api.LinkModelVersionOutput](w, "LinkModelVersion", in)
	w.refused(err, "ResourceNotFoundException", "2.0")
}
