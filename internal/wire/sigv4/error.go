package sigv4

import (
	"errors"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/api"
)

// Kind is a way in which a request's signature is wrong. A Kind is an error, so
// that a Lookup can return one, and errors.Is(err, SignatureMismatch) asks for it.
type Kind uint8

// The kinds of failure.
const (
	MissingSignature  Kind = iota + 1 // the request is not signed
	Incomplete                        // the signature's parts are missing or malformed
	UnknownKey                        // no such access key, or it is inactive
	InvalidToken                      // the session token does not belong to the key
	ExpiredToken                      // the session is over
	SignatureMismatch                 // the signature is not that of the request
	Expired                           // signed too long ago
	NotYetCurrent                     // signed in the future
	WrongScope                        // signed for another date, region or service
	UnsignedHeaders                   // a header that must be signed is not
	PayloadMismatch                   // the body is not the one that was signed
	Unsupported                       // an algorithm or payload form not offered
)

// wording is how AWS's front ends name a kind. JSON services answer with 400,
// REST-JSON and Query services with 403 (IncompleteSignature: 400).
type wording struct {
	json, query, s3 string // codes
	s3Status        int
	message         string
}

const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

var wordings = [...]wording{
	MissingSignature: {"MissingAuthenticationTokenException", "MissingAuthenticationToken", "AccessDenied", http.StatusForbidden,
		"Request is missing Authentication Token"},
	Incomplete: {"IncompleteSignatureException", "IncompleteSignature", "AuthorizationHeaderMalformed", http.StatusBadRequest,
		"The request signature does not conform to AWS standards."},
	UnknownKey: {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", http.StatusForbidden,
		"The security token included in the request is invalid."},
	InvalidToken: {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidToken", http.StatusBadRequest,
		"The security token included in the request is invalid."},
	ExpiredToken: {"ExpiredTokenException", "ExpiredToken", "ExpiredToken", http.StatusBadRequest,
		"The security token included in the request is expired"},
	SignatureMismatch: {"InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch", http.StatusForbidden, mismatch},
	Expired:           {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", http.StatusForbidden, "Signature expired"},
	NotYetCurrent:     {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", http.StatusForbidden, "Signature not yet current"},
	WrongScope:        {"InvalidSignatureException", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", http.StatusBadRequest, mismatch},
	UnsignedHeaders:   {"InvalidSignatureException", "SignatureDoesNotMatch", "AccessDenied", http.StatusForbidden, mismatch},
	PayloadMismatch:   {"InvalidSignatureException", "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch", http.StatusBadRequest, mismatch},
	Unsupported:       {"IncompleteSignatureException", "IncompleteSignature", "InvalidRequest", http.StatusBadRequest, "The signing method is not supported."},
}

func (k Kind) wording() *wording {
	if k < MissingSignature || int(k) >= len(wordings) {
		k = SignatureMismatch
	}
	return &wordings[k]
}

// Error returns AWS's usual words for the kind.
func (k Kind) Error() string { return k.wording().message }

// Error is a signature that was refused.
type Error struct {
	Kind    Kind
	Message string // in AWS's words; "" means the usual words for the kind
	// Cause is for the log only.
	Cause error
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Kind.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is the kind of e.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// For returns the error that AWS answers with in a protocol. The protocols that
// package api does not name are taken for S3's REST-XML.
func (e *Error) For(p api.Protocol) *api.Error {
	w := e.Kind.wording()
	out := &api.Error{Message: e.Error(), Cause: e.Cause}
	switch p {
	case api.JSON10, api.JSON11:
		out.Code, out.Status, out.Namespace = w.json, http.StatusBadRequest, "com.amazon.coral.service"
	case api.RESTJSON:
		out.Code, out.Status, out.Namespace = w.json, http.StatusForbidden, "com.amazon.coral.service"
	case api.Query:
		out.Code, out.Status = w.query, http.StatusForbidden
		if e.Kind == Incomplete || e.Kind == Unsupported {
			out.Status = http.StatusBadRequest
		}
	default:
		out.Code, out.Status = w.s3, w.s3Status
	}
	return out
}

// refuse turns what a Lookup returned into an error of ours if it is a Kind.
func refuse(err error) error {
	if k, ok := errors.AsType[Kind](err); ok {
		return &Error{Kind: k, Cause: err}
	}
	return err
}
