package sagemaker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	runtimeapi "github.com/modelwharf/modelwharf/internal/api/sagemakerruntime"
	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/sagemaker/transport"
)

// Times of a call, as containers may count on them. See "How Containers Serve Requests" in
// SageMaker's developer guide.
const (
	connectTime = 250 * time.Millisecond
	answerTime  = 60 * time.Second
	// readyTime is how long a prediction waits for a container while none answers.
	readyTime = 10 * time.Second
)

// newTransport returns what asks a container: nothing else is between.
func newTransport(c runtime.Container) *transport.Transport {
	return transport.New(func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, connectTime)
		defer cancel()
		conn, err := c.Dial(ctx)
		if err != nil {
			return nil, &unconnected{err}
		}
		return conn, nil
	})
}

// unconnected says that a container was not reached, so nothing was asked of it.
type unconnected struct{ error }

func (u *unconnected) Unwrap() error { return u.error }

// answer is what a container answered.
type answer struct {
	status                    int
	contentType, attributes   string
	newSession, closedSession string
	body                      []byte
}

// lease is an instance that is being asked something.
type lease struct {
	i          *instance
	containers []*transport.Transport
}

func (l *lease) release() {
	g := l.i.group
	d := g.d
	d.mu.Lock()
	defer d.mu.Unlock()
	l.i.asked--
	g.asked--
	d.asked--
	if l.i.asked == 0 { // which is what is waited for
		d.notify()
	}
}

// take takes an instance of a variant that answers: the one that has the question's session, or
// of all the one that is asked least. The errors are errGone, ThrottlingException, ModelNotReadyException and that of ctx.
func (s *Service) take(ctx context.Context, q *invocation, r *route, v *variant) (*lease, error) {
	var l *lease
	var refused error
	waiting, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	d, err := s.deployment(waiting, r)
	if err != nil {
		return nil, err
	}
	ok := d.wait(waiting, func() bool {
		g := d.groups[v.Name]
		switch {
		case d.retired:
			refused = errGone
			return true
		case g.variant.Serverless != nil && int64(g.asked) >= g.variant.Serverless.Concurrency:
			refused = api.Errorf("ThrottlingException", http.StatusTooManyRequests, "Rate exceeded: the variant %s answers %d requests at once.", v.Name, g.variant.Serverless.Concurrency)
			return true
		}
		i := d.host(q.session, s.now())
		if i == nil || i.group != g {
			i = g.least()
		}
		if i == nil {
			return false
		}
		l = i.take()
		return true
	})
	switch {
	case ctx.Err() != nil && !ok:
		return nil, ctx.Err()
	case !ok:
		return nil, notReady(r.endpoint.Name)
	}
	return l, refused
}

// deployment is the one that a route names. Just after a start of the server it may not be
// there yet.
func (s *Service) deployment(ctx context.Context, r *route) (*deployment, error) {
	if s.runtime == nil {
		return nil, notReady(r.endpoint.Name)
	}
	for {
		if d := s.fleet.get(r.endpoint.Serving.ID); d != nil {
			return d, nil
		}
		now, err := s.route(ctx, r.endpoint.at())
		if err != nil {
			return nil, err
		}
		if now == nil || now.endpoint.Serving == nil || now.endpoint.Serving.ID != r.endpoint.Serving.ID {
			return nil, errGone
		}
		if !sleep(ctx, 10*time.Millisecond) {
			return nil, notReady(r.endpoint.Name)
		}
	}
}

// least is the instance that is asked least, nil if none answers. The lock is held.
func (g *group) least() *instance {
	var best *instance
	for k := range g.instances {
		i := g.instances[(g.next+k)%len(g.instances)]
		if i.ready && (best == nil || i.asked < best.asked) {
			best = i
		}
	}
	g.next++
	return best
}

// take takes an instance that answers. The lock is held.
func (i *instance) take() *lease {
	i.asked++
	i.group.asked++
	i.group.d.asked++
	return &lease{i, i.containers}
}

// answer asks a variant. Containers in a row are asked one after the other, each what the one
// before it answered.
func (s *Service) answer(ctx context.Context, q *invocation, r *route, v *variant) (*answer, error) {
	began := time.Now()
	a, err := s.askInstance(ctx, q, r, v)
	s.metrics.invoked(v, r, began, err)
	return a, err
}

