package dynamodb_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func keySchema(hash, at string) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
	if at != "" {
		schema = append(schema, types.KeySchemaElement{AttributeName: &at, KeyType: types.KeyTypeRange})
	}
	return schema
}

// definitions are attributes, "name:type" each.
func definitions(all ...string) (d []types.AttributeDefinition) {
	for _, a := range all {
		name, kind, _ := strings.Cut(a, ":")
		d = append(d, types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeType(kind)})
	}
	return d
}

func projection(kind types.ProjectionType, include ...string) *types.Projection {
	return &types.Projection{ProjectionType: kind, NonKeyAttributes: include}
}

// indexedInput is a table with the key (id, at) and the indexes byKind (kind, at; all),
// byScore (kind, score; keys alone), and the local byLocal (score; with note).
func indexedInput(t testing.TB) *sdk.CreateTableInput {
	return &sdk.CreateTableInput{
		TableName: aws.String(tableFor(t)), BillingMode: types.BillingModePayPerRequest,
		KeySchema: keySchema("id", "at"), AttributeDefinitions: definitions("id:S", "at:N", "kind:S", "score:N"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String("byKind"), KeySchema: keySchema("kind", "at"), Projection: projection("ALL")},
			{IndexName: aws.String("byScore"), KeySchema: keySchema("kind", "score"), Projection: projection("KEYS_ONLY")},
		},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{
			{IndexName: aws.String("byLocal"), KeySchema: keySchema("id", "score"), Projection: projection("INCLUDE", "note")},
		},
	}
}

func indexedTable(t testing.TB, c *sdk.Client) string {
	t.Helper()
	in := indexedInput(t)
	if _, err := c.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return *in.TableName
}

// itemText writes an item in one way.
func itemText(it attrs) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(it)) {
		switch v := it[name].(type) {
		case *types.AttributeValueMemberS:
			fmt.Fprintf(&b, "%s=%s ", name, v.Value)
		case *types.AttributeValueMemberN:
			fmt.Fprintf(&b, "%s=%s ", name, v.Value)
		}
	}
	return b.String()
}

func sortedTexts(items []map[string]types.AttributeValue) []string {
	all := make([]string, len(items))
	for i, it := range items {
		all[i] = itemText(it)
	}
	slices.Sort(all)
	return all
}

func queryAll(t testing.TB, c *sdk.Client, in *sdk.QueryInput) (items []map[string]types.AttributeValue) {
	t.Helper()
	for {
		out, err := c.Query(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, out.Items...)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return items
		}
	}
}

// scanIndex reads an index, or the table without one, in pages of a few items.
func scanIndex(t testing.TB, c *sdk.Client, table string, index *string, segments int32) (items []map[string]types.AttributeValue) {
	t.Helper()
	for n := range segments {
		in := &sdk.ScanInput{TableName: &table, IndexName: index, Limit: aws.Int32(7), Segment: aws.Int32(n), TotalSegments: &segments}
		for {
			out, err := c.Scan(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, out.Items...)
			if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
				break
			}
		}
	}
	return items
}

