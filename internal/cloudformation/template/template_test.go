package template_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// types has one type, T, with a few attributes.
type types struct{}

func (types) Attributes(t string) ([]string, bool) {
	return []string{"Arn", "Outputs.*"}, t == "T"
}

// outcome is what becomes of a template: the properties of its resources in JSON, or the
// error.
func outcome(body string, given map[string]string) (string, error) {
	t, err := Parse([]byte(body))
	if err != nil {
		return "", err
	}
	if err := t.CheckTypes(types{}); err != nil {
		return "", err
	}
	values, err := t.Values(given)
	if err != nil {
		return "", err
	}
	e, err := t.Evaluate(Scope{
		Account: "123456789012", Region: "eu-central-1", StackName: "stack", Parameters: values,
		Ref:       func(id string) (string, error) { return "id-of-" + id, nil },
		Attribute: func(id, name string) (*Node, error) { return NewText(name + "-of-" + id), nil },
		Import:    func(name string) (string, error) { return "import-of-" + name, nil },
		Zones:     func(region string) []string { return []string{region + "a"} },
	})
	if err != nil {
		return "", err
	}
	if _, err := e.Dependencies(); err != nil {
		return "", err
	}
	var fields []Field
	for _, r := range e.Resources() {
		v, err := e.Resolve(r.Properties)
		if err != nil {
			return "", err
		}
		fields = append(fields, Field{Name: r.ID, Value: v})
	}
	for _, o := range e.Outputs() {
		v, err := e.Resolve(o.Value)
		if err != nil {
			return "", err
		}
		fields = append(fields, Field{Name: o.ID, Value: v})
	}
	b, err := json.Marshal(NewMap(fields...))
	return string(b), err
}

// TestScripts runs the scripts in testdata: a template, perhaps parameters, and what is
// wanted of it.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range strings.Split("\n"+string(b), "\n=== ")[1:] {
			name, script, _ := strings.Cut(script, "\n")
			t.Run(name, func(t *testing.T) {
				body, want, ok := strings.Cut("\n"+script, "\n--- want\n")
				if !ok {
					t.Fatal("no --- want")
				}
				body, parameters, _ := strings.Cut(body, "\n--- parameters\n")
				given := map[string]string{}
				for line := range strings.Lines(parameters) {
					k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
					given[k] = v
				}
				got, err := outcome(strings.TrimPrefix(body, "\n"), given)
				if err != nil {
					got = err.Error()
					if _, ok := err.(*Error); !ok {
						t.Errorf("not an *Error: %v", err)
					}
				}
				if want = strings.TrimSpace(want); got != want && !sameJSON(got, want) {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		}
	}
}

func sameJSON(a, b string) bool {
	var x, y Node
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && x.Equal(&y)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	many := func(n int, section string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%s:\n", section)
		for i := range n {
			fmt.Fprintf(&b, "  N%d: {Type: T}\n", i)
		}
		return b.String()
	}
	for _, c := range []struct{ name, body, want string }{
		{"501 resources", many(501, "Resources"), "Template format error: Number of resources, 501, is greater than maximum allowed, 500"},
		{"a description of 1,025 bytes", "Description: " + strings.Repeat("x", 1025) + "\nResources: {A: {Type: T}}", "Template format error: 'Description' length is greater than 1024"},
		{"101 levels", "Resources: {A: {Type: T, Properties: {X: " + strings.Repeat("[", 101) + strings.Repeat("]", 101) + "}}}", "Template format error: the template is nested deeper than 100 levels"},
		{"100,000 levels", strings.Repeat("[", 100_000), "Template format error: YAML not well-formed."},
		{"100,000 levels of JSON", strings.Repeat(`{"a":`, 100_000), "Template format error:"},
		{"more than 1 MiB", strings.Repeat(" ", MaxBody+1), "Template may not exceed 1048576 bytes in size."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(c.body))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if _, err := Parse([]byte(many(500, "Resources"))); err != nil {
		t.Errorf("500 resources: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, script := range strings.Split("\n"+string(b), "\n=== ")[1:] {
			_, script, _ := strings.Cut(script, "\n")
			body, _, _ := strings.Cut(script, "\n---")
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		out, err := outcome(body, nil)
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("%v is not an *Error", err)
			}
			return
		}
		if !json.Valid([]byte(out)) {
			t.Fatalf("no JSON: %s", out)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	var s strings.Builder
	s.WriteString("Resources:\n")
	for i := range 500 {
		fmt.Fprintf(&s, "  N%d:\n    Type: T\n    Properties: {A: !Sub \"${N%d.Arn}-${AWS::Region}\", B: [a, b, {c: d}], C: !Join ['', [!Ref N%d, x]]}\n", i+1, i, i)
	}
	body := strings.Replace(s.String(), "N0.Arn", "N500.Arn", 1)
	body = strings.Replace(body, "!Ref N0", "!Ref N500", 1)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := Parse([]byte(body)); err != nil {
			b.Fatal(err)
		}
	}
}
