package sigv4

import "github.com/modelwharf/modelwharf/internal/api"

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
	PayloadMismatch                   // the body is not the one that was signed
	Unsupported                       // an algorithm or payload form not offered
)

func (k Kind) Error() string { return "" }

// Error is a signature that was refused.
type Error struct {
	Kind    Kind
	Message string // in AWS's words
	// Cause is for the log only.
	Cause error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Cause} }

// For returns the error that AWS answers with in a protocol.
func (e *Error) For(p api.Protocol) *api.Error { return nil }
