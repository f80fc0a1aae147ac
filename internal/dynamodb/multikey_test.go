package dynamodb_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// multiKey is a key schema of "name:HASH" and "name:RANGE".
func multiKey(parts ...string) (schema []types.KeySchemaElement) {
	for _, p := range parts {
		name, kind, _ := strings.Cut(p, ":")
		schema = append(schema, types.KeySchemaElement{AttributeName: &name, KeyType: types.KeyType(kind)})
	}
	return schema
}

// multiTable is a table with the key id and an index byAll (h, i; r, s, t).
func multiTable(t *testing.T, c *sdk.Client) string {
	t.Helper()
	table := tableFor(t)
	_, err := c.CreateTable(t.Context(), &sdk.CreateTableInput{TableName: &table, BillingMode: types.BillingModePayPerRequest,
		KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S", "h:S", "i:N", "r:N", "s:S", "t:S"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("byAll"), Projection: projection("ALL"),
			KeySchema: multiKey("h:HASH", "i:HASH", "r:RANGE", "s:RANGE", "t:RANGE")}}})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// multiValues are values of one attribute in their order. Among them are some whose bytes
// need care in a key.
var multiValues = map[string][]types.AttributeValue{
	"h": {str("a"), str("a\x00"), str("ab")},
	"i": {num("-1"), num("0"), num("10")},
	"r": {num("-2.5"), num("0"), num("3"), num("20")},
	"s": {str("\x00"), str("b"), str("b\x00c"), str("ba"), str("c")},
	"t": {str("x"), str("xy"), str("y")},
}

var multiNames = []string{"h", "i", "r", "s", "t"}

// rank is where an attribute's value is among those of its name.
func rank(it attrs, name string) int {
	return slices.IndexFunc(multiValues[name], func(v types.AttributeValue) bool { return valueText(v) == valueText(it[name]) })
}

func valueText(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return "none"
}

func compareMulti(a, b attrs) int {
	for _, name := range multiNames {
		if c := cmp.Compare(rank(a, name), rank(b, name)); c != 0 {
			return c
		}
	}
	return strings.Compare(valueText(a["id"]), valueText(b["id"]))
}

// multiItems fills a table at random: some items lack an attribute of the key.
func multiItems(t *testing.T, c *sdk.Client, table string, n int) (items []attrs) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		it := attrs{"id": str(fmt.Sprintf("%04d", i))}
		for _, name := range multiNames {
			if values := multiValues[name]; random.IntN(20) > 0 {
				it[name] = values[random.IntN(len(values))]
			}
		}
		mustPut(t, c, table, it)
		if len(it) == len(multiNames)+1 {
			items = append(items, it)
		}
	}
	slices.SortFunc(items, compareMulti)
	return items
}

