package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestMetricsOfPackages looks at what publications, downloads and requests through an
// external connection leave in the metrics.
func TestMetricsOfPackages(t *testing.T) {
	t.Parallel()
	artifact := "the bytes of a jar"
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/org/far/lib/maven-metadata.xml"):
			fmt.Fprint(w, `<metadata><groupId>org.far</groupId><artifactId>lib</artifactId><versioning><versions><version>1</version></versions></versioning></metadata>`)
		case strings.HasSuffix(r.URL.Path, "/lib-1.jar"):
			fmt.Fprint(w, artifact)
		case strings.Contains(r.URL.Path, "/broken/"):
			http.Error(w, "broken", http.StatusInternalServerError)
		default:
			http.NotFound(w, r)
		}
	}))
	defer public.Close()
	s := servertest.Start(t, func(c *server.Config) {
		c.AllowEgress, c.Upstreams = []string{"127.0.0.1"}, []string{"public:maven-central=" + public.URL}
	})
	client := codeartifact.NewFromConfig(s.AWS())
	domain, repository := new("models"), new("main")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.CreateDomain(t.Context(), &codeartifact.CreateDomainInput{Domain: domain}))
	must(client.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: domain, Repository: repository}))
	must(client.AssociateExternalConnection(t.Context(), &codeartifact.AssociateExternalConnectionInput{Domain: domain, Repository: repository, ExternalConnection: new("public:maven-central")}))
	publish := func(content string) error {
		sum := sha256.Sum256([]byte(content))
		_, err := client.PublishPackageVersion(t.Context(), &codeartifact.PublishPackageVersionInput{
			Domain: domain, Repository: repository, Format: types.PackageFormatGeneric, Package: new("weights"), PackageVersion: new("1"),
			AssetName: new("w.bin"), AssetContent: bytes.NewReader([]byte(content)), AssetSHA256: new(hex.EncodeToString(sum[:])),
		})
		return err
	}
	must(nil, publish("12345"))
	must(nil, publish("12345"))
	if publish("other") == nil {
		t.Error("other bytes were published")
	}
	out, err := client.GetPackageVersionAsset(t.Context(), &codeartifact.GetPackageVersionAssetInput{
		Domain: domain, Repository: repository, Format: types.PackageFormatGeneric, Package: new("weights"), PackageVersion: new("1"), Asset: new("w.bin"),
	})
	must(out, err)
	_, err = io.Copy(io.Discard, out.Asset)
	must(nil, err)
	out.Asset.Close()

	token, err := client.GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: domain})
	must(token, err)
	ask := func(path string, status int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/codeartifact/models-"+servertest.Account+"/maven/main/"+path, nil)
		must(r, err)
		r.SetBasicAuth("aws", *token.AuthorizationToken)
		answer, err := http.DefaultClient.Do(r)
		must(answer, err)
		defer answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, status)
		}
	}
	ask("org/far/lib/maven-metadata.xml", 200)
	ask("org/far/lib/maven-metadata.xml", 200)
	ask("org/far/lib/1/lib-1.jar", 200)
	ask("org/far/lib/1/lib-1.jar", 200)
	ask("org/far/none/maven-metadata.xml", 404)
	ask("org/far/none/maven-metadata.xml", 404)
	ask("org/broken/lib/maven-metadata.xml", 502)

	_, body := get(t, s.URL()+"/metrics")
	for _, line := range []string{
		`publications_total{end="ok",format="generic"} 2`, `publications_total{end="refused",format="generic"} 1`,
		`asset_bytes_total{direction="in",format="generic"} 15`, `asset_bytes_total{direction="out",format="generic"} 5`,
		`downloads_total{format="generic"} 1`, `downloads_total{format="maven"} 2`,
		`upstream_requests_total{end="ok",format="maven",what="index"} 1`, `upstream_requests_total{end="ok",format="maven",what="asset"} 1`,
		`upstream_requests_total{end="missing",format="maven",what="index"} 1`, `upstream_requests_total{end="failed",format="maven",what="index"} 1`,
		fmt.Sprintf(`upstream_bytes_total{format="maven"} %d`, len(artifact)),
		`upstream_indexes_total{end="asked",format="maven"} 3`, `upstream_indexes_total{end="remembered",format="maven"} 1`,
	} {
		if !strings.Contains(body, "\nmodelwharf_codeartifact_"+line+"\n") {
			t.Errorf("%s is not among the metrics", line)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, "modelwharf_codeartifact_") {
				t.Log(line)
			}
		}
	}
}
