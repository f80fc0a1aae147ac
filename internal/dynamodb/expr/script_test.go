package expr_test

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
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts in testdata result in")

// A script is blocks of lines, with a blank line between them. A line is a
// parameter and its value; "item" stays as it is until the next one, anything
// else belongs to its block. What the block results in follows "=>".
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
	b := block{params: map[string]string{}, item: dynamodb.Attributes{}}
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		key, value, _ := strings.Cut(line, ":")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "=>"):
			line = "=> " + b.result(t)
			clear(b.params)
		case key == "item":
			b.item = attributes(t, value)
		default:
			b.params[key] = strings.TrimPrefix(value, " ")
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

func attributes(t *testing.T, text string) dynamodb.Attributes {
	t.Helper()
	if strings.TrimSpace(text) == "none" {
		return nil
	}
	a, err := itemtest.Parse(text)
	if err == nil {
		err = item.Normalise(a)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

type block struct {
	params map[string]string
	item   dynamodb.Attributes
}

func (b block) text(name string) *string {
	if s, ok := b.params[name]; ok {
		return &s
	}
	return nil
}

// schema is what keys are bound to.
var schema = item.Schema{
	Hash:  item.KeyAttribute{Name: "pk", Type: dynamodb.TypeS},
	Range: item.KeyAttribute{Name: "sk", Type: dynamodb.TypeN},
}

func (b block) result(t *testing.T) string {
	t.Helper()
	p := expr.Parameters{
		Operation: b.params["operation"],
		Update:    b.text("update"), Condition: b.text("condition"), Filter: b.text("filter"),
		KeyCondition: b.text("key"), Projection: b.text("projection"),
		Legacy: b.legacy(t),
	}
	if names, ok := b.params["names"]; ok {
		p.Names = map[string]string{}
		for _, pair := range strings.Fields(names) {
			k, v, _ := strings.Cut(pair, "=")
			p.Names[k] = v
		}
	}
	if values, ok := b.params["values"]; ok {
		a, err := itemtest.Parse(values)
		if err != nil {
			t.Fatal(err)
		}
		p.Values = a
	}
	c, err := p.Compile()
	if err != nil {
		return message(err)
	}
	s := schema
	switch b.params["schema"] {
	case "hash":
		s.Range = item.KeyAttribute{}
	case "string":
		s.Range.Type = dynamodb.TypeS
	}
	switch {
	case c.Key != nil:
		if err := c.Filter.CheckFilter(s); err != nil {
			return message(err)
		}
		k, err := c.Key.Bind(s)
		if err != nil {
			return message(err)
		}
		from, to := k.Bounds()
		return fmt.Sprintf("%s, %x to %x", itemtest.Value(k.Hash), from, to)
	case c.Update != nil:
		if err := c.Update.CheckKey(s); err != nil {
			return message(err)
		}
		before := itemtest.String(b.item)
		next, err := c.Update.Apply(b.item)
		if after := itemtest.String(b.item); after != before {
			t.Errorf("the update changed the old item from %s to %s", before, after)
		}
		if err != nil {
			return message(err)
		}
		if b.params["show"] == "touched" {
			return itemtest.String(c.Update.Touched(b.item)) + " to " + itemtest.String(c.Update.Touched(next))
		}
		return itemtest.String(next)
	case c.Projection != nil:
		return itemtest.String(c.Projection.Apply(b.item))
	case c.Filter != nil:
		return fmt.Sprint(c.Filter.Holds(b.item))
	}
	return fmt.Sprint(c.Condition.Holds(b.item))
}

func message(err error) string {
	if e := api.AsError(err); e.Code == "ValidationException" {
		return "error: " + e.Message
	}
	return "not a ValidationException: " + err.Error()
}

// legacy reads the older parameters: "expected a: EQ 1", "expected a: exists
// false", "keys a: EQ "x"", "filter a: BETWEEN 1 2", "updates a: ADD 1".
func (b block) legacy(t *testing.T) *expr.Legacy {
	t.Helper()
	l := &expr.Legacy{ConditionalOperator: b.text("operator")}
	found := l.ConditionalOperator != nil
	if names, ok := b.params["attributes"]; ok {
		l.AttributesToGet = strings.Fields(names)
		found = true
	}
	for key, text := range b.params {
		kind, name, ok := strings.Cut(key, " ")
		if !ok {
			continue
		}
		found = true
		verb, rest, _ := strings.Cut(text, " ")
		list := attributesList(t, rest)
		switch kind {
		case "expected":
			e := expr.Expected{}
			switch verb {
			case "exists":
				e.Exists = new(strings.HasPrefix(rest, "true"))
				if list = list[1:]; len(list) > 0 {
					e.Value = &list[0]
				}
			case "value":
				e.Value = &list[0]
			case "nothing":
			default:
				e.ComparisonOperator, e.AttributeValueList = &verb, list
			}
			put(&l.Expected, name, e)
		case "keys":
			put(&l.KeyConditions, name, expr.Comparison{ComparisonOperator: &verb, AttributeValueList: list})
		case "queryfilter":
			put(&l.QueryFilter, name, expr.Comparison{ComparisonOperator: &verb, AttributeValueList: list})
		case "scanfilter":
			put(&l.ScanFilter, name, expr.Comparison{ComparisonOperator: &verb, AttributeValueList: list})
		case "updates":
			u := expr.AttributeUpdate{Action: &verb}
			if len(list) > 0 {
				u.Value = &list[0]
			}
			put(&l.AttributeUpdates, name, u)
		default:
			t.Fatalf("unknown parameter %q", key)
		}
	}
	if !found {
		return nil
	}
	return l
}

func put[V any](m *map[string]V, name string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = v
}

func attributesList(t *testing.T, text string) []dynamodb.AttributeValue {
	t.Helper()
	if text == "" {
		return nil
	}
	a, err := itemtest.Parse("{list: [" + text + "]}")
	if err != nil {
		t.Fatal(err)
	}
	return a[0].Value.L
}
