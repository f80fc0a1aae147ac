package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	public "github.com/aws/aws-sdk-go-v2/service/ecrpublic/types"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestLogo reads the logo of a public repository, without credentials, where its catalog
// data says that it is.
func TestLogo(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	made, err := ecrpublic.NewFromConfig(s.AWS()).CreateRepository(t.Context(), &ecrpublic.CreateRepositoryInput{
		RepositoryName: new("model"), CatalogData: &public.RepositoryCatalogDataInput{LogoImageBlob: []byte("\x89PNG\r\n\x1a\n....")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(*made.CatalogData.LogoUrl, s.URL()+"/logos/") {
		t.Errorf("the logo is at %s", *made.CatalogData.LogoUrl)
	}
	resp, err := http.Get(*made.CatalogData.LogoUrl)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "image/png" {
		t.Errorf("%d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
}
