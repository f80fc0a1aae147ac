package api

import (
	"regexp"
	"testing"
)

// FuzzHyphenated compares the matcher with the expression that it stands for.
func FuzzHyphenated(f *testing.F) {
	for _, s := range []string{"", "a", "-", "a-", "-a", "a-b", "a--b", "model-1", "a_b", "é", "a\n", "a\x00b"} {
		f.Add(s)
	}
	pattern := regexp.MustCompile(`\A(?:^[a-zA-Z0-9](-*[a-zA-Z0-9])*)\z`)
	f.Fuzz(func(t *testing.T, s string) {
		if want := pattern.MatchString(s); Hyphenated(s) != want {
			t.Errorf("%q: not %t", s, want)
		}
	})
}
