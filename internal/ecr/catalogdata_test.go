package ecr_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic/types"
)

// TestRepositoryCatalogData describes public repositories, with a logo that everyone can
// read.
func TestRepositoryCatalogData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.public(w.roots[home])
	png := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...)
	made := must2(t, func() (*sdk.CreateRepositoryOutput, error) {
		return c.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{RepositoryName: new("team/model"), CatalogData: &types.RepositoryCatalogDataInput{
			Description: new("A model"), Architectures: []string{"ARM 64"}, OperatingSystems: []string{"Linux"},
			AboutText: new("# About"), UsageText: new("# Usage"), LogoImageBlob: png,
		}})
	})
	must(t)(c.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{RepositoryName: new("plain")}))
	get := func(name string) *types.RepositoryCatalogData {
		t.Helper()
		return must2(t, func() (*sdk.GetRepositoryCatalogDataOutput, error) {
			return c.GetRepositoryCatalogData(t.Context(), &sdk.GetRepositoryCatalogDataInput{RepositoryName: &name})
		}).CatalogData
	}
	if got := get("team/model"); *got.Description != "A model" || got.Architectures[0] != "ARM 64" || got.OperatingSystems[0] != "Linux" ||
		*got.AboutText != "# About" || *got.UsageText != "# Usage" || *got.MarketplaceCertified || *got.LogoUrl != *made.CatalogData.LogoUrl {
		t.Errorf("%+v", got)
	}
	if got := get("plain"); got.Description != nil || got.LogoUrl != nil {
		t.Errorf("%+v", got)
	}
	logo := func(method, path string) (*http.Response, []byte) {
		t.Helper()
		rw := httptest.NewRecorder()
		w.images.ServeLogo(rw, httptest.NewRequest(method, path, nil))
		b, err := io.ReadAll(rw.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		return rw.Result(), b
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(*made.CatalogData.LogoUrl, "http://"), "/")
	if resp, b := logo("GET", "/"+path); resp.StatusCode != 200 || !bytes.Equal(b, png) || resp.Header.Get("Content-Type") != "image/png" {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
	if resp, b := logo("HEAD", "/"+path); resp.StatusCode != 200 || len(b) > 0 {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
	for _, path := range []string{strings.TrimSuffix(path, "team/model") + "plain", path + "s", "logos/nobody/model", "logos/", "logos/" + home + "/" + region + "/x"} {
		if resp, _ := logo("GET", "/"+path); resp.StatusCode != 404 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if resp, _ := logo("DELETE", "/"+path); resp.StatusCode != 405 {
		t.Errorf("%d", resp.StatusCode)
	}
	put := func(name string, d types.RepositoryCatalogDataInput) error {
		_, err := c.PutRepositoryCatalogData(t.Context(), &sdk.PutRepositoryCatalogDataInput{RepositoryName: &name, CatalogData: &d})
		return err
	}
	w.wants("no picture", put("plain", types.RepositoryCatalogDataInput{LogoImageBlob: []byte("<svg/>")}), "InvalidParameterException", "PNG")
	w.wants("a large one", put("plain", types.RepositoryCatalogDataInput{LogoImageBlob: append(png, make([]byte, 512000)...)}), "InvalidParameterException", "Invalid parameter at 'catalogData.logoImageBlob' failed to satisfy constraint: 'Member must have length less than or equal to 512000'")
	w.wants("a long description", put("plain", types.RepositoryCatalogDataInput{Description: new(strings.Repeat("d", 1025))}), "InvalidParameterException", "Invalid parameter at 'catalogData.description' failed to satisfy constraint: 'must have length less than or equal to 1024'")
	w.wants("no repository", put("absent", types.RepositoryCatalogDataInput{}), "RepositoryNotFoundException", "")
	w.wants("in the place of the old", put("team/model", types.RepositoryCatalogDataInput{Description: new("Another")}), "", "")
	if got := get("team/model"); *got.Description != "Another" || got.AboutText != nil || got.LogoUrl != nil {
		t.Errorf("%+v", got)
	}
	if resp, _ := logo("GET", "/"+path); resp.StatusCode != 404 {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestRegistryCatalogData names a public registry.
func TestRegistryCatalogData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.public(w.roots[home])
	get := func() *string {
		t.Helper()
		return must2(t, func() (*sdk.GetRegistryCatalogDataOutput, error) {
			return c.GetRegistryCatalogData(t.Context(), &sdk.GetRegistryCatalogDataInput{})
		}).RegistryCatalogData.DisplayName
	}
	if got := get(); got != nil {
		t.Errorf("%q", *got)
	}
	must(t)(c.PutRegistryCatalogData(t.Context(), &sdk.PutRegistryCatalogDataInput{DisplayName: new("Our models")}))
	if got := get(); got == nil || *got != "Our models" {
		t.Errorf("%v", got)
	}
	_, err := c.PutRegistryCatalogData(t.Context(), &sdk.PutRegistryCatalogDataInput{DisplayName: new(strings.Repeat("n", 101))})
	w.wants("a long name", err, "InvalidParameterException", "displayName")
	_, err = w.public(w.user(home, "ann", "")).PutRegistryCatalogData(t.Context(), &sdk.PutRegistryCatalogDataInput{})
	w.wants("who may not", err, "AccessDeniedException", "ecr-public:PutRegistryCatalogData")
	pages := 0
	all := sdk.NewDescribeRegistriesPaginator(c, &sdk.DescribeRegistriesInput{MaxResults: new(int32(1))})
	for all.HasMorePages() {
		must(t)(all.NextPage(t.Context()))
		pages++
	}
	if pages != 1 {
		t.Errorf("%d pages", pages)
	}
	_, err = c.DescribeRegistries(t.Context(), &sdk.DescribeRegistriesInput{NextToken: new("x")})
	w.wants("a token of another", err, "InvalidParameterException", "nextToken")
}
