package policy

import (
	"fmt"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
)

// Principal is who asks.
type Principal struct {
	Account string // 12 digits; "" for a service and for the anonymous
	ARN     string // of the user, the session, or the account's root; a service's name
	// Entity is the ARN of what policies are attached to: the role or user
	// behind a session. "" means ARN.
	Entity string
	UserID string            // AIDA…, AROA…:session, or the account's number
	Type   api.PrincipalType // RootCaller is allowed everything in its account that no policy denies
	// Namesake is whether a policy of a resource means another by the ARN, one who had
	// the name before: it does not name this one.
	Namesake bool
}

// PrincipalOf is the principal that a caller is.
func PrincipalOf(c *api.Caller) Principal {
	return Principal{Account: c.Account, ARN: c.ARN, Entity: c.Principal, UserID: c.UserID, Type: c.Type}
}

func (p *Principal) isSession() bool { return p.Entity != "" && p.Entity != p.ARN }

// grant is how a Principal element names a caller, from weak to strong. It decides
// what else must allow the request within one account.
type grant uint8

const (
	noGrant      grant = iota
	accountGrant       // the caller's account: leaves the decision to the account's own policies
	entityGrant        // the role (or user) behind the caller's session
	directGrant        // the caller itself, or everyone
)

// principals is a compiled Principal or NotPrincipal element.
type principals struct {
	everyone  bool
	accounts  []string // numbers
	arns      []string
	ids       []string // AIDA…, AROA…
	services  []string
	federated []string
	// canonical user ids are accepted and match nobody: no account has one.
}

// principalsOf compiles a Principal or NotPrincipal element.
func principalsOf(v any) (*principals, error) {
	p := &principals{}
	if s, ok := v.(string); ok {
		if s != "*" {
			return nil, &MalformedError{Message: fmt.Sprintf("Invalid principal in policy: %q", s)}
		}
		p.everyone = true
		return p, nil
	}
	kinds, ok := v.(object)
	if !ok {
		return nil, syntax("Principal must be \"*\" or an object")
	}
	for _, kind := range kinds {
		names, ok := stringsOf(kind.value)
		if !ok {
			return nil, syntax("the principals of %s must be texts", kind.name)
		}
		for _, name := range names {
			switch kind.name {
			case "AWS":
				ok = p.addAWS(name)
			case "Service":
				ok = strings.Contains(name, ".") && !strings.ContainsAny(name, "*?/ ")
				p.services = append(p.services, name)
			case "Federated":
				ok = name != ""
				p.federated = append(p.federated, name)
			case "CanonicalUser":
			default:
				return nil, syntax("%s is not a type of principal", kind.name)
			}
			if !ok {
				return nil, &MalformedError{Message: fmt.Sprintf("Invalid principal in policy: %q:%q", kind.name, name)}
			}
		}
	}
	return p, nil
}

// addAWS adds an account, a user, a role, a session, a unique id, or everyone.
func (p *principals) addAWS(name string) bool {
	switch {
	case name == "*":
		p.everyone = true
		return true
	case isAccount(name):
		p.accounts = append(p.accounts, name)
		return true
	case !strings.Contains(name, ":"):
		p.ids = append(p.ids, name)
		return len(name) >= 16 && strings.HasPrefix(name, "A") && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
	}
	part := strings.SplitN(name, ":", 6)
	if len(part) < 6 || part[0] != "arn" || part[1] == "" || part[2] != "iam" && part[2] != "sts" || part[3] != "" ||
		!isAccount(part[4]) || strings.ContainsAny(name, "*?") {
		return false
	}
	if part[2] == "iam" && part[5] == "root" {
		p.accounts = append(p.accounts, part[4])
		return true
	}
	p.arns = append(p.arns, name)
	kind, rest, _ := strings.Cut(part[5], "/")
	switch part[2] + ":" + kind {
	case "iam:user", "iam:role", "sts:federated-user":
		return rest != ""
	case "sts:assumed-role":
		role, session, _ := strings.Cut(rest, "/")
		return role != "" && session != ""
	}
	return false
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// grants says how the element names a caller.
func (p *principals) grants(c *Principal) grant {
	if p.everyone {
		return directGrant
	}
	switch c.Type {
	case api.AnonymousCaller:
		return noGrant
	case api.ServiceCaller:
		return grantIf(contains(p.services, c.ARN), directGrant)
	}
	best := noGrant
	if p.knows(c, c.ARN) || contains(p.ids, c.UserID) || contains(p.federated, c.ARN) {
		return directGrant
	}
	if c.isSession() {
		id, _, _ := strings.Cut(c.UserID, ":")
		best = grantIf(p.knows(c, c.Entity) || contains(p.ids, id), entityGrant)
	}
	if best == noGrant && contains(p.accounts, c.Account) {
		best = accountGrant
		if c.Type == api.RootCaller {
			best = directGrant
		}
	}
	return best
}

// excepts says whether a NotPrincipal element with Deny spares a caller. Every
// name that the caller has must be listed: its own, the role behind it, and its
// account. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (p *principals) excepts(c *Principal) bool {
	if p.everyone || c.Type == api.ServiceCaller || c.Type == api.AnonymousCaller {
		return p.grants(c) != noGrant
	}
	if !contains(p.accounts, c.Account) {
		return false
	}
	if c.Type == api.RootCaller {
		return true
	}
	id, _, _ := strings.Cut(c.UserID, ":")
	return (p.knows(c, c.ARN) || contains(p.ids, c.UserID)) &&
		(!c.isSession() || p.knows(c, c.Entity) || contains(p.ids, id))
}

// knows reports whether the element names a caller by one of its ARNs.
func (p *principals) knows(c *Principal, arn string) bool {
	return !c.Namesake && contains(p.arns, arn)
}

func grantIf(ok bool, g grant) grant {
	if ok {
		return g
	}
	return noGrant
}

// contains is slices.Contains, except that nobody is called "".
func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return s != ""
		}
	}
	return false
}
