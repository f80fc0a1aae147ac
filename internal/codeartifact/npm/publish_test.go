package npm_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestPublishAndRead publishes plain and scoped packages and reads them in every form.
func TestPublishAndRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"tensors", "@team/model"} {
		base := name[strings.LastIndexByte(name, '/')+1:]
		tarball := w.publish("main", release{name: name, version: "1.0.0", more: `,"description":"d","readme":"# Read me","license":"MIT","dependencies":{"left":"^1"},"scripts":{"install":"x"}`})
		w.publish("main", release{name: name, version: "1.1.0-rc.1", tag: "next"})
		sum1, sum512 := sha1.Sum(tarball), sha512.Sum512(tarball)
		file := name + "/-/" + base + "-1.0.0.tgz"

		full := w.want(200, w.do("GET", "main", escaped(name), ""))
		if full.Header.Get("Content-Type") != "application/json" {
			t.Error(full.Header)
		}
		doc := full.doc(t)
		if doc["name"] != name || doc["_id"] != name || doc["description"] != "d" || doc["readme"] != "# Read me" || doc["license"] != "MIT" {
			t.Errorf("%s", full.body)
		}
		if got := fmt.Sprint(doc["dist-tags"]); got != "map[latest:1.0.0 next:1.1.0-rc.1]" {
			t.Error(got)
		}
		short := w.want(200, w.do("GET", "main", escaped(name), "", "Accept", "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"))
		if short.Header.Get("Content-Type") != "application/vnd.npm.install-v1+json" || strings.Contains(short.body, `"description"`) || !strings.Contains(short.body, `"hasInstallScript":true`) {
			t.Error(short.Header, short.body)
		}
		for _, a := range []answer{full, short} {
			doc := a.doc(t)
			times := doc["time"].(map[string]any)
			for _, name := range []string{"created", "modified", "1.0.0", "1.1.0-rc.1"} {
				if at, _ := times[name].(string); len(at) != len("2006-01-02T15:04:05.000Z") {
					t.Errorf("time.%s is %v", name, times[name])
				}
			}
			dist := doc["versions"].(map[string]any)["1.0.0"].(map[string]any)["dist"].(map[string]any)
			if dist["tarball"] != w.url("main", file) || dist["shasum"] != hex.EncodeToString(sum1[:]) || dist["integrity"] != "sha512-"+base64.StdEncoding.EncodeToString(sum512[:]) {
				t.Error(dist)
			}
		}
		for _, path := range []string{file, escaped(name) + "/-/" + base + "-1.0.0.tgz", name + "/-/" + name + "-1.0.0.tgz", strings.Replace(file, "/", "%2F", 1)} {
			if strings.HasPrefix(path, "tensors%2F") { // one part, which is no name
				continue
			}
			a := w.want(200, w.do("GET", "main", path, ""))
			if a.body != string(tarball) || a.Header.Get("Content-Type") != "application/octet-stream" {
				t.Error(path, a.Header)
			}
		}
		if a := w.do("GET", "main", file, "", "Range", "bytes=2-5"); a.StatusCode != 206 || a.body != string(tarball[2:6]) {
			t.Error(a.Status)
		}
		for which, version := range map[string]string{"1.0.0": "1.0.0", "latest": "1.0.0", "next": "1.1.0-rc.1"} {
			if doc := w.want(200, w.do("GET", "main", escaped(name)+"/"+which, "")).doc(t); doc["version"] != version || doc["dist"] == nil {
				t.Error(which, doc)
			}
		}
		for _, path := range []string{"/2.0.0", "/none", "/-/" + base + "-2.0.0.tgz", "/-/other-1.0.0.tgz", "/-/" + base + ".tgz", "/a/b"} {
			a := w.want(404, w.do("GET", "main", escaped(name)+path, ""))
			if a.doc(t)["error"] == "" || a.Header.Get("Content-Type") != "application/json" {
				t.Error(path, a.body)
			}
		}
	}
	if a := w.want(404, w.do("GET", "main", "absent", "")); a.doc(t)["error"] != "Package not found. Package 'absent' with format 'npm' does not exist in repository 'main'." {
		t.Error(a.body)
	}
}

// TestScopedNamesAreRoutedAsTheyAreEscaped takes %2f, %2F, %40 and a plain slash.
func TestScopedNamesAreRoutedAsTheyAreEscaped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("main", release{name: "@team/model", version: "1.0.0"})
	for _, name := range []string{"@team%2fmodel", "@team%2Fmodel", "%40team%2Fmodel", "@team/model", "%40team/model"} {
		if doc := w.want(200, w.do("GET", "main", name, "")).doc(t); doc["name"] != "@team/model" {
			t.Error(name, doc)
		}
		if doc := w.want(200, w.do("GET", "main", name+"/1.0.0", "")).doc(t); doc["version"] != "1.0.0" {
			t.Error(name, doc)
		}
		w.want(200, w.do("GET", "main", "-/package/"+name+"/dist-tags", ""))
	}
	w.want(404, w.do("GET", "main", "@team%252fmodel", ""))
	w.want(404, w.do("GET", "main", "@team", ""))
}

