package lifecycle_test

import (
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/ecr/lifecycle"
)

// FuzzMatches compares the matching of patterns with one that tries everything.
func FuzzMatches(f *testing.F) {
	f.Add("a*b", "ab")
	f.Add("*a*", "bab")
	f.Add("a*a", "a")
	f.Add("*", "")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 10 || len(text) > 20 || strings.Count(pattern, "*") > 3 {
			return
		}
		var plain func(p, s string) bool
		plain = func(p, s string) bool {
			switch {
			case p == "":
				return s == ""
			case p[0] == '*':
				return plain(p[1:], s) || s != "" && plain(p, s[1:])
			}
			return s != "" && p[0] == s[0] && plain(p[1:], s[1:])
		}
		if got, want := lifecycle.Matches(text, pattern), plain(pattern, text); got != want {
			t.Errorf("%q on %q: %t, want %t", pattern, text, got, want)
		}
	})
}