// TestMultiKeyQueries compares queries of every form of an index with several attributes
// of both kinds with what follows from the items, also page by page, and as statements.
func TestMultiKeyQueries(t *testing.T) {
	if testing.Short() {
		t.Skip("many bytes in one goroutine tell the race detector nothing")
	}
	t.Parallel()
	c := start(t).client
	table := multiTable(t, c)
	items := multiItems(t, c, table, 400)
	random := rand.New(rand.NewPCG(5, 6))
	operators := map[string]func(at, low, high int, v, prefix string) bool{
		"=":           func(at, low, _ int, _, _ string) bool { return at == low },
		"<":           func(at, low, _ int, _, _ string) bool { return at < low },
		"<=":          func(at, low, _ int, _, _ string) bool { return at <= low },
		">":           func(at, low, _ int, _, _ string) bool { return at > low },
		">=":          func(at, low, _ int, _, _ string) bool { return at >= low },
		"BETWEEN":     func(at, low, high int, _, _ string) bool { return at >= low && at <= high },
		"begins_with": func(_, _, _ int, v, prefix string) bool { return strings.HasPrefix(v, prefix) },
	}
	verbs := slices.Sorted(maps.Keys(operators))
	for range 300 {
		depth := random.IntN(4) // how many attributes of the range key have a condition
		values := attrs{}
		var clauses, texts []string
		want := items
		narrow := func(holds func(attrs) bool) {
			want = slices.DeleteFunc(slices.Clone(want), func(it attrs) bool { return !holds(it) })
		}
		for n, name := range multiNames[:2+depth] {
			verb := "="
			if n >= 2 && n == 1+depth {
				verb = verbs[random.IntN(len(verbs))]
			}
			if verb == "begins_with" && name == "r" {
				verb = ">"
			}
			low := random.IntN(len(multiValues[name]))
			high := low + random.IntN(len(multiValues[name])-low)
			operand := multiValues[name][low]
			values[":"+name] = operand
			switch verb {
			case "BETWEEN":
				values[":"+name+"2"] = multiValues[name][high]
				clauses = append(clauses, fmt.Sprintf("#%s BETWEEN :%s AND :%s2", name, name, name))
			case "begins_with":
				clauses = append(clauses, fmt.Sprintf("begins_with(#%s, :%s)", name, name))
			default:
				clauses = append(clauses, fmt.Sprintf("#%s %s :%s", name, verb, name))
			}
			texts = append(texts, clauses[n])
			narrow(func(it attrs) bool {
				return operators[verb](rank(it, name), low, high, valueText(it[name]), valueText(operand))
			})
		}
		random.Shuffle(len(clauses), func(i, j int) { clauses[i], clauses[j] = clauses[j], clauses[i] })
		names := map[string]string{}
		for _, name := range multiNames[:2+depth] {
			names["#"+name] = name
		}
		forward := random.IntN(2) == 0
		in := &sdk.QueryInput{TableName: &table, IndexName: aws.String("byAll"), KeyConditionExpression: aws.String(strings.Join(clauses, " AND ")),
			ExpressionAttributeNames: names, ExpressionAttributeValues: values, ScanIndexForward: &forward}
		if random.IntN(2) == 0 {
			in.Limit = aws.Int32(int32(1 + random.IntN(3)))
		}
		if !forward {
			want = slices.Clone(want)
			slices.Reverse(want)
		}
		got := queryAll(t, c, in)
		if !slices.EqualFunc(got, want, func(a, b map[string]types.AttributeValue) bool { return itemText(a) == itemText(b) }) {
			t.Fatalf("%s: %d items, want %d (or not in order)", strings.Join(texts, " AND "), len(got), len(want))
		}

		statement := fmt.Sprintf(`SELECT * FROM "%s"."byAll" WHERE %s ORDER BY r `, table, strings.Join(texts, " AND "))
		if !forward {
			statement += "DESC"
		}
		var parameters []types.AttributeValue
		for _, name := range multiNames[:2+depth] {
			for _, p := range []string{":" + name, ":" + name + "2"} {
				if v, ok := values[p]; ok {
					parameters = append(parameters, v)
				}
			}
			statement = strings.ReplaceAll(statement, ":"+name+"2", "?")
			statement = strings.ReplaceAll(statement, ":"+name, "?")
		}
		statement = strings.ReplaceAll(statement, "#", "")
		var rows []map[string]types.AttributeValue
		for ask := (&sdk.ExecuteStatementInput{Statement: &statement, Parameters: parameters, Limit: aws.Int32(5)}); ; {
			out, err := c.ExecuteStatement(t.Context(), ask)
			if err != nil {
				t.Fatal(statement, err)
			}
			rows = append(rows, out.Items...)
			if ask.NextToken = out.NextToken; ask.NextToken == nil {
				break
			}
		}
		if !slices.EqualFunc(rows, want, func(a, b map[string]types.AttributeValue) bool { return itemText(a) == itemText(b) }) {
			t.Fatalf("%s: %d rows, want %d (or not in order)", statement, len(rows), len(want))
		}
	}
	if got := sortedTexts(scanIndex(t, c, table, aws.String("byAll"), 3)); len(got) != len(items) {
		t.Errorf("a scan in segments finds %d, want %d", len(got), len(items))
	}
}

