package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// translations are the patterns of the models, which are Java regular expressions,
// that Go writes otherwise. A pattern that no rule and no entry here makes fit for
// Go is a fault of the generator.
var translations = map[string]string{
	`[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`:                       `[\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}\r\n\t]*`,
	`[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*`:                           `[\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}\t]*`,
	`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`: `[\t\n\r\x{20}-\x{7E}\x{85}\x{A0}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+`,
	`\p{Print}+`: `[\x20-\x7E]+`,
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: `[a-z0-9](-?[a-z0-9])*`,
	`[0-9A-Za-z\.\-_]*(?<!\.)`:                  `([0-9A-Za-z._-]*[0-9A-Za-z_-])?`,
	// Of the white space that Unicode has, only what is not a control character is missing in \p{C}.
	`[^\p{C}\p{IsWhitespace}]+`: `[^\p{C}\p{Z}]+`,
	// Of a source of events that does not exist here; the names that begin with "system." pass.
	`(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)`: `[_a-zA-Z0-9][^$]*`,
	`(?!\s*$).+`:         `\s*\S.*`,
	`\p{ASCII}*`:         `[\x00-\x7F]*`,
	`\A\S[\p{Print}]*\z`: `[\x21-\x7E][\x20-\x7E]*`,
	`(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)`: `(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*/)?[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?`,
	// A version of an ARN may follow.
	`(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?`: `(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*/)?[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(/[0-9]{1,9})?`,
	`/(?!.*\.\.)[a-zA-Z0-9/_.\-]+`: `/(\.?[a-zA-Z0-9/_\-])*\.?`,
	// The end of the line is not meant: the count belongs to the class.
	`([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,128}`: `[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}`,
	`([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,256}`: `[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,256}`,
}

// overlong is what Java would read as a character and a digit, and AWS never means.
var overlong = regexp.MustCompile(`\\u[0-9A-Fa-f]{5}`)

// repeated is a character or a class that is repeated between two counts.
var repeated = regexp.MustCompile(`(\[[^\]]*\]|\\.|\.)\{(\d+),(\d+)\}`)

// maxRepeat is the highest count that Go knows.
const maxRepeat = 1000

// parted writes counts beyond maxRepeat as Go knows them: in parts.
func parted(pattern string) string {
	return repeated.ReplaceAllStringFunc(pattern, func(text string) string {
		m := repeated.FindStringSubmatch(text)
		least, _ := strconv.Atoi(m[2])
		most, _ := strconv.Atoi(m[3])
		if most <= maxRepeat || least > maxRepeat {
			return text
		}
		b := fmt.Sprintf("%s{%d,%d}", m[1], least, maxRepeat)
		for most -= maxRepeat; most > 0; most -= maxRepeat {
			b += fmt.Sprintf("%s{0,%d}", m[1], min(most, maxRepeat))
		}
		return b
	})
}

var javaRune = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// goPattern is a Java pattern in Go's syntax; it has to match the whole value.
func goPattern(java string) (string, error) {
	p, ok := translations[java]
	if !ok {
		if overlong.MatchString(java) {
			return "", errors.New("\\u with more than four digits")
		}
		p = javaRune.ReplaceAllString(java, `\x{$1}`)
		p = parted(p)
	}
	p = `\A(?:` + p + `)\z`
	_, err := regexp.Compile(p)
	return p, err
}

// matchesAll tells whether a pattern lets every value pass.
func matchesAll(java string) bool { return java == `(?s).*` }

// classPattern is one character class, repeated.
var classPattern = regexp.MustCompile(`^\^?\[([^\[\]^]+)\]([+*])\$?$`)

// hyphenated is a name with hyphens in it.
var hyphenated = regexp.MustCompile(`^\^?\[a-zA-Z0-9\]\(-\*\[a-zA-Z0-9\]\)\*\$?$`)

// matcher is the Go expression of a func(string) bool. A class of ASCII characters,
// which most patterns are, is a table; the others are regular expressions, compiled
// when they are first needed.
func matcher(java string) string {
	if hyphenated.MatchString(java) {
		return "api.Hyphenated"
	}
	if m := classPattern.FindStringSubmatch(java); m != nil && !strings.Contains(m[1], `\u`) {
		if set, ok := ascii(m[1]); ok {
			if m[2] == "+" {
				return fmt.Sprintf("api.Some(%q)", set)
			}
			return fmt.Sprintf("api.Only(%q)", set)
		}
	}
	p, err := goPattern(java)
	if err != nil {
		panic(fmt.Sprintf("pattern %s: %v", java, err))
	}
	return fmt.Sprintf("api.Matching(%q)", p)
}

// ascii lists the characters of a class, if they are all ASCII.
func ascii(class string) (string, bool) {
	re, err := regexp.Compile(`[` + class + `]`)
	if err != nil || re.MatchString("é") || re.MatchString("\u2028") || re.MatchString("\u65e5") {
		return "", false
	}
	var b strings.Builder
	for c := range byte(128) {
		if re.MatchString(string(rune(c))) {
			b.WriteByte(c)
		}
	}
	return b.String(), true
}
