package policy

import (
	"fmt"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
)

// Attached is a policy and what it is known by.
type Attached struct {
	Name   string // for the log and for SourcePolicyId: the policy's name or ARN
	Policy *Policy
}

// Keys holds the condition keys of a request. Names are in lower case. A missing
// key reports false; a key without values is as good as missing.
type Keys interface {
	Key(name string) (values []string, ok bool)
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
	// ARN or, if there is none, the principal's. Set it for resources whose ARN
	// has no account, such as S3's, if they can be another's.
	ResourceAccount string
	Keys            Keys // nil means none

	IdentityPolicies []Attached // of the user and its groups, or of the role
	ResourcePolicy   *Attached  // of the resource; for sts:AssumeRole the role's trust policy; or nil
	OuterPolicy      *Attached  // of what the resource lies in, which speaks as ResourcePolicy does; or nil
	Boundary         *Attached  // the permissions boundary, or nil
	SessionPolicies  []Attached // passed when the session was made
	// Restricted says that a session has no more than SessionPolicies allow,
	// even if there are none: that of GetFederationToken.
	Restricted bool
}

// resourceAccount is the account that owns the resource.
func (r *Request) resourceAccount() string {
	if r.ResourceAccount != "" {
		return r.ResourceAccount
	}
	rest := r.Resource
	for range 4 {
		_, after, ok := strings.Cut(rest, ":")
		if !ok {
			return r.Principal.Account
		}
		rest = after
	}
	// DynamoDB and others write "aws" where AWS itself owns the resource.
	if account, _, ok := strings.Cut(rest, ":"); ok && isAccount(account) {
		return account
	}
	return r.Principal.Account
}

// Effect is an outcome.
type Effect uint8

// The outcomes.
const (
	ImplicitDeny Effect = iota // nothing allows it
	ExplicitDeny               // a statement denies it
	Allow
)

// String returns the words of SimulatePrincipalPolicy: "allowed", "explicitDeny"
// or "implicitDeny".
func (e Effect) String() string {
	return [...]string{"implicitDeny", "explicitDeny", "allowed"}[min(e, Allow)]
}

// MarshalText writes the words of String, for the log.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Layer is a sort of policy in the evaluation.
type Layer uint8

// The layers. NoLayer is the right of an account's root, which needs no policy.
const (
	NoLayer Layer = iota
	IdentityLayer
	ResourceLayer
	BoundaryLayer
	SessionLayer
	TrustLayer
)

// layers are AWS's names of the sorts of policies.
var layers = [...]string{"account", "identity-based policy", "resource-based policy", "permissions boundary", "session policy", "role trust policy"}

// String returns AWS's name of the layer, "identity-based policy".
func (l Layer) String() string { return layers[min(int(l), len(layers)-1)] }

// MarshalText writes the words of String, for the log.
func (l Layer) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Decision is the answer to a Request.
type Decision struct {
	Effect Effect
	// Layer is that of the statement that allowed or denied explicitly, or the
	// first one that fails to allow.
	Layer Layer
	// Policy and Statement say which statement decided; Policy is "" and
	// Statement -1 if none did.
	Policy    string
	Statement int    // from 0
	Sid       string // of the statement, if it has one
}

// Allowed says whether the request may go on.
func (d Decision) Allowed() bool { return d.Effect == Allow }

// String is the decision for the debug log: "allowed by statement 0 (Read) of
// identity-based policy reader".
func (d Decision) String() string {
	if d.Statement < 0 {
		if d.Effect == Allow {
			return "allowed to the account's root"
		}
		return fmt.Sprintf("implicitDeny: no %s allows it", d.Layer)
	}
	sid := ""
	if d.Sid != "" {
		sid = " (" + d.Sid + ")"
	}
	return fmt.Sprintf("%s by statement %d%s of %s %s", d.Effect, d.Statement, sid, d.Layer, d.Policy)
}

// Because is the end of AWS's message for a denied request: "because no
// identity-based policy allows the dynamodb:PutItem action", "with an explicit
// deny in a resource-based policy". It is "" if the request is allowed.
func (d Decision) Because(action string) string {
	switch d.Effect {
	case Allow:
		return ""
	case ExplicitDeny:
		article := "a"
		switch d.Layer {
		case IdentityLayer:
			article = "an"
		case TrustLayer:
			article = "the"
		}
		return fmt.Sprintf("with an explicit deny in %s %s", article, d.Layer)
	default:
		return fmt.Sprintf("because no %s allows the %s action", d.Layer, action)
	}
}

// Message is AWS's message for a denied request.
func (d Decision) Message(r *Request) string {
	if r.Principal.Type == api.AnonymousCaller {
		return fmt.Sprintf("User: anonymous is not authorized to perform: %s on resource: %s %s", r.Action, r.Resource, d.Because(r.Action))
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", r.Principal.ARN, r.Action, r.Resource, d.Because(r.Action))
}

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
	// Missing are the condition keys, in order, that statements for the action
	// and resource ask for and the request lacks.
	Missing []string
}
