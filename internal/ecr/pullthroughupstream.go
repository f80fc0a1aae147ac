package ecr

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/egress"
)

// upstream is another registry, asked in the registry protocol.
type upstream struct {
	s      *Service
	base   *url.URL
	secret *Secret // nil to ask as nobody
}

// upstreamOf returns the upstream of a rule.
func (s *Service) upstreamOf(r *cacheRule) (*upstream, error) {
	u, err := parseUpstream(r.URL)
	if err != nil {
		return nil, err
	}
	if s.pulls.egress == nil {
		return nil, unsupportedUpstream()
	}
	secret, err := s.secretOf(r, u.Host)
	if err != nil {
		return nil, err
	}
	return &upstream{s, u, secret}, nil
}

// Bounds of what an upstream may answer.
const (
	maxTokenAnswer = 1 << 20
	maxLayer       = 52_000 << 20 // bytes: ECR's own bound
	upstreamTime   = 30 * time.Second
)

// errUpstreamMissing says that the upstream does not have what it was asked for.
var errUpstreamMissing = errors.New("ecr: the upstream registry does not have it")

// upstreamRefused is the answer of an upstream that lets us not in.
func upstreamRefused(status int) error {
	return api.Errorf("UnableToGetUpstreamImageException", http.StatusForbidden,
		"The authentication to the upstream registry failed. Verify that the credentials of the pull through cache rule are valid and try again.").
		Because(fmt.Errorf("the upstream registry answered %d", status))
}

// upstreamFailed is any other failure of an upstream. What exactly failed is for the log,
// but for addresses that may not be reached, which the operator can allow.
func upstreamFailed(cause error) error {
	if e, ok := errors.AsType[*api.Error](cause); ok {
		return e
	}
	message := "The upstream registry could not be asked, or gave an answer that is not valid. Try again later."
	switch {
	case errors.Is(cause, egress.ErrRefused):
		message = "The upstream registry is at an address that this server may not reach; its operator can allow that: modelwharf serve --allow-egress"
	case errors.Is(cause, errUpstreamMissing):
		return api.Errorf("ImageNotFoundException", http.StatusNotFound, "The image does not exist in the upstream registry")
	}
	return api.Errorf("UnableToGetUpstreamImageException", http.StatusBadGateway, "%s", message).Because(cause)
}

// told is what a client is told of a failure.
func told(err error) string {
	if e, ok := errors.AsType[*api.Error](upstreamFailed(err)); ok {
		return e.Message
	}
	return "The upstream registry could not be asked."
}

// url is where something of a repository is, or the registry's own place.
func (u *upstream) url(name, of string) string {
	v := *u.base
	path := "/v2/"
	if name != "" {
		if v.Path != "" {
			name = v.Path + "/" + name
		}
		path += name + of
	}
	v.Path = path
	return v.String()
}

// scope is what a token is asked for.
func (u *upstream) scope(name string) string {
	if u.base.Path != "" {
		name = u.base.Path + "/" + name
	}
	return "repository:" + name + ":pull"
}

// send asks, with a token if the upstream wants one. The caller closes the body.
func (u *upstream) send(ctx context.Context, method, name, of string, header map[string]string) (*http.Response, error) {
	scope := ""
	if name != "" {
		scope = u.scope(name)
	}
	for try := 0; ; try++ {
		r, err := http.NewRequestWithContext(ctx, method, u.url(name, of), nil)
		if err != nil {
			return nil, err
		}
		for k, v := range header {
			r.Header.Set(k, v)
		}
		if a := u.s.pulls.tokens.get(u.key(scope), u.s.now()); a != "" {
			r.Header.Set("Authorization", a)
		}
		answer, err := u.s.pulls.egress.Open(r)
		if err != nil {
			return nil, err
		}
		if answer.StatusCode != http.StatusUnauthorized {
			return answer, nil
		}
		challenges := answer.Header.Values("WWW-Authenticate")
		answer.Body.Close()
		if try > 0 {
			return nil, upstreamRefused(answer.StatusCode)
		}
		if err := u.authenticate(ctx, challenges, scope); err != nil {
			return nil, err
		}
	}
}

// key names what was authenticated for what.
func (u *upstream) key(scope string) string {
	who := ""
	if u.secret != nil {
		who = u.secret.Username + "\x00" + u.secret.AccessToken
	}
	return digest.FromString(u.base.String() + "\x00" + who + "\x00" + scope).String()
}

