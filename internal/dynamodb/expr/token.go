package expr

import (
	"strings"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	tokenEnd   kind = iota
	tokenBad        // a character that no expression contains
	tokenWord       // a name, or a function's
	tokenName       // #name
	tokenValue      // :value
	tokenIndex      // digits
	tokenAnd
	tokenOr
	tokenNot
	tokenBetween
	tokenIn
	tokenSet
	tokenRemove
	tokenAdd
	tokenDelete
	tokenEqual
	tokenNotEqual
	tokenLess
	tokenLessOrEqual
	tokenGreater
	tokenGreaterOrEqual
	tokenOpen
	tokenClose
	tokenOpenIndex
	tokenCloseIndex
	tokenComma
	tokenDot
	tokenPlus
	tokenMinus
)

// token is a part of the expression's text, from start to before end.
type token struct {
	kind       kind
	start, end int
}

// keywords are the words that are not names, in upper case.
type keywords map[string]kind

var (
	conditionKeywords = keywords{
		"AND": tokenAnd, "OR": tokenOr, "NOT": tokenNot, "BETWEEN": tokenBetween, "IN": tokenIn,
	}
	updateKeywords     = keywords{"SET": tokenSet, "REMOVE": tokenRemove, "ADD": tokenAdd, "DELETE": tokenDelete}
	projectionKeywords = keywords{}
)

func (k keywords) of(word string) kind {
	if len(word) > len("BETWEEN") {
		return tokenWord
	}
	var upper [len("BETWEEN")]byte
	for i := range len(word) {
		c := word[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	if kind, ok := k[string(upper[:len(word)])]; ok {
		return kind
	}
	return tokenWord
}

// scan reads the token at or after position at.
func scan(text string, at int, words keywords) token {
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	if at == len(text) {
		return token{tokenEnd, at, at}
	}
	end := at + 1
	switch c := text[at]; {
	case isLetter(c):
		for end < len(text) && isWordPart(text[end]) {
			end++
		}
		return token{words.of(text[at:end]), at, end}
	case c == '#' || c == ':':
		for end < len(text) && isWordPart(text[end]) {
			end++
		}
		switch {
		case end == at+1:
			return token{tokenBad, at, end}
		case c == '#':
			return token{tokenName, at, end}
		}
		return token{tokenValue, at, end}
	case isDigit(c):
		for c != '0' && end < len(text) && isDigit(text[end]) {
			end++
		}
		return token{tokenIndex, at, end}
	case c == '<' || c == '>':
		if end < len(text) {
			if k, ok := twoCharacters[text[at:end+1]]; ok {
				return token{k, at, end + 1}
			}
		}
	}
	if k := oneCharacter[text[at]]; k != tokenEnd {
		return token{k, at, end}
	}
	_, size := utf8.DecodeRuneInString(text[at:])
	return token{tokenBad, at, at + size}
}

var (
	oneCharacter = [256]kind{
		'=': tokenEqual, '<': tokenLess, '>': tokenGreater, '(': tokenOpen, ')': tokenClose,
		'[': tokenOpenIndex, ']': tokenCloseIndex, ',': tokenComma, '.': tokenDot, '+': tokenPlus, '-': tokenMinus,
	}
	twoCharacters = map[string]kind{"<>": tokenNotEqual, "<=": tokenLessOrEqual, ">=": tokenGreaterOrEqual}
)

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordPart(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }
