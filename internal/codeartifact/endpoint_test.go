package codeartifact_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// TestEndpointAsksForCredentials answers 401 with a challenge, never 403 or 404, to whoever
// brings no token or a bad one, whether or not there is something at the path.
func TestEndpointAsksForCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	endpoint := w.endpoint("models", "main", "generic")
	if !strings.HasPrefix(endpoint, w.server.URL()+"/codeartifact/models-000000000000/generic/main/") || !strings.HasSuffix(endpoint, "/") {
		t.Fatal(endpoint)
	}
	for _, url := range []string{endpoint, endpoint + "x", strings.Replace(endpoint, "/main/", "/none/", 1), strings.Replace(endpoint, "models", "absent", 1), w.server.URL() + "/codeartifact/x"} {
		for name, header := range map[string]string{"none": "", "bad": "Bearer nonsense", "user": "Basic YTpi", "empty": "Basic YXdzOg=="} {
			answer, _ := w.get(url, func(r *http.Request) {
				if header != "" {
					r.Header.Set("Authorization", header)
				}
			})
			if answer.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s with %s: %d %v", url, name, answer.StatusCode, answer.Header)
			}
		}
	}
}

// TestTokenInEveryForm logs in by Basic, Bearer and the bare token, in path style and by the
// virtual host.
func TestTokenInEveryForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("a-domain-2", "main")
	token := w.token(w.Client, "a-domain-2", nil)
	endpoint := w.endpoint("a-domain-2", "main", "generic")
	for name, set := range map[string]func(*http.Request){
		"basic":  func(r *http.Request) { r.SetBasicAuth("aws", token) },
		"bearer": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) },
		"bare":   func(r *http.Request) { r.Header.Set("Authorization", token) },
		"nuget":  func(r *http.Request) { r.Header.Set("X-NuGet-ApiKey", token) },
	} {
		// What comes is the format's own answer: there is nothing.
		if answer, body := w.get(endpoint+"x", set); answer.StatusCode != http.StatusNotFound || !strings.Contains(body, "There is nothing") {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
		hosted := func(r *http.Request) {
			set(r)
			r.Host = "a-domain-2-000000000000.d.codeartifact.us-east-1.models.test"
		}
		if answer, body := w.get(w.server.URL()+"/generic/main/x", hosted); answer.StatusCode != http.StatusNotFound || !strings.Contains(body, "There is nothing") {
			t.Errorf("%s by host: %d %s", name, answer.StatusCode, body)
		}
		if answer, body := w.get(strings.Replace(endpoint, "/main/", "/none/", 1), set); answer.StatusCode != http.StatusNotFound || !strings.Contains(body, "Repository not found") {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
	}
}

// TestTokenIsForItsDomain refuses a token at another domain.
func TestTokenIsForItsDomain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("one", "main")
	w.domain("two", "main")
	token := w.token(w.Client, "one", nil)
	answer, _ := w.get(w.endpoint("two", "main", "generic"), func(r *http.Request) { r.SetBasicAuth("aws", token) })
	if answer.StatusCode != http.StatusUnauthorized {
		t.Error(answer.Status)
	}
}

// TestTokenLife ends a token when it says, and takes 0 for as long as the session.
func TestTokenLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	for _, seconds := range []int64{-1, 1, 899, 43201} {
		_, err := w.GetAuthorizationToken(t.Context(), &sdk.GetAuthorizationTokenInput{Domain: new("models"), DurationSeconds: &seconds})
		w.wantCode(err, "ValidationException")
	}
	endpoint := w.endpoint("models", "main", "generic")
	status := func(token string) int {
		answer, _ := w.get(endpoint+"x", func(r *http.Request) { r.SetBasicAuth("aws", token) })
		return answer.StatusCode
	}
	id, secret := w.userKey("ci", allow("*", "codeartifact:*", "sts:*"))
	session := w.session(id, secret, 900)
	short, long, bound := w.token(session, "models", new(int64(900))), w.token(session, "models", new(int64(3600))), w.token(session, "models", new(int64(0)))
	for name, token := range map[string]string{"short": short, "long": long, "bound": bound} {
		if got := status(token); got != http.StatusNotFound {
			t.Errorf("%s: %d", name, got)
		}
	}
	w.advance(901 * time.Second)
	// The session has ended, and with it what was bound to it; a life of its own goes on.
	for name, want := range map[string]int{short: 401, long: 404, bound: 401} {
		if got := status(name); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	w.advance(3600 * time.Second)
	if got := status(long); got != http.StatusUnauthorized {
		t.Error(got)
	}
}

