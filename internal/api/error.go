package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is a failure that the client is told of, in the words of its protocol.
//
// The generated packages have one constructor for each error of a service model,
// so that a code and its HTTP status are written down once.
type Error struct {
	Code    string // as in the service model, "ResourceNotFoundException"
	Message string // what is wrong and what to do about it
	Status  int    // HTTP status; 0 means 400
	// Namespace, if set, replaces the service's own before the '#' of __type.
	Namespace string
	// MessageMember is how a JSON answer spells the message's member; "" means
	// "message".
	MessageMember string
	// Detail holds the members of the error's shape beside the message, as a
	// generated shape; nil if there are none.
	Detail any
	// Cause goes to the log, never to the client.
	Cause error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Message + ": " + e.Cause.Error()
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is an *Error of the same code, so that
// errors.Is(err, &Error{Code: "…"}) asks for the kind of a failure.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// HTTPStatus is the status of the answer that carries e.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// Because returns a copy of e with the cause that the log shall show.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Errorf makes an error of a code; format and args make its message.
func Errorf(code string, status int, format string, args ...any) *Error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// coral is the namespace of the errors that AWS's front ends, not the services,
// answer with.
const coral = "com.amazon.coral.service"

// ValidationException says that an input is malformed. Every JSON service answers
// with it, though few service models name it.
func ValidationException(format string, args ...any) *Error {
	e := Errorf("ValidationException", http.StatusBadRequest, format, args...)
	e.Namespace = "com.amazon.coral.validate"
	return e
}

// SerializationException says that a body is not of the form that the protocol
// asks for.
func SerializationException(format string, args ...any) *Error {
	e := Errorf("SerializationException", http.StatusBadRequest, format, args...)
	e.Namespace, e.MessageMember = coral, "Message"
	return e
}

// AccessDeniedException says that policy does not allow a request.
func AccessDeniedException(format string, args ...any) *Error {
	e := Errorf("AccessDeniedException", http.StatusBadRequest, format, args...)
	e.Namespace, e.MessageMember = coral, "Message"
	return e
}

// Internal hides a failure of ours behind the answer that AWS gives to its own.
func Internal(cause error) *Error {
	return &Error{
		Code:    "InternalServerError",
		Message: "The request could not be completed because of an internal error. Please try again.",
		Status:  http.StatusInternalServerError,
		Cause:   cause,
	}
}

// AsError returns what the client is to be told of err: err itself if it is, or
// wraps, an *Error, and otherwise an internal error with err as its cause.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Internal(err)
}
