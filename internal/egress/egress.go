// Package egress is the one way out: what Modelwharf asks of other servers because a
// user says so goes through its Client. It reaches the public internet and what the
// operator has allowed, and nothing else: nobody can make the server ask what is beside
// it, such as a cloud's metadata service, for him.
//
// An address is checked when it is dialled, after its name was resolved, so a name that
// resolves to another address the second time helps nobody; so is that of each redirect.
// Proxies of the environment are not used, since behind one there is nothing to check.
package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Limits of what a Client does.
const (
	dialTimeout  = 10 * time.Second
	maxRedirects = 3
	maxHeader    = 64 << 10 // bytes
	idleTimeout  = 90 * time.Second
	idlePerHost  = 64
)

// ErrRefused says that an address may not be reached.
var ErrRefused = errors.New("egress: this address may not be reached from here")

// ErrTooLarge says that an answer is longer than was asked for.
var ErrTooLarge = errors.New("egress: the answer is too large")

// Client asks other servers. It is safe for concurrent use.
type Client struct {
	http  http.Client
	allow Allow
}

// NewClient returns a client that also reaches what is allowed.
func NewClient(allow Allow) *Client {
	c := &Client{allow: allow}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, ControlContext: c.control}
	c.http = http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return dialer.DialContext(context.WithValue(ctx, dialled{}, address), network, address)
			},
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    dialTimeout,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    idlePerHost,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true, // a short answer stays short
		},
		CheckRedirect: checkRedirect,
	}
	return c
}

// dialled is the key of the address that is dialled, as it was before its name was
// resolved.
type dialled struct{}

// control looks at each address before a connection to it begins.
func (c *Client) control(ctx context.Context, network, address string, _ syscall.RawConn) error {
	asked, _ := ctx.Value(dialled{}).(string)
	if host, port, err := net.SplitHostPort(asked); err == nil && c.allow.host(host, port) {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !c.allow.address(ap) {
		return fmt.Errorf("%w: %s", ErrRefused, address)
	}
	return nil
}

// checkRedirect bounds redirects. The address of each is checked when it is dialled.
func checkRedirect(r *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("egress: more than %d redirects", maxRedirects)
	case via[0].URL.Scheme == "https" && r.URL.Scheme != "https":
		return errors.New("egress: a redirect from https to http")
	}
	return CheckURL(r.URL)
}

// CheckURL reports what is wrong with a URL that is to be asked.
func CheckURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("egress: the scheme of a URL is http or https, not %q", u.Scheme)
	case u.Hostname() == "":
		return errors.New("egress: a URL needs a host")
	case u.User != nil:
		return errors.New("egress: a URL may not have a user or a password in it")
	}
	return nil
}

// Answer is what a server answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request and reads its answer, of most bytes at the most: the error is
// ErrTooLarge for a longer one, and ErrRefused for an address that may not be reached.
// How long it takes is bounded by the request's context, which must end.
func (c *Client) Do(r *http.Request, most int64) (*Answer, error) {
	if err := CheckURL(r.URL); err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.ContentLength > most {
		return nil, ErrTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, ErrTooLarge
	}
	return &Answer{answer.StatusCode, answer.Header, body}, nil
}

// Open sends a request and returns its answer, whose body is read, and closed, by the
// caller, who bounds it. The error is ErrRefused for an address that may not be reached.
func (c *Client) Open(r *http.Request) (*http.Response, error) {
	if err := CheckURL(r.URL); err != nil {
		return nil, err
	}
	return c.http.Do(r)
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }
