package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata")

func fixture(t *testing.T, name string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	m := new(model)
	if err := json.Unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
	files, err := generate(service{Package: "shelf", Version: "2020-01-01", Operations: list("PutBook")}, m, "a fixture")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The same model always gives the same text, which is the one in testdata.
func TestOutputIsDeterministic(t *testing.T) {
	t.Parallel()
	outputIsDeterministic(t, "model", "")
}

// TestREST generates a service whose members travel in many places.
func TestREST(t *testing.T) {
	t.Parallel()
	outputIsDeterministic(t, "rest", "rest_")
}

func outputIsDeterministic(t *testing.T, model, prefix string) {
	files := fixture(t, model)
	for range 10 {
		for name, text := range fixture(t, model) {
			if !bytes.Equal(text, files[name]) {
				t.Fatalf("%s differs from run to run", name)
			}
		}
	}
	for name, text := range files {
		path := filepath.Join("testdata", prefix+name+".txt")
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, want) {
			t.Errorf("%s is not what testdata has; if it should be, run go test -update", name)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		java, value string
		want        bool
	}{
		{`[a-z]+`, "abc", true},
		{`[a-z]+`, "abc!", false},
		{`a|b`, "ab", false},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "/team/", true},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "/team", false},
		{`\p{Print}+`, "a b", true},
		{`\p{Print}+`, "a\tb", false},
		{`[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`, "é😀\n", true},
		{`[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`, "\x00", false},
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, "a-b-c", true},
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, "a--c", false},
	} {
		p, err := goPattern(c.java)
		if err != nil {
			t.Errorf("%s: %v", c.java, err)
			continue
		}
		if got := regexp.MustCompile(p).MatchString(c.value); got != c.want {
			t.Errorf("%s on %q: got %t", c.java, c.value, got)
		}
	}
	if _, err := goPattern(`[\u10000-\u10FFFF]`); err == nil {
		t.Error("a pattern that Java misreads was taken")
	}
}

func TestLowerCamel(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"TableName": "tableName", "SSESpecification": "sseSpecification", "ARN": "arn", "title": "title", "S": "s",
	} {
		if got := lowerCamel(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestExtensions adds a member to a shape, and refuses one that the model has by now.
func TestExtensions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/model.json")
	if err != nil {
		t.Fatal(err)
	}
	for member, want := range map[string]bool{"binding": true, "": false} {
		m := new(model)
		if err := json.Unmarshal(text, m); err != nil {
			t.Fatal(err)
		}
		input := m.input("PutBook")
		if member == "" {
			member = m.Shapes[input].Members[0].Name
		}
		files, err := generate(service{Package: "shelf", Version: "2020-01-01", Operations: list("PutBook"),
			Extensions: map[string]map[string]extension{input: {member: {Enum: list("CLOTH PAPER")}}}}, m, "a fixture")
		if (err == nil) != want {
			t.Errorf("%s: %v", member, err)
		}
		if want && (!bytes.Contains(files["shapes.go"], []byte("Binding *string")) || !bytes.Contains(files["validate.go"], []byte(`"CLOTH", "PAPER"`))) {
			t.Errorf("%s", files["shapes.go"])
		}
	}
}
