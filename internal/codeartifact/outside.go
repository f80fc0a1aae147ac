package codeartifact

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// How long an answer from outside is good for.
const (
	freshFor      = 30 * time.Minute
	freshForMaven = 3 * time.Hour
	missingFor    = 5 * time.Minute  // that there is no such package
	outageFor     = 30 * time.Second // that the other side did not answer
)

// indexTime is how long an index may take, stallTime how long an asset may pause.
const (
	indexTime = 45 * time.Second
	stallTime = 30 * time.Second
)

// ParseUpstreams reads the URLs of external connections: "public:pypi=https://…".
func ParseUpstreams(list ...string) (map[string]*url.URL, error) {
	urls := map[string]*url.URL{}
	for _, entry := range list {
		name, text, _ := strings.Cut(strings.TrimSpace(entry), "=")
		if ConnectionFormat(name) == "" {
			return nil, fmt.Errorf("%q is not the name of an external connection with its URL, such as public:pypi=URL", entry)
		}
		u, err := url.Parse(text)
		if err != nil || egress.CheckURL(u) != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("%s: the URL is http or https, without a user, a query or a fragment", name)
		}
		if urls[name] != nil {
			return nil, fmt.Errorf("%s has two URLs", name)
		}
		if !strings.HasSuffix(u.Path, "/") {
			u.Path += "/"
		}
		urls[name] = u
	}
	return urls, nil
}

// outside is the other end of the external connections.
type outside struct {
	s       *Service
	egress  *egress.Client
	urls    map[string]*url.URL
	flights singleflight.Group
	flows   flows
	recent  recentFailures
}

// served tells whether a connection can be served: whether its URL is configured and its
// format can be imported.
func (o *outside) served(connection string) bool {
	_, ok := o.s.formats[ConnectionFormat(connection)].(Importer)
	return ok && o.egress != nil && o.urls[connection] != nil
}

// freshness is what is known of when an index was read last.
type freshness struct {
	Connection string    `json:"connection"`
	URL        string    `json:"url"`
	Checked    time.Time `json:"checked"`
	ETag       string    `json:"etag,omitempty"`
	Modified   string    `json:"modified,omitempty"` // the header Last-Modified
}

func (f *freshness) fresh(now time.Time, format string) bool {
	period := freshFor
	if format == "maven" {
		period = freshForMaven
	}
	age := now.Sub(f.Checked)
	return age >= 0 && age < period
}

// errMissing says that the other side has not what it was asked for.
var errMissing = errors.New("codeartifact: the external repository does not have it")

// unavailable is the answer where nothing is known of what should come from outside, and it
// does not come. What exactly failed is for the log, but for addresses that may not be
// reached, which the operator can allow.
func unavailable(connection string, cause error) error {
	message := "The external connection '%s' could not be asked, or gave an answer that is not valid. Try again later."
	if errors.Is(cause, egress.ErrRefused) {
		message = "The external connection '%s' is at an address that this server may not reach; its operator can allow that: modelwharf serve --allow-egress"
	}
	return api.Errorf("ExternalConnectionUnavailable", http.StatusBadGateway, message, connection).Because(cause)
}

// asked is an external connection of a repository as it is asked for a package.
type asked struct {
	connection string
	base       *url.URL
	format     Importer
}

// connectionOf returns the connection by which packages of a format come to a repository. The
// error says what there is not.
func (o *outside) connectionOf(r *Repository, format string) (*asked, error) {
	for _, name := range r.Connections {
		if ConnectionFormat(name) != format {
			continue
		}
		f, ok := o.s.formats[format].(Importer)
		if !ok {
			return nil, Invalid("Packages of format '%s' cannot come through external connections.", format)
		}
		if o.egress == nil || o.urls[name] == nil {
			return nil, api.Errorf("ExternalConnectionUnavailable", http.StatusBadGateway, "%s", notConfigured(name))
		}
		return &asked{name, o.urls[name], f}, nil
	}
	return nil, errMissing
}

func notConfigured(connection string) string {
	return fmt.Sprintf("The URL of external connection '%s' is not configured on this server: modelwharf serve --upstream %s=URL", connection, connection)
}

