package oci_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
)

// bearer gets a token of /token/ with some Authorization.
func (reg *registry) bearer(authorization string) string {
	reg.t.Helper()
	got := reg.do("GET", "/token/?service="+reg.host+"&scope=repository:x:pull", nil, "Authorization", authorization).want(200)
	var v struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
		IssuedAt    string `json:"issued_at"`
	}
	if err := json.Unmarshal(got.body, &v); err != nil || v.Token == "" || v.Token != v.AccessToken || v.ExpiresIn != 12*3600 || v.IssuedAt == "" {
		reg.t.Fatalf("%s: %v", got.body, err)
	}
	return "Bearer " + v.Token
}

func TestAuthPing(t *testing.T) {
	t.Parallel()
	reg := start(t)
	for _, path := range []string{"/v2/", "/v2"} {
		reg.do("GET", path, nil, "Authorization", "").fails(401, "UNAUTHORIZED").
			has("WWW-Authenticate", `Bearer realm="http://`+reg.host+`/token/",service="`+reg.host+`"`, "Docker-Distribution-Api-Version", "registry/2.0")
		reg.do("GET", path, nil).want(200).has("Docker-Distribution-Api-Version", "registry/2.0")
		reg.do("HEAD", path, nil).want(200)
	}
	reg.do("GET", "/v2/", nil, "Authorization", basic(reg.root)).want(200)
	reg.do("GET", "/v2/", nil, "Authorization", reg.bearer(basic(reg.root))).want(200)
	reg.do("GET", "/v2/", nil, "Authorization", reg.bearer("")).want(200)
	for _, bad := range []string{"Bearer x", "Basic x", basic("x"), "Digest x", "Bearer", "Basic QVdTOg=="} {
		reg.do("GET", "/v2/", nil, "Authorization", bad).fails(401, "UNAUTHORIZED")
		reg.do("GET", "/token/", nil, "Authorization", bad).fails(401, "UNAUTHORIZED")
	}
}

// Everyone pulls from public repositories; nobody unknown does anything else.
func TestAuthAnonymous(t *testing.T) {
	t.Parallel()
	reg := start(t)
	d := reg.pushImage(public, "config", "v1")
	reg.pushImage(private, "config", "v1")
	config := digest.FromString("config").String()
	for _, as := range []string{"", reg.bearer("")} {
		for _, of := range []string{"/manifests/v1", "/manifests/" + d.String(), "/blobs/" + config, "/tags/list", "/referrers/" + d.String()} {
			reg.do("GET", "/v2/"+public+of, nil, "Authorization", as).want(200)
			reg.do("GET", "/v2/"+private+of, nil, "Authorization", as).fails(401, "UNAUTHORIZED").
				has("WWW-Authenticate", `Bearer realm="http://`+reg.host+`/token/",service="`+reg.host+`",scope="repository:`+private+`:pull"`)
			// Whether a private repository exists is not told.
			reg.do("GET", "/v2/"+account+"/"+region+"/absent"+of, nil, "Authorization", as).fails(401, "UNAUTHORIZED")
		}
		for _, repository := range []string{public, private} {
			reg.do("POST", "/v2/"+repository+"/blobs/uploads/", nil, "Authorization", as).fails(401, "UNAUTHORIZED").
				has("WWW-Authenticate", `Bearer realm="http://`+reg.host+`/token/",service="`+reg.host+`",scope="repository:`+repository+`:pull,push"`)
			reg.putManifest(repository, "v2", imageOf("config"), "Authorization", as).fails(401, "UNAUTHORIZED")
			reg.do("DELETE", "/v2/"+repository+"/manifests/v1", nil, "Authorization", as).fails(401, "UNAUTHORIZED")
			reg.do("DELETE", "/v2/"+repository+"/blobs/"+config, nil, "Authorization", as).fails(401, "UNAUTHORIZED")
		}
	}
}

