package partiql_test

import (
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item/itemtest"
	"github.com/modelwharf/modelwharf/internal/dynamodb/partiql"
)

// FuzzStatement compiles and runs any text. It fails with errors that a client may
// see, or not at all.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{
		`SELECT * FROM "t"`,
		`SELECT a, m.k, l[0]['x'] FROM t."i" WHERE pk = 'a' AND sk BETWEEN 1 AND ? ORDER BY sk DESC;`,
		`SELECT * FROM t WHERE pk IN ['a', "b", ?] OR NOT (size(s) > 3 AND contains(ss, 'a')) -- comment`,
		`SELECT * FROM t WHERE a IS NOT MISSING AND b IS NULL AND attribute_type(c, 'S') AND begins_with(d, 'x')`,
		`INSERT INTO t VALUE {'pk': 'x''y', 'sk': -1.5e3, 'l': [1, true, null, {}], 's': <<'a', 'b'>>, 'n': <<1, 2>>}`,
		`UPDATE t SET n = n + 1 - ? SET l = list_append(l, [2]), ss = set_add(ss, <<'c'>>) REMOVE a.b[3] WHERE pk = 'a' AND sk = 1 RETURNING MODIFIED NEW *`,
		`DELETE FROM t WHERE pk = 'a' AND 1 = sk RETURNING ALL OLD * /* done */`,
		`EXISTS(SELECT * FROM t)`, `SELECT`, `'`, `"`, `/*`, `--`, `<<<<`, "\x00\xff", `((((((`, `NOT NOT`,
	} {
		f.Add(seed)
	}
	stored := itemtest.Must(`{pk: "a", sk: 1, n: 5, s: "text", l: [1, 2], m: {k: 1}, ss: <"a", "b">}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, params := range [][]dynamodb.AttributeValue{nil, {{Type: dynamodb.TypeN, S: "1"}}} {
			if _, err := act(text, params, stored); err != nil && api.AsError(err).Code != "ValidationException" {
				t.Errorf("%q: %v", text, err)
			}
		}
		if s, err := partiql.Compile(text, nil); err == nil && s.Table == "" {
			t.Errorf("%q has no table", text)
		}
	})
}
