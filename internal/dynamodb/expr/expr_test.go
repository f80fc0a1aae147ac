package expr_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item/itemtest"
)

func compile(p expr.Parameters, values string) (expr.Compiled, error) {
	if values != "" {
		p.Values = itemtest.Must(values)
	}
	return p.Compile()
}

func TestLimits(t *testing.T) {
	t.Parallel()
	const invalid = "ValidationException: Invalid ConditionExpression: "
	ors := func(n int) string { return strings.TrimSuffix(strings.Repeat("a = :v OR ", n), " OR ") }
	list := func(n int) string { return "a IN (" + strings.TrimSuffix(strings.Repeat(":v,", n), ",") + ")" }
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	for name, c := range map[string]struct{ text, want string }{
		"4096 parentheses":            {strings.Repeat("(", 4096), invalid + `Syntax error; token: "<EOF>", near: "("`},
		"2000 closed parentheses":     {strings.Repeat("(", 2000) + "a = :v" + strings.Repeat(")", 2000), invalid + "The expression has redundant parentheses;"},
		"4096 brackets":               {"a" + strings.Repeat("[", 4095), invalid + `Syntax error; token: "[", near: "[[["`},
		"many NOTs":                   {strings.Repeat("NOT ", 1000) + "a = :v", invalid + "The expression contains too many operators; operator count: 1001"},
		"nested functions":            {strings.Repeat("size(", 500) + "a" + strings.Repeat(")", 500), invalid + "The function is not allowed to be used this way in an expression; function: size"},
		"4096 bytes":                  {pad("a = :v", 4096), ""},
		"4097 bytes":                  {pad("a = :v", 4097), invalid + "Expression size has exceeded the maximum allowed size; expression size: 4097"},
		"300 operators":               {"NOT " + ors(150), ""},
		"301 operators":               {"NOT NOT " + ors(150), invalid + "The expression contains too many operators; operator count: 301"},
		"100 operands of IN":          {list(100), ""},
		"101 operands of IN":          {list(101), invalid + "The IN operator is provided with too many operands; number of operands: 101"},
		"32 steps":                    {strings.Repeat("a.", 31) + "a = :v", ""},
		"33 steps":                    {strings.Repeat("a.", 32) + "a = :v", invalid + "The document path has too many nesting levels; nesting levels: 33"},
		"invalid UTF-8":               {"a \xff :v", invalid + "Syntax error; token: \"\xff\", near: \"a \xff :v\""},
		"a placeholder that is empty": {"# = :v", invalid + `Syntax error; token: "#", near: "# ="`},
	} {
		_, err := compile(expr.Parameters{Condition: &c.text}, `{:v: 1}`)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %.300q, want %q", name, got, c.want)
		}
	}
}

