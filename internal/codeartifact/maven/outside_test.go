package maven_test

import (
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/server"
)

// public is another repository, with files by their paths.
type public struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string]string
	asked map[string]int
}

func newPublic(t testing.TB) *public {
	p := &public{files: map[string]string{}, asked: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked[r.URL.Path]++
		content, ok := p.files[strings.TrimPrefix(r.URL.Path, "/maven2/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(content))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *public) set(path, content string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := sha1.Sum([]byte(content))
	p.files[path], p.files[path+".sha1"] = content, hex.EncodeToString(sum[:])
}

func TestArtifactsFromOutside(t *testing.T) {
	t.Parallel()
	p := newPublic(t)
	p.set("org/acme/lib/maven-metadata.xml", `<metadata><groupId>org.acme</groupId><artifactId>lib</artifactId><versioning><versions><version>1.0</version><version>1.1</version><version>2-SNAPSHOT</version></versions></versioning></metadata>`)
	p.set("org/acme/lib/1.0/lib-1.0.pom", `<project><modelVersion>4.0.0</modelVersion><groupId>org.acme</groupId><artifactId>lib</artifactId><version>1.0</version><description>A library</description></project>`)
	p.set("org/acme/lib/1.0/lib-1.0.jar", "jar")
	p.set("org/acme/lib/1.1/lib-1.1.jar", "other")
	p.files["org/acme/lib/1.1/lib-1.1.jar.sha1"] = strings.Repeat("0", 40)
	w := newWorldWith(t, func(c *server.Config) {
		c.AllowEgress = []string{"127.0.0.1"}
		c.Upstreams = []string{"public:maven-central=" + p.URL + "/maven2"}
	}, "team", "public")
	team := w.in("team")
	if _, err := w.AssociateExternalConnection(t.Context(), &sdk.AssociateExternalConnectionInput{Domain: new("models"), Repository: new("public"), ExternalConnection: new("public:maven-central")}); err != nil {
		t.Fatal(err)
	}
	if a := team.get("org/acme/lib/maven-metadata.xml"); a.status != http.StatusOK || !strings.Contains(a.body, "<version>1.1</version>") || strings.Contains(a.body, "SNAPSHOT") {
		t.Fatalf("the metadata: %d %s", a.status, a.body)
	}
	// Tools ask for the files of a version one by one.
	for path, want := range map[string]string{"lib-1.0.pom": p.files["org/acme/lib/1.0/lib-1.0.pom"], "lib-1.0.jar": "jar", "lib-1.0.jar.sha1": sum("sha1", "jar")} {
		for range 2 {
			if a := team.get("org/acme/lib/1.0/" + path); a.status != http.StatusOK || a.body != want {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
	}
	if n := p.asked["/maven2/org/acme/lib/1.0/lib-1.0.jar"]; n != 1 {
		t.Errorf("the jar was fetched %d times", n)
	}
	for path, want := range map[string]int{
		"1.0/lib-1.0-sources.jar": http.StatusNotFound, "9.9/lib-9.9.jar": http.StatusNotFound, "1.1/lib-1.1.jar": http.StatusBadGateway,
	} {
		if a := team.get("org/acme/lib/" + path); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
	v, err := w.DescribePackageVersion(t.Context(), &sdk.DescribePackageVersionInput{
		Domain: new("models"), Repository: new("team"), Format: types.PackageFormatMaven, Namespace: new("org.acme"), Package: new("lib"), PackageVersion: new("1.0"),
	})
	if err != nil || *v.PackageVersion.Summary != "A library" {
		t.Errorf("the version is %v, %v", v, err)
	}
	// Maven's metadata is good for three hours, and what was fetched without the outside.
	asked := p.asked["/maven2/org/acme/lib/maven-metadata.xml"]
	w.advance(2 * time.Hour)
	team.get("org/acme/lib/maven-metadata.xml")
	if n := p.asked["/maven2/org/acme/lib/maven-metadata.xml"]; n != asked {
		t.Errorf("the metadata was asked %d times after two hours", n)
	}
	p.Close()
	w.advance(2 * time.Hour)
	if a := team.get("org/acme/lib/1.0/lib-1.0.jar"); a.status != http.StatusOK || a.body != "jar" {
		t.Errorf("the jar on an outage: %d", a.status)
	}
}
