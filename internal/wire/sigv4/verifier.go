// Package sigv4 verifies AWS Signature Version 4 on HTTP requests: in the
// Authorization header or in the query (presigned), over whole bodies and over
// bodies that are signed chunk by chunk.
//
// It knows no storage: whoever keeps access keys hands it a Lookup. Each way in
// which a signature can be wrong is a Kind, which Error.For turns into the code,
// status and message that AWS gives in a protocol.
package sigv4

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Verifier verifies signatures. Lookup must be set before its first use; a
// Verifier must not be copied after it. It is safe for concurrent use.
//
// I is what Lookup knows of the owner of an access key; a pointer is best.
type Verifier[I any] struct {
	// Lookup returns the owner and the secret of an access key. sessionToken is
	// X-Amz-Security-Token, or "" if the request has none; Lookup decides
	// whether the key needs one and whether this is it. An error that is a
	// Kind (UnknownKey, InvalidToken, ExpiredToken) is told to the client in
	// AWS's words; any other is returned as it is.
	Lookup func(ctx context.Context, accessKeyID, sessionToken string) (owner I, secret string, err error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Expect says what a request must be signed for.
type Expect struct {
	Service string // signing name, "dynamodb"; "" accepts any
	Region  string // "" accepts any
	// UnsignedPayload accepts UNSIGNED-PAYLOAD and the streaming forms for a
	// service other than s3, which always accepts them.
	UnsignedPayload bool
}

// Signature is what a verified signature says. It holds parts of the request's
// own strings.
type Signature[I any] struct {
	Scope
	Owner         I
	SessionToken  string
	Time          time.Time // when it was signed
	SignedHeaders string    // lower-case names in order, joined by ';'
	Payload       Payload
	Presigned     bool
	Expires       time.Time // of a presigned request; otherwise zero
}

// Verify verifies the signature of a request whose body has been read. Errors
// are *Error, or what Lookup returned.
func (v *Verifier[I]) Verify(r *http.Request, body []byte, want Expect) (Signature[I], error) {
	return Signature[I]{}, errors.ErrUnsupported
}

// VerifyStream verifies the signature of a request whose body has not been read
// and returns the body, unframed. What the body's hash or chunk signatures fail
// to confirm is reported by the reader as an *Error, at the latest instead of
// io.EOF; until then what was read is not to be trusted.
func (v *Verifier[I]) VerifyStream(r *http.Request, want Expect) (Signature[I], io.Reader, error) {
	return Signature[I]{}, nil, errors.ErrUnsupported
}