// TestMultiKeyErrors has what queries of such an index are refused for, by expressions
// and by the parameters from before them, and the key of a page.
func TestMultiKeyErrors(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, table := f.client, multiTable(t, f.client)
	one := attrs{"id": str("a"), "h": str("k"), "i": num("1"), "r": num("2"), "s": str("s"), "t": str("t")}
	mustPut(t, c, table, one)
	mustPut(t, c, table, with(one, "id", str("b")))
	values := attrs{":h": str("k"), ":i": num("1"), ":r": num("2"), ":s": str("s"), ":t": str("t")}
	query := func(c *sdk.Client, condition string) (*sdk.QueryOutput, error) {
		used := attrs{}
		for name, v := range values {
			if strings.Contains(condition, name) {
				used[name] = v
			}
		}
		return c.Query(t.Context(), &sdk.QueryInput{TableName: &table, IndexName: aws.String("byAll"), KeyConditionExpression: &condition, ExpressionAttributeValues: used, Limit: aws.Int32(1)})
	}
	for condition, message := range map[string]string{
		"h = :h":                       "Query condition missed key schema element: i",
		"i = :i":                       "Query condition missed key schema element: h",
		"h = :h AND i > :i":            "Query key condition not supported",
		"h = :h AND i = :i AND s = :s": "RANGE key attributes r must have equality conditions specified in the query because a condition is present on key attribute s",
		"h = :h AND i = :i AND r > :r AND s = :s": "RANGE key attributes r must have equality conditions specified in the query because a condition is present on key attribute s",
		"h = :h AND i = :i AND r = :r AND t = :t": "RANGE key attributes s must have equality conditions specified in the query because a condition is present on key attribute t",
		"h = :h AND i = :i AND id = :s":           "Query condition missed key schema element: r",
		"h = :h AND i = :s":                       invalidOpen + "Condition parameter type does not match schema type",
		"h = :h AND i = :i AND r <> :r":           "Invalid operator used in KeyConditionExpression: <>",
	} {
		_, err := query(c, condition)
		t.Log(condition)
		wantError(t, err, validation, message)
	}
	_, err := c.Query(t.Context(), &sdk.QueryInput{TableName: &table, KeyConditionExpression: aws.String("id = :h AND i = :i AND r = :r"),
		ExpressionAttributeValues: attrs{":h": str("k"), ":i": num("1"), ":r": num("2")}})
	wantError(t, err, validation, "Conditions can be of length 1 or 2 only")

	out, err := query(c, "h = :h AND i = :i AND r = :r")
	if err != nil || strings.Join(slices.Sorted(maps.Keys(out.LastEvaluatedKey)), " ") != "h i id r s t" {
		t.Error(out, err)
	}
	in := &sdk.QueryInput{TableName: &table, IndexName: aws.String("byAll"), KeyConditions: map[string]types.Condition{}, ExclusiveStartKey: out.LastEvaluatedKey}
	for _, name := range []string{"h", "i", "r", "s"} {
		in.KeyConditions[name] = types.Condition{ComparisonOperator: "EQ", AttributeValueList: []types.AttributeValue{one[name]}}
	}
	if out, err := c.Query(t.Context(), in); err != nil || len(out.Items) != 1 || valueText(out.Items[0]["id"]) != "b" {
		t.Error(out, err)
	}
	in.ExclusiveStartKey = with(in.ExclusiveStartKey, "i", num("2"))
	_, err = c.Query(t.Context(), in)
	wantError(t, err, validation, "The provided starting key is outside query boundaries based on provided conditions")
	delete(in.ExclusiveStartKey, "i")
	_, err = c.Query(t.Context(), in)
	wantError(t, err, validation, "The provided starting key is invalid")

	// Policies see the values of all attributes of the hash key.
	reader := func(name, keys string) *sdk.Client {
		return f.user(t, name, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:Query","Resource":"*",
			"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":[%s]}}}}`, keys))
	}
	if _, err := query(reader("both", `"k","1"`), "h = :h AND i = :i"); err != nil {
		t.Error(err)
	}
	_, err = query(reader("one", `"k"`), "h = :h AND i = :i")
	wantError(t, err, "AccessDeniedException", "…not authorized…")

	// The values of a kind may be of 2,048 and 1,024 bytes together.
	for _, test := range []struct {
		name    string
		s, t, h int
		message string
	}{
		{"the longest", 1000, 24, 2048, ""},
		{"too long a range key", 1000, 25, 1, invalidOpen + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"},
		{"too long a hash key", 1, 1, 2049, invalidOpen + "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
	} {
		zeros := func(n int) types.AttributeValue { return str(strings.Repeat("\x00", n)) }
		it := attrs{"id": zeros(2048), "h": zeros(test.h), "i": num("1"), "r": num("2"), "s": zeros(test.s), "t": zeros(test.t)}
		_, err := c.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: it})
		if test.message == "" {
			if err != nil {
				t.Error(test.name, err)
			}
			continue
		}
		wantError(t, err, validation, test.message)
	}
}

// TestMultiKeyDefinitions has the key schemas of global indexes.
func TestMultiKeyDefinitions(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	var all []string
	for n := range 5 {
		all = append(all, "h"+strconv.Itoa(n)+":S", "r"+strconv.Itoa(n)+":N")
	}
	table := tableFor(t)
	if _, err := c.CreateTable(t.Context(), &sdk.CreateTableInput{TableName: &table, BillingMode: types.BillingModePayPerRequest,
		KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S")}); err != nil {
		t.Fatal(err)
	}
	create := func(schema []types.KeySchemaElement) error {
		x := createIndex("index", "", "")
		x.Create.KeySchema = schema
		_, err := updateIndexes(t, c, table, all, x)
		return err
	}
	for message, schema := range map[string][]types.KeySchemaElement{
		invalidOpen + "The KeySchema exceeds the maximum allowed number of HASH key attributes":    multiKey("h0:HASH", "h1:HASH", "h2:HASH", "h3:HASH", "h4:HASH"),
		invalidOpen + "The KeySchema exceeds the maximum allowed number of RANGE key attributes":   multiKey("h0:HASH", "r0:RANGE", "r1:RANGE", "r2:RANGE", "r3:RANGE", "r4:RANGE"),
		invalidOpen + "All HASH key attributes must precede RANGE key attributes in the KeySchema": multiKey("h0:HASH", "r0:RANGE", "h1:HASH"),
		"The KeySchema contains multiple key attributes with the same name":                        multiKey("h0:HASH", "h1:HASH", "h0:RANGE"),
		"Invalid KeySchema: The first KeySchemaElement is not a HASH key type":                     multiKey("r0:RANGE", "h0:HASH"),
	} {
		wantError(t, create(schema), validation, message)
	}
	whole := multiKey("h0:HASH", "h1:HASH", "h2:HASH", "h3:HASH", "r0:RANGE", "r1:RANGE", "r2:RANGE", "r3:RANGE")
	it := attrs{"id": str("old")}
	for n := range 4 {
		it["h"+strconv.Itoa(n)], it["r"+strconv.Itoa(n)] = str("k"), num("1")
	}
	mustPut(t, c, table, it)
	mustPut(t, c, table, attrs{"id": str("other"), "h0": str("k"), "r0": str("not a number")})
	if err := create(whole); err != nil {
		t.Fatal(err)
	}
	mustPut(t, c, table, with(it, "id", str("new")))
	stop := f.background(t)
	for strings.Contains(describeIndexes(t, c, table), "CREATING") {
	}
	stop()
	d, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range d.Table.GlobalSecondaryIndexes[0].KeySchema {
		got = append(got, *k.AttributeName+":"+string(k.KeyType))
	}
	if text := strings.Join(got, " "); text != "h0:HASH h1:HASH h2:HASH h3:HASH r0:RANGE r1:RANGE r2:RANGE r3:RANGE" {
		t.Error(text)
	}
	if items := scanIndex(t, c, table, aws.String("index"), 1); len(items) != 2 {
		t.Error(sortedTexts(items))
	}
	// One equality for each attribute, and the order of what else the key has.
	out, err := c.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: aws.String(fmt.Sprintf(
		`SELECT id FROM "%s"."index" WHERE h0 IN ['k', 'l'] AND h1 = 'k' AND h2 = 'k' AND h3 = 'k' AND r0 = 1 AND r1 >= 1 ORDER BY h0, r1 DESC`, table))})
	if err != nil || len(out.Items) != 2 {
		t.Error(out, err)
	}
	_, err = c.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: aws.String(fmt.Sprintf(
		`SELECT id FROM "%s"."index" WHERE h0 = 'k' AND h1 = 'k' AND h2 = 'k' AND h3 = 'k' ORDER BY r2`, table))})
	wantError(t, err, validation, "…must follow the attributes before it in the key…")
}
