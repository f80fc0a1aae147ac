package sigv4_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// TestTokenOfAQueryIsRedacted looks at what the log learns of a presigned request,
// whose session token is encoded.
func TestTokenOfAQueryIsRedacted(t *testing.T) {
	t.Parallel()
	creds := aws.Credentials{AccessKeyID: "ASIDEXAMPLE", SecretAccessKey: "wrong", SessionToken: "session token/+="}
	r := presign(t, request(t, "GET", "http://h/", ""), creds, hash(""), "sts", "60")
	_, err := verifier(now).Verify(r, nil, sigv4.Expect{})
	if !errors.Is(err, sigv4.SignatureMismatch) {
		t.Fatal(err)
	}
	if cause := errors.Unwrap(err).Error(); strings.Contains(cause, "%2F%2B") || !strings.Contains(cause, "X-Amz-Security-Token=…") {
		t.Fatal(cause)
	}
}
