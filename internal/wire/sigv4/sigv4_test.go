package sigv4_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// What the tests sign with: the credentials and the clock of AWS's published
// signature test suite.
const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	region = "us-east-1"
)

var now = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func verifier(at time.Time) *sigv4.Verifier[string] {
	return &sigv4.Verifier[string]{
		Now: func() time.Time { return at },
		Lookup: func(_ context.Context, id, token string) (string, string, error) {
			switch {
			case id == keyID && token == "":
				return "alice", secret, nil
			case id == "ASIDEXAMPLE" && token == "session token/+=":
				return "session", secret, nil
			case id == "ASIDEXAMPLE" && token == "old":
				return "", "", sigv4.ExpiredToken
			case id == "ASIDEXAMPLE":
				return "", "", sigv4.InvalidToken
			case id == "BROKEN":
				return "", "", errBroken
			}
			return "", "", fmt.Errorf("looking up %s: %w", id, sigv4.UnknownKey)
		},
	}
}

var errBroken = errors.New("the store is gone")

func hash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// oracle signs with the SDK's signer.
func oracle(tb testing.TB, r *http.Request, payload, service string, at time.Time) {
	tb.Helper()
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	err := v4.NewSigner().SignHTTP(tb.Context(), creds, r, payload, service, region, at, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = service == "s3"
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// received is r as a server sees it after it went over the wire.
func received(r *http.Request) *http.Request {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.Header.Del("Host")
	return in
}

func request(tb testing.TB, method, target, body string, header ...string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// TestPublishedVectors checks signatures that AWS publishes in its test suite.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, method, target, headers, signed, signature string }{
		{"get-vanilla", "GET", "/", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"post-vanilla", "POST", "/", "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-relative", "GET", "/example/..", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-slashes", "GET", "//example//", "", "host;x-amz-date", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(tc.method, "http://example.amazonaws.com/", nil)
			r.RequestURI = tc.target
			r.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+tc.signed+", Signature="+tc.signature)
			if _, err := verifier(now).Verify(r, nil, sigv4.Expect{Service: "service", Region: region}); err != nil {
				t.Fatal(err, errors.Unwrap(err))
			}
		})
	}
}

// shapes are requests that a signer may get wrong.
var shapes = []struct {
	name, method, target, body string
	header                     []string
}{
	{name: "json", method: "POST", target: "/", body: `{"TableName":"t"}`, header: []string{"X-Amz-Target", "DynamoDB_20120810.GetItem", "Content-Type", "application/x-amz-json-1.0"}},
	{name: "query sorting", method: "GET", target: "/?b=2&a=3&a=1&aa=&a-b=x&A=1&a1=0"},
	{name: "query without value", method: "GET", target: "/?acl&x=&y"},
	{name: "query encoding", method: "GET", target: "/?q=a%20b%2Fc%2B%3D%26~%2a&%C3%BC=%e2%82%ac"},
	{name: "unicode path", method: "GET", target: "/d%C3%BC/%E2%82%AC%20x/y%2Fz"},
	{name: "reserved path", method: "GET", target: "/a:b@c$d&e=f+g,h;i!j*k'(l)"},
	{name: "lower-case escapes", method: "GET", target: "/a%2fb%3a"},
	{name: "dots and slashes", method: "GET", target: "/a/./b//c/../d/"},
	{name: "repeated headers", method: "PUT", target: "/x", body: "y", header: []string{"X-Amz-Meta-A", "1", "X-Amz-Meta-A", "  2   3 ", "My-Header", "a    b   c"}},
	{name: "long header", method: "GET", target: "/", header: []string{"X-Amz-Meta-" + strings.Repeat("Long-", 20), "v"}},
	{name: "empty header", method: "GET", target: "/", header: []string{"X-Amz-Meta-Empty", ""}},
	{name: "port", method: "GET", target: "http://localhost:4780/x"},
	{name: "content length", method: "POST", target: "/", body: strings.Repeat("a", 5000)},
	{name: "large", method: "POST", target: "/" + strings.Repeat("%20a", 900) + "?" + strings.Repeat("k=v&", 300) + "z", body: strings.Repeat("b", 100000)},
}

func absolute(target string) string {
	if strings.HasPrefix(target, "/") {
		return "http://dynamodb.us-east-1.amazonaws.com" + target
	}
	return target
}