// Policy decides by the repository's ARN, at each request.
func TestAuthPolicy(t *testing.T) {
	t.Parallel()
	reg := start(t)
	reg.pushImage(private, "config", "v1")
	reg.pushImage(other, "config", "v1")
	token, key := reg.user("puller", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:ListImages"],"Resource":"arn:aws:ecr:eu-west-1:000000000000:repository/team/model"}]}`)
	as := reg.bearer(basic(token))
	reg.do("GET", "/v2/"+private+"/manifests/v1", nil, "Authorization", as).want(200)
	reg.do("GET", "/v2/"+private+"/tags/list", nil, "Authorization", as).want(200)
	reg.do("GET", "/v2/"+private+"/blobs/"+digest.FromString("config").String(), nil, "Authorization", as).want(200)
	reg.do("GET", "/v2/"+other+"/manifests/v1", nil, "Authorization", as).fails(403, "DENIED")
	reg.do("GET", "/v2/"+account+"/"+region+"/absent/manifests/v1", nil, "Authorization", as).fails(403, "DENIED")
	reg.do("POST", "/v2/"+private+"/blobs/uploads/", nil, "Authorization", as).fails(403, "DENIED")
	reg.putManifest(private, "v2", imageOf("config"), "Authorization", as).fails(403, "DENIED")
	reg.do("DELETE", "/v2/"+private+"/manifests/v1", nil, "Authorization", as).fails(403, "DENIED")
	reg.do("POST", "/v2/"+public+"/blobs/uploads/", nil, "Authorization", as).fails(403, "DENIED")
	// The key is deleted, and with it its tokens.
	if _, err := reg.identity.DeleteAccessKey(reg.rootContext(), &iam.DeleteAccessKeyInput{UserName: new("puller"), AccessKeyId: &key}); err != nil {
		t.Fatal(err)
	}
	reg.do("GET", "/v2/"+private+"/manifests/v1", nil, "Authorization", as).fails(401, "UNAUTHORIZED")
}

// A token is good for 12 hours.
func TestAuthTokenExpires(t *testing.T) {
	t.Parallel()
	reg := start(t)
	as := reg.bearer(basic(reg.root))
	reg.clock.advance(12*time.Hour - time.Second)
	reg.do("GET", "/v2/", nil, "Authorization", as).want(200)
	reg.clock.advance(time.Second)
	reg.do("GET", "/v2/", nil, "Authorization", as).fails(401, "UNAUTHORIZED")
	reg.do("GET", "/token/", nil, "Authorization", basic(reg.root)).fails(401, "UNAUTHORIZED")
	reg.do("GET", "/v2/", nil, "Authorization", basic(reg.root)).fails(401, "UNAUTHORIZED")
}

// A token that expires while a body is read does not keep that from being kept.
func TestAuthTokenExpiresInMidPush(t *testing.T) {
	t.Parallel()
	reg := start(t)
	location := reg.begin(private)
	body := expiring{strings.NewReader("bytes"), func() { reg.clock.advance(13 * time.Hour) }}
	reg.send("PATCH", location, body).want(202).has("Range", "0-4")
}

type expiring struct {
	*strings.Reader
	expire func()
}

func (e expiring) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if n > 0 {
		e.expire()
	}
	return n, err
}

// With a domain, registries have hosts of their own; ECR's ask for Basic.
func TestAuthVirtualHosts(t *testing.T) {
	t.Parallel()
	reg := start(t, func(_ *ecr.Config, o *oci.Config) { o.Domain = "wharf.test" })
	reg.pushImage(private, "config", "v1")
	reg.pushImage(public, "config", "v1")
	host := account + ".dkr.ecr." + region + ".wharf.test:8080"
	reg.do("GET", "/v2/", nil, "Host", host, "Authorization", "").fails(401, "UNAUTHORIZED").
		has("WWW-Authenticate", `Basic realm="http://`+host+`/",service="ecr.amazonaws.com"`)
	reg.do("GET", "/v2/team/model/manifests/v1", nil, "Host", host, "Authorization", basic(reg.root)).want(200)
	reg.do("GET", "/v2/team/absent/manifests/v1", nil, "Host", host).fails(404, "NAME_UNKNOWN")
	location := reg.do("POST", "/v2/team/model/blobs/uploads/?mount="+digest.FromString("config").String()+"&from=team/other", nil, "Host", host).want(202).location()
	if !strings.HasPrefix(location, "http://"+host+"/v2/team/model/blobs/uploads/") {
		t.Errorf("the location is %q", location)
	}
	reg.do("GET", "/v2/"+public+"/manifests/v1", nil, "Host", "public.ecr.wharf.test", "Authorization", "").want(200)
}

// Docker and the clients of OAuth 2 ask by POST.
func TestAuthTokenByPost(t *testing.T) {
	t.Parallel()
	reg := start(t)
	form := func(s string) *answer {
		return reg.do(http.MethodPost, "/token/", []byte(s), "Authorization", "", "Content-Type", "application/x-www-form-urlencoded")
	}
	form("grant_type=password&username=AWS&password=" + reg.root).want(200)
	form("grant_type=refresh_token&refresh_token=" + reg.root).want(200)
	form("grant_type=password&username=other&password="+reg.root).fails(401, "UNAUTHORIZED")
}
