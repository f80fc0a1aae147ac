package oci

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr"
)

// authenticate finds out who asks. Who brings nothing is anonymous, and is challenged only
// when that does not do.
func (x *exchange) authenticate() (err error) {
	if token := x.r.URL.Query().Get(ecr.DownloadParameter); token != "" && x.kind == blobOf && x.pulls() {
		x.ctx, err = x.h.images.AdmitDownload(x.ctx, x.path, blob.Digest(x.ref), token)
		if errors.Is(err, ecr.ErrToken) {
			return errorf(http.StatusForbidden, "DENIED", "the URL is not valid or has expired")
		}
		return err
	}
	x.ctx, err = x.h.admit(x.ctx, x.r)
	return err
}

// admit reads the Authorization of a request: Bearer with a token of /token/, or Basic with
// the user AWS and a token of GetAuthorizationToken. Both are tokens of the same kind.
func (h *Handler) admit(ctx context.Context, r *http.Request) (context.Context, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return ecr.AdmitAnonymous(ctx), nil
	}
	var token string
	scheme, value, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		token = strings.TrimSpace(value)
	case strings.EqualFold(scheme, "Basic"):
		user, password, ok := r.BasicAuth()
		if !ok || user != "AWS" {
			return ctx, unauthorized("the user must be AWS, with a password of GetAuthorizationToken")
		}
		token = password
	default:
		return ctx, unauthorized("authentication required")
	}
	admitted, err := h.images.Admit(ctx, token)
	if errors.Is(err, ecr.ErrToken) {
		return ctx, unauthorized("the token is not valid or has expired: log in again")
	}
	return admitted, err
}

// open finds the repository and asks policy for what the request wants of it. Who is
// anonymous, and might get more with credentials, is asked for them.
func (x *exchange) open() error {
	path, ok := ecr.ParsePath(x.h.imagePath(x.r, x.path))
	if !ok {
		return nameInvalid(x.path)
	}
	name, err := x.h.images.Resolve(x.ctx, path)
	if path.Alias != "" {
		x.q.Service = "ecr-public"
	} else {
		x.q.Region = path.Region
	}
	if err == nil {
		x.name = name
		x.repository, err = x.h.images.Find(x.ctx, name)
	}
	missing := err
	if err != nil && !isCode(err, "RepositoryNotFoundException") {
		return err
	}
	pull := x.pulls()
	switch {
	case pull && path.Alias != "": // everyone may
	case ecr.Anonymous(x.ctx):
		return unauthorized("authentication required")
	case x.name.Account == "": // an alias that nobody has
	default:
		if err := x.h.images.Authorize(x.ctx, name, x.repository, x.q.Operation); err != nil {
			return err
		}
	}
	if missing != nil && path.Alias == "" && x.beginsPush() {
		x.repository, missing = x.h.images.CreateOnPush(x.ctx, name)
	}
	if path.Alias == "" && x.kind == manifestOf && pull {
		x.repository, x.pulled, missing = x.h.images.PullThrough(x.ctx, name, x.repository, x.ref)
	}
	if missing != nil && x.kind == referrersOf {
		return nil // see getReferrers
	}
	return missing
}

// pulls tells whether a request does no more than a pull does.
func (x *exchange) pulls() bool {
	reads := x.r.Method == http.MethodGet || x.r.Method == http.MethodHead
	switch x.kind {
	case blobOf, manifestOf, tagsOf, referrersOf:
		return reads
	}
	return false
}

// beginsPush tells whether a request is one of those that a push to a new repository
// begins with, for which a template may have the repository created.
func (x *exchange) beginsPush() bool {
	return x.kind == uploadsOf && x.r.Method == http.MethodPost || x.kind == manifestOf && x.r.Method == http.MethodPut
}

// challenge tells a client how to bring credentials. One challenge is for all: a client
// takes its credentials to the realm and gets a token, or without any one that is good for
// public images. ECR's own hosts ask for Basic, as on AWS.
func (x *exchange) challenge() string {
	if host, ok := virtualHost(x.r, x.h.domain); ok && privateHost.MatchString(host) {
		return `Basic realm="` + x.h.baseURL(x.r) + `/",service="ecr.amazonaws.com"`
	}
	c := `Bearer realm="` + x.h.baseURL(x.r) + `/token/",service="` + x.r.Host + `"`
	if x.path != "" {
		actions := "pull,push"
		switch {
		case x.r.Method == http.MethodDelete:
			actions = "delete"
		case x.pulls():
			actions = "pull"
		}
		c += `,scope="repository:` + x.path + `:` + actions + `"`
	}
	return c
}

// token answers /token/: who brings credentials gets a token that stands for them, who
// brings none one that is good for public images. What the scope asks for is not looked
// at: policy decides at each request. Docker's clients GET it, those of OAuth 2 POST it.
func (x *exchange) token() error {
	switch x.r.Method {
	case http.MethodGet:
	case http.MethodPost:
		if err := x.passwordGrant(); err != nil {
			return err
		}
	default:
		return unsupported(x.r.Method)
	}
	if err := x.authenticate(); err != nil {
		return err
	}
	text, expires, err := x.h.images.NewToken(x.ctx)
	if err != nil {
		return err
	}
	now := x.q.Time
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(x.w).Encode(map[string]any{
		"token": text, "access_token": text,
		"expires_in": int(expires.Sub(now) / time.Second), "issued_at": now.UTC().Format(time.RFC3339),
	})
}

// passwordGrant reads the user and password, or the refresh token, of a POST to /token/.
func (x *exchange) passwordGrant() error {
	x.r.Body = http.MaxBytesReader(x.w, x.r.Body, 64<<10)
	if err := x.r.ParseForm(); err != nil {
		return unauthorized("the form cannot be read")
	}
	form := x.r.PostForm
	switch form.Get("grant_type") {
	case "password":
		x.r.SetBasicAuth(form.Get("username"), form.Get("password"))
	case "refresh_token":
		x.r.Header.Set("Authorization", "Bearer "+form.Get("refresh_token"))
	}
	return nil
}

func isCode(err error, code string) bool { return errors.Is(err, &api.Error{Code: code}) }
