package modeltest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// show writes JSON so that what means the same is written the same: the members of
// sets are sorted.
func show(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		panic(err)
	}
	raw, err = json.Marshal(sorted(plain))
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if list, ok := member.([]any); ok && isSet(name) && len(v) == 1 {
				sort.Slice(list, func(i, j int) bool { return fmt.Sprint(list[i]) < fmt.Sprint(list[j]) })
				continue
			}
			v[name] = sorted(member)
		}
	case []any:
		for i := range v {
			v[i] = sorted(v[i])
		}
	}
	return v
}

// differ tells how an answer is not what the reference says: that it fails, or has the
// body want. It is "" if it is.
func differ(what string, got answer, f *failure, want map[string]any) string {
	if f == nil {
		if got.code != "" {
			return fmt.Sprintf("%s: got %s: %s\nwant %s", what, got.code, got.message(), clip(show(want)))
		}
		return differBody(what, got.body, want)
	}
	if got.code == "" {
		return fmt.Sprintf("%s: got %s\nwant %s: %q", what, clip(show(got.body)), f.code, f.messages)
	}
	if f.either && got.code == "TransactionCanceledException" {
		return ""
	}
	if why := f.unlike(got.code, got.message(), got.body["Item"]); why != "" {
		return what + ": " + why
	}
	if f.reasons == nil {
		return ""
	}
	reasons, _ := got.body["CancellationReasons"].([]any)
	if len(reasons) != len(f.reasons) {
		return fmt.Sprintf("%s: got reasons %s, want %v", what, show(reasons), f.reasons)
	}
	for i, reason := range reasons {
		r := reason.(map[string]any)
		code, _ := r["Code"].(string)
		message, _ := r["Message"].(string)
		if why := f.reasons[i].unlike(code, message, r["Item"]); why != "" {
			return fmt.Sprintf("%s: reason %d: %s", what, i, why)
		}
	}
	return ""
}

func differBody(what string, got, want any) string {
	g, w := show(got), show(want)
	if g == w {
		return ""
	}
	// Where they part is what is told of long ones.
	i := 0
	for i < min(len(g), len(w)) && g[i] == w[i] {
		i++
	}
	from := max(0, min(i-200, len(g), len(w)))
	return fmt.Sprintf("%s: from %d on\ngot  %s\nwant %s", what, from, clip(g[from:]), clip(w[from:]))
}

func (f failure) unlike(code, message string, item any) string {
	if code != f.code || len(f.messages) > 0 && !slices.Contains(f.messages, message) {
		return fmt.Sprintf("got %s: %s\nwant %s: %q", code, message, f.code, f.messages)
	}
	var want any
	if f.item != nil {
		want = f.item.json()
	}
	if show(item) != show(want) {
		return fmt.Sprintf("got the item %s\nwant %s", clip(show(item)), clip(show(want)))
	}
	return ""
}

func clip(s string) string {
	const most = 1500
	s = squeeze(s)
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// jsonOf is a request in one line.
func jsonOf(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return clip(strings.TrimSpace(b.String()))
}

// squeeze shortens long runs of one letter.
func squeeze(s string) string {
	const most = 20
	var b strings.Builder
	var last rune
	run := 0
	flush := func() {
		if run > most {
			fmt.Fprintf(&b, "<%d more>", run-most)
		}
		run = 0
	}
	for _, r := range s {
		if r != last {
			flush()
		}
		if last = r; run < most {
			b.WriteRune(r)
		}
		run++
	}
	flush()
	return b.String()
}
