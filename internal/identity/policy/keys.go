package policy

import (
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
)

// RequestKeys is the Keys of a request: AWS's global condition keys, and those of
// the service. Values are made when a policy asks for them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
type RequestKeys struct {
	Request *api.Request
	// Service holds the service's keys, "dynamodb:LeadingKeys", and what it knows
	// of the resource and the input: aws:ResourceTag/…, aws:RequestTag/…,
	// aws:TagKeys. Names are in any case.
	Service       map[string][]string
	PrincipalTags map[string]string // of the user or role, and of the session
	SessionTags   map[string]string // as passed to AssumeRole; they win
	TokenIssued   time.Time         // of a session; otherwise zero
	MFA           bool              // the session was made with a second factor
}

// Key returns the values of a key whose name is in lower case.
func (k *RequestKeys) Key(name string) ([]string, bool) {
	if name, ok := strings.CutPrefix(name, "aws:"); ok {
		if v, ok := k.global(name); ok {
			return []string{v}, true
		}
	}
	for n, v := range k.Service {
		if strings.EqualFold(n, name) {
			return v, len(v) > 0
		}
	}
	return nil, false
}

func (k *RequestKeys) global(name string) (string, bool) {
	r := k.Request
	if r == nil {
		return "", false
	}
	c := &r.Caller
	switch name {
	case "currenttime":
		return r.Time.UTC().Format("2006-01-02T15:04:05Z"), true
	case "epochtime":
		return strconv.FormatInt(r.Time.Unix(), 10), true
	case "securetransport":
		return strconv.FormatBool(r.Secure), true
	case "sourceip":
		return r.SourceIP.Unmap().String(), r.SourceIP.IsValid()
	case "useragent":
		return r.UserAgent, r.UserAgent != ""
	case "requestedregion":
		return r.Region, r.Region != ""
	case "principalaccount":
		return c.Account, c.Account != ""
	case "principalarn":
		// Of a role's session this is the role.
		if c.Principal != "" {
			return c.Principal, true
		}
		return c.ARN, c.ARN != ""
	case "principaltype":
		return principalTypes[c.Type], principalTypes[c.Type] != ""
	case "principalisawsservice":
		return strconv.FormatBool(c.Type == api.ServiceCaller), true
	case "principalservicename":
		return c.ARN, c.Type == api.ServiceCaller
	case "userid":
		return c.UserID, c.UserID != ""
	case "username":
		return c.ARN[strings.LastIndexByte(c.ARN, '/')+1:], c.Type == api.UserCaller
	case "viaawsservice":
		return "false", true
	case "tokenissuetime":
		return k.TokenIssued.UTC().Format("2006-01-02T15:04:05Z"), !k.TokenIssued.IsZero()
	case "multifactorauthpresent":
		// Long-lived keys have no such key at all.
		return strconv.FormatBool(k.MFA), !k.TokenIssued.IsZero()
	}
	if tag, ok := strings.CutPrefix(name, "principaltag/"); ok {
		for _, tags := range [...]map[string]string{k.SessionTags, k.PrincipalTags} {
			for n, v := range tags {
				if strings.EqualFold(n, tag) {
					return v, true
				}
			}
		}
	}
	return "", false
}

// principalTypes are the values of aws:PrincipalType.
var principalTypes = map[api.PrincipalType]string{
	api.RootCaller:      "Account",
	api.UserCaller:      "User",
	api.RoleCaller:      "AssumedRole",
	api.FederatedCaller: "FederatedUser",
	api.AnonymousCaller: "Anonymous",
}