// checkIndexes compares every index with what follows from the table, in content,
// order, size and count.
func checkIndexes(t testing.TB, c *sdk.Client, table string) {
	t.Helper()
	items := scanIndex(t, c, table, nil, 1)
	d, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, keys []types.KeySchemaElement, p *types.Projection, count int64) {
		t.Helper()
		keep := []string{"id", "at"}
		for _, k := range keys {
			keep = append(keep, *k.AttributeName)
		}
		keep = append(keep, p.NonKeyAttributes...)
		var want []map[string]types.AttributeValue
		for _, it := range items {
			if slices.ContainsFunc(keys, func(k types.KeySchemaElement) bool { return it[*k.AttributeName] == nil }) {
				continue
			}
			part := maps.Clone(it)
			if p.ProjectionType != types.ProjectionTypeAll {
				maps.DeleteFunc(part, func(name string, _ types.AttributeValue) bool { return !slices.Contains(keep, name) })
			}
			want = append(want, part)
		}
		for _, segments := range []int32{1, 3} {
			if got := sortedTexts(scanIndex(t, c, table, &name, segments)); !slices.Equal(got, sortedTexts(want)) {
				t.Errorf("%s, %d segments:\n got %q\nwant %q", name, segments, got, sortedTexts(want))
			}
		}
		if count != int64(len(want)) {
			t.Errorf("%s: ItemCount %d, want %d", name, count, len(want))
		}
		hash, at := *keys[0].AttributeName, *keys[1].AttributeName
		number := func(it attrs) float64 {
			f, _ := strconv.ParseFloat(it[at].(*types.AttributeValueMemberN).Value, 64)
			return f
		}
		for _, v := range []string{"a", "b", "c"} {
			for _, forward := range []bool{true, false} {
				got := queryAll(t, c, &sdk.QueryInput{TableName: &table, IndexName: &name, Limit: aws.Int32(3), ScanIndexForward: &forward,
					KeyConditionExpression:   aws.String("#h = :h AND #r BETWEEN :low AND :high"),
					ExpressionAttributeNames: map[string]string{"#h": hash, "#r": at}, ExpressionAttributeValues: attrs{":h": str(v), ":low": num("2"), ":high": num("6")}})
				var part []map[string]types.AttributeValue
				for _, it := range want {
					if it[hash].(*types.AttributeValueMemberS).Value == v && number(it) >= 2 && number(it) <= 6 {
						part = append(part, it)
					}
				}
				if !slices.Equal(sortedTexts(got), sortedTexts(part)) {
					t.Errorf("%s of %s:\n got %q\nwant %q", name, v, sortedTexts(got), sortedTexts(part))
				}
				if !slices.IsSortedFunc(got, func(a, b map[string]types.AttributeValue) int {
					if forward {
						return int(number(a) - number(b))
					}
					return int(number(b) - number(a))
				}) {
					t.Errorf("%s of %s is not in order (forward %t)", name, v, forward)
				}
			}
		}
	}
	for _, x := range d.Table.GlobalSecondaryIndexes {
		check(*x.IndexName, x.KeySchema, x.Projection, *x.ItemCount)
	}
	for _, x := range d.Table.LocalSecondaryIndexes {
		check(*x.IndexName, x.KeySchema, x.Projection, *x.ItemCount)
	}
}

// randomWrites puts, updates and deletes items, alone, in batches and transactions.
func randomWrites(t testing.TB, c *sdk.Client, table string, r *rand.Rand, n int) {
	letter := func() string { return string(rune('a' + r.IntN(3))) }
	key := func() attrs { return attrs{"id": str(letter()), "at": num(fmt.Sprint(r.IntN(8)))} }
	item := func() attrs {
		it := key()
		if r.IntN(4) > 0 {
			it["kind"] = str(letter())
		}
		if r.IntN(4) > 0 {
			it["score"] = num(fmt.Sprint(r.IntN(8)))
		}
		it["note"], it["text"] = str(letter()), str(strings.Repeat(letter(), r.IntN(9)))
		return it
	}
	for range n {
		var err error
		switch r.IntN(6) {
		case 0, 1:
			_, err = c.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: item()})
		case 2:
			_, err = c.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: &table, Key: key(), UpdateExpression: aws.String("SET kind = :k ADD score :one"),
				ExpressionAttributeValues: attrs{":k": str(letter()), ":one": num("1")}})
		case 3:
			_, err = c.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: &table, Key: key(), UpdateExpression: aws.String("REMOVE score")})
		case 4:
			_, err = c.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: &table, Key: key()})
		default:
			_, err = c.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: &table, Item: with(item(), "id", str("a"))}},
				{Put: &types.Put{TableName: &table, Item: with(item(), "id", str("b"))}},
				{Delete: &types.Delete{TableName: &table, Key: with(key(), "id", str("c"))}}}})
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// TestIndexesFollow has several clients write at random, and compares the indexes
// with the table.
func TestIndexesFollow(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := indexedTable(t, f.client)
	for round := range 3 {
		var writers sync.WaitGroup
		for n := range uint64(4) {
			writers.Go(func() { randomWrites(t, f.client, table, rand.New(rand.NewPCG(uint64(round), n)), 60) })
		}
		writers.Wait()
		checkIndexes(t, f.client, table)
		if err := f.service.Tidy(t.Context(), true); err != nil { // folds the sizes
			t.Fatal(err)
		}
	}
	checkIndexes(t, f.client, table)
}

