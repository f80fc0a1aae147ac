package codeartifact

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// pattern is that of a package group. Written, it is a package's path that ends early:
//
//	/*               everything
//	/npm/*           a format
//	/maven/com.acme~ the namespaces that begin with the words com.acme
//	/npm/acme/*      a namespace
//	/npm/acme/ui~    the names in it that begin with the word ui
//	/npm/acme/ui$    one package
//
// A format without namespaces has an empty one: /pypi//acme-models$.
type pattern struct {
	level           level
	format          string
	namespace, name string
}

// level is how much a pattern determines; a higher one is more specific.
type level int

const (
	everything level = iota
	ofFormat
	ofNamespaces
	ofNamespace
	ofNames
	ofName
)

// rootPattern is that of the group that each domain has.
const rootPattern = "/*"

// withoutNamespace are the formats whose packages have no namespace, needingNamespace those
// whose packages always have one.
var (
	withoutNamespace = []string{"pypi", "nuget", "ruby", "cargo"}
	needingNamespace = []string{"maven", "swift"}
)

// parsePattern reads a pattern whose names are in the one spelling of their format. The
// error is ValidationException.
func (s *Service) parsePattern(text string) (p pattern, err error) {
	malformed := Invalid("'%s' is not the pattern of a package group: it is like /*, /npm/*, /npm/scope/*, /npm/scope/name$ or /npm/scope/prefix~.", text)
	rest, ok := strings.CutPrefix(text, "/")
	if !ok || len(text) > 520 || strings.ContainsFunc(text, unicode.IsSpace) {
		return p, malformed
	}
	end := rest[max(0, len(rest)-1):]
	rest = strings.TrimSuffix(rest, end)
	parts := strings.Split(rest, "/")
	switch {
	case end == "*" && parts[len(parts)-1] == "" && len(parts) <= 3:
		p.level = [...]level{everything, ofFormat, ofNamespace}[len(parts)-1]
	case end == "~" && len(parts) == 2 && parts[1] != "":
		p.level = ofNamespaces
	case end == "~" && len(parts) == 3 && parts[2] != "":
		p.level = ofNames
	case end == "$" && len(parts) == 3 && parts[2] != "":
		p.level = ofName
	default:
		return p, malformed
	}
	if strings.ContainsAny(rest, "*~$") {
		return p, malformed
	}
	for i, to := range []*string{&p.format, &p.namespace, &p.name} {
		if i < len(parts) {
			*to = parts[i]
		}
	}
	if p.level == everything {
		return p, nil
	}
	f, err := s.format(p.format)
	if err != nil {
		return p, err
	}
	switch {
	case p.namespace != "" && slices.Contains(withoutNamespace, p.format):
		return p, Invalid("Packages of format '%s' have no namespace, so a package group's pattern cannot have one: /%s//name$.", p.format, p.format)
	case p.namespace == "" && p.level >= ofNamespace && slices.Contains(needingNamespace, p.format):
		return p, Invalid("Packages of format '%s' have a namespace, so a package group's pattern must have one.", p.format)
	}
	if p.level == ofName {
		n, err := f.Normalize(p.namespace, p.name)
		if err != nil {
			return p, err
		}
		if n.Name != p.name || n.Namespace != p.namespace {
			return p, Invalid("A package group's pattern has names as their format normalizes them: /%s/%s/%s$.", n.Format, n.Namespace, n.Name)
		}
	}
	return p, nil
}

func (p pattern) String() string {
	switch p.level {
	case everything:
		return rootPattern
	case ofFormat:
		return "/" + p.format + "/*"
	case ofNamespaces:
		return "/" + p.format + "/" + p.namespace + "~"
	case ofNamespace:
		return "/" + p.format + "/" + p.namespace + "/*"
	case ofNames:
		return "/" + p.format + "/" + p.namespace + "/" + p.name + "~"
	}
	return "/" + p.format + "/" + p.namespace + "/" + p.name + "$"
}

// compare orders patterns that match the same package: positive if p is more specific.
func (p pattern) compare(q pattern) int {
	return cmp.Or(cmp.Compare(p.level, q.level), cmp.Compare(len(p.namespace)+len(p.name), len(q.namespace)+len(q.name)))
}

// match tells whether a pattern matches a package by spelling (strong), or only when what
// looks alike is taken for the same (weak).
func (p pattern) match(n PackageName) (strong, weak bool) {
	strong = p.covers(pattern{ofName, n.Format, n.Namespace, n.Name})
	if !strong {
		folded := pattern{p.level, p.format, lookalike(p.namespace), lookalike(p.name)}
		weak = folded.covers(pattern{ofName, n.Format, lookalike(n.Namespace), lookalike(n.Name)})
	}
	return strong, weak
}

// covers tells whether everything that q matches is matched by p.
func (p pattern) covers(q pattern) bool {
	switch {
	case p.level > q.level:
		return false
	case p.level == everything:
		return true
	case p.format != q.format:
		return false
	}
	switch p.level {
	case ofFormat:
		return true
	case ofNamespaces:
		return beginsWith(q.namespace, p.namespace)
	case ofNamespace:
		return q.namespace == p.namespace
	case ofNames:
		return q.namespace == p.namespace && beginsWith(q.name, p.name)
	}
	return p == q
}

// beginsWith tells whether a text begins with words: the prefix ends where one of its words
// does.
func beginsWith(text, words string) bool {
	rest, ok := strings.CutPrefix(text, words)
	if !ok || rest == "" {
		return ok
	}
	last := []rune(words)
	next := []rune(rest)[0]
	return !isWord(last[len(last)-1]) || !isWord(next)
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// lookalike is what all names have in common that a hasty reader takes for one: without
// case, with one sign for each run of '-', '.' and '_', and one letter for those that look
// alike.
func lookalike(text string) string {
	var b strings.Builder
	separated := false
	for _, r := range strings.ToLower(norm.NFKD.String(text)) {
		if unicode.Is(unicode.Mn, r) { // an accent
			continue
		}
		if strings.ContainsRune("-._", r) {
			if !separated {
				b.WriteByte('-')
			}
			separated = true
			continue
		}
		separated = false
		if same, ok := confusable[r]; ok {
			r = same
		}
		b.WriteRune(r)
	}
	return strings.NewReplacer("rn", "m", "vv", "w").Replace(b.String())
}

// confusable are the letters and digits that stand for another in lookalike: those of
// ASCII, and of Greek and Cyrillic, of which whole names can be written that look Latin.
var confusable = map[rune]rune{
	'0': 'o', '1': 'l', 'i': 'l', '|': 'l',
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'н': 'h', 'і': 'l', 'ј': 'j', 'к': 'k', 'ӏ': 'l', 'м': 'm', 'о': 'o',
	'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'т': 't', 'ѵ': 'v', 'ԝ': 'w', 'х': 'x', 'у': 'y',
	'α': 'a', 'β': 'b', 'ε': 'e', 'ι': 'l', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'γ': 'y', 'η': 'n',
	'ı': 'l', 'ɑ': 'a', 'ɡ': 'g', 'ѡ': 'w',
}