// refresh sees to it that what a repository with an external connection knows of a package
// is fresh: its versions are there, with Remote set where their bytes are not. Of many who
// ask at once one goes for all, and goes on when its client leaves. The error is for those
// who know nothing of the package otherwise.
func (o *outside) refresh(ctx context.Context, r *Repository, n PackageName) error {
	c, err := o.connectionOf(r, n.Format)
	if err != nil {
		return err
	}
	k := string(packageKey(freshPrefix, r.ID, n))
	f, err := o.known(ctx, k)
	if err != nil {
		return err
	}
	looked := o.s.metrics.indexes.MustCurryWith(prometheus.Labels{"format": n.Format})
	if f != nil && f.Connection == c.connection && f.fresh(o.s.now(), n.Format) {
		looked.WithLabelValues("fresh").Inc()
		return nil
	}
	if err, ok := o.recent.get(k+c.connection, o.s.now()); ok {
		looked.WithLabelValues("remembered").Inc()
		return err
	}
	looked.WithLabelValues("asked").Inc()
	return o.once(ctx, "index"+k, func(ctx context.Context) error {
		if f, err = o.known(ctx, k); err != nil || f != nil && f.Connection == c.connection && f.fresh(o.s.now(), n.Format) {
			return err
		}
		unchanged, err := o.readIndex(ctx, c, r, n, f)
		if unchanged && err == nil {
			o.s.metrics.asked.WithLabelValues(n.Format, "index", "unchanged").Inc()
		} else {
			o.s.metrics.question(n.Format, "index", err)
		}
		switch {
		case errors.Is(err, errMissing):
			o.recent.put(k+c.connection, nil, o.s.now().Add(missingFor))
			return nil
		case err != nil:
			o.s.log.WarnContext(ctx, "an external connection failed", "connection", c.connection, "package", n.String(), "error", err)
			err = unavailable(c.connection, err)
			o.recent.put(k+c.connection, err, o.s.now().Add(outageFor))
		}
		return err
	})
}

func (o *outside) known(ctx context.Context, k string) (f *freshness, err error) {
	err = o.s.view(ctx, func(tx kv.Reader) error {
		b, err := tx.Get(ctx, []byte(k))
		if err == nil {
			f, err = decode[freshness](b)
		}
		return err
	})
	return f, err
}

// once runs fn for all who ask for the same at once. It goes on without its first client.
func (o *outside) once(ctx context.Context, what string, fn func(context.Context) error) error {
	done := o.flights.DoChan(what, func() (any, error) { return nil, fn(context.WithoutCancel(ctx)) })
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readIndex asks for the index of a package, and writes down what is new in it; unchanged
// says that the other side has answered that nothing is.
func (o *outside) readIndex(ctx context.Context, c *asked, r *Repository, n PackageName, f *freshness) (unchanged bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	path, accept := c.format.IndexPath(n)
	u := c.base.String() + path
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return false, err
	}
	q.Header.Set("Accept", accept)
	q.Header.Set("User-Agent", "modelwharf")
	if f != nil && f.URL == u && f.Connection == c.connection {
		setIf(q.Header, "If-None-Match", f.ETag)
		setIf(q.Header, "If-Modified-Since", f.Modified)
	}
	answer, err := o.egress.Open(q)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	next := &freshness{Connection: c.connection, URL: u, Checked: o.s.instant(), ETag: answer.Header.Get("Etag"), Modified: answer.Header.Get("Last-Modified")}
	switch answer.StatusCode {
	case http.StatusOK:
		if answer.ContentLength > MaxIndex {
			return false, egress.ErrTooLarge
		}
		body := &bounded{r: answer.Body, left: MaxIndex}
		imports, err := c.format.ReadIndex(n, &Index{URL: answer.Request.URL.String(), Header: answer.Header, Body: body})
		if err != nil {
			return false, errors.Join(err, body.err)
		}
		return false, o.note(ctx, c, r, n, imports, next)
	case http.StatusNotModified:
		if f == nil {
			return false, errors.New("codeartifact: 304 for an index that was never read")
		}
		next.ETag, next.Modified = f.ETag, f.Modified
		return true, o.s.update(ctx, func(tx kv.Txn) error {
			if _, err := r.still(ctx, tx); err != nil {
				return err
			}
			tx.Put(packageKey(freshPrefix, r.ID, n), encode(next))
			return nil
		})
	case http.StatusNotFound, http.StatusGone:
		// What came from there stays; what was only known is no longer there.
		if f == nil {
			return false, errMissing
		}
		next.ETag, next.Modified = "", ""
		return false, o.note(ctx, c, r, n, &Imports{}, next)
	}
	return false, fmt.Errorf("codeartifact: the external repository answered %d", answer.StatusCode)
}

func setIf(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// recentFailures keeps in memory what was not there, or could not be asked, a short time
// ago: nil for what was not there.
type recentFailures struct {
	mu    sync.Mutex
	until map[string]failure
}

type failure struct {
	err   error
	until time.Time
}

// maxFailures is how many are kept; with more all are forgotten.
const maxFailures = 10_000

func (r *recentFailures) get(k string, now time.Time) (error, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.until[k]
	return f.err, ok && now.Before(f.until)
}

func (r *recentFailures) put(k string, err error, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil || len(r.until) >= maxFailures {
		r.until = map[string]failure{}
	}
	r.until[k] = failure{err, until}
}