// authenticate does what a challenge asks for, and keeps the Authorization that comes of
// it for a while.
func (u *upstream) authenticate(ctx context.Context, challenges []string, scope string) error {
	for _, c := range challenges {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(c), " ")
		switch {
		case strings.EqualFold(scheme, "Bearer"):
			return u.bearer(ctx, challengeParameters(rest), scope)
		case strings.EqualFold(scheme, "Basic") && u.secret != nil:
			u.s.pulls.tokens.set(u.key(scope), u.basic(), u.s.now().Add(time.Hour))
			return nil
		}
	}
	return upstreamRefused(http.StatusUnauthorized)
}

func (u *upstream) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.secret.Username+":"+u.secret.AccessToken))
}

// bearer fetches a token from the realm of a challenge.
// https://distribution.github.io/distribution/spec/auth/token/
func (u *upstream) bearer(ctx context.Context, parameters map[string]string, scope string) error {
	realm, err := url.Parse(parameters["realm"])
	if err != nil || egress.CheckURL(realm) != nil || u.base.Scheme == "https" && realm.Scheme != "https" {
		return upstreamRefused(http.StatusUnauthorized)
	}
	q := realm.Query()
	if service := parameters["service"]; service != "" {
		q.Set("service", service)
	}
	if scope != "" {
		q.Set("scope", scope)
	}
	realm.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, upstreamTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, realm.String(), nil)
	if err != nil {
		return err
	}
	if u.secret != nil {
		r.Header.Set("Authorization", u.basic())
	}
	answer, err := u.s.pulls.egress.Do(r, maxTokenAnswer)
	if err != nil {
		return err
	}
	switch {
	case answer.Status == http.StatusUnauthorized, answer.Status == http.StatusForbidden:
		return upstreamRefused(answer.Status)
	case answer.Status != http.StatusOK:
		return fmt.Errorf("ecr: the token service of the upstream registry answered %d", answer.Status)
	}
	var t struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(answer.Body, &t); err != nil {
		return fmt.Errorf("ecr: the token service of the upstream registry: %w", err)
	}
	token := t.Token
	if token == "" {
		token = t.AccessToken
	}
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return errors.New("ecr: the token service of the upstream registry gave no token")
	}
	// A minute is what a token lives that does not say. It is renewed a little early.
	life := time.Duration(min(max(t.ExpiresIn, 60), 24*3600)) * time.Second
	u.s.pulls.tokens.set(u.key(scope), "Bearer "+token, u.s.now().Add(life-life/10))
	return nil
}

// challengeParameters reads the parameters of a challenge: names with quoted values.
func challengeParameters(text string) map[string]string {
	out := map[string]string{}
	for text != "" {
		name, rest, ok := strings.Cut(strings.TrimLeft(text, ", \t"), "=")
		if !ok {
			break
		}
		var value string
		rest = strings.TrimLeft(rest, " \t")
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			var b strings.Builder
			i := 0
			for ; i < len(quoted) && quoted[i] != '"'; i++ {
				if quoted[i] == '\\' && i+1 < len(quoted) {
					i++
				}
				b.WriteByte(quoted[i])
			}
			value, text = b.String(), quoted[min(i+1, len(quoted)):]
		} else {
			value, text, _ = strings.Cut(rest, ",")
		}
		out[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return out
}

// ping asks whether the upstream is a registry that lets us in.
func (u *upstream) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upstreamTime)
	defer cancel()
	answer, err := u.send(ctx, http.MethodGet, "", "", nil)
	if err != nil {
		return err
	}
	answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusForbidden:
		return upstreamRefused(answer.StatusCode)
	}
	return fmt.Errorf("ecr: the upstream registry answered %d", answer.StatusCode)
}

// status puts an answer other than want into an error.
func (u *upstream) status(answer *http.Response, want int) error {
	switch answer.StatusCode {
	case want:
		return nil
	case http.StatusNotFound:
		return errUpstreamMissing
	case http.StatusForbidden:
		return upstreamRefused(answer.StatusCode)
	}
	return fmt.Errorf("ecr: the upstream registry answered %d", answer.StatusCode)
}

