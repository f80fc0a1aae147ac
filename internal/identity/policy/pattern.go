package policy

import (
	"strings"
	"unicode/utf8"
)

// A pattern is a text in which the wildcards '*' and '?' of a policy stand as two
// bytes that no UTF-8 text contains. So a text taken from a request, or an escape
// such as ${*}, may hold the characters '*' and '?' themselves.
const (
	many = 0xFF // any text, also none
	one  = 0xFE // one character
)

var wildcards = strings.NewReplacer("*", "\xff", "?", "\xfe")

// patternOf makes a pattern of a text with wildcards and no variables.
func patternOf(s string) string { return wildcards.Replace(s) }

// Matches reports whether a text is what a pattern with the wildcards '*' and '?'
// describes.
func Matches(pattern, text string) bool { return match(patternOf(pattern), text, false) }

// match reports whether s, as a whole, is what a pattern describes. fold ignores
// the case of ASCII letters, for patterns in lower case.
//
// Between two stars the leftmost find is as good as any, so nothing is tried
// twice: the time is linear, or len(s) × the piece's length for a piece with '?'.
func match(p, s string, fold bool) bool {
	i := strings.IndexByte(p, many)
	if i < 0 {
		n, ok := matchStart(p, s, fold)
		return ok && n == len(s)
	}
	n, ok := matchStart(p[:i], s, fold)
	if !ok {
		return false
	}
	for {
		p, s = p[i+1:], s[n:]
		if p == "" {
			return true
		}
		if i = strings.IndexByte(p, many); i < 0 {
			return matchEnd(p, s, fold)
		}
		if n = find(p[:i], s, fold); n < 0 {
			return false
		}
	}
}

// matchStart reports whether s starts with piece, a pattern without stars, and
// how long that start is.
func matchStart(piece, s string, fold bool) (n int, ok bool) {
	for i := range len(piece) {
		switch {
		case n >= len(s):
			return 0, false
		case piece[i] == one:
			_, size := utf8.DecodeRuneInString(s[n:])
			n += size
		case same(piece[i], s[n], fold):
			n++
		default:
			return 0, false
		}
	}
	return n, true
}

// matchEnd reports whether s ends with piece.
func matchEnd(piece, s string, fold bool) bool {
	n := len(s)
	for i := len(piece) - 1; i >= 0; i-- {
		switch {
		case n == 0:
			return false
		case piece[i] == one:
			_, size := utf8.DecodeLastRuneInString(s[:n])
			n -= size
		case same(piece[i], s[n-1], fold):
			n--
		default:
			return false
		}
	}
	return true
}

// find returns where the leftmost find of piece in s ends, or -1.
func find(piece, s string, fold bool) int {
	if !fold && strings.IndexByte(piece, one) < 0 {
		if i := strings.Index(s, piece); i >= 0 {
			return i + len(piece)
		}
		return -1
	}
	for i := 0; i <= len(s); i++ {
		if i < len(s) && !utf8.RuneStart(s[i]) {
			continue
		}
		if n, ok := matchStart(piece, s[i:], fold); ok {
			return i + n
		}
	}
	return -1
}

func same(p, c byte, fold bool) bool {
	return p == c || fold && 'A' <= c && c <= 'Z' && p == c+('a'-'A')
}
