package dynamodb_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Actions of transactions, written shortly.

func putAction(table string, item attrs) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: item}}
}

func deleteAction(table string, key attrs) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &table, Key: key}}
}

func updateAction(table string, key attrs, expression string, values attrs) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{TableName: &table, Key: key, UpdateExpression: &expression, ExpressionAttributeValues: values}}
}

func checkAction(table string, key attrs, condition string, values attrs) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &table, Key: key, ConditionExpression: &condition, ExpressionAttributeValues: values}}
}

func getAction(table string, key attrs) types.TransactGetItem {
	return types.TransactGetItem{Get: &types.Get{TableName: &table, Key: key}}
}

func transact(t testing.TB, c *sdk.Client, actions ...types.TransactWriteItem) error {
	_, err := c.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: actions})
	return err
}

// transactGet returns the items that a TransactGetItems reads, nil for an absent one.
func transactGet(t testing.TB, c *sdk.Client, actions ...types.TransactGetItem) ([]attrs, error) {
	out, err := c.TransactGetItems(t.Context(), &sdk.TransactGetItemsInput{TransactItems: actions})
	if err != nil {
		return nil, err
	}
	var items []attrs
	for _, r := range out.Responses {
		items = append(items, r.Item)
	}
	return items, nil
}

// reasons is a cancellation as "Code Message Item" of each action.
func reasons(t *testing.T, err error) []string {
	t.Helper()
	cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		t.Fatalf("got %v, want a cancellation", err)
	}
	var told, codes []string
	for _, r := range cancelled.CancellationReasons {
		codes = append(codes, *r.Code)
		s := *r.Code
		if r.Message != nil {
			s += ": " + *r.Message
		}
		if r.Item != nil {
			s += " " + text(r.Item["v"])
		}
		told = append(told, s)
	}
	want := "Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"
	if cancelled.ErrorMessage() != want {
		t.Errorf("got  %s\nwant %s", cancelled.ErrorMessage(), want)
	}
	return told
}

