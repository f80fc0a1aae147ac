package policy

import (
	"strings"
)

// Versions of the policy language. Variables exist in the newer one only.
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Parse compiles a policy document. Its errors are *MalformedError. How long a
// document may be is for the caller to say.
func Parse(document []byte, kind Kind) (*Policy, error) {
	tree, err := parseTree(document)
	if err != nil {
		return nil, &MalformedError{Message: "This policy contains invalid Json", Detail: err.Error()}
	}
	top, ok := tree.(object)
	if !ok {
		return nil, syntax("a policy is an object")
	}
	p := &Policy{kind: kind, version: version2008}
	var list []any
	for _, m := range top {
		switch m.name {
		case "Version":
			if p.version, ok = m.value.(string); !ok || p.version != version2008 && p.version != version2012 {
				return nil, syntax("Version must be %s or %s", version2012, version2008)
			}
		case "Id":
			if _, ok := m.value.(string); !ok {
				return nil, syntax("Id must be a text")
			}
		case "Statement":
			if list, ok = m.value.([]any); !ok {
				list = []any{m.value}
			}
		default:
			return nil, syntax("a policy has no %s", m.name)
		}
	}
	if len(list) == 0 {
		return nil, syntax("a policy needs a Statement")
	}
	p.statements = make([]statement, len(list))
	sids := map[string]bool{}
	for i, v := range list {
		s := &p.statements[i]
		o, ok := v.(object)
		if !ok {
			return nil, syntax("a statement is an object")
		}
		if err := s.parse(o, p); err != nil {
			return nil, err
		}
		if s.sid != "" && sids[s.sid] {
			return nil, malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		sids[s.sid] = true
	}
	if kind == Identity && p.version != version2012 {
		return nil, malformed("Policy document must be version 2012-10-17 or greater.")
	}
	return p, nil
}

// parse compiles a statement. Its syntax comes first, then what its policy's kind
// asks for, in IAM's order.
func (s *statement) parse(o object, p *Policy) error {
	var actions, resources []string
	var hasPrincipal, hasResource, hasAction bool
	variables := p.version == version2012
	for _, m := range o {
		var err error
		ok := true
		switch m.name {
		case "Sid":
			s.sid, ok = m.value.(string)
		case "Effect":
			var effect string
			effect, ok = m.value.(string)
			s.allow = effect == "Allow"
			ok = ok && (s.allow || effect == "Deny")
		case "Action", "NotAction":
			ok = !hasAction
			hasAction, s.notAction = true, m.name == "NotAction"
			if ok {
				actions, ok = stringsOf(m.value)
			}
		case "Resource", "NotResource":
			ok = !hasResource
			hasResource, s.notResource = true, m.name == "NotResource"
			if ok {
				resources, ok = stringsOf(m.value)
			}
		case "Principal", "NotPrincipal":
			ok = !hasPrincipal
			hasPrincipal, s.notPrincipal = true, m.name == "NotPrincipal"
			if ok && p.kind != Identity {
				s.principals, err = principalsOf(m.value)
			}
		case "Condition":
			s.conditions, err = conditionsOf(m.value, variables)
		default:
			return syntax("a statement has no %s", m.name)
		}
		if err != nil {
			return err
		}
		if !ok {
			return syntax("%s is malformed, or excludes another element", m.name)
		}
	}
	if _, ok := o.get("Effect"); !ok {
		return syntax("a statement needs an Effect")
	}
	if err := s.checkKind(p.kind, hasPrincipal, hasResource); err != nil {
		return err
	}
	if len(actions) == 0 {
		return malformed("Policy statement must contain actions.")
	}
	if p.kind == Identity && len(resources) == 0 || hasResource && len(resources) == 0 {
		return malformed("Policy statement must contain resources.")
	}
	if err := s.compileActions(actions, p.kind); err != nil {
		return err
	}
	return s.compileResources(resources, variables)
}

// checkKind checks what depends on where the policy is used.
func (s *statement) checkKind(k Kind, hasPrincipal, hasResource bool) error {
	switch k {
	case Identity:
		if hasPrincipal {
			return malformed("Policy document should not specify a principal.")
		}
	case Trust:
		if hasResource {
			return malformed("Has prohibited field Resource")
		}
		if s.notPrincipal && s.allow {
			return malformed("Allow with NotPrincipal is not allowed.")
		}
		fallthrough
	default:
		if !hasPrincipal {
			return malformed("Missing required field Principal")
		}
	}
	if k != Resource && strings.Trim(s.sid, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	}
	return nil
}

// trustActions are what a trust policy may speak of.
var trustActions = []string{
	"sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:assumeroot",
	"sts:tagsession", "sts:setsourceidentity", "sts:setcontext",
}

func (s *statement) compileActions(actions []string, k Kind) error {
	for _, a := range actions {
		vendor, name, colon := strings.Cut(a, ":")
		switch {
		case a == "*":
			s.anyAction = true
		case !colon:
			return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		case strings.Contains(name, ":"):
			return malformed("Actions/Condition can contain only one colon.")
		case vendor != "*" && strings.Trim(strings.ToLower(vendor), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || vendor == "":
			return malformed("Vendor %s is not valid", vendor)
		}
		lower := strings.ToLower(a)
		if k == Trust && !contains(trustActions, lower) {
			return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
		}
		s.actions = append(s.actions, patternOf(lower))
	}
	return nil
}

func (s *statement) compileResources(resources []string, variables bool) error {
	s.anyResource = len(resources) == 0
	for _, r := range resources {
		if r == "*" {
			s.anyResource = true
		} else if err := checkARN(r, withoutVariables(r, variables)); err != nil {
			return err
		}
		t, ok := templateOf(r, true, variables)
		if !ok {
			return &MalformedError{Message: failedParsing, Detail: "a policy variable is malformed: " + r}
		}
		s.resources = append(s.resources, t)
	}
	return nil
}

// iamPaths are what a resource of IAM can be.
var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

// withoutVariables puts a wildcard in the place of each variable, whose name may
// have a colon.
func withoutVariables(s string, variables bool) string {
	if !variables {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if _, s, found = cutVariable(rest); !found {
			return b.String() // templateOf will refuse it
		}
		b.WriteByte('*')
	}
}

// checkARN checks the form of a Resource r as IAM does: it may end early, or have
// wildcards, but not before its service. arn is r without variables.
func checkARN(r, arn string) error {
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 2 {
		return malformed("Resource %s must be in ARN format or \"*\".", r)
	}
	if pt := part[1]; pt != "*" && pt != "aws" && !strings.HasPrefix(pt, "aws-") {
		rest := append(part[2:], "*", "*", "*", "*")
		return malformed("Partition %q is not valid for resource \"arn:%s:%s\".", pt, pt, strings.Join(rest[:4], ":"))
	}
	if len(part) < 3 {
		return malformed("Resource vendor must be fully qualified and cannot contain regexes.")
	}
	if part[0] != "arn" && part[0] != "*" || part[2] == "" || len(part) < 6 && strings.Contains(arn, "::") {
		return &MalformedError{Message: failedParsing, Detail: r}
	}
	if len(part) < 6 {
		return nil
	}
	service, region, path := part[2], part[3], part[5]
	switch {
	case service == "iam" && region != "":
		return malformed("IAM resource %s cannot contain region information.", r)
	case service == "s3" && region != "" && region != "*" && !strings.HasPrefix(path, "accesspoint/"):
		return malformed("Resource %s can not contain region information.", r)
	case service == "iam" && path != "*" && path != "root":
		for _, p := range iamPaths {
			if strings.HasPrefix(path, p) {
				return nil
			}
			// A wildcard may stand for the rest of the word: "arn:…:ro*".
			if i := strings.IndexAny(path, "*?"); i >= 0 && strings.HasPrefix(p, path[:i]) {
				return nil
			}
		}
		return malformed("IAM resource path must either be \"*\" or start with %s.", strings.Join(iamPaths, ", "))
	}
	return nil
}
