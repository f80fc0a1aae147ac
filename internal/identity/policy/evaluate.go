package policy

import "github.com/modelwharf/modelwharf/internal/api"

// Principal is who asks.
type Principal struct {
	Account string            // 12 digits
	ARN     string            // of the user, the role session, or the account's root
	Role    string            // ARN of the role behind a session; otherwise ""
	UserID  string            // AIDA…, AROA…:session, or the account's number
	Type    api.PrincipalType // Root is allowed everything in its account that no policy denies
}

// Attached is a policy and what it is known by.
type Attached struct {
	Name   string // for the log and for SourcePolicyId: the policy's name or ARN
	Policy *Policy
}

// Keys holds the condition keys of a request. Names are in lower case. A missing
// key reports false; a key with an empty list of values is present.
type Keys interface {
	Key(name string) ([]string, bool)
}

// Values is a Keys of a map, whose names must be in lower case.
type Values map[string][]string

// Key returns the values of a key.
func (v Values) Key(name string) ([]string, bool) {
	s, ok := v[name]
	return s, ok
}

// Request is a question: may Principal do Action to Resource, given all policies
// that apply?
type Request struct {
	Principal Principal
	Action    string // "dynamodb:PutItem"
	Resource  string // an ARN, or "*" for an action without a resource
	// ResourceAccount owns the resource; "" means the account in the resource's
	// ARN or, if there is none, the principal's.
	ResourceAccount string
	Keys            Keys // nil means none

	IdentityPolicies []Attached // of the user and its groups, or of the role
	ResourcePolicy   *Attached  // of the resource, or nil
	Boundary         *Attached  // the permissions boundary, or nil
	SessionPolicies  []Attached // passed when the session was made
	// HasSessionPolicies tells an empty session from one without session policies.

	// Trust marks an action, sts:AssumeRole…, that ResourcePolicy, a role's
	// trust policy, must allow even within an account.
	Trust bool
}

// Effect is an outcome.
type Effect uint8

// The outcomes, in the words of SimulatePrincipalPolicy.
const (
	ImplicitDeny Effect = iota
	ExplicitDeny
	Allow
)

// String returns "allowed", "explicitDeny" or "implicitDeny".
func (e Effect) String() string { return "" }

// Layer is a sort of policy in the evaluation.
type Layer uint8

// The layers.
const (
	NoLayer Layer = iota
	IdentityLayer
	ResourceLayer
	BoundaryLayer
	SessionLayer
	TrustLayer
)

// Decision is the answer to a Request.
type Decision struct {
	Effect Effect
	// Layer is that of the statement that allowed or denied explicitly, or the
	// one that fails to allow. NoLayer: the caller is its account's root.
	Layer Layer
	// Policy and Statement say which statement decided; Policy is "" and
	// Statement -1 if none did.
	Policy    string
	Statement int    // from 0
	Sid       string // of the statement, if it has one
}

// Allowed says whether the request may go on.
func (d Decision) Allowed() bool { return d.Effect == Allow }

// Because is the end of AWS's message for a denied request: "because no
// identity-based policy allows the dynamodb:PutItem action", "with an explicit
// deny in a resource-based policy".
func (d Decision) Because(action string) string { return "" }

// Match is a statement that matched a request.
type Match struct {
	Layer     Layer
	Policy    string
	Statement int
	Sid       string
	Effect    Effect // Allow or ExplicitDeny
}

// Explanation is a Decision with everything that led to it.
type Explanation struct {
	Decision
	Matched []Match
	Missing []string // condition keys that statements ask for and the request lacks
}

// Evaluate decides a request.
func Evaluate(r *Request) Decision { return Decision{} }

// Explain decides a request as Evaluate does and collects every matching
// statement; it is slower.
func Explain(r *Request) Explanation { return Explanation{} }