// TestIndexesRefuse has what may not be written to, or read of, an index.
func TestIndexesRefuse(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := indexedTable(t, c)
	base := attrs{"id": str("a"), "at": num("1"), "kind": str("k"), "score": num("5"), "note": str("n"), "text": str("x")}
	mustPut(t, c, table, base)
	const mismatch = invalidOpen + "Type mismatch for Index Key score Expected: N Actual: S IndexName: byLocal"
	_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: with(base, "score", str("5"))})
	wantError(t, err, validation, mismatch)
	_, err = c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: with(base, "kind", str(""))})
	wantError(t, err, validation, "One or more parameter values are not valid. A value specified for a secondary index key is not supported. "+
		"The AttributeValue for a key attribute cannot contain an empty string value. IndexName: byKind, IndexKey: kind")
	_, err = c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: {{PutRequest: &types.PutRequest{Item: with(base, "score", str("5"))}}}}})
	wantError(t, err, validation, mismatch)
	_, err = c.TransactWriteItems(ctx, &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: &table, Item: with(base, "score", str("5"))}}}})
	wantError(t, err, "TransactionCanceledException", "…[ValidationError]")
	_, err = c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: &table, Key: attrs{"id": str("a"), "at": num("1")}, UpdateExpression: aws.String("SET score = :s"), ExpressionAttributeValues: attrs{":s": str("x")}})
	wantError(t, err, validation, "The update expression attempted to update the secondary index key to unsupported type")

	query := func(index string, change func(*sdk.QueryInput)) error {
		hash := "kind"
		if index == "byLocal" {
			hash = "id"
		}
		in := &sdk.QueryInput{TableName: &table, IndexName: &index, KeyConditionExpression: aws.String(hash + " = :v"), ExpressionAttributeValues: attrs{":v": str("k")}}
		change(in)
		_, err := c.Query(ctx, in)
		return err
	}
	for _, test := range []struct {
		index, message string
		change         func(*sdk.QueryInput)
	}{
		{"none", "The table does not have the specified index: none", func(*sdk.QueryInput) {}},
		{"byKind", "Consistent reads are not supported on global secondary indexes", func(in *sdk.QueryInput) { in.ConsistentRead = aws.Bool(true) }},
		{"byScore", invalidOpen + "Select type ALL_ATTRIBUTES is not supported for global secondary index byScore because its projection type is not ALL",
			func(in *sdk.QueryInput) { in.Select = types.SelectAllAttributes }},
		{"byScore", invalidOpen + "Global secondary index byScore does not project [text]", func(in *sdk.QueryInput) {
			in.ProjectionExpression, in.ExpressionAttributeNames = aws.String("id, #t"), map[string]string{"#t": "text"}
		}},
		{"byKind", "The provided starting key is invalid", func(in *sdk.QueryInput) { in.ExclusiveStartKey = attrs{"id": str("a"), "at": num("1")} }},
		{"byKind", "The provided starting key is outside query boundaries based on provided conditions", func(in *sdk.QueryInput) {
			in.ExclusiveStartKey = attrs{"id": str("a"), "at": num("1"), "kind": str("z")}
		}},
	} {
		wantError(t, query(test.index, test.change), validation, test.message)
	}

	// A local index fetches what it does not project, at the table's cost.
	out, err := c.Query(ctx, &sdk.QueryInput{TableName: &table, IndexName: aws.String("byLocal"), KeyConditionExpression: aws.String("id = :v"), ExpressionAttributeValues: attrs{":v": str("a")},
		Select: types.SelectAllAttributes, ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes})
	if err != nil {
		t.Fatal(err)
	}
	used := out.ConsumedCapacity
	if len(out.Items) != 1 || itemText(out.Items[0]) != itemText(base) || *used.CapacityUnits != 2 || *used.Table.CapacityUnits != 1 || *used.LocalSecondaryIndexes["byLocal"].CapacityUnits != 1 {
		t.Error(out.Items, used)
	}
}

// TestIndexesCapacity has what writes cost by what they change of an index.
func TestIndexesCapacity(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := indexedTable(t, c)
	base := attrs{"id": str("a"), "at": num("1"), "kind": str("k"), "score": num("5"), "note": str("n")}
	for _, step := range []struct {
		name, want string
		item       attrs
	}{
		{"new entries", "4: table 1 byKind 1 byLocal 1 byScore 1", base},
		{"nothing changes", "1: table 1", base},
		{"what one index holds", "2: table 1 byKind 1", with(base, "text", str("x"))},
		{"a key moves", "6: table 1 byKind 1 byLocal 2 byScore 2", with(base, "score", num("6"))},
		{"a key goes", "4: table 1 byKind 1 byLocal 1 byScore 1", attrs{"id": str("a"), "at": num("1"), "kind": str("k"), "note": str("n")}},
	} {
		out, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: step.item, ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes})
		if err != nil {
			t.Fatal(err)
		}
		used := out.ConsumedCapacity
		arms := maps.Clone(used.GlobalSecondaryIndexes)
		if arms == nil {
			arms = map[string]types.Capacity{}
		}
		maps.Copy(arms, used.LocalSecondaryIndexes)
		got := fmt.Sprintf("%v: table %v", *used.CapacityUnits, *used.Table.CapacityUnits)
		for _, name := range slices.Sorted(maps.Keys(arms)) {
			got += fmt.Sprintf(" %s %v", name, *arms[name].CapacityUnits)
		}
		if got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
	}
}