// TestTokenIsRevokedWithItsKey ends tokens of a key that is deleted, and those of one that is
// inactive for as long as it is.
func TestTokenIsRevokedWithItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	id, secret := w.userKey("ci", allow("*", "codeartifact:*", "sts:GetServiceBearerToken"))
	token := w.token(sdk.NewFromConfig(w.server.As(id, secret, "")), "models", nil)
	endpoint := w.endpoint("models", "main", "generic")
	ask := func() int {
		answer, _ := w.get(endpoint+"x", func(r *http.Request) { r.SetBasicAuth("aws", token) })
		return answer.StatusCode
	}
	if got := ask(); got != http.StatusNotFound {
		t.Error(got)
	}
	keys := iam.NewFromConfig(w.server.AWS())
	for _, c := range []struct {
		to   types.StatusType
		want int
	}{{types.StatusTypeInactive, http.StatusUnauthorized}, {types.StatusTypeActive, http.StatusNotFound}} {
		_, err := keys.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: new("ci"), AccessKeyId: &id, Status: c.to})
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(); got != c.want {
			t.Errorf("of a key that is %s: %d, want %d", c.to, got, c.want)
		}
	}
	_, err := keys.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: new("ci"), AccessKeyId: &id})
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != http.StatusUnauthorized {
		t.Error(got)
	}
}

// TestTokenNeedsBothPermissions asks for codeartifact:GetAuthorizationToken and for
// sts:GetServiceBearerToken.
func TestTokenNeedsBothPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models")
	for policy, code := range map[string]string{
		allow("*", "codeartifact:GetAuthorizationToken"):                                                                                      "AccessDeniedException",
		allow("*", "sts:GetServiceBearerToken"):                                                                                               "AccessDeniedException",
		allow("*", "sts:GetServiceBearerToken", "codeartifact:GetAuthorizationToken"):                                                         "",
		allow("*", "sts:GetServiceBearerToken", "codeartifact:GetRepositoryEndpoint"):                                                         "AccessDeniedException",
		allow("arn:aws:codeartifact:us-east-1:000000000000:domain/models", "codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken"): "AccessDeniedException",
	} {
		c := w.user(strings.ToLower(t.Name())+string(rune('a'+len(policy)%26))+code, policy)
		_, err := c.GetAuthorizationToken(t.Context(), &sdk.GetAuthorizationTokenInput{Domain: new("models")})
		w.wantCode(err, code)
	}
}

// TestReadingNeedsReadFromRepository asks policy for the repository's ARN.
func TestReadingNeedsReadFromRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main", "secret")
	c := w.user("reader", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["codeartifact:GetAuthorizationToken","sts:GetServiceBearerToken"],"Resource":"*"},
		{"Effect":"Allow","Action":"codeartifact:ReadFromRepository","Resource":"arn:aws:codeartifact:us-east-1:000000000000:repository/models/main"}]}`)
	token := w.token(c, "models", nil)
	for repository, want := range map[string]int{"main": http.StatusNotFound, "secret": http.StatusForbidden, "none": http.StatusForbidden} {
		url := strings.Replace(w.endpoint("models", "main", "generic"), "/main/", "/"+repository+"/x", 1)
		answer, _ := w.get(url, func(r *http.Request) { r.SetBasicAuth("aws", token) })
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", repository, answer.StatusCode, want)
		}
	}
}
