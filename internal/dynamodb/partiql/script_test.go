package partiql_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item/itemtest"
	"github.com/modelwharf/modelwharf/internal/dynamodb/partiql"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts in testdata result in")

// schema is what statements are bound to.
var schema = item.Schema{
	Hash:  item.KeyAttribute{Name: "pk", Type: dynamodb.TypeS},
	Range: item.KeyAttribute{Name: "sk", Type: dynamodb.TypeN},
}

// A script is lines: "item:" and what the statements after it find, "with:" and
// the parameters of the next statement, "=>" and what the statement before it
// does. Any other line is a part of a statement.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := run(t, string(script))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want := strings.Split(string(script), "\n")
			for i, line := range strings.Split(got, "\n") {
				if i >= len(want) || line != want[i] {
					t.Errorf("%s:%d\n got %s\nwant %s", file, i+1, line, want[min(i, len(want)-1)])
				}
			}
		})
	}
}

func run(t *testing.T, script string) string {
	t.Helper()
	var out strings.Builder
	var stored dynamodb.Attributes
	var params []dynamodb.AttributeValue
	var statement []string
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "=>"):
			line = "=> " + result(strings.Join(statement, "\n"), params, stored)
			statement, params = nil, nil
		case strings.HasPrefix(line, "item:"):
			stored = attributes(t, strings.TrimPrefix(line, "item:"))
		case strings.HasPrefix(line, "with:"):
			all, err := itemtest.Parse("{p: [" + strings.TrimPrefix(line, "with:") + "]}")
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			params = all[0].Value.L
		default:
			statement = append(statement, line)
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

func attributes(t *testing.T, text string) dynamodb.Attributes {
	t.Helper()
	a, err := itemtest.Parse(text)
	if err == nil {
		err = item.Normalise(a)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

func result(text string, params []dynamodb.AttributeValue, stored dynamodb.Attributes) string {
	out, err := act(text, params, stored)
	if err != nil {
		return api.AsError(err).Message
	}
	return out
}

// act says what a statement does to a stored item.
func act(text string, params []dynamodb.AttributeValue, stored dynamodb.Attributes) (string, error) {
	s, err := partiql.Compile(text, params)
	if err != nil {
		return "", err
	}
	name := s.Table
	if s.Index != "" {
		name += "." + s.Index
	}
	if s.ReturnValues != "" {
		name += ", return " + s.ReturnValues
	}
	switch s.Kind {
	case partiql.Exists:
		name += ", check"
	case partiql.Insert:
		return fmt.Sprintf("insert into %s: %s", name, itemtest.String(s.Item)), s.CheckItem(schema)
	case partiql.Select:
		return selects(s, name, stored)
	}
	key, err := s.Key(schema)
	if err != nil {
		return "", err
	}
	act := fmt.Sprintf("in %s, %s: ", name, itemtest.String(key))
	switch {
	case !s.Condition.Holds(stored):
		return act + "condition fails", nil
	case s.Kind == partiql.Delete:
		return act + "delete", nil
	case s.Kind == partiql.Exists:
		return act + "condition holds", nil
	}
	if err := s.Update.CheckKey(schema); err != nil {
		return "", err
	}
	next, err := s.Update.Apply(stored)
	return act + itemtest.String(next), err
}

func selects(s *partiql.Statement, name string, stored dynamodb.Attributes) (string, error) {
	plan, err := s.Plan(schema)
	if err != nil {
		return "", err
	}
	act := "scan " + name
	if plan.Keys != nil {
		act = "query " + name
	}
	for _, k := range plan.Keys {
		act += fmt.Sprintf(" %q", k.Hash.S)
		if k.Op != expr.Any {
			act += fmt.Sprintf(" %s %s", [...]string{"", "=", "<", "<=", ">", ">=", "between", "begins"}[k.Op], k.Low.S)
		}
		if k.Op == expr.Between {
			act += " " + k.High.S
		}
	}
	if plan.One {
		act += ", one"
	}
	if plan.Reverse {
		act += ", reversed"
	}
	if plan.Filter != nil {
		act += fmt.Sprintf(", filter on %s", strings.Join(plan.Filter.Names(), " "))
	}
	if !plan.Filter.Holds(stored) {
		return act + ": nothing", nil
	}
	return act + ": " + itemtest.String(s.Projection.Apply(stored)), nil
}