// TestPublishedDocuments refuses what is no publication, and changes nothing then.
func TestPublishedDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good, _ := release{name: "model", version: "1.0.0"}.document()
	for what, c := range map[string]struct {
		body string
		want string
	}{
		"not JSON":         {"nothing", "not JSON"},
		"another name":     {strings.Replace(good, `"name":"model"`, `"name":"mode1"`, 1), "was sent to"},
		"no version":       {strings.Replace(good, `"versions":{`, `"versions":{},"x":{`, 1), "0 versions"},
		"a foreign tag":    {strings.Replace(good, `{"latest":"1.0.0"}`, `{"latest":"2.0.0"}`, 1), "not the one that is published"},
		"a bad tag":        {strings.Replace(good, `{"latest":"1.0.0"}`, `{"1.x":"1.0.0"}`, 1), "cannot be a tag"},
		"a wrong shasum":   {strings.Replace(good, `"version":"1.0.0"`, `"version":"1.0.0","dist":{"shasum":"00"}`, 1), "damaged"},
		"wrong integrity":  {strings.Replace(good, `"version":"1.0.0"`, `"version":"1.0.0","dist":{"integrity":"sha512-AA=="}`, 1), "damaged"},
		"no tarball":       {good[:strings.Index(good, `,"_attachments"`)] + "}", "Package not found"},
		"cut":              {good[:len(good)-20], ""},
		"a damaged base64": {strings.Replace(good, `"data":"`, `"data":"*`, 1), ""},
	} {
		a := w.do("PUT", "main", "model", c.body)
		if a.StatusCode/100 != 4 || !strings.Contains(fmt.Sprint(a.doc(t)["error"]), c.want) {
			t.Errorf("%s: %s %s", what, a.Status, a.body)
		}
		w.want(404, w.do("GET", "main", "model", ""))
	}
	capital, _ := release{name: "Model", version: "1.0.0"}.document()
	w.want(400, w.do("PUT", "main", "Model", capital))
	w.want(404, w.do("PUT", "main", ".model", good))
	w.want(405, w.do("POST", "main", "model", good))
}

// TestPublishTwice takes the same tarball again, without a change, and refuses another.
func TestPublishTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := release{name: "model", version: "1.0.0", more: `,"description":"first"`}
	r.tarball = w.publish("main", r)
	etag := w.do("GET", "main", "model", "").Header.Get("Etag")
	r.more = `,"description":"second"`
	w.publish("main", r)
	if a := w.do("GET", "main", "model", ""); a.Header.Get("Etag") != etag || a.doc(t)["description"] != "first" {
		t.Error("the same tarball changed the version")
	}
	r.tarball = []byte("another")
	body, _ := r.document()
	a := w.want(http.StatusConflict, w.do("PUT", "main", "model", body))
	if a.doc(t)["error"] == nil {
		t.Error(a.body)
	}
}

// TestProvenanceIsPassedOver takes a publication that npm made with --provenance.
func TestProvenanceIsPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body, tarball := release{name: "model", version: "1.0.0"}.document()
	body = strings.TrimSuffix(body, "}}") + `,"model-1.0.0.sigstore":{"content_type":"application/vnd.dev.sigstore.bundle+json","data":"{\"a\":\"\\\"\"}","length":9}}}`
	w.want(200, w.do("PUT", "main", "model", body))
	if a := w.want(200, w.do("GET", "main", "model/-/model-1.0.0.tgz", "")); a.body != string(tarball) {
		t.Error("another tarball came")
	}
}

// TestOneOfFiftyPublishersWins publishes one version fifty times at once with different
// tarballs: one of them is there, whole, and the others are told so.
func TestOneOfFiftyPublishersWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mu sync.Mutex
	var won []string
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			tarball := bytes.Repeat(fmt.Appendf(nil, "tarball %d;", i), 1000)
			body, _ := release{name: "model", version: "1.0.0", more: fmt.Sprintf(`,"description":"%d"`, i), tarball: tarball}.document()
			a, err := w.try("PUT", "main", "model", body)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case a.StatusCode == 200:
				won = append(won, fmt.Sprint(i), string(tarball))
			case a.StatusCode != http.StatusConflict:
				t.Error(a.Status, a.body)
			}
		})
	}
	group.Wait()
	if len(won) != 2 {
		t.Fatalf("%d publishers won", len(won)/2)
	}
	if doc := w.do("GET", "main", "model", "").doc(t); doc["description"] != won[0] {
		t.Error("the manifest is another's")
	}
	if a := w.do("GET", "main", "model/-/model-1.0.0.tgz", ""); a.body != won[1] {
		t.Error("the tarball is another's")
	}
}

