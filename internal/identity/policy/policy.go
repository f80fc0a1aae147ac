// Package policy is IAM's policy engine: it parses and checks policy documents,
// compiles them, and evaluates a request against all policies that apply to it.
// It stores nothing and knows no clock; everything is in the request.
package policy

import "errors"

// Kind is where a policy document is used, which decides what it may say.
type Kind uint8

// The kinds of policy documents.
const (
	Identity Kind = iota + 1 // attached to a user, group or role; boundaries and session policies
	Resource                 // attached to a resource
	Trust                    // a role's: who may assume it
)

// Policy is a parsed, checked and compiled policy document. It is immutable.
type Policy struct{}

// Parse compiles a policy document. Its errors are *MalformedError.
func Parse(document []byte, kind Kind) (*Policy, error) { return nil, errors.ErrUnsupported }

// MalformedError says why a document is not a policy, in IAM's words. IAM calls
// the error MalformedPolicyDocument and answers with status 400.
type MalformedError struct {
	Message string // "Syntax errors in policy."
	Detail  string // what and where, for the log
}

func (e *MalformedError) Error() string { return e.Message }
