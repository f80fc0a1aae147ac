package identity

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
)

// requestKeys are the condition keys of a request. A value is made only when a
// policy asks for it. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
type requestKeys struct {
	request    *api.Request
	who        *Identity // nil for root outside of Admit, services, the anonymous
	conditions map[string][]string
	late       func() map[string][]string // the conditions; nil once they are known
	owner      string                     // the account that owns the resource, or ""
	now        func() time.Time
}

// Key returns the values of a key, whose name is in lower case.
func (k *requestKeys) Key(name string) ([]string, bool) {
	global, ok := strings.CutPrefix(name, "aws:")
	if !ok {
		return k.own(name)
	}
	r, c := k.request, &k.request.Caller
	switch global {
	case "sourceip":
		return one(r.SourceIP.Unmap().String(), r.SourceIP.IsValid())
	case "currenttime":
		return one(k.time().Format(time.RFC3339), true)
	case "epochtime":
		return one(strconv.FormatInt(k.time().Unix(), 10), true)
	case "securetransport":
		return one(strconv.FormatBool(r.Secure), true)
	case "useragent":
		return one(r.UserAgent, r.UserAgent != "")
	case "requestedregion":
		return one(r.Region, r.Region != "")
	case "username":
		return one(k.userName(), c.Type == api.UserCaller)
	case "userid":
		return one(c.UserID, c.UserID != "")
	case "principalarn":
		return one(c.Principal, c.Principal != "")
	case "principalaccount":
		return one(c.Account, c.Account != "")
	case "resourceaccount":
		return one(k.owner, k.owner != "")
	case "principaltype":
		return one(principalType(c.Type), true)
	case "principalisawsservice":
		return one(strconv.FormatBool(c.Type == api.ServiceCaller), true)
	case "viaawsservice":
		return one(strconv.FormatBool(len(r.CalledVia) > 0), true)
	case "calledvia":
		return r.CalledVia, len(r.CalledVia) > 0
	case "calledviafirst", "calledvialast":
		if len(r.CalledVia) == 0 {
			return nil, false
		}
		if global == "calledviafirst" {
			return r.CalledVia[:1], true
		}
		return r.CalledVia[len(r.CalledVia)-1:], true
	case "tokenissuetime":
		if k.who == nil || k.who.claims == nil {
			return nil, false
		}
		return one(time.Unix(k.who.claims.Issued, 0).UTC().Format(time.RFC3339), true)
	case "multifactorauthpresent":
		// Absent for long-term keys; sessions here are made without a device.
		return one("false", k.who != nil && k.who.claims != nil)
	case "sourceidentity":
		if k.who == nil || k.who.claims == nil {
			return nil, false
		}
		return one(k.who.claims.SourceIdentity, k.who.claims.SourceIdentity != "")
	}
	if key, ok := strings.CutPrefix(global, "principaltag/"); ok {
		return k.principalTag(key)
	}
	return k.own(name)
}

// own looks for a key of the service's, or one that it knows of its resource. The
// tags of a resource may differ in case alone; to a policy they are one key, which
// then has the values of all.
func (k *requestKeys) own(name string) ([]string, bool) {
	if k.late != nil {
		k.conditions, k.late = k.late(), nil
	}
	var all []string
	found := false
	for key, values := range k.conditions {
		switch {
		case len(key) != len(name) || !strings.EqualFold(key, name):
		case !found:
			all, found = values, true
		default:
			all = append(slices.Clip(all), values...)
		}
	}
	return all, found
}

func (k *requestKeys) principalTag(key string) ([]string, bool) {
	if k.who == nil {
		return nil, false
	}
	for _, t := range k.who.tags {
		if strings.EqualFold(t.Key, key) {
			return one(t.Value, true)
		}
	}
	return nil, false
}

func (k *requestKeys) userName() string {
	if k.who != nil && k.who.subject != nil {
		return k.who.subject.holder.Name
	}
	arn := k.request.Caller.ARN
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// time is when the request arrived, so that all checks of one agree.
func (k *requestKeys) time() time.Time {
	if t := k.request.Time; !t.IsZero() {
		return t.UTC()
	}
	return k.now().UTC()
}

// principalType is what aws:PrincipalType calls a caller.
func principalType(t api.PrincipalType) string {
	switch t {
	case api.RootCaller:
		return "Account"
	case api.UserCaller:
		return "User"
	case api.RoleCaller, api.FederatedCaller, api.AnonymousCaller:
		return string(t)
	}
	return "Service"
}

func one(value string, ok bool) ([]string, bool) {
	if !ok {
		return nil, false
	}
	return []string{value}, true
}