func (s *Service) askInstance(ctx context.Context, q *invocation, r *route, v *variant) (*answer, error) {
	for range attempts {
		l, err := s.take(ctx, q, r, v)
		if err != nil {
			return nil, err
		}
		a, err := s.askContainers(ctx, q, v, l)
		if q.session != "" && err == nil {
			s.noteSession(q, a, l.i)
		}
		l.release()
		if !unasked(err) {
			return a, s.told(ctx, q, v, err)
		}
		// It has ended in this moment, and nothing was asked of it: another one is.
		if !sleep(ctx, 5*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
	return nil, notReady(q.name)
}

func (s *Service) askContainers(ctx context.Context, q *invocation, v *variant, l *lease) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if v.Direct {
		n := v.container(q.targetContainer)
		return s.askContainer(ctx, q, q.body, q.contentType, l.containers[n])
	}
	var a *answer
	body, contentType := q.body, q.contentType
	for _, container := range l.containers {
		var err error
		if a, err = s.askContainer(ctx, q, body, contentType, container); err != nil {
			return nil, err
		}
		body, contentType = a.body, a.contentType
	}
	return a, nil
}

// refusal is an answer of a container that is none.
type refusal struct {
	status int
	body   []byte
}

func (r *refusal) Error() string { return http.StatusText(r.status) }

// errTooLong says that an answer has more than MaxBody bytes.
var errTooLong = errors.New("the answer is longer than 6291456 bytes")

// askContainer asks one container. The error is a refusal, errTooLong or that of the
// connection.
func (s *Service) askContainer(ctx context.Context, q *invocation, body []byte, contentType string, container *transport.Transport) (*answer, error) {
	response, err := s.post(ctx, q, body, contentType, container)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var b bytes.Buffer
	if n := response.ContentLength; n > 0 && n <= MaxBody {
		b.Grow(int(n) + bytes.MinRead) // ReadFrom wants room to see the end
	}
	n, err := b.ReadFrom(io.LimitReader(response.Body, MaxBody+1))
	switch {
	case err != nil:
		return nil, err
	case n > MaxBody:
		return nil, errTooLong
	case response.StatusCode < 200 || response.StatusCode > 299:
		return nil, &refusal{response.StatusCode, b.Bytes()}
	}
	h := response.Header
	return &answer{
		status: response.StatusCode, contentType: h.Get("Content-Type"), attributes: h.Get(attributesHeader),
		newSession: h.Get(newSessionHeader), closedSession: h.Get(closedSessionHeader), body: b.Bytes(),
	}, nil
}

const attributesHeader = "X-Amzn-Sagemaker-Custom-Attributes"

const (
	sessionHeader       = "X-Amzn-Sagemaker-Session-Id"
	newSessionHeader    = "X-Amzn-Sagemaker-New-Session-Id"
	closedSessionHeader = "X-Amzn-Sagemaker-Closed-Session-Id"
)

// invocationsURL is where a container is asked.
var invocationsURL = &url.URL{Scheme: "http", Host: "model", Path: "/invocations"}

// post sends a question to a container.
func (s *Service) post(ctx context.Context, q *invocation, body []byte, contentType string, container *transport.Transport) (*http.Response, error) {
	h := make(http.Header, 4)
	set := func(name, value string) {
		if value != "" {
			h[name] = []string{value}
		}
	}
	set("Content-Type", contentType)
	set("Accept", q.accept)
	set(attributesHeader, q.attributes)
	set("X-Amzn-Sagemaker-Inference-Id", q.inferenceID)
	set(sessionHeader, q.session)
	set("X-Amzn-Sagemaker-Enable-Explanations", q.explanations)
	set("X-Amzn-Sagemaker-Target-Model", q.targetModel)
	r := &http.Request{
		Method: http.MethodPost, URL: invocationsURL, Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	if len(body) == 0 {
		r.Body = http.NoBody
	}
	return container.RoundTrip(r.WithContext(ctx))
}

// unasked tells whether a container was asked nothing, since nobody listened, or no longer.
func unasked(err error) bool {
	_, ok := errors.AsType[*unconnected](err)
	return ok || errors.Is(err, transport.ErrUnsent)
}

// told is what a client is told of what a container answered instead of a prediction.
func (s *Service) told(ctx context.Context, q *invocation, v *variant, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if _, ok := errors.AsType[*api.Error](err); ok {
		return err
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		said := strings.ToValidUTF8(string(r.body[:min(len(r.body), maxReason)]), "�")
		kind := "server"
		if r.status < 500 {
			kind = "client"
		}
		e := runtimeapi.ModelError(`Received %s error (%d) from %s with message "%s".`, kind, r.status, v.asked(q), said)
		return withDetail(e, r.status, said)
	}
	message := "the model ended before it had answered"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		message = "the model did not answer within " + answerTime.String()
	case errors.Is(err, errTooLong):
		message = errTooLong.Error()
	}
	e := runtimeapi.ModelError(`Received server error (0) from %s with message "%s".`, v.asked(q), message)
	return withDetail(e.Because(err), 0, message)
}

// asked is what the container is called that was asked.
func (v *variant) asked(q *invocation) string {
	if q.targetContainer != "" {
		return q.targetContainer
	}
	return "primary"
}

func withDetail(e *api.Error, status int, said string) error {
	e.Detail = &runtimeapi.ModelErrorDetail{OriginalStatusCode: new(int64(status)), OriginalMessage: new(said)}
	return e
}