func TestVerifyWhatTheSDKSigns(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"dynamodb", "s3"} {
		for _, tc := range shapes {
			t.Run(service+"/"+tc.name, func(t *testing.T) {
				t.Parallel()
				r := request(t, tc.method, absolute(tc.target), tc.body, tc.header...)
				payload := hash(tc.body)
				if service == "s3" {
					r.Header.Set("X-Amz-Content-Sha256", payload)
				}
				oracle(t, r, payload, service, now)
				v := verifier(now.Add(5 * time.Minute))
				for range 2 { // the second time with a cached key
					sig, err := v.Verify(received(r), []byte(tc.body), sigv4.Expect{Service: service, Region: region})
					if err != nil {
						t.Fatal(err, errors.Unwrap(err))
					}
					if sig.Owner != "alice" || sig.AccessKeyID != keyID || sig.Region != region || sig.Service != service || sig.Date != "20150830" || !sig.Time.Equal(now) || sig.Presigned {
						t.Fatalf("%+v", sig)
					}
				}
				if s, ok := sigv4.ScopeOf(r); !ok || s != (sigv4.Scope{AccessKeyID: keyID, Date: "20150830", Region: region, Service: service}) {
					t.Fatal(s, ok)
				}
			})
		}
	}
}

// TestDateHeader verifies a request that has a Date, and no X-Amz-Date.
func TestDateHeader(t *testing.T) {
	t.Parallel()
	date := now.Format(http.TimeFormat)
	key := []byte("AWS4" + secret)
	for _, part := range []string{
		"20150830", region, "sts", "aws4_request",
		"AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/sts/aws4_request\n" +
			hash("GET\n/a\nb=\ndate:"+date+"\nhost:h\n\ndate;host\n"+hash("")),
	} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	// In the process, without the request line that a server reads.
	r := request(t, "GET", "http://h/a?b", "", "Date", date,
		"Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request,SignedHeaders=date;host,Signature=%x", key))
	if _, err := verifier(now).Verify(r, nil, sigv4.Expect{}); err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
}

func presign(tb testing.TB, r *http.Request, creds aws.Credentials, payload, service string, expires string) *http.Request {
	tb.Helper()
	if expires != "" {
		q := r.URL.Query()
		q.Set("X-Amz-Expires", expires)
		r.URL.RawQuery = q.Encode()
	}
	signed, _, err := v4.NewSigner().PresignHTTP(tb.Context(), creds, r, payload, service, region, now, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = service == "s3"
	})
	if err != nil {
		tb.Fatal(err)
	}
	u, err := url.Parse(signed)
	if err != nil {
		tb.Fatal(err)
	}
	out := r.Clone(r.Context())
	out.URL = u
	return received(out)
}

func TestPresigned(t *testing.T) {
	t.Parallel()
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	for _, tc := range []struct {
		name, service, expires string
		creds                  aws.Credentials
		after                  time.Duration
		err                    error
		message                string
	}{
		{name: "sts", service: "sts", expires: "60", creds: creds, after: time.Minute},
		{name: "a week", service: "s3", expires: "604800", creds: creds, after: 7 * 24 * time.Hour},
		{name: "session", service: "s3", expires: "60", creds: aws.Credentials{AccessKeyID: "ASIDEXAMPLE", SecretAccessKey: secret, SessionToken: "session token/+="}},
		{name: "no expiry", service: "sts", creds: creds, after: 15 * time.Minute},
		{name: "no expiry, late", service: "sts", creds: creds, after: 15*time.Minute + time.Second, err: sigv4.Expired},
		{name: "late", service: "s3", expires: "90", creds: creds, after: 91 * time.Second, err: sigv4.Expired,
			message: "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123731Z - 90 sec.)"},
		{name: "early", service: "s3", expires: "90", creds: creds, after: -16 * time.Minute, err: sigv4.NotYetCurrent},
		{name: "too long", service: "s3", expires: "604801", creds: creds, err: sigv4.Incomplete},
		{name: "zero", service: "s3", expires: "0", creds: creds, err: sigv4.Incomplete},
		{name: "not a number", service: "s3", expires: "1m", creds: creds, err: sigv4.Incomplete, message: "X-Amz-Expires should be a number"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			payload := hash("")
			if tc.service == "s3" {
				payload = "UNSIGNED-PAYLOAD"
			}
			r := presign(t, request(t, "GET", "http://h/a%20b/c?x=1&Action=GetCallerIdentity", ""), tc.creds, payload, tc.service, tc.expires)
			sig, err := verifier(now.Add(tc.after)).Verify(r, nil, sigv4.Expect{Service: tc.service, Region: region})
			if !errors.Is(err, tc.err) || tc.message != "" && err.Error() != tc.message {
				t.Fatal(err)
			}
			if err == nil && (!sig.Presigned || sig.Expires.IsZero() || sig.SessionToken != tc.creds.SessionToken) {
				t.Fatalf("%+v", sig)
			}
			if s, ok := sigv4.ScopeOf(r); !ok || s.Service != tc.service || s.AccessKeyID != tc.creds.AccessKeyID {
				t.Fatal(s, ok)
			}
		})
	}
}

