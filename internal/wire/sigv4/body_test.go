package sigv4_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// chunked is a request of S3's documentation of chunked uploads: 65 KiB of 'a' in
// chunks of 64 KiB.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
type chunked struct {
	form, signed, seed string
	header             [][2]string
	chunks             [3]string // signatures; "" if unsigned
	trailer            string
}

var plainChunks = chunked{
	form:   "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
	signed: "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
	seed:   "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
	header: [][2]string{{"Content-Length", "66824"}},
	chunks: [3]string{
		"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
		"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
		"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
	},
	trailer: "\r\n",
}

var trailedChunks = chunked{
	form:   "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
	signed: "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
	seed:   "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
	header: [][2]string{{"X-Amz-Trailer", "x-amz-checksum-crc32c"}},
	chunks: [3]string{
		"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
		"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
		"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
	},
	trailer: "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
}

func (c chunked) body() string {
	var b strings.Builder
	for i, size := range []int{65536, 1024, 0} {
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s", size, c.chunks[i], strings.Repeat("a", size))
		if size > 0 {
			b.WriteString("\r\n")
		}
	}
	return b.String() + c.trailer
}

func (c chunked) read(tb testing.TB, body string, wrap func(io.Reader) io.Reader) (string, http.Header, error) {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), "PUT", "/examplebucket/chunkObject.txt", wrap(strings.NewReader(body)))
	r.Host = "s3.amazonaws.com"
	for _, h := range append(c.header, [][2]string{
		{"X-Amz-Date", "20130524T000000Z"}, {"X-Amz-Storage-Class", "REDUCED_REDUNDANCY"}, {"Content-Encoding", "aws-chunked"},
		{"X-Amz-Decoded-Content-Length", "66560"}, {"X-Amz-Content-Sha256", c.form},
		{"Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" + c.signed + ",Signature=" + c.seed},
	}...) {
		r.Header.Set(h[0], h[1])
	}
	v := &sigv4.Verifier[int]{
		Now: func() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) },
		Lookup: func(context.Context, string, string) (int, string, error) {
			return 0, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", nil
		},
	}
	_, stream, err := v.VerifyStream(r, sigv4.Expect{Service: "s3"})
	if err != nil {
		tb.Fatal(err, errors.Unwrap(err))
	}
	got, err := io.ReadAll(stream)
	return string(got), stream.Trailer(), err
}

func plain(r io.Reader) io.Reader { return r }

func TestChunkedBody(t *testing.T) {
	t.Parallel()
	for _, c := range []chunked{plainChunks, trailedChunks} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{"whole": plain, "halves": iotest.HalfReader, "data with EOF": iotest.DataErrReader} {
			got, trailer, err := c.read(t, c.body(), wrap)
			if err != nil || got != strings.Repeat("a", 66560) {
				t.Fatal(c.form, name, len(got), err, errors.Unwrap(err))
			}
			if c.form == trailedChunks.form && trailer.Get("X-Amz-Checksum-Crc32c") != "sOO8/Q==" {
				t.Fatal(trailer)
			}
		}
	}
}

func TestChunkedBodyRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []chunked{plainChunks, trailedChunks} {
		body := c.body()
		at := func(s string) int { return strings.Index(body, s) }
		for name, changed := range map[string]string{
			"data":               body[:at("aaaa")] + "b" + body[at("aaaa")+1:],
			"chunk signature":    strings.Replace(body, c.chunks[1], c.chunks[0], 1),
			"no signature":       strings.Replace(body, ";chunk-signature="+c.chunks[1], "", 1),
			"last chunk missing": body[:at("\r\n0;")+2],
			"cut":                body[:1000],
			"cut in a header":    body[:10],
			"empty":              "",
			"size":               strings.Replace(body, "400;", "401;", 1),
			"huge size":          strings.Replace(body, "400;", "7fffffffffffffff;", 1),
			"negative size":      strings.Replace(body, "400;", "-400;", 1),
			"long line":          strings.Repeat("0", 10000),
			"more":               body + "x",
			"order":              body[at("\r\n400;")+2:],
		} {
			if got, _, err := c.read(t, changed, plain); !errors.Is(err, sigv4.PayloadMismatch) && !errors.Is(err, sigv4.SignatureMismatch) {
				t.Errorf("%s, %s: %d bytes, %v", c.form, name, len(got), err)
			}
		}
	}
	trailed := trailedChunks.body()
	for name, changed := range map[string]string{
		"trailer":              strings.Replace(trailed, "sOO8", "sOO9", 1),
		"trailer's name":       strings.Replace(trailed, "crc32c:", "crc32:", 1),
		"trailer's signature":  strings.Replace(trailed, "signature:d8", "signature:d9", 1),
		"trailer unsigned":     trailed[:strings.Index(trailed, "x-amz-trailer-signature")] + "\r\n",
		"trailer after":        strings.TrimSuffix(trailed, "\r\n") + "x-amz-checksum-crc32:AAAA\r\n\r\n",
		"many trailers":        strings.Replace(trailed, "x-amz-checksum-crc32c", strings.Repeat("a:b\r\n", 100)+"x-amz-checksum-crc32c", 1),
		"trailer without name": strings.Replace(trailed, "x-amz-checksum-crc32c", "", 1),
	} {
		if _, _, err := trailedChunks.read(t, changed, plain); !errors.Is(err, sigv4.PayloadMismatch) && !errors.Is(err, sigv4.SignatureMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func unsignedChunks(tb testing.TB, body string, length string) (string, http.Header, error) {
	tb.Helper()
	const form = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	r := request(tb, "PUT", "https://h/b/k", body, "X-Amz-Content-Sha256", form, "X-Amz-Decoded-Content-Length", length, "X-Amz-Trailer", "x-amz-checksum-crc32")
	oracle(tb, r, form, "s3", now)
	_, stream, err := verifier(now).VerifyStream(received(r), sigv4.Expect{Service: "s3"})
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(stream)
	return string(b), stream.Trailer(), err
}

func TestUnsignedChunks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body, length, want string
		fails                    bool
	}{
		{"two", "5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", "6", "hello!", false},
		{"empty", "0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", "0", "", false},
		{"no last line", "0\r\nx-amz-checksum-crc32:AAAA\r\n", "0", "", false},
		{"short", "5\r\nhello\r\n0\r\n\r\n", "6", "hello", true},
		{"long", "5\r\nhello\r\n0\r\n\r\n", "4", "", true},
		{"cut", "5\r\nhel", "5", "hel", true},
		{"no end", "5\r\nhello", "5", "hello", true},
		{"size", "z\r\nhello\r\n0\r\n\r\n", "5", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, trailer, err := unsignedChunks(t, tc.body, tc.length)
			if got != tc.want || (err != nil) != tc.fails || !tc.fails && trailer.Get("X-Amz-Checksum-Crc32") != "AAAA" {
				t.Fatal(got, trailer, err)
			}
			if err != nil && !errors.Is(err, sigv4.PayloadMismatch) {
				t.Fatal(err)
			}
		})
	}
}

// FuzzChunks feeds bodies: none may panic or return more than it declares.
func FuzzChunks(f *testing.F) {
	f.Add("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n")
	f.Add("5;a=b\r\nhello\r\n0\r\n\r\n")
	f.Add("0\r\n:\r\n\r\n")
	f.Add("ffffffffffffffff\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		got, _, err := unsignedChunks(t, body, "5")
		if len(got) > 5 || err == nil && len(got) != 5 {
			t.Fatal(len(got), err)
		}
	})
}
