package partiql

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/api"
)

// kind is what a token is. The kind of a keyword is the keyword, in upper case,
// and that of punctuation is the punctuation.
type kind string

const (
	tokenEnd    kind = "end"
	tokenWord   kind = "identifier"
	tokenQuoted kind = "quoted identifier"
	tokenString kind = "string"
	tokenNumber kind = "number"
)

// token is a part of a statement's text, from start to before end.
type token struct {
	kind       kind
	start, end int
	text       string // of a string or identifier: without its quotes
}

// keywords are the words that are no identifiers unless they are quoted. PartiQL
// reserves all of SQL's; those that no statement of DynamoDB's has, and that mean
// nothing here, are let pass as names.
var keywords = func() map[string]kind {
	m := map[string]kind{}
	for word := range strings.FieldsSeq(`
		SELECT FROM WHERE ORDER BY ASC DESC AND OR NOT IN BETWEEN IS LIKE NULL MISSING TRUE FALSE
		INSERT INTO VALUE VALUES UPDATE SET REMOVE DELETE RETURNING EXISTS AS AT ON PIVOT UNPIVOT
		GROUP HAVING LIMIT OFFSET UNION INTERSECT EXCEPT JOIN INNER LEFT RIGHT OUTER CROSS FULL DISTINCT
		CASE WHEN THEN ELSE END CAST CREATE DROP TABLE INDEX`) {
		m[word] = kind(word)
	}
	return m
}()

const longestKeyword = len("RETURNING")

func keywordOf(word string) kind {
	if len(word) > longestKeyword {
		return tokenWord
	}
	if k, ok := keywords[strings.ToUpper(word)]; ok {
		return k
	}
	return tokenWord
}

// scan reads the token at or after position at.
func scan(text string, at int) (token, error) {
	at, err := skip(text, at)
	if err != nil || at == len(text) {
		return token{kind: tokenEnd, start: at, end: at}, err
	}
	end := at + 1
	switch c := text[at]; {
	case isLetter(c):
		for end < len(text) && (isLetter(text[end]) || isDigit(text[end]) || text[end] == '$') {
			end++
		}
		return token{keywordOf(text[at:end]), at, end, text[at:end]}, nil
	case isDigit(c):
		end = number(text, at)
		if end < len(text) && isLetter(text[end]) {
			return token{}, malformed("Invalid numeric literal")
		}
		return token{tokenNumber, at, end, text[at:end]}, nil
	case c == '\'' || c == '"':
		return quoted(text, at)
	}
	for _, length := range []int{2, 1} {
		if at+length <= len(text) && punctuation[text[at:at+length]] {
			return token{kind: kind(text[at : at+length]), start: at, end: at + length}, nil
		}
	}
	return token{}, malformed("Invalid character")
}

// skip passes over blanks and comments.
func skip(text string, at int) (int, error) {
	for at < len(text) {
		switch rest := text[at:]; {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			at++
		case strings.HasPrefix(rest, "--"):
			n := strings.IndexAny(rest, "\r\n")
			if n < 0 {
				n = len(rest)
			}
			at += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return at, malformed("Unclosed comment")
			}
			at += n + 4
		default:
			return at, nil
		}
	}
	return at, nil
}

// number returns where the digits, fraction and exponent at a position end.
func number(text string, at int) int {
	digits := func() {
		for at < len(text) && isDigit(text[at]) {
			at++
		}
	}
	digits()
	if at < len(text) && text[at] == '.' {
		at++
		digits()
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		mantissa := at
		if at++; at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		first := at
		if digits(); at == first {
			return mantissa
		}
	}
	return at
}

// quoted reads a string or a quoted identifier, in which a quote is written twice.
func quoted(text string, at int) (token, error) {
	quote := text[at : at+1]
	k := tokenString
	if quote == `"` {
		k = tokenQuoted
	}
	for end := at + 1; ; {
		n := strings.Index(text[end:], quote)
		if n < 0 {
			return token{}, malformed("Unclosed quotation")
		}
		end += n + 1
		if !strings.HasPrefix(text[end:], quote) {
			return token{k, at, end, strings.ReplaceAll(text[at+1:end-1], quote+quote, quote)}, nil
		}
		end++
	}
}

var punctuation = map[string]bool{
	"<<": true, ">>": true, "<>": true, "!=": true, "<=": true, ">=": true, "||": true,
	"=": true, "<": true, ">": true, "(": true, ")": true, "[": true, "]": true, "{": true, "}": true,
	",": true, ".": true, ":": true, "?": true, "*": true, "+": true, "-": true, ";": true, "/": true, "%": true,
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// malformed is the error of a text that is no statement.
func malformed(reason string) error {
	return api.ValidationException("Statement wasn't well formed, can't be processed: %s", reason)
}

// at is where a token stands, as errors say it: its line, column and length, in
// characters that are counted from 1.
func (p *parser) at(t token) string {
	before := p.text[:t.start]
	line := strings.Count(before, "\n")
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return fmt.Sprintf("%d:%d:%d", line+1, column+1, utf8.RuneCountInString(p.text[t.start:t.end]))
}

// refused is the ValidationException of a statement that is well formed, but not
// one that DynamoDB carries out.
func (p *parser) refused(t token, format string, args ...any) error {
	return api.ValidationException("%s at %s", fmt.Sprintf(format, args...), p.at(t))
}
