package api

import (
	"context"
	"net/netip"
	"strings"
	"time"
)

// Request is what is known of a request beside its input: who asks, from where,
// and for which region. The services find it in the context.
type Request struct {
	ID        string // the id that the answer and the log carry
	Service   string // Service.Name
	Operation string
	Region    string
	Caller    Caller
	SourceIP  netip.Addr
	UserAgent string
	Secure    bool      // the request came over TLS
	Host      string    // by which the client reached the server; "" for what it does by itself
	Time      time.Time // when it arrived
	// CalledVia are the services through which the caller asks, such as
	// "cloudformation.amazonaws.com", the first one first.
	CalledVia []string
}

// Origin is where a request came in. Work that is done after the answer keeps it, for the
// URLs in what it makes to have the base that they had in the answer.
type Origin struct {
	Host   string `json:",omitzero"`
	Secure bool   `json:",omitzero"`
}

// Origin is where the request came in.
func (r *Request) Origin() Origin { return Origin{r.Host, r.Secure} }

// From lets the request have come in where another did.
func (r *Request) From(o Origin) *Request {
	r.Host, r.Secure = o.Host, o.Secure
	return r
}

// ReservedTag tells whether a tag's key is one of those that begin with "aws:", which only
// the services set and take away that ask for a caller: those of stacks, for instance.
func (r *Request) ReservedTag(key string) bool { return len(r.CalledVia) == 0 && SystemTag(key) }

// SystemTag tells whether a tag's key begins with "aws:". Such tags are not counted, and
// policy is not asked about them.
func SystemTag(key string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") }

// Caller is the identity that a signature or a token proved.
type Caller struct {
	Account     string        // 12 digits
	ARN         string        // of the user, the assumed role's session, or the account's root
	UserID      string        // AIDA…, AROA…:session, or the account's number
	Type        PrincipalType // in CloudTrail's words
	AccessKeyID string
	// Principal is the ARN that policies are attached to: the user's own, or
	// that of the role behind a session.
	Principal string
}

// PrincipalType is CloudTrail's userIdentity.type.
type PrincipalType string

// The kinds of callers.
const (
	RootCaller      PrincipalType = "Root"
	UserCaller      PrincipalType = "IAMUser"
	RoleCaller      PrincipalType = "AssumedRole"
	FederatedCaller PrincipalType = "FederatedUser"
	ServiceCaller   PrincipalType = "AWSService"
	AnonymousCaller PrincipalType = "Anonymous"
)

type requestKey struct{}

// WithRequest returns a context that carries r.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf returns the request that ctx carries. Outside of a request it is a
// zero Request, which policy allows nothing.
func RequestOf(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{}
}
