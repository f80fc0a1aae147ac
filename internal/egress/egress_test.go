package egress_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/egress"
)

func client(t *testing.T, allow ...string) *egress.Client {
	t.Helper()
	a, err := egress.ParseAllow(allow...)
	if err != nil {
		t.Fatal(err)
	}
	c := egress.NewClient(a)
	t.Cleanup(c.Close)
	return c
}

func get(t *testing.T, c *egress.Client, url string, most int64) (*egress.Answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(r, most)
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// TestPublic tells the public internet from all else.
func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true, "2002:808:808::1": true,
		"127.0.0.1": false, "127.8.9.1": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false,
		"240.0.0.1": false, "192.0.0.8": false, "198.18.0.1": false, "203.0.113.9": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fd00:ec2::254": false, "ff02::1": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false,
		"64:ff9b:1::1": false, "2002:7f00:1::": false, "2002:a9fe:a9fe::1": false, "2001:0:1::1": false, "2001:db8::1": false,
	} {
		if got := egress.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %t", address, got)
		}
	}
	if egress.Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// TestAllow reaches what is beside the server only if that is allowed, by whatever name.
func TestAllow(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here") })
	port := s.URL[strings.LastIndex(s.URL, ":")+1:]
	for _, test := range []struct {
		host    string
		allow   []string
		reached bool
	}{
		{"127.0.0.1", nil, false},
		{"localhost", nil, false},
		{"127.1", nil, false},
		{"[::ffff:127.0.0.1]", nil, false},
		{"localhost", []string{"localhost"}, true},
		{"localhost", []string{"localhost:" + port}, true},
		{"localhost", []string{"localhost:1"}, false},
		{"localhost", []string{"example.com", "10.0.0.0/8"}, false},
		{"localhost", []string{"127.0.0.0/8"}, true}, // what the name resolves to
		{"127.0.0.1", []string{"localhost"}, false},
		{"127.0.0.1", []string{"127.0.0.1"}, true},
		{"127.0.0.1", []string{"127.0.0.1:" + port}, true},
		{"127.0.0.1", []string{"127.0.0.1:1"}, false},
		{"[::ffff:127.0.0.1]", []string{"127.0.0.1/32"}, true},
	} {
		a, err := get(t, client(t, test.allow...), "http://"+test.host+":"+port, 10)
		switch {
		case test.reached && (err != nil || string(a.Body) != "here" || a.Status != 200):
			t.Errorf("%s with %q: %v", test.host, test.allow, err)
		case !test.reached && err == nil:
			t.Errorf("%s with %q was reached", test.host, test.allow)
		case !test.reached && test.host != "127.1" && !errors.Is(err, egress.ErrRefused):
			t.Errorf("%s with %q: %v", test.host, test.allow, err)
		}
	}
}

// TestParseAllow refuses what is no host and no network.
func TestParseAllow(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", " example.com ", "example.com:443", "10.0.0.0/8", "fd00::/8", "::1", "[::1]", "[::1]:80", "10.1.2.3:80"} {
		if _, err := egress.ParseAllow(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"10.0.0.0/33", "http://example.com", "example.com:", "example.com:http", "example.com:0", "example.com:70000", "*.example.com", ":80", "a b"} {
		if _, err := egress.ParseAllow(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestRedirects follows few redirects, and none to where it may not go.
func TestRedirects(t *testing.T) {
	t.Parallel()
	inner := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") })
	outer := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var hops int
		fmt.Sscanf(r.URL.Path, "/%d", &hops)
		switch {
		case r.URL.Path == "/inner":
			http.Redirect(w, r, inner.URL, http.StatusTemporaryRedirect)
		case r.URL.Path == "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case r.URL.Path == "/user":
			w.Header().Set("Location", "http://user:password@"+r.Host+"/0")
			w.WriteHeader(http.StatusFound)
		case hops > 0:
			http.Redirect(w, r, fmt.Sprintf("/%d", hops-1), http.StatusFound)
		default:
			fmt.Fprint(w, "here")
		}
	})
	c := client(t, strings.TrimPrefix(outer.URL, "http://"))
	if a, err := get(t, c, outer.URL+"/3", 10); err != nil || string(a.Body) != "here" {
		t.Error(err)
	}
	for _, path := range []string{"/4", "/inner", "/file", "/user"} {
		if _, err := get(t, c, outer.URL+path, 10); err == nil {
			t.Errorf("%s was followed", path)
		} else if path == "/inner" && !errors.Is(err, egress.ErrRefused) {
			t.Error(err)
		}
	}
}

// TestHostile bounds what a server can make of an answer.
func TestHostile(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exact":
			fmt.Fprint(w, strings.Repeat("x", 10))
		case "/long":
			fmt.Fprint(w, strings.Repeat("x", 11))
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		case "/silent":
			<-r.Context().Done()
		}
	})
	c := client(t, "127.0.0.0/8")
	if a, err := get(t, c, s.URL+"/exact", 10); err != nil || len(a.Body) != 10 {
		t.Error(err)
	}
	for _, path := range []string{"/long", "/endless"} {
		if _, err := get(t, c, s.URL+path, 10); !errors.Is(err, egress.ErrTooLarge) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := get(t, c, s.URL+"/header", 10); err == nil {
		t.Error("a header of a megabyte was read")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/silent", nil)
	if _, err := c.Do(r, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	for _, bad := range []string{"ftp://example.com", "/relative", "http://user:password@example.com"} {
		r, _ := http.NewRequest(http.MethodGet, bad, nil)
		if _, err := c.Do(r, 10); err == nil {
			t.Errorf("%s was asked", bad)
		}
	}
}