// TestIndexesDefinitions has what CreateTable refuses of indexes.
func TestIndexesDefinitions(t *testing.T) {
	t.Parallel()
	c := start(t).client
	for _, test := range []struct {
		message string
		change  func(*sdk.CreateTableInput)
	}{
		{"Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex", func(in *sdk.CreateTableInput) { in.KeySchema = in.KeySchema[:1] }},
		{"Index KeySchema does not have a range key for index: byLocal", func(in *sdk.CreateTableInput) { in.LocalSecondaryIndexes[0].KeySchema = keySchema("id", "") }},
		{"Index KeySchema does not have the same leading hash key as table KeySchema for index: byLocal. index hash key: kind, table hash key: id",
			func(in *sdk.CreateTableInput) { in.LocalSecondaryIndexes[0].KeySchema = keySchema("kind", "score") }},
		{"Duplicate index name: byKind", func(in *sdk.CreateTableInput) { in.LocalSecondaryIndexes[0].IndexName = aws.String("byKind") }},
		{"Unknown ProjectionType: null", func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes[0].Projection = &types.Projection{} }},
		{"ProjectionType is INCLUDE, but NonKeyAttributes is not specified", func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes[0].Projection = projection("INCLUDE") }},
		{"ProjectionType is ALL, but NonKeyAttributes is specified", func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes[0].Projection = projection("ALL", "x") }},
		{"Some AttributeDefinitions are not used. AttributeDefinitions: [id, at, kind, score, no], keys used: [at, id, kind, score]",
			func(in *sdk.CreateTableInput) {
				in.AttributeDefinitions = append(in.AttributeDefinitions, definitions("no:S")...)
			}},
		{"Some index key attributes are not defined in AttributeDefinitions. Keys: [no, at], AttributeDefinitions: [id, at, kind, score]",
			func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes[0].KeySchema = keySchema("no", "at") }},
		{"ProvisionedThroughput should not be specified for index: byKind when BillingMode is PAY_PER_REQUEST", func(in *sdk.CreateTableInput) {
			in.GlobalSecondaryIndexes[0].ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)}
		}},
	} {
		in := indexedInput(t)
		test.change(in)
		_, err := c.CreateTable(t.Context(), in)
		wantError(t, err, validation, invalidOpen+test.message)
	}
}

