package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	public "github.com/aws/aws-sdk-go-v2/service/ecrpublic/types"
	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestImages makes repositories through both APIs, logs in as docker does, and pushes to a
// tag that must not change.
func TestImages(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	url := s.URL()
	as := credentials.NewStaticCredentialsProvider(servertest.AccessKeyID, servertest.Secret, "")
	private := ecr.New(ecr.Options{Region: servertest.Region, BaseEndpoint: &url, Credentials: as, RetryMaxAttempts: 1})
	open := ecrpublic.New(ecrpublic.Options{Region: servertest.Region, BaseEndpoint: &url, Credentials: as, RetryMaxAttempts: 1})

	made, err := private.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{
		RepositoryName: new("team/model"), ImageTagMutability: types.ImageTagMutabilityImmutable,
	})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := open.CreateRepository(t.Context(), &ecrpublic.CreateRepositoryInput{
		RepositoryName: new("model"), Tags: []public.Tag{{Key: new("modelwharf:image-tag-mutability"), Value: new("IMMUTABLE")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(url, "http://")
	if *made.Repository.RepositoryUri != host+"/"+servertest.Account+"/"+servertest.Region+"/team/model" ||
		*made.Repository.RepositoryArn != "arn:aws:ecr:us-east-1:000000000000:repository/team/model" {
		t.Errorf("%s, %s", *made.Repository.RepositoryUri, *made.Repository.RepositoryArn)
	}
	if _, err := private.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("team/model")}); !is[*types.RepositoryAlreadyExistsException](err) {
		t.Errorf("the error is %v", err)
	}
	if _, err := private.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"absent"}}); !is[*types.RepositoryNotFoundException](err) {
		t.Errorf("the error is %v", err)
	}
	registries, err := open.DescribeRegistries(t.Context(), &ecrpublic.DescribeRegistriesInput{})
	if err != nil || len(registries.Registries) != 1 || !strings.HasPrefix(*shown.Repository.RepositoryUri, *registries.Registries[0].RegistryUri) {
		t.Errorf("%+v, %v", registries, err)
	}

	auth, err := private.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(*auth.AuthorizationData[0].AuthorizationToken)
	if err != nil || !strings.HasPrefix(string(text), "AWS:") || *auth.AuthorizationData[0].ProxyEndpoint != url {
		t.Fatalf("%s, %v", text, err)
	}
	do := func(method, path, authorization string, body []byte, want int) []byte {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%s %s: %d, want %d: %s, %v", method, path, resp.StatusCode, want, got, err)
		}
		return got
	}
	var token struct{ Token string }
	if err := json.Unmarshal(do("GET", url+"/token/?service="+host, "Basic "+*auth.AuthorizationData[0].AuthorizationToken, nil, 200), &token); err != nil {
		t.Fatal(err)
	}
	bearer := "Bearer " + token.Token
	for _, uri := range []string{*made.Repository.RepositoryUri, *shown.Repository.RepositoryUri} {
		v2 := url + "/v2" + strings.TrimPrefix(uri, host)
		for _, config := range []string{"one", "two"} {
			do("POST", v2+"/blobs/uploads/?digest="+digest.FromString(config).String(), bearer, []byte(config), 201)
		}
		manifest := func(config string) []byte {
			return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":3},"layers":[]}`, digest.FromString(config))
		}
		do("PUT", v2+"/manifests/1.0", bearer, manifest("one"), 201)
		do("PUT", v2+"/manifests/1.0", bearer, manifest("two"), 400)
		if got := do("GET", v2+"/manifests/1.0", bearer, nil, 200); !bytes.Equal(got, manifest("one")) {
			t.Errorf("%s", got)
		}
	}
	do("GET", url+"/v2"+strings.TrimPrefix(*shown.Repository.RepositoryUri, host)+"/manifests/1.0", "", nil, 200)
	do("GET", url+"/v2"+strings.TrimPrefix(*made.Repository.RepositoryUri, host)+"/manifests/1.0", "", nil, 401)

	if _, err := private.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: new("team/model")}); !is[*types.RepositoryNotEmptyException](err) {
		t.Errorf("the error is %v", err)
	}
	if _, err := private.PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{
		RepositoryName: new("team/model"), ImageTagMutability: types.ImageTagMutabilityImmutableWithExclusion,
		ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{Filter: new("latest"), FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard}},
	}); err != nil {
		t.Error(err)
	}
	page, err := private.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
	if err != nil || len(page.Repositories) != 1 || len(page.Repositories[0].ImageTagMutabilityExclusionFilters) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	if _, err := private.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: new("team/model"), Force: true}); err != nil {
		t.Error(err)
	}
	if _, err := private.StartImageScan(t.Context(), &ecr.StartImageScanInput{
		RepositoryName: new("team/model"), ImageId: &types.ImageIdentifier{ImageTag: new("1.0")},
	}); err == nil || !strings.Contains(err.Error(), "not available in this version") {
		t.Errorf("the error is %v", err)
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