func TestLookupErrors(t *testing.T) {
	t.Parallel()
	r := request(t, "GET", "http://h/", "")
	oracle(t, r, hash(""), "sts", now)
	r = received(r)
	auth("AKIDEXAMPLE", "BROKEN")(r)
	if _, err := verifier(now).Verify(r, nil, sigv4.Expect{}); err != errBroken {
		t.Fatal(err)
	}
}

func TestSecretRedactedAndRotated(t *testing.T) {
	t.Parallel()
	r := request(t, "GET", "http://h/", "")
	creds := aws.Credentials{AccessKeyID: "ASIDEXAMPLE", SecretAccessKey: "wrong", SessionToken: "session token/+="}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, hash(""), "sts", region, now); err != nil {
		t.Fatal(err)
	}
	_, err := verifier(now).Verify(received(r), nil, sigv4.Expect{})
	if !errors.Is(err, sigv4.SignatureMismatch) {
		t.Fatal(err)
	}
	if cause := errors.Unwrap(err).Error(); strings.Contains(cause, creds.SessionToken) || !strings.Contains(cause, "x-amz-security-token:…") {
		t.Fatal(cause)
	}

	// A key id that gets another secret must not be verified with the old one.
	current := "one"
	v := &sigv4.Verifier[int]{Now: func() time.Time { return now }, Lookup: func(context.Context, string, string) (int, string, error) { return 0, current, nil }}
	for _, tc := range []struct {
		stored, signed string
		err            error
	}{{"one", "one", nil}, {"two", "one", sigv4.SignatureMismatch}, {"two", "two", nil}, {"two", "one", sigv4.SignatureMismatch}} {
		current = tc.stored
		r := request(t, "GET", "http://h/", "")
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "A", SecretAccessKey: tc.signed}, r, hash(""), "sts", region, now); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(received(r), nil, sigv4.Expect{}); !errors.Is(err, tc.err) {
			t.Fatal(tc, err)
		}
	}
}

func TestPayloadForms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, service, declared, body string
		want                          sigv4.Expect
		payload                       sigv4.Payload
		err                           error
	}{
		{name: "hash", service: "s3", declared: hash("x"), body: "x"},
		{name: "wrong hash", service: "s3", declared: hash("x"), body: "y", err: sigv4.PayloadMismatch},
		{name: "unsigned", service: "s3", declared: "UNSIGNED-PAYLOAD", body: "y", payload: sigv4.Unsigned},
		{name: "unsigned where it must not be", service: "dynamodb", declared: "UNSIGNED-PAYLOAD", body: "y", err: sigv4.SignatureMismatch},
		{name: "unsigned where it may", service: "lex", declared: "UNSIGNED-PAYLOAD", body: "y", want: sigv4.Expect{UnsignedPayload: true}, payload: sigv4.Unsigned},
		{name: "neither", service: "s3", declared: "XXX", err: sigv4.Unsupported},
		{name: "4a chunks", service: "s3", declared: "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", err: sigv4.Unsupported},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, stream := range []bool{false, true} {
				r := request(t, "PUT", "http://h/", tc.body, "X-Amz-Content-Sha256", tc.declared)
				oracle(t, r, tc.declared, tc.service, now)
				r = received(r)
				var sig sigv4.Signature[string]
				var err error
				if stream {
					var body *sigv4.Body
					if sig, body, err = verifier(now).VerifyStream(r, tc.want); err == nil {
						var b []byte
						if b, err = io.ReadAll(body); err == nil && string(b) != tc.body {
							t.Fatal(string(b))
						}
					}
				} else {
					sig, err = verifier(now).Verify(r, []byte(tc.body), tc.want)
				}
				if !errors.Is(err, tc.err) || err == nil && sig.Payload != tc.payload {
					t.Fatal(stream, err, sig.Payload)
				}
			}
		})
	}
}