// TestIndexesStatements has PartiQL read an index, and policy ask for its ARN.
func TestIndexesStatements(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := indexedTable(t, f.client)
	mustPut(t, f.client, table, attrs{"id": str("a"), "at": num("1"), "kind": str("k"), "note": str("n")})
	mustPut(t, f.client, table, attrs{"id": str("b"), "at": num("2"), "kind": str("k"), "score": num("5"), "note": str("n")})
	mustPut(t, f.client, table, attrs{"id": str("c"), "at": num("3")})
	reader := f.user(t, "reader", fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["dynamodb:Query","dynamodb:PartiQLSelect"],
		"Resource":"arn:aws:dynamodb:us-east-1:%s:table/%s/index/byScore"}}`, account, table))
	run := func(c *sdk.Client, index string) ([]map[string]types.AttributeValue, error) {
		out, err := c.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: aws.String(fmt.Sprintf(`SELECT * FROM "%s"."%s" WHERE kind = 'k'`, table, index))})
		if err != nil {
			return nil, err
		}
		return out.Items, nil
	}
	if got, err := run(f.client, "byKind"); err != nil || len(got) != 2 {
		t.Error(got, err)
	}
	if got, err := run(reader, "byScore"); err != nil || len(got) != 1 || itemText(got[0]) != "at=2 id=b kind=k score=5 " {
		t.Error(got, err)
	}
	_, err := run(reader, "byKind")
	wantError(t, err, "AccessDeniedException", "…not authorized…")
	_, err = run(f.client, "none")
	wantError(t, err, validation, "The table does not have the specified index: none")
}

// TestIndexesCollections has what is told of item collections.
func TestIndexesCollections(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := indexedTable(t, c)
	it := attrs{"id": str("a"), "at": num("1")}
	check := func(m *types.ItemCollectionMetrics) {
		t.Helper()
		if m == nil || itemText(m.ItemCollectionKey) != "id=a " || !slices.Equal(m.SizeEstimateRangeGB, []float64{0, 1}) {
			t.Error(m)
		}
	}
	const size = types.ReturnItemCollectionMetricsSize
	put, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: it, ReturnItemCollectionMetrics: size})
	if err != nil {
		t.Fatal(err)
	}
	check(put.ItemCollectionMetrics)
	batch, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{ReturnItemCollectionMetrics: size,
		RequestItems: map[string][]types.WriteRequest{table: {{PutRequest: &types.PutRequest{Item: it}}}}})
	if err != nil || len(batch.ItemCollectionMetrics[table]) != 1 {
		t.Fatal(batch, err)
	}
	check(&batch.ItemCollectionMetrics[table][0])
	transaction, err := c.TransactWriteItems(ctx, &sdk.TransactWriteItemsInput{ReturnItemCollectionMetrics: size,
		TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: &table, Item: it}}}})
	if err != nil || len(transaction.ItemCollectionMetrics[table]) != 1 {
		t.Fatal(transaction, err)
	}
	check(&transaction.ItemCollectionMetrics[table][0])
	plain, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: it})
	if err != nil || plain.ItemCollectionMetrics != nil {
		t.Error(plain.ItemCollectionMetrics, err)
	}
}

// TestIndexesRefuseKeyOfNewItem has an update begin an item whose own key is too long
// to be the range key of an index: it is refused, as a put is.
func TestIndexesRefuseKeyOfNewItem(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	in := &sdk.CreateTableInput{
		TableName: aws.String(tableFor(t)), BillingMode: types.BillingModePayPerRequest,
		KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S", "kind:S"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String("byKind"), KeySchema: keySchema("kind", "id"), Projection: projection("ALL")},
		},
	}
	if _, err := c.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	const tooLong = invalidOpen + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
	key := attrs{"id": str(strings.Repeat("k", 1025))}
	_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: in.TableName, Item: with(key, "kind", str("a"))})
	wantError(t, err, validation, tooLong)
	_, err = c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: in.TableName, Key: key, UpdateExpression: aws.String("SET kind = :k"),
		ExpressionAttributeValues: attrs{":k": str("a")}})
	wantError(t, err, validation, tooLong)
}

// TestIndexesRefuseInsertInTransaction has a statement insert what does not suit an
// index: the transaction is cancelled for the same reason as by TransactWriteItems.
func TestIndexesRefuseInsertInTransaction(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := indexedTable(t, c)
	_, err := c.ExecuteTransaction(ctx, &sdk.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{
		{Statement: aws.String(`INSERT INTO "` + table + `" VALUE {'id': 'a', 'at': 1}`)},
		{Statement: aws.String(`INSERT INTO "` + table + `" VALUE {'id': 'b', 'at': 1, 'kind': 1}`)},
	}})
	byStatement, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		t.Fatal(err)
	}
	err = transact(t, c, putAction(table, attrs{"id": str("a"), "at": num("1")}), putAction(table, attrs{"id": str("b"), "at": num("1"), "kind": num("1")}))
	byAction, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		t.Fatal(err)
	}
	for i := range 2 {
		got, want := byStatement.CancellationReasons[i], byAction.CancellationReasons[i]
		if *got.Code != *want.Code || aws.ToString(got.Message) != aws.ToString(want.Message) {
			t.Errorf("got %s: %s, want %s: %s", *got.Code, aws.ToString(got.Message), *want.Code, aws.ToString(want.Message))
		}
	}
}

// TestIndexesRefuseLongerTogether has an update lengthen one of the attributes that are
// an index's hash key together: the one that stays counts, too.
func TestIndexesRefuseLongerTogether(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	schema := append(keySchema("one", ""), keySchema("two", "")...)
	in := &sdk.CreateTableInput{
		TableName: aws.String(tableFor(t)), BillingMode: types.BillingModePayPerRequest,
		KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S", "one:S", "two:S"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("both"), KeySchema: schema, Projection: projection("ALL")}},
	}
	if _, err := c.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	key := attrs{"id": str("a")}
	mustPut(t, c, *in.TableName, with(with(key, "one", str(strings.Repeat("x", 1500))), "two", str("y")))
	for _, name := range []string{"one", "two"} {
		_, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: in.TableName, Key: key, UpdateExpression: aws.String("SET " + name + " = :v"),
			ExpressionAttributeValues: attrs{":v": str(strings.Repeat("z", map[string]int{"one": 2048, "two": 549}[name]))}})
		wantError(t, err, validation, "The update expression attempted to update the secondary index key beyond allowed size limits")
	}
	if _, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: in.TableName, Key: key, UpdateExpression: aws.String("SET two = :v"),
		ExpressionAttributeValues: attrs{":v": str(strings.Repeat("z", 548))}}); err != nil {
		t.Error(err)
	}
}
