package login

import (
	"slices"
	"strings"
)

// lines is the text of a settings file of lines "key = value", in sections or without them.
// Comments, order and what is not changed stay as they are.
type lines struct {
	all       []string
	separator string // what may end a key
	fold      bool   // keys have no case, and pip takes "_" for "-"
	nested    bool   // indented lines continue the value before them
}

func linesOf(text []byte, separator string) *lines {
	s := strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if s == "" {
		return &lines{separator: separator}
	}
	return &lines{all: strings.Split(s, "\n"), separator: separator}
}

// pythonSettings is the text of a file that Python's configparser reads.
func pythonSettings(text []byte) *lines {
	l := linesOf(text, "=:")
	l.fold, l.nested = true, true
	return l
}

func (l *lines) bytes() []byte { return []byte(strings.Join(l.all, "\n") + "\n") }

// section returns the lines of a section, from after its header to before the next one; from
// is -1 if there is none. "" is what comes before all sections.
func (l *lines) section(name string) (from, to int) {
	from = -1
	if name == "" {
		from = 0
	}
	for i, line := range l.all {
		line, isHeader := strings.CutPrefix(strings.TrimSpace(line), "[")
		if !isHeader || l.nested && indented(l.all[i]) {
			continue
		}
		if from >= 0 {
			return from, i
		}
		if line, _, _ = strings.Cut(line, "]"); line == name {
			from = i + 1
		}
	}
	return from, len(l.all)
}

// find returns the lines of a key's value in a section; from is -1 if it has none.
func (l *lines) find(section, key string) (from, to int) {
	from, end := l.section(section)
	for i := max(from, 0); from >= 0 && i < end; i++ {
		if line := strings.TrimSpace(l.all[i]); line == "" || strings.ContainsRune("#;!", rune(line[0])) || l.nested && indented(l.all[i]) {
			continue
		}
		at := strings.IndexAny(l.all[i], l.separator)
		if at < 0 {
			continue
		}
		has := strings.Trim(strings.TrimSpace(l.all[i][:at]), `"`)
		if has != key && !(l.fold && strings.EqualFold(strings.ReplaceAll(has, "_", "-"), key)) {
			continue
		}
		to = i + 1
		for l.nested && to < end && indented(l.all[to]) {
			to++
		}
		return i, to
	}
	return -1, -1
}

func indented(line string) bool {
	return line != "" && (line[0] == ' ' || line[0] == '\t') && strings.TrimSpace(line) != ""
}

// get returns a value, with the lines that continue it.
func (l *lines) get(section, key string) string {
	from, to := l.find(section, key)
	if from < 0 {
		return ""
	}
	text := strings.Join(l.all[from:to], "\n")
	return strings.TrimSpace(text[strings.IndexAny(text, l.separator)+1:])
}

// set gives a key its only value in a section, which is made if there is none.
func (l *lines) set(section, key, separator, value string) {
	at := -1
	for {
		from, to := l.find(section, key)
		if from < 0 {
			break
		}
		if at < 0 {
			at = from
		}
		l.all = slices.Delete(l.all, from, to)
	}
	if at < 0 {
		start, end := l.section(section)
		if start < 0 {
			if len(l.all) > 0 {
				l.all = append(l.all, "")
			}
			l.all = append(l.all, "["+section+"]")
			start, end = len(l.all), len(l.all)
		}
		for at = end; at > start && strings.TrimSpace(l.all[at-1]) == ""; at-- {
		}
	}
	l.all = slices.Insert(l.all, at, key+separator+value)
}