func TestNesting(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	c, err := compile(expr.Parameters{Update: new("SET m.a = :v")}, "{:v: "+deep(31)+"}")
	if err != nil {
		t.Fatal(err)
	}
	const want = "ValidationException: Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
	if _, err := c.Update.Apply(itemtest.Must(`{m: {}}`)); err == nil || err.Error() != want {
		t.Errorf("31 lists inside of a map: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	c, err := compile(expr.Parameters{
		Condition: new("#z.a = b AND size(c[0]) > :v OR NOT begins_with(a, b)"), Names: map[string]string{"#z": "zz"},
	}, `{:v: 1}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Condition.Names(); !slices.Equal(got, []string{"a", "b", "c", "zz"}) {
		t.Errorf("Names() = %q", got)
	}
}

func TestNilParts(t *testing.T) {
	t.Parallel()
	p := expr.Parameters{}
	c, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	a := itemtest.Must(`{a: 1}`)
	next, err := c.Update.Apply(a)
	if err != nil || !item.EqualItems(a, next) || !c.Condition.Holds(nil) || c.Filter.Names() != nil ||
		c.Update.Touched(a) != nil || len(c.Projection.Apply(a)) != 1 || c.Filter.CheckFilter(schema) != nil || c.Update.CheckKey(schema) != nil {
		t.Error("a part that is absent does something")
	}
}

func TestSelects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"pk = :p":                          "1 2 2.5 3 10",
		"pk = :p AND sk = :a":              "2",
		"pk = :p AND sk < :b":              "1 2 2.5",
		"pk = :p AND sk <= :b":             "1 2 2.5 3",
		"pk = :p AND sk > :a":              "2.5 3 10",
		"pk = :p AND sk >= :a":             "2 2.5 3 10",
		"pk = :p AND sk BETWEEN :a AND :b": "2 2.5 3",
	} {
		var values dynamodb.Attributes
		for _, v := range itemtest.Must(`{:p: "x", :a: 2, :b: 3}`) {
			if strings.Contains(text, v.Name) {
				values = append(values, v)
			}
		}
		p := expr.Parameters{KeyCondition: &text, Values: values}
		c, err := p.Compile()
		if err != nil {
			t.Fatal(err)
		}
		k, err := c.Key.Bind(schema)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		from, to := k.Bounds()
		for _, n := range strings.Fields("1 2 2.5 3 10") {
			key := item.KeyBytes(dynamodb.AttributeValue{Type: dynamodb.TypeN, S: n})
			if bytes.Compare(key, from) >= 0 && (to == nil || bytes.Compare(key, to) < 0) {
				got = append(got, n)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s selects %s, want %s", text, s, want)
		}
	}
}

// More texts than are cached, by many at once: everyone must get their own.
func TestConcurrentCompile(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 800 {
				text := fmt.Sprintf("a%d = :v", (i*(g+1))%1500)
				c, err := compile(expr.Parameters{Condition: &text}, `{:v: 1}`)
				if err != nil || !c.Condition.Holds(itemtest.Must(fmt.Sprintf("{a%d: 1}", (i*(g+1))%1500))) {
					t.Errorf("%s: %v", text, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// seeds are expressions to begin fuzzing with.
var seeds = []string{
	"a = :v", "(a.b[3].#c <> :v) AND NOT (size(a) BETWEEN :v AND :w OR b IN (:v, :w))",
	"attribute_exists(a) OR attribute_type(b, :v) AND begins_with(c, :v) AND contains(d, :w)",
	"SET a = :v, b.c = b.c + :v, l[7] = list_append(l, if_not_exists(m, :w)) REMOVE d[0], e ADD f :v DELETE g :w",
	"a, b.c[0], #c", "((a))", "(((((", "a = ", "SET", "pk = :v AND sk BETWEEN :v AND :w", "NOT NOT NOT a < b",
	"set a[0][0].b.c = (:v - a) remove a", "delete ss :v add ns :w",
}

const fuzzItem = `{a: {b: [1, 2, 3, {x: 5}]}, b: {c: 1}, c: "text", d: ["x"], e: true, f: 1, g: <"x">, l: [1], ss: <"x", "y">, ns: <1>, n: 5}`

func FuzzExpressions(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, `{:v: 1, :w: [2]}`, fuzzItem)
		f.Add(s, `{:v: "x", :w: <"x">}`, `{}`)
	}
	f.Fuzz(func(t *testing.T, text, values, stored string) {
		a, err := itemtest.Parse(stored)
		if err != nil || item.Normalise(a) != nil {
			return
		}
		before := itemtest.String(a)
		names := map[string]string{"#c": "c"}
		for _, p := range []expr.Parameters{
			{Update: &text}, {Condition: &text}, {KeyCondition: &text}, {Projection: &text}, {Filter: &text, Names: names},
		} {
			if p.Values, err = itemtest.Parse(values); err != nil {
				return
			}
			if p.Projection != nil || !strings.Contains(text, ":") {
				p.Values = nil
			}
			if strings.Contains(text, "#c") {
				p.Names = names
			}
			c, err := p.Compile()
			if err != nil {
				if strings.HasPrefix(message(err), "not a") {
					t.Fatal(err)
				}
				continue
			}
			c.Condition.Holds(a)
			c.Condition.Holds(nil)
			c.Filter.Holds(a)
			c.Projection.Apply(a)
			if c.Key != nil {
				if k, err := c.Key.Bind(schema); err == nil {
					k.Bounds()
				}
			}
			next, err := c.Update.Apply(a)
			if err == nil {
				c.Update.Touched(next)
				made := itemtest.String(next)
				if err := item.Normalise(next); err != nil || itemtest.String(next) != made {
					t.Fatalf("%s makes %s of %s, which is not normalised: %v", text, made, before, err)
				}
			}
			if after := itemtest.String(a); after != before {
				t.Fatalf("%s changed the item %s to %s", text, before, after)
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	names := map[string]string{"#s": "status"}
	for name, p := range map[string]expr.Parameters{
		"nothing":   {},
		"condition": {Condition: new("attribute_not_exists(pk)")},
		"typical":   {Condition: new("attribute_exists(pk) AND #s = :v AND version < :w"), Names: names, Values: itemtest.Must(`{:v: "ready", :w: 12}`)},
		"update":    {Update: new("SET #s = :v, hits = if_not_exists(hits, :w) + :w REMOVE lease"), Names: names, Values: itemtest.Must(`{:v: "ready", :w: 1}`)},
		"key":       {KeyCondition: new("pk = :v AND sk BETWEEN :w AND :x"), Values: itemtest.Must(`{:v: "x", :w: 1, :x: 2}`)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Compile(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("uncached", func(b *testing.B) {
		texts := make([]string, 20000)
		for i := range texts {
			texts[i] = fmt.Sprintf("attribute_exists(pk) AND #s = :v AND version%d < :w", i)
		}
		p := expr.Parameters{Names: names, Values: itemtest.Must(`{:v: "ready", :w: 12}`)}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			p.Condition = &texts[i%len(texts)]
			if _, err := p.Compile(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRun(b *testing.B) {
	a := itemtest.Must(`{pk: "x", status: "ready", version: 11, hits: 100, lease: "me", body: "a longer text"}`)
	names := map[string]string{"#s": "status"}
	condition, _ := compile(expr.Parameters{Condition: new("attribute_exists(pk) AND #s = :v AND version < :w"), Names: names}, `{:v: "ready", :w: 12}`)
	update, _ := compile(expr.Parameters{Update: new("SET #s = :v, hits = if_not_exists(hits, :w) + :w REMOVE lease"), Names: names}, `{:v: "ready", :w: 1}`)
	b.Run("holds", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			condition.Condition.Holds(a)
		}
	})
	b.Run("apply", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = update.Update.Apply(a)
		}
	})
}
