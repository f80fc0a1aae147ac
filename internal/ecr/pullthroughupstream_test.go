package ecr

import (
	"maps"
	"net/url"
	"strings"
	"testing"
)

// TestChallengeParameters reads what registries send, and what none should.
func TestChallengeParameters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		``:                           {},
		`realm="https://a/t?x=1,2"`:  {"realm": "https://a/t?x=1,2"},
		`realm="r",service="s",x=y`:  {"realm": "r", "service": "s", "x": "y"},
		`Realm = r , SERVICE = "s"`:  {"realm": "r", "service": "s"},
		`realm="a\"b\\c"`:            {"realm": `a"b\c`},
		`realm="never ends`:          {"realm": "never ends"},
		`realm="ends in a slash\`:    {"realm": `ends in a slash\`},
		`,, ,	realm="r"`:             {"realm": "r"},
		`no parameters`:              {},
		`=""`:                        {"": ""},
		`scope="repository:a:pull"x`: {"scope": "repository:a:pull"},
	} {
		if got := challengeParameters(text); !maps.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A challenge comes from a registry that may be anyone's.
func FuzzChallenge(f *testing.F) {
	for _, seed := range []string{``, `realm="https://a/token",service="a",scope="repository:x:pull"`, `a="\`, `a=b,c="d`, `=,=,"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range challengeParameters(text) {
			if len(name)+len(value) > 4*len(text) { // a byte that is no UTF-8 becomes three
				t.Errorf("%q of %q has more than was sent", name, text)
			}
		}
	})
}

// An upstream that is taken is a host with a path of repository names, over HTTP.
func FuzzUpstream(f *testing.F) {
	for _, seed := range []string{"registry.example.com", "https://registry.example.com:5000/team", "http://[::1]:80", "https://a/..", "ftp://a", "https://u:p@a", "a?b", "a#b", "https:a", "//", "a/%2e%2e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseUpstream(text)
		if err != nil {
			return
		}
		if u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Path, "..") {
			t.Errorf("%q is taken as %#v", text, u)
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Host != u.Host {
			t.Errorf("%q is %q: %v", text, u, err)
		}
	})
}
