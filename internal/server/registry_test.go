package server_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestRefusalsOfTheRegistryAreRecorded has a user who may pull try to push and to delete:
// both are in the audit trail, as refusals of the APIs are, and what was pulled is not.
func TestRefusalsOfTheRegistryAreRecorded(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	if _, err := ecr.NewFromConfig(s.AWS()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("team/model")}); err != nil {
		t.Fatal(err)
	}
	admin := iam.NewFromConfig(s.AWS())
	if _, err := admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("eve")}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: new("eve"), PolicyName: new("login"), PolicyDocument: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`)}); err != nil {
		t.Fatal(err)
	}
	key, err := admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("eve")})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := ecr.NewFromConfig(s.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	repository := s.URL() + "/v2/" + servertest.Account + "/" + servertest.Region + "/team/model"
	for _, request := range []struct{ method, path string }{
		{"GET", "/tags/list"}, {"POST", "/blobs/uploads/"}, {"DELETE", "/manifests/1.0"},
	} {
		ask(t, request.method, repository+request.path, "", *auth.AuthorizationData[0].AuthorizationToken, http.StatusForbidden)
	}
	out, err := cloudtrail.NewFromConfig(s.AWS()).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyUsername, AttributeValue: new("eve")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Events) != 2 || *out.Events[0].EventName != "BatchDeleteImage" || *out.Events[1].EventName != "InitiateLayerUpload" ||
		*out.Events[0].EventSource != "ecr.amazonaws.com" || !strings.Contains(*out.Events[0].CloudTrailEvent, `"AccessDenied"`) {
		t.Errorf("recorded %+v", out.Events)
	}
}

// TestVirtualHosts has the APIs name the hosts of registries below the domain, and asks
// there: a private host wants Basic and knows its repositories without account and region.
func TestVirtualHosts(t *testing.T) {
	t.Parallel()
	for _, external := range []string{"", "https://models.example.com:8443"} {
		s := servertest.Start(t, func(c *server.Config) { c.Domain, c.ExternalURL = "wharf.test", external })
		scheme, port := "http", s.Addr()[strings.LastIndexByte(s.Addr(), ':'):]
		if external != "" {
			scheme, port = "https", ":8443"
		}
		private, public := servertest.Account+".dkr.ecr."+servertest.Region+".wharf.test"+port, "public.ecr.wharf.test"+port
		made, err := ecr.NewFromConfig(s.AWS()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("team/model")})
		if err != nil {
			t.Fatal(err)
		}
		if got := *made.Repository.RepositoryUri; got != private+"/team/model" {
			t.Errorf("the private repository is at %s", got)
		}
		shown, err := ecrpublic.NewFromConfig(s.AWS()).CreateRepository(t.Context(), &ecrpublic.CreateRepositoryInput{RepositoryName: new("model")})
		if err != nil {
			t.Fatal(err)
		}
		alias, ok := strings.CutPrefix(*shown.Repository.RepositoryUri, public+"/")
		if !ok {
			t.Errorf("the public repository is at %s", *shown.Repository.RepositoryUri)
		}
		auth, err := ecr.NewFromConfig(s.AWS()).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
		if err != nil {
			t.Fatal(err)
		}
		if got := *auth.AuthorizationData[0].ProxyEndpoint; got != scheme+"://"+private {
			t.Errorf("the endpoint is %s", got)
		}
		token := *auth.AuthorizationData[0].AuthorizationToken
		if got := ask(t, "GET", s.URL()+"/v2/", private, "", http.StatusUnauthorized).Get("WWW-Authenticate"); got != `Basic realm="`+scheme+`://`+private+`/",service="ecr.amazonaws.com"` {
			t.Errorf("the challenge is %s", got)
		}
		if got := ask(t, "GET", s.URL()+"/v2/", public, "", http.StatusUnauthorized).Get("WWW-Authenticate"); got != `Bearer realm="`+scheme+`://`+public+`/token/",service="`+public+`"` {
			t.Errorf("the challenge is %s", got)
		}
		begun := ask(t, "POST", s.URL()+"/v2/team/model/blobs/uploads/", private, token, http.StatusAccepted).Get("Location")
		if !strings.HasPrefix(begun, scheme+"://"+private+"/v2/team/model/blobs/uploads/") {
			t.Errorf("the upload is at %s", begun)
		}
		ask(t, "GET", s.URL()+"/v2/"+alias+"/tags/list", public, "", http.StatusOK)
		ask(t, "GET", s.URL()+"/v2/"+servertest.Account+"/"+servertest.Region+"/team/model/tags/list", "", token, http.StatusOK)
	}
}

// ask sends a request to a host with a token of GetAuthorizationToken, wants a status, and
// returns the header of the answer.
func ask(t *testing.T, method, url, host, token string, status int) http.Header {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if token != "" {
		if _, err := base64.StdEncoding.DecodeString(token); err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Basic "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		t.Errorf("%s %s at %s: %d, want %d", method, url, host, resp.StatusCode, status)
	}
	return resp.Header
}