// TestTransactions writes and reads items of two tables at once.
func TestTransactions(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	one, two := hashTable(t, c), "second"
	makeNamed(t, c, two)
	mustPut(t, c, one, attrs{"id": str("deleted"), "v": num("1")})
	mustPut(t, c, two, attrs{"id": str("checked"), "v": num("1")})
	err := transact(t, c,
		putAction(one, attrs{"id": str("put"), "v": num("1")}),
		updateAction("arn:aws:dynamodb:us-east-1:000000000000:table/"+two, attrs{"id": str("updated")}, "ADD v :one", attrs{":one": num("1")}),
		deleteAction(one, attrs{"id": str("deleted")}),
		checkAction(two, attrs{"id": str("checked")}, "v = :one", attrs{":one": num("1.0")}),
		deleteAction(two, attrs{"id": str("absent")}),
	)
	if err != nil {
		t.Fatal(err)
	}
	read := []types.TransactGetItem{
		getAction(one, attrs{"id": str("put")}),
		getAction(two, attrs{"id": str("updated")}),
		getAction(one, attrs{"id": str("deleted")}),
		getAction(two, attrs{"id": str("checked")}),
	}
	read[3].Get.ProjectionExpression = aws.String("#v")
	read[3].Get.ExpressionAttributeNames = map[string]string{"#v": "v"}
	got, err := transactGet(t, c, read...)
	if err != nil {
		t.Fatal(err)
	}
	want := []attrs{
		{"id": str("put"), "v": num("1")}, {"id": str("updated"), "v": num("1")}, nil, {"v": num("1")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	// Each table's size is exact.
	for table, want := range map[string]int64{one: 1, two: 2} {
		d, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
		if err != nil || *d.Table.ItemCount != want {
			t.Errorf("%s has %d items, %v", table, *d.Table.ItemCount, err)
		}
	}
	// As many actions as there may be.
	var many []types.TransactWriteItem
	for i := range 100 {
		many = append(many, putAction(one, attrs{"id": str(fmt.Sprint(i))}))
	}
	if err := transact(t, c, many...); err != nil {
		t.Error(err)
	}
	// In a transaction, names and values without an expression do no harm.
	idle := putAction(one, attrs{"id": str("idle")})
	idle.Put.ExpressionAttributeNames, idle.Put.ExpressionAttributeValues = map[string]string{"#v": "v"}, attrs{":v": num("1")}
	if err := transact(t, c, idle); err != nil {
		t.Error(err)
	}
}

func makeNamed(t testing.TB, c *sdk.Client, name string) {
	t.Helper()
	_, err := c.CreateTable(t.Context(), &sdk.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTransactionsRefused has transactions that are malformed as a whole, and write
// nothing.
func TestTransactionsRefused(t *testing.T) {
	t.Parallel()
	c := start(t).client
	table := hashTable(t, c)
	key := func(id string) attrs { return attrs{"id": str(id)} }
	good := putAction(table, key("good"))
	both := good
	both.Delete = &types.Delete{TableName: &table, Key: key("a")}
	var many []types.TransactWriteItem
	for i := range 101 {
		many = append(many, putAction(table, key(fmt.Sprint(i))))
	}
	var large []types.TransactWriteItem
	for i := range 11 {
		large = append(large, putAction(table, with(key(fmt.Sprint(i)), "v", str(strings.Repeat("x", 399<<10)))))
	}
	deep := value(str("leaf"))
	for range 32 {
		deep = object(attrs{"n": deep})
	}
	const (
		several  = "Transaction request cannot include multiple operations on one item"
		notFound = "ResourceNotFoundException"
		missing  = "Requested resource not found"
		emptyKey = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id"
	)
	type actions = []types.TransactWriteItem
	for _, x := range []struct {
		name          string
		actions       actions
		code, message string
	}{
		{"none", actions{}, validation, "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"too many", many, validation, "…' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100"},
		{"too large", large, validation, "The aggregate size of the items in the transaction cannot exceed 4 MB"},
		{"an empty action", actions{good, {}}, validation, "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request"},
		{"two in one", actions{both}, validation, "TransactItems can only contain one of Check, Put, Update or Delete"},
		{"one item twice", actions{good, checkAction(table, key("a"), "attribute_exists(id)", nil), deleteAction(table, key("a"))}, validation, several},
		{"one item twice, by name and ARN", actions{good, putAction("arn:aws:dynamodb:us-east-1:000000000000:table/"+table, key("good"))}, validation, several},
		{"two accounts", actions{good, putAction("arn:aws:dynamodb:us-east-1:111111111111:table/"+table, key("a"))}, validation, "All tables of a transaction must be of one account and Region"},
		{"another region", actions{putAction("arn:aws:dynamodb:eu-west-1:000000000000:table/"+table, key("a"))}, validation, "…Invalid AWS region in…"},
		{"no such table", actions{good, putAction("absent", key("a"))}, notFound, missing},
		{"a syntax error before a missing table", actions{putAction("absent", key("a")), checkAction(table, key("a"), "attribute_not_exists(", nil)}, validation, `Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "("`},
		{"an unused value before one item twice", actions{good, checkAction(table, key("good"), "attribute_not_exists(id)", attrs{":v": num("1")})}, validation, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"},
		{"a type error", actions{good, updateAction(table, key("a"), "SET v = :v + :s", attrs{":v": num("1"), ":s": str("x")})}, validation, "…Incorrect operand type for operator or function; operator or function: +, operand type: S"},
		{"a deep item before a syntax error", actions{putAction(table, with(key("deep"), "v", deep)), checkAction(table, key("a"), "attribute_not_exists(", nil)}, validation, "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
		{"an item that is too large", actions{good, putAction(table, with(key("a"), "v", str(strings.Repeat("x", 400<<10))))}, validation, "Item size has exceeded the maximum allowed size"},
		{"an update of the key", actions{updateAction(table, key("a"), "SET id = :v", attrs{":v": str("b")})}, validation, invalidOpen + "Cannot update attribute id. This attribute is part of the key"},
		{"an empty key to put", actions{good, putAction(table, key(""))}, validation, emptyKey},
		{"an empty key to update", actions{updateAction(table, key(""), "REMOVE v", nil)}, validation, emptyKey},
		{"an empty key beside a wrong one", actions{deleteAction(table, attrs{"id": num("1")}), deleteAction(table, key(""))}, validation, emptyKey},
		{"an empty key to check", actions{checkAction(table, key(""), "attribute_exists(id)", nil)}, validation, emptyKey},
		{"a key that is too long", actions{deleteAction(table, key(strings.Repeat("x", 2049)))}, validation, invalidOpen + "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
	} {
		t.Run(x.name, func(t *testing.T) {
			wantError(t, transact(t, c, x.actions...), x.code, x.message)
		})
	}
	t.Run("parameters", func(t *testing.T) {
		long := strings.Repeat("x", 37)
		_, err := c.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{
			TransactItems: actions{good}, ClientRequestToken: &long, ReturnConsumedCapacity: "BOGUS", ReturnItemCollectionMetrics: "BOGUS2",
		})
		wantError(t, err, validation, "3 validation errors detected: "+
			"Value '"+long+"' at 'clientRequestToken' failed to satisfy constraint: Member must have length less than or equal to 36; "+
			"Value 'BOGUS' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; "+
			"Value 'BOGUS2' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]")
	})
	t.Run("reads", func(t *testing.T) {
		get := func(key attrs, projection string) types.TransactGetItem {
			g := getAction(table, key)
			g.Get.ProjectionExpression = aws.String(projection)
			return g
		}
		for _, x := range []struct {
			actions       []types.TransactGetItem
			code, message string
		}{
			{[]types.TransactGetItem{}, validation, "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1"},
			{[]types.TransactGetItem{getAction(table, key("a")), getAction("arn:aws:dynamodb:us-east-1:000000000000:table/"+table, key("a"))}, validation, several},
			{[]types.TransactGetItem{getAction(table, key("a")), getAction("absent", key("a"))}, notFound, missing},
			{[]types.TransactGetItem{getAction(table, key(""))}, validation, emptyKey},
			{[]types.TransactGetItem{getAction("absent", key("a")), get(key("b"), "!!!")}, validation, `Invalid ProjectionExpression: Syntax error; token: "!", near: "!!"`},
		} {
			_, err := transactGet(t, c, x.actions...)
			wantError(t, err, x.code, x.message)
		}
		var large []types.TransactGetItem
		for i := range 11 {
			id := key(fmt.Sprint("large", i))
			mustPut(t, c, table, with(id, "v", str(strings.Repeat("x", 399<<10))))
			large = append(large, getAction(table, id))
		}
		_, err := transactGet(t, c, large...)
		wantError(t, err, validation, "The aggregate size of the items in the transaction cannot exceed 4 MB")
	})
	if items := mustScanIDs(t, c, table); slices.ContainsFunc(items, func(id string) bool { return !strings.HasPrefix(id, "large") }) {
		t.Errorf("there are %v", items)
	}
}

// TestTransactionsCancelled has transactions that fail for some of their actions: each
// gets its reason, and nothing is written.
func TestTransactionsCancelled(t *testing.T) {
	t.Parallel()
	c := start(t).client
	table := hashTable(t, c)
	key := func(id string) attrs { return attrs{"id": str(id)} }
	mustPut(t, c, table, with(key("old"), "v", str("before")))
	mustPut(t, c, table, with(key("large"), "v", str(strings.Repeat("x", 399<<10))))
	const (
		conditional = "ConditionalCheckFailed: The conditional request failed"
		mismatch    = "ValidationError: The provided key element does not match the schema"
	)
	guarded := putAction(table, with(key("old"), "v", str("after")))
	guarded.Put.ConditionExpression = aws.String("attribute_not_exists(id)")
	telling := guarded
	telling.Put = new(*guarded.Put)
	telling.Put.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	silent := checkAction(table, key("absent"), "attribute_exists(id)", nil)
	silent.ConditionCheck.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	other := putAction(table, key("other"))
	for _, x := range []struct {
		name    string
		actions []types.TransactWriteItem
		want    []string
	}{
		{"a condition", []types.TransactWriteItem{other, guarded}, []string{"None", conditional}},
		{"with the item", []types.TransactWriteItem{telling, other, silent}, []string{conditional + " before", "None", conditional}},
		{"a wrong type at run time", []types.TransactWriteItem{fresh(table, "new"), updateAction(table, key("old"), "ADD v :one", attrs{":one": num("1")})},
			[]string{"None", "ValidationError: An operand in the update expression has an incorrect data type"}},
		{"too large once updated", []types.TransactWriteItem{updateAction(table, key("large"), "SET w = :w", attrs{":w": str(strings.Repeat("x", 2<<10))}), silent},
			[]string{"ValidationError: Item size to update has exceeded the maximum allowed size", conditional}},
		{"a missing path", []types.TransactWriteItem{updateAction(table, key("old"), "SET w = gone", nil)},
			[]string{"ValidationError: The provided expression refers to an attribute that does not exist in the item"}},
		{"wrong keys before conditions, the first alone", []types.TransactWriteItem{guarded, deleteAction(table, attrs{"id": num("1")}), putAction(table, attrs{"id": num("1")})},
			[]string{"None", mismatch, "None"}},
		{"a wrong key to put", []types.TransactWriteItem{putAction(table, attrs{"id": list(str("x"))})},
			[]string{"ValidationError: " + invalidOpen + "Type mismatch for key id expected: S actual: L"}},
		{"no key to put", []types.TransactWriteItem{putAction(table, attrs{"v": str("x")})},
			[]string{"ValidationError: " + invalidOpen + "Missing the key id in the item"}},
		{"a wrong key to update", []types.TransactWriteItem{other, updateAction(table, with(key("a"), "v", str("x")), "REMOVE w", nil)}, []string{"None", mismatch}},
		{"a wrong key to check", []types.TransactWriteItem{checkAction(table, attrs{"id": list()}, "attribute_exists(id)", nil)}, []string{mismatch}},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := reasons(t, transact(t, c, x.actions...)); !slices.Equal(got, x.want) {
				t.Errorf("got  %q\nwant %q", got, x.want)
			}
		})
	}
	_, err := transactGet(t, c, getAction(table, key("old")), getAction(table, attrs{}))
	if got, want := reasons(t, err), []string{"None", mismatch}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := mustGet(t, c, table, key("old")); text(got["v"]) != "before" {
		t.Errorf("got %v", got)
	}
	if got := mustScanIDs(t, c, table); len(got) != 2 {
		t.Errorf("there are %v", got)
	}
}

// fresh is a put of what must not be there yet.
func fresh(table, id string) types.TransactWriteItem {
	a := putAction(table, attrs{"id": str(id)})
	a.Put.ConditionExpression = aws.String("attribute_not_exists(id)")
	return a
}

// mustScanIDs returns the hash keys of a table's items.
func mustScanIDs(t testing.TB, c *sdk.Client, table string) (ids []string) {
	t.Helper()
	pages := sdk.NewScanPaginator(c, &sdk.ScanInput{TableName: &table, ProjectionExpression: aws.String("id")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			ids = append(ids, text(item["id"]))
		}
	}
	return ids
}
