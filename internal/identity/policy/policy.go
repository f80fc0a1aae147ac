// Package policy is IAM's policy engine: it parses and checks policy documents,
// compiles them, and evaluates a request against all policies that apply to it.
// It stores nothing and knows no clock; everything is in the request.
package policy

import "fmt"

// Kind is where a policy document is used, which decides what it may say.
type Kind uint8

// The kinds of policy documents.
const (
	Identity Kind = iota + 1 // attached to a user, group or role; boundaries and session policies
	Resource                 // attached to a resource
	Trust                    // a role's: who may assume it
)

// Policy is a parsed, checked and compiled policy document. It is immutable.
type Policy struct {
	kind       Kind
	version    string
	statements []statement
}

// Principals returns the ARNs of the users, roles and sessions that the policy
// names, so that the caller can refuse those that do not exist, as IAM does.
func (p *Policy) Principals() []string {
	var list []string
	for i := range p.statements {
		if of := p.statements[i].principals; of != nil {
			list = append(list, of.arns...)
		}
	}
	return list
}

// Accounts returns the accounts that the policy names as a whole.
func (p *Policy) Accounts() []string {
	var list []string
	for i := range p.statements {
		if of := p.statements[i].principals; of != nil {
			list = append(list, of.accounts...)
		}
	}
	return list
}

// statement is a compiled statement.
type statement struct {
	sid          string
	allow        bool
	principals   *principals // nil in an identity policy
	notPrincipal bool
	actions      []string // patterns in lower case
	notAction    bool
	anyAction    bool // actions is "*"
	resources    []template
	notResource  bool
	anyResource  bool // resources is "*", or the document has none
	conditions   []condition
}

// MalformedError says why a document is not a policy, in IAM's words. IAM calls
// the error MalformedPolicyDocument and answers with status 400.
type MalformedError struct {
	Message string // "Syntax errors in policy."
	Detail  string // what and where, for the log
}

// Error returns the message alone, which is what a client may be told.
func (e *MalformedError) Error() string { return e.Message }

// What IAM says of most defects.
const (
	syntaxErrors  = "Syntax errors in policy."
	failedParsing = "The policy failed legacy parsing"
)

func syntax(format string, args ...any) error {
	return &MalformedError{Message: syntaxErrors, Detail: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) error {
	return &MalformedError{Message: fmt.Sprintf(format, args...)}
}
