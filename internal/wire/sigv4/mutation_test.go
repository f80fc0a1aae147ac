package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// TestMutations signs random requests with the SDK, checks that they verify, and
// that no change of one byte in what is signed does.
func TestMutations(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"a", "Z", "0", "%20", "%2F", "/", "-", ".", "~", "%C3%BC", "%25", ":", ",", "*", "%00", "+"}
	pick := func(n int) string {
		var b strings.Builder
		for range rng.IntN(n) {
			b.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		return b.String()
	}
	for range 300 {
		service := []string{"dynamodb", "s3"}[rng.IntN(2)]
		query := url.Values{}
		for range rng.IntN(4) {
			name, _ := url.PathUnescape(pick(4))
			value, _ := url.PathUnescape(pick(6))
			query.Add(name, value)
		}
		target := "http://h:80" + strings.ReplaceAll("/"+pick(8), "//", "/") + "?" + query.Encode()
		body := pick(20)
		r, err := http.NewRequestWithContext(t.Context(), "POST", target, strings.NewReader(body))
		if err != nil {
			continue
		}
		r.Header.Set("X-Amz-Meta-A", strings.TrimSpace(pick(5)))
		r.Header.Set("Content-Type", "text/plain")
		if service == "s3" {
			r.Header.Set("X-Amz-Content-Sha256", hash(body))
		}
		oracle(t, r, hash(body), service, now)
		v, want := verifier(now), sigv4.Expect{Service: service, Region: region}
		in := received(r)
		if _, err := v.Verify(in, []byte(body), want); err != nil {
			t.Fatalf("%s %s: %v: %+v", service, target, err, err)
		}

		refused := func(what string, r *http.Request, body string) {
			t.Helper()
			if _, err := v.Verify(r, []byte(body), want); err == nil {
				t.Fatalf("accepted a changed %s: %s %s", what, target, r.RequestURI)
			}
		}
		refused("body", in, body+"x")
		a := in.Header.Get("Authorization")
		for i := range len(a) {
			m := in.Clone(t.Context())
			// Spaces and commas may be many; all else counts.
			if a[i] == ' ' || a[i] == ',' {
				continue
			}
			m.Header.Set("Authorization", a[:i]+string(rune('!'+(a[i]-'!'+1)%90))+a[i+1:])
			refused("authorization", m, body)
		}
		m := in.Clone(t.Context())
		m.Header.Add("X-Amz-Meta-A", "2")
		refused("header", m, body)
		m = in.Clone(t.Context())
		m.Header.Set("Content-Type", "text/html")
		refused("header", m, body)
		m = in.Clone(t.Context())
		m.Header.Set("X-Amz-Meta-B", "")
		refused("set of headers", m, body)
		m = in.Clone(t.Context())
		m.RequestURI = strings.Replace(m.RequestURI, "?", "x?", 1)
		if strings.Contains(m.RequestURI, "x?") {
			refused("path", m, body)
		}
		m = in.Clone(t.Context())
		m.Host = "h:81"
		refused("host", m, body)
	}
}

// FuzzVerify feeds raw requests: none may panic, and none may verify, since no
// input can hold a good signature under a secret that is made for the run.
func FuzzVerify(f *testing.F) {
	const date = "X-Amz-Date: 20150830T123600Z\r\n"
	const scope = "AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request"
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n" + date + "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host;x-amz-date, Signature=00\r\n\r\n",
		"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(scope) + "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00 HTTP/1.1\r\nHost: h\r\n\r\n",
		"PUT /a/../b//%zz?%=%&+ HTTP/1.1\r\nHost: h\r\n" + date + "X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + scope + ",SignedHeaders=host;x-amz-date;x-amz-content-sha256;;content-length,Signature=00\r\nContent-Length: 3\r\n\r\n0\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: AWS4-HMAC-SHA256 ,,=,Credential=////,SignedHeaders=;,Signature=\r\nDate: Sun, 30 Aug 2015 12:36:00 GMT\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: AWS4-\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	v := verifier(now)
	v.Lookup = func(context.Context, string, string) (string, string, error) {
		return "", "a secret that no input knows", nil
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		sigv4.ScopeOf(r)
		for _, want := range []sigv4.Expect{{}, {Service: "dynamodb", Region: region}} {
			if _, err := v.Verify(r, raw, want); err == nil {
				t.Fatal("verified")
			}
			if _, _, err := v.VerifyStream(r, want); err == nil {
				t.Fatal("verified")
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := strings.Repeat("x", 1024)
	sign := func(service string, header ...string) *http.Request {
		r := httptest.NewRequestWithContext(b.Context(), "POST", "http://127.0.0.1:4780/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
		r.Header.Set("Amz-Sdk-Invocation-Id", "a5a0d0a0-0000-4000-8000-000000000000")
		r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
		r.Header.Set("User-Agent", "aws-sdk-go-v2/1.41.0 ua/2.1 os/linux lang/go#1.26")
		r.RequestURI = ""
		oracle(b, r, hash(body), service, now)
		r.RequestURI = "/"
		return r
	}
	r, bytes, want := sign("dynamodb"), []byte(body), sigv4.Expect{Service: "dynamodb"}
	b.Run("cached", func(b *testing.B) {
		v := verifier(now)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(r, bytes, want); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := verifier(now).Verify(r, bytes, want); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scope", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := sigv4.ScopeOf(r); !ok {
				b.Fatal()
			}
		}
	})
}
