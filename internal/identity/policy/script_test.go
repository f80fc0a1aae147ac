package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// TestScripts runs testdata/*.txt. A script is a list of lines:
//
//	policy NAME KIND       what follows up to an empty line is its document;
//	                       KIND is identity, resource or trust
//	principal TYPE ARN     who asks from here on; then optionally
//	                       entity=ARN (the role or user behind a session), id=ID
//	with WORD...           the policies that apply from here on: identity=A,B
//	                       resource=A boundary=A session=A,B restricted owner=ACCOUNT
//	key NAME = V | W       a condition key from here on; "key NAME" takes it away
//	ask ACTION RESOURCE => DECISION
//	missing NAME...        the keys that the last question lacked
//	matched STATEMENT...   what matched the last question: POLICY[INDEX]
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := script{T: t, policies: map[string]*policy.Attached{}, keys: policy.Values{}}
			lines := strings.Split(string(text), "\n")
			for i := 0; i < len(lines); i++ {
				s.at = fmt.Sprintf("%s:%d", file, i+1)
				word, rest, _ := strings.Cut(strings.TrimSpace(lines[i]), " ")
				if word == "policy" {
					var doc strings.Builder
					for i++; i < len(lines) && strings.TrimSpace(lines[i]) != ""; i++ {
						doc.WriteString(lines[i] + "\n")
					}
					s.policy(strings.Fields(rest), doc.String())
					continue
				}
				s.line(word, strings.TrimSpace(rest))
			}
			if s.asked == 0 {
				t.Fatal("the script asks nothing")
			}
		})
	}
}

type script struct {
	*testing.T
	at       string
	policies map[string]*policy.Attached
	keys     policy.Values
	request  policy.Request
	last     policy.Explanation
	asked    int
}

var kinds = map[string]policy.Kind{"identity": policy.Identity, "resource": policy.Resource, "trust": policy.Trust}

func (s *script) policy(head []string, doc string) {
	if !strings.Contains(doc, `"Version"`) {
		doc = strings.Replace(doc, "{", `{"Version": "2012-10-17", `, 1)
	}
	p, err := policy.Parse([]byte(doc), kinds[head[1]])
	if err != nil {
		s.Fatalf("%s: %v", s.at, err)
	}
	s.policies[head[0]] = &policy.Attached{Name: head[0], Policy: p}
}

func (s *script) named(name string) *policy.Attached {
	p := s.policies[name]
	if p == nil {
		s.Fatalf("%s: no policy %q", s.at, name)
	}
	return p
}

func (s *script) list(names string) (list []policy.Attached) {
	for name := range strings.SplitSeq(names, ",") {
		list = append(list, *s.named(name))
	}
	return list
}

func (s *script) line(word, rest string) {
	fields := strings.Fields(rest)
	switch word {
	case "", "#":
	case "principal":
		p := policy.Principal{Type: api.PrincipalType(fields[0]), ARN: fields[1]}
		if parts := strings.Split(p.ARN, ":"); len(parts) > 4 {
			p.Account = parts[4]
		}
		for _, f := range fields[2:] {
			switch k, v, _ := strings.Cut(f, "="); k {
			case "entity":
				p.Entity = v
			case "id":
				p.UserID = v
			}
		}
		s.request.Principal = p
	case "with":
		s.request = policy.Request{Principal: s.request.Principal}
		for _, f := range fields {
			switch k, v, _ := strings.Cut(f, "="); k {
			case "identity":
				s.request.IdentityPolicies = s.list(v)
			case "resource":
				s.request.ResourcePolicy = s.named(v)
			case "boundary":
				s.request.Boundary = s.named(v)
			case "session":
				s.request.SessionPolicies = s.list(v)
			case "restricted":
				s.request.Restricted = true
			case "owner":
				s.request.ResourceAccount = v
			default:
				s.Fatalf("%s: with what?", s.at)
			}
		}
	case "key":
		name, values, ok := strings.Cut(rest, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		delete(s.keys, name)
		if ok {
			s.keys[name] = []string{}
			for v := range strings.SplitSeq(values, "|") {
				if v = strings.TrimSpace(v); v != "" {
					s.keys[name] = append(s.keys[name], v)
				}
			}
		}
	case "ask":
		question, want, _ := strings.Cut(rest, "=>")
		fields = strings.Fields(question)
		s.request.Action, s.request.Resource, s.request.Keys = fields[0], fields[1], s.keys
		got := policy.Evaluate(&s.request)
		s.last = policy.Explain(&s.request)
		if want = strings.TrimSpace(want); got.String() != want {
			s.Errorf("%s: %s, want %s", s.at, got, want)
		}
		if s.last.Decision.Effect != got.Effect || s.last.Decision.Layer != got.Layer {
			s.Errorf("%s: explained as %s, decided as %s", s.at, s.last.Decision, got)
		}
		s.asked++
	case "missing":
		if got := strings.Join(s.last.Missing, " "); got != rest {
			s.Errorf("%s: missing %q", s.at, got)
		}
	case "matched":
		var got []string
		for _, m := range s.last.Matched {
			got = append(got, fmt.Sprintf("%s[%d]", m.Policy, m.Statement))
		}
		if got := strings.Join(got, " "); got != rest {
			s.Errorf("%s: matched %q", s.at, got)
		}
	case "because":
		if got := s.last.Because(s.request.Action); got != rest {
			s.Errorf("%s: because %q", s.at, got)
		}
	default:
		if !strings.HasPrefix(word, "#") {
			s.Fatalf("%s: unknown word %q", s.at, word)
		}
	}
}