var acceptManifests = strings.Join([]string{OCIManifest, OCIIndex, DockerManifest, DockerList}, ", ")

// digest returns the digest that the upstream gives a tag, "" if it does not say.
func (u *upstream) digest(ctx context.Context, name, tag string) (blob.Digest, error) {
	ctx, cancel := context.WithTimeout(ctx, upstreamTime)
	defer cancel()
	answer, err := u.send(ctx, http.MethodHead, name, "/manifests/"+tag, map[string]string{"Accept": acceptManifests})
	if err != nil {
		return "", err
	}
	answer.Body.Close()
	if err := u.status(answer, http.StatusOK); err != nil {
		return "", err
	}
	d := blob.Digest(answer.Header.Get("Docker-Content-Digest"))
	if blob.Check(d) != nil {
		return "", nil
	}
	return d, nil
}

// manifest fetches a manifest, whose bytes are those of its digest.
func (u *upstream) manifest(ctx context.Context, name, reference string) (Manifest, error) {
	ctx, cancel := context.WithTimeout(ctx, upstreamTime)
	defer cancel()
	answer, err := u.send(ctx, http.MethodGet, name, "/manifests/"+reference, map[string]string{"Accept": acceptManifests})
	if err != nil {
		return Manifest{}, err
	}
	defer answer.Body.Close()
	if err := u.status(answer, http.StatusOK); err != nil {
		return Manifest{}, err
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, MaxManifest+1))
	if err != nil {
		return Manifest{}, err
	}
	if len(b) > MaxManifest {
		return Manifest{}, egress.ErrTooLarge
	}
	want := blob.Digest(reference)
	if blob.Check(want) != nil {
		if want = blob.Digest(answer.Header.Get("Docker-Content-Digest")); blob.Check(want) != nil {
			want = digest.SHA256.FromBytes(b)
		}
	}
	if want.Algorithm().FromBytes(b) != want {
		return Manifest{}, fmt.Errorf("%w: the manifest %s of the upstream registry", blob.ErrDigest, want)
	}
	m := Manifest{Digest: want, Bytes: b}
	if mediaType, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil && (strings.Contains(mediaType, "manifest") || strings.Contains(mediaType, "index")) {
		m.MediaType = mediaType
	}
	return m, nil
}

// layer reads a blob from offset on. The reader fails if the upstream sends nothing for
// a while; it may have more, or fewer, bytes than the blob.
func (u *upstream) layer(ctx context.Context, name string, d blob.Digest, offset, size int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watched{cancel: cancel, patience: u.s.pulls.patience}
	w.timer = time.AfterFunc(w.patience, func() { cancel(errStalled) })
	header := map[string]string{}
	want := http.StatusOK
	if offset > 0 {
		header["Range"] = "bytes=" + strconv.FormatInt(offset, 10) + "-"
		want = http.StatusPartialContent
	}
	answer, err := u.send(ctx, http.MethodGet, name, "/blobs/"+string(d), header)
	if err != nil {
		w.stop()
		return nil, errors.Join(err, context.Cause(ctx))
	}
	w.body = answer.Body
	from := offset
	switch {
	case answer.StatusCode == http.StatusOK && offset > 0:
		// It knows no ranges: what is there already is read once more.
		if _, err := io.CopyN(io.Discard, w, offset); err != nil {
			return nil, errors.Join(err, w.Close())
		}
		from = 0
	case answer.StatusCode == http.StatusPartialContent && !strings.HasPrefix(answer.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(offset, 10)+"-"):
		return nil, errors.Join(errors.New("ecr: the upstream registry sent another range"), w.Close())
	default:
		if err := u.status(answer, want); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if answer.ContentLength >= 0 && answer.ContentLength != size-from {
		return nil, errors.Join(fmt.Errorf("%w: the upstream registry sends %d bytes of a blob of %d", blob.ErrDigest, answer.ContentLength+from, size), w.Close())
	}
	return w, nil
}

var errStalled = errors.New("ecr: the upstream registry sends nothing")

// watched is a body that must go on.
type watched struct {
	body     io.ReadCloser
	timer    *time.Timer
	cancel   context.CancelCauseFunc
	patience time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(w.patience)
	return w.body.Read(p)
}

func (w *watched) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// Close ends the request.
func (w *watched) Close() error {
	err := w.body.Close()
	w.stop()
	return err
}
