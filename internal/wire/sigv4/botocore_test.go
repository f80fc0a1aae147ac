package sigv4_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// TestVerifyWhatBotocoreSigns verifies requests that botocore 1.43 signed, which
// brings paths, queries and headers into form in ways of its own.
func TestVerifyWhatBotocoreSigns(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Service, Method, URL, Body string
		Header                           map[string]string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, tc := range cases {
		t.Run(tc.Name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), tc.Method, tc.URL, strings.NewReader(tc.Body))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range tc.Header {
				r.Header.Set(k, strings.TrimSpace(v))
			}
			r = received(r)
			// On the wire the path is what the client wrote, dots and all.
			_, rest, _ := strings.Cut(tc.URL, "://")
			r.RequestURI = rest[strings.Index(rest, "/"):]
			if r.URL.Port() == "80" {
				r.Host = r.URL.Hostname() // as botocore sends it
			}
			v, want := verifier(now), sigv4.Expect{Service: tc.Service, Region: region}
			if _, err := v.Verify(r, []byte(tc.Body), want); err != nil {
				t.Fatal(err, errors.Unwrap(err))
			}
			if _, err := v.Verify(r, []byte(tc.Body), sigv4.Expect{Service: "other"}); !errors.Is(err, sigv4.WrongScope) {
				t.Fatal(err)
			}
			r.RequestURI += "x"
			if _, err := v.Verify(r, []byte(tc.Body), want); err == nil {
				t.Fatal("accepted another path or query")
			}
		})
	}
}
