// Package sigv4 verifies AWS Signature Version 4 on HTTP requests: in the
// Authorization header or in the query (presigned), over whole bodies and over
// bodies that are signed chunk by chunk.
//
// It knows no storage: whoever keeps access keys hands it a Lookup. Each way in
// which a signature can be wrong is a Kind, which Error.For turns into the code,
// status and message that AWS gives in a protocol.
//
// Version 4a, which signs for several regions with elliptic curves, is refused:
// its signers are few, and none is bound to it.
package sigv4

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
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

	keys dayKeys
}

// Expect says what a request must be signed for.
type Expect struct {
	Service string // signing name, "dynamodb"; "" accepts any
	Region  string // "" accepts any name of up to 32 lower-case letters, digits and hyphens
	// UnsignedPayload accepts UNSIGNED-PAYLOAD and the unsigned streaming form
	// for a service other than s3, which always accepts them.
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
	var sig Signature[I]
	c, err := v.claim(r, want)
	if err != nil {
		return sig, err
	}
	var hashed [2 * sha256.Size]byte
	declared := headerOf(r.Header, "X-Amz-Content-Sha256")
	payload := Signed
	if declared != "" {
		if payload, err = payloadOf(declared); err != nil {
			return sig, err
		}
	} else if c.presigned && c.scope.Service == "s3" {
		declared, payload = unsignedPayload, Unsigned
	}
	if err := want.accept(payload, &c); err != nil {
		return sig, err
	}
	switch payload {
	case Signed:
		sum := sha256.Sum256(body)
		hexInto(hashed[:], sum[:])
		if declared == "" {
			declared = string(hashed[:])
		}
	case Unsigned:
	default:
		return sig, &Error{Kind: Unsupported, Message: "The payload form " + declared + " is not supported by this operation."}
	}
	if sig, _, err = v.verify(r, &c, declared, payload); err != nil {
		return sig, err
	}
	if payload == Signed && declared != string(hashed[:]) {
		return Signature[I]{}, contentMismatch()
	}
	return sig, nil
}

// VerifyStream verifies the signature of a request whose body has not been read
// and returns the body, unframed. What the body's hash or chunk signatures fail
// to confirm is reported by the reader as an *Error, at the latest instead of
// io.EOF; until then what was read is not to be trusted. Close of r.Body stays
// with the caller.
func (v *Verifier[I]) VerifyStream(r *http.Request, want Expect) (Signature[I], *Body, error) {
	var sig Signature[I]
	c, err := v.claim(r, want)
	if err != nil {
		return sig, nil, err
	}
	declared := headerOf(r.Header, "X-Amz-Content-Sha256")
	if declared == "" {
		switch {
		case c.presigned && c.scope.Service == "s3":
			declared = unsignedPayload
		case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
			declared = emptyHash
		default:
			return sig, nil, &Error{Kind: Unsupported, Message: "Missing required header for this request: x-amz-content-sha256"}
		}
	}
	payload, err := payloadOf(declared)
	if err == nil {
		err = want.accept(payload, &c)
	}
	if err != nil {
		return sig, nil, err
	}
	length, err := decodedLength(r, payload)
	if err != nil {
		return sig, nil, err
	}
	sig, key, err := v.verify(r, &c, declared, payload)
	if err != nil {
		return sig, nil, err
	}
	return sig, newBody(r, &c, key, payload, declared, length), nil
}

// claim reads what a request claims and compares it with what is expected.
func (v *Verifier[I]) claim(r *http.Request, want Expect) (claim, error) {
	c, err := claimOf(r)
	if err != nil {
		return c, err
	}
	now := v.Now
	if now == nil {
		now = time.Now
	}
	return c, c.check(r, want, now())
}

// accept refuses an unsigned body where it must be signed.
func (want Expect) accept(p Payload, c *claim) error {
	if (p == Unsigned || p == StreamingUnsignedTrailer) && c.scope.Service != "s3" && !want.UnsignedPayload {
		return &Error{Kind: SignatureMismatch, Cause: errors.New("the operation asks for a signed payload")}
	}
	return nil
}

// verify compares the signature with the one that the owner's key makes.
func (v *Verifier[I]) verify(r *http.Request, c *claim, payloadHash string, p Payload) (Signature[I], *dayKey, error) {
	owner, secret, err := v.Lookup(r.Context(), c.scope.AccessKeyID, c.token)
	if err != nil {
		return Signature[I]{}, nil, refuse(err)
	}
	key := v.keys.get(c.scope, secret)
	cached := key != nil
	if !cached {
		key = newDayKey(secret, c.scope)
	}

	s := scratches.Get().(*scratch)
	defer s.release()
	ok := s.matches(r, c, key, payloadHash, true) ||
		!s.samePath(rawPath(r), c.scope.Service) && s.matches(r, c, key, payloadHash, false)
	if !ok {
		s.canonical(r, c, payloadHash, false)
		return Signature[I]{}, nil, &Error{Kind: SignatureMismatch, Cause: errors.New("expected the signature of the canonical request:\n" + redact(string(s.buf), c.token))}
	}
	if !cached {
		v.keys.put(c.scope, key)
	}
	sig := Signature[I]{
		Scope: c.scope, Owner: owner, SessionToken: c.token, Time: c.time,
		SignedHeaders: c.signed, Payload: p, Presigned: c.presigned,
	}
	if c.presigned {
		sig.Expires = c.time.Add(c.expires)
	}
	return sig, key, nil
}

// matches reports whether the claimed signature is that of the request.
func (s *scratch) matches(r *http.Request, c *claim, key *dayKey, payloadHash string, asSent bool) bool {
	s.canonical(r, c, payloadHash, asSent)
	sum := sha256.Sum256(s.buf)
	b := append(s.buf[:0], algorithm...)
	b = append(b, '\n')
	b = appendScope(b, c)
	b = append(b, '\n')
	var hashed [2 * sha256.Size]byte
	hexInto(hashed[:], sum[:])
	s.buf = append(b, hashed[:]...)
	want := key.sign(s.buf)
	var got [len(want)]byte
	return copy(got[:], c.signature) == len(c.signature) && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// appendScope appends the date and the credential scope, as in every string to sign.
func appendScope(b []byte, c *claim) []byte {
	b = append(b, c.date...)
	b = append(b, '\n')
	b = append(b, c.scope.Date...)
	b = append(b, '/')
	b = append(b, c.scope.Region...)
	b = append(b, '/')
	b = append(b, c.scope.Service...)
	b = append(b, '/')
	return append(b, terminator...)
}

func contentMismatch() error {
	return &Error{Kind: PayloadMismatch, Cause: errors.New("the provided x-amz-content-sha256 header does not match what was computed")}
}

// redact keeps a session token out of the log, also as a query has it.
func redact(canonical, token string) string {
	if token == "" {
		return canonical
	}
	encoded := strings.ReplaceAll(url.QueryEscape(token), "+", "%20")
	return strings.NewReplacer(token, "…", encoded, "…").Replace(canonical)
}