// TestLargeTarball publishes and reads 64 MiB.
func TestLargeTarball(t *testing.T) {
	if testing.Short() {
		t.Skip("many bytes in one goroutine tell the race detector nothing")
	}
	t.Parallel()
	w := newWorld(t)
	const size = 64 << 20
	piece := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 1<<16) // of a length that base64 has no padding for
	before, after, _ := strings.Cut(func() string {
		body, _ := release{name: "model", version: "1.0.0", tarball: []byte("cut here")}.document()
		return body
	}(), base64.StdEncoding.EncodeToString([]byte("cut here")))
	text := base64.StdEncoding.EncodeToString(piece)
	readers := []io.Reader{strings.NewReader(before)}
	for range size / len(piece) {
		readers = append(readers, strings.NewReader(text))
	}
	r, err := http.NewRequestWithContext(t.Context(), "PUT", w.url("main", "model"), io.MultiReader(append(readers, strings.NewReader(after))...))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	a, err := plain.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode != 200 {
		t.Fatal(a.Status)
	}
	got := w.want(200, w.do("GET", "main", "model/-/model-1.0.0.tgz", ""))
	if len(got.body) != size/len(piece)*len(piece) || got.body[:len(piece)] != string(piece) {
		t.Error("the tarball is another one")
	}
}

// TestPublishingNeedsPermission asks for PublishPackageVersion on the package, and for
// PutPackageMetadata for tags.
func TestPublishingNeedsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("main", release{name: "@team/model", version: "1.0.0"})
	users := iam.NewFromConfig(w.server.AWS())
	const policy = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["codeartifact:GetAuthorizationToken","sts:GetServiceBearerToken","codeartifact:ReadFromRepository"],"Resource":"*"},
		{"Effect":"Allow","Action":"codeartifact:PublishPackageVersion","Resource":"arn:aws:codeartifact:us-east-1:000000000000:package/models/main/npm/team/*"}]}`
	if _, err := users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("alice")}); err != nil {
		t.Fatal(err)
	}
	if _, err := users.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: new("alice"), PolicyName: new("p"), PolicyDocument: new(policy)}); err != nil {
		t.Fatal(err)
	}
	key, err := users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("alice")})
	if err != nil {
		t.Fatal(err)
	}
	w.token = w.login(sdk.NewFromConfig(w.server.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")))
	if doc := w.want(200, w.do("GET", "main", "-/whoami", "")).doc(t); doc["username"] != "alice" {
		t.Error(doc)
	}
	w.publish("main", release{name: "@team/model", version: "1.0.1"})
	other, _ := release{name: "model", version: "1.0.0"}.document()
	if a := w.want(403, w.do("PUT", "main", "model", other)); !strings.Contains(a.body, "PublishPackageVersion") {
		t.Error(a.body)
	}
	w.want(403, w.do("PUT", "main", "-/package/@team%2fmodel/dist-tags/next", `"1.0.1"`))
	w.want(403, w.do("DELETE", "main", "-/package/@team%2fmodel/dist-tags/next", ""))
	w.token = "nonsense"
	w.want(401, w.do("GET", "main", "@team%2fmodel", ""))
}

// TestWhatTheAPITells describes a version, its readme and its dependencies.
func TestWhatTheAPITells(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("main", release{name: "@team/model", version: "1.0.0", more: `,"description":"d","homepage":"https://h","readme":"# R","license":"MIT",
		"repository":{"type":"git","url":"https://s"},"dependencies":{"@types/node":"^20"},"peerDependencies":{"react":"*"}`})
	format, scope, name, version := types.PackageFormatNpm, new("team"), new("model"), new("1.0.0")
	about, err := w.DescribePackageVersion(t.Context(), &sdk.DescribePackageVersionInput{Domain: new("models"), Repository: new("main"), Format: format, Namespace: scope, Package: name, PackageVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	if v := about.PackageVersion; *v.Summary != "d" || *v.HomePage != "https://h" || *v.SourceCodeRepository != "https://s" || *v.Licenses[0].Name != "MIT" || *v.Namespace != "team" {
		t.Errorf("%+v", v)
	}
	readme, err := w.GetPackageVersionReadme(t.Context(), &sdk.GetPackageVersionReadmeInput{Domain: new("models"), Repository: new("main"), Format: format, Namespace: scope, Package: name, PackageVersion: version})
	if err != nil || *readme.Readme != "# R" {
		t.Error(readme, err)
	}
	needs, err := w.ListPackageVersionDependencies(t.Context(), &sdk.ListPackageVersionDependenciesInput{Domain: new("models"), Repository: new("main"), Format: format, Namespace: scope, Package: name, PackageVersion: version})
	if err != nil || len(needs.Dependencies) != 2 || *needs.Dependencies[0].Namespace != "types" || *needs.Dependencies[0].DependencyType != "regular" || *needs.Dependencies[1].DependencyType != "peer" {
		t.Errorf("%+v %v", needs, err)
	}
	assets, err := w.ListPackageVersionAssets(t.Context(), &sdk.ListPackageVersionAssetsInput{Domain: new("models"), Repository: new("main"), Format: format, Namespace: scope, Package: name, PackageVersion: version})
	if err != nil || len(assets.Assets) != 1 || *assets.Assets[0].Name != "package.tgz" {
		t.Errorf("%+v %v", assets, err)
	}
}
