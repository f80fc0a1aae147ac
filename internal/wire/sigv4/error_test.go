package sigv4_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// edit changes a signed JSON request in one way.
type edit func(r *http.Request)

func auth(old, new string) edit {
	return func(r *http.Request) {
		a := r.Header.Get("Authorization")
		if !strings.Contains(a, old) {
			panic(old + " is not in " + a)
		}
		r.Header.Set("Authorization", strings.Replace(a, old, new, 1))
	}
}

func set(name, value string) edit { return func(r *http.Request) { r.Header.Set(name, value) } }
func del(name string) edit        { return func(r *http.Request) { r.Header.Del(name) } }

// TestErrors holds AWS's answer to each way in which a signature can be wrong.
func TestErrors(t *testing.T) {
	t.Parallel()
	const incomplete, invalid = "IncompleteSignatureException", "InvalidSignatureException"
	const doesNotMatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	for _, tc := range []struct {
		name          string
		edit          edit
		after         time.Duration
		kind          sigv4.Kind
		code, message string // message is a prefix if it ends in …
	}{
		{"no signature", del("Authorization"), 0, sigv4.MissingSignature, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
		{"basic", set("Authorization", "Basic Zm9v"), 0, sigv4.MissingSignature, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
		{"4a", auth("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), 0, sigv4.Unsupported, incomplete, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'…"},
		{"no parameters", set("Authorization", "AWS4-HMAC-SHA256 "), 0, sigv4.Incomplete, incomplete, "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization=…"},
		{"no equal sign", set("Authorization", "AWS4-HMAC-SHA256 Credential"), 0, sigv4.Incomplete, incomplete, "Invalid key=value pair (missing equal-sign) in Authorization header (hashed…"},
		{"no date", del("X-Amz-Date"), 0, sigv4.Incomplete, incomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed…"},
		{"bad date", set("X-Amz-Date", "2015-08-30"), 0, sigv4.Incomplete, incomplete, "Date must be in ISO-8601 'basic format'. Got '2015-08-30'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"short scope", auth("/us-east-1/", "/"), 0, sigv4.Incomplete, incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20150830/dynamodb/aws4_request'"},
		{"long scope", auth("/us-east-1/", "/us/east/"), 0, sigv4.Incomplete, incomplete, "Credential must have exactly 5 slash-delimited elements…"},
		{"service", auth("/dynamodb/", "/sts/"), 0, sigv4.WrongScope, invalid, "Credential should be scoped to correct service: 'dynamodb'. "},
		{"region and date", auth("20150830/us-east-1", "20150831/eu-west-1"), 0, sigv4.WrongScope, invalid, "Credential should be scoped to a valid region, not 'eu-west-1'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'."},
		{"terminator", auth("aws4_request", "aws5_request"), 0, sigv4.WrongScope, invalid, "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. "},
		{"expired", func(*http.Request) {}, 15*time.Minute + time.Second, sigv4.Expired, invalid, "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
		{"future", func(*http.Request) {}, -15*time.Minute - time.Second, sigv4.NotYetCurrent, invalid, "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"},
		{"host unsigned", auth("host;", ""), 0, sigv4.UnsignedHeaders, invalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"header unsigned", set("X-Amz-New", "1"), 0, sigv4.UnsignedHeaders, invalid, "'X-Amz-New' must be a 'SignedHeader' in the AWS Authorization."},
		{"key", auth("AKIDEXAMPLE", "AKIDNOBODY"), 0, sigv4.UnknownKey, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"token", auth("AKIDEXAMPLE", "ASIDEXAMPLE"), 0, sigv4.InvalidToken, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"signature", auth("Signature=", "Signature=0"), 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"method", func(r *http.Request) { r.Method = "PUT" }, 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"target", set("X-Amz-Target", "DynamoDB_20120810.DeleteTable"), 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"host", func(r *http.Request) { r.Host = "elsewhere" }, 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"path", func(r *http.Request) { r.RequestURI = "/x" }, 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"query", func(r *http.Request) { r.RequestURI = "/?x" }, 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"both", func(r *http.Request) { r.RequestURI = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256" }, 0, sigv4.SignatureMismatch, invalid, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
		{"half presigned", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.RequestURI = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20150830T123600Z"
		}, 0, sigv4.Incomplete, incomplete, "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters."},
		{"order of headers", auth("host;x-amz-date", "x-amz-date;host"), 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"a header twice", auth("host;", "host;host;"), 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"empty header", auth("host;", "host;;"), 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"upper case", auth("host;", "Host;"), 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
		{"many headers", auth("host;", "host;"+strings.Repeat("i", 8192)+";"), 0, sigv4.Incomplete, incomplete, "SignedHeaders must not be longer than 8192 bytes."},
		{"long credential", auth("/us-east-1/", "/"+strings.Repeat("x/", 1000)), 0, sigv4.Incomplete, incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + ("AKIDEXAMPLE/20150830/" + strings.Repeat("x/", 1000))[:256] + "…'"},
		{"repeated header", func(r *http.Request) { r.Header.Add("X-Amz-Target", "x") }, 0, sigv4.SignatureMismatch, invalid, doesNotMatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, "POST", "http://h/", "{}", "X-Amz-Target", "DynamoDB_20120810.ListTables")
			oracle(t, r, hash("{}"), "dynamodb", now)
			r = received(r)
			tc.edit(r)
			_, err := verifier(now.Add(tc.after)).Verify(r, []byte("{}"), sigv4.Expect{Service: "dynamodb", Region: region})
			if !errors.Is(err, tc.kind) {
				t.Fatalf("%v (%[1]T)", err)
			}
			e, _ := errors.AsType[*sigv4.Error](err)
			got := e.For(api.JSON10)
			prefix, open := strings.CutSuffix(tc.message, "…")
			if got.Code != tc.code || got.HTTPStatus() != 400 || got.Message != tc.message && !(open && strings.HasPrefix(got.Message, prefix)) {
				t.Fatalf("%s %d %q", got.Code, got.HTTPStatus(), got.Message)
			}
		})
	}
}

func TestErrorForProtocol(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind     sigv4.Kind
		protocol api.Protocol
		want     string
	}{
		{sigv4.MissingSignature, api.Query, "403 MissingAuthenticationToken"},
		{sigv4.Incomplete, api.Query, "400 IncompleteSignature"},
		{sigv4.UnknownKey, api.Query, "403 InvalidClientTokenId"},
		{sigv4.SignatureMismatch, api.Query, "403 SignatureDoesNotMatch"},
		{sigv4.Expired, api.Query, "403 SignatureDoesNotMatch"},
		{sigv4.ExpiredToken, api.Query, "403 ExpiredToken"},
		{sigv4.UnknownKey, api.RESTJSON, "403 UnrecognizedClientException"},
		{sigv4.ExpiredToken, api.JSON11, "400 ExpiredTokenException"},
		{sigv4.UnknownKey, "rest-xml", "403 InvalidAccessKeyId"},
		{sigv4.PayloadMismatch, "rest-xml", "400 XAmzContentSHA256Mismatch"},
	} {
		e := (&sigv4.Error{Kind: tc.kind}).For(tc.protocol)
		if got := fmt.Sprint(e.HTTPStatus(), " ", e.Code); got != tc.want {
			t.Errorf("%v for %s: %s, want %s", tc.kind, tc.protocol, got, tc.want)
		}
	}
}

// TestRegions signs for regions where any is welcome: what is no name must not get
// into the ARNs that policies are matched against.
func TestRegions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		region string
		kind   sigv4.Kind
	}{
		"another":   {"eu-west-1", sigv4.SignatureMismatch}, // since it was signed for us-east-1
		"local":     {"local", sigv4.SignatureMismatch},
		"empty":     {"", sigv4.WrongScope},
		"wildcard":  {"*", sigv4.WrongScope},
		"ARN":       {"x:000000000000:table", sigv4.WrongScope},
		"case":      {"US-EAST-1", sigv4.WrongScope},
		"foreign":   {"é", sigv4.WrongScope},
		"zero byte": {"us\x00east", sigv4.WrongScope},
		"long":      {strings.Repeat("a", 33), sigv4.WrongScope},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(t, "POST", "http://h/", "{}", "X-Amz-Target", "DynamoDB_20120810.ListTables")
			oracle(t, r, hash("{}"), "dynamodb", now)
			r = received(r)
			auth("/us-east-1/", "/"+tc.region+"/")(r)
			if _, err := verifier(now).Verify(r, []byte("{}"), sigv4.Expect{Service: "dynamodb"}); !errors.Is(err, tc.kind) {
				t.Errorf("%v, want %v", err, tc.kind)
			}
		})
	}
}
