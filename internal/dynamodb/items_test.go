package dynamodb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// text is the value of a string or number attribute.
func text(v value) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return fmt.Sprintf("%#v", v)
}

// TestItems puts, reads, replaces and deletes an item, with what each returns.
func TestItems(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(hashTable(t, c))
	key := attrs{"id": str("iris")}
	if got := mustGet(t, c, *table, key); got != nil {
		t.Errorf("an absent item is %v", got)
	}
	first, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: with(key, "v", num("1")), ReturnValues: types.ReturnValueAllOld})
	if err != nil || first.Attributes != nil {
		t.Fatal(first, err)
	}
	second, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: with(with(key, "v", num("2")), "m", object(attrs{"a": list(str("x"), num("7"))})), ReturnValues: types.ReturnValueAllOld})
	if err != nil || text(second.Attributes["v"]) != "1" {
		t.Fatal(second, err)
	}
	part, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: table, Key: key, ProjectionExpression: aws.String("m.a[1], nothing")})
	if err != nil || len(part.Item) != 1 {
		t.Fatal(part.Item, err)
	}
	if a := part.Item["m"].(*types.AttributeValueMemberM).Value["a"].(*types.AttributeValueMemberL).Value; len(a) != 1 || text(a[0]) != "7" {
		t.Errorf("projection gave %v", a)
	}

	_, err = c.PutItem(ctx, &sdk.PutItemInput{
		TableName: table, Item: key, ConditionExpression: aws.String("attribute_not_exists(id)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); !ok || failed.ErrorMessage() != "The conditional request failed" || text(failed.Item["v"]) != "2" {
		t.Errorf("failed condition: %v", err)
	}
	_, err = c.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: table, Key: key, ConditionExpression: aws.String("v = :v"), ExpressionAttributeValues: attrs{":v": num("3")}})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); !ok || failed.Item != nil {
		t.Errorf("failed condition: %v", err)
	}
	deleted, err := c.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: table, Key: key, ReturnValues: types.ReturnValueAllOld})
	if err != nil || text(deleted.Attributes["v"]) != "2" {
		t.Fatal(deleted, err)
	}
	again, err := c.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: table, Key: key, ReturnValues: types.ReturnValueAllOld})
	if err != nil || again.Attributes != nil {
		t.Fatal(again, err)
	}
	if got := mustGet(t, c, *table, key); got != nil {
		t.Errorf("a deleted item is %v", got)
	}
}

// TestItemsByARN reaches a table by its ARN, and another account's not at all.
func TestItemsByARN(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	name := hashTable(t, c)
	arn := "arn:aws:dynamodb:us-east-1:000000000000:table/" + name
	mustPut(t, c, arn, attrs{"id": str("a")})
	out, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: &name, Key: attrs{"id": str("a")}, ReturnConsumedCapacity: "TOTAL"})
	if err != nil || out.Item == nil || *out.ConsumedCapacity.TableName != name {
		t.Error(out, err)
	}
}

// TestUpdateItem has the rules of UpdateItem, step by step on one item.
func TestUpdateItem(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(hashTable(t, c))
	key := attrs{"id": str("x")}
	for _, step := range []struct {
		name, update string
		values       attrs
		returns      types.ReturnValue
		want         string // the returned attributes, or an error's message
	}{
		{"an item of its key alone", "", nil, "ALL_NEW", "map[id:x]"},
		{"set", "SET a = :a, b = :b, l = :l", attrs{":a": num("1"), ":b": num("2"), ":l": list(num("0"))}, "UPDATED_NEW", "map[a:1 b:2 l:[0]]"},
		{"right sides read the old item", "SET a = b, b = a", nil, "UPDATED_NEW", "map[a:2 b:1]"},
		{"past the end of a list", "SET l[5] = :v, l[9] = :w", attrs{":v": num("5"), ":w": num("9")}, "ALL_NEW", "map[a:2 b:1 id:x l:[0 5 9]]"},
		{"arithmetic", "SET a = a + :one, b = b - :one", attrs{":one": num("1")}, "UPDATED_OLD", "map[a:2 b:1]"},
		{"if_not_exists and list_append", "SET c = if_not_exists(c, :c), l = list_append(l, :l)", attrs{":c": str("new"), ":l": list(str("end"))}, "ALL_NEW", "map[a:3 b:0 c:new id:x l:[0 5 9 end]]"},
		{"add to a number, a set, and what is not there", "ADD a :n, s :s, z :n", attrs{":n": num("0.5"), ":s": stringSet("q")}, "UPDATED_NEW", "map[a:3.5 s:[q] z:0.5]"},
		{"delete from a set, the last member", "DELETE s :s", attrs{":s": stringSet("q")}, "ALL_NEW", "map[a:3.5 b:0 c:new id:x l:[0 5 9 end] z:0.5]"},
		{"remove", "REMOVE l[0], l[2], c", nil, "UPDATED_OLD", "map[c:new l:[0 9]]"},
		{"what is left", "REMOVE nothing", nil, "ALL_NEW", "map[a:3.5 b:0 id:x l:[5 end] z:0.5]"},
		{"arithmetic on a list", "SET a = l + :n", attrs{":n": num("1")}, "NONE", "An operand in the update expression has an incorrect data type"},
		{"add to a list", "ADD l :n", attrs{":n": num("1")}, "NONE", "An operand in the update expression has an incorrect data type"},
		{"a path through a number", "SET a.b.c = :n", attrs{":n": num("1")}, "NONE", "The document path provided in the update expression is invalid for update"},
		{"an absent operand", "SET a = absent", nil, "NONE", "The provided expression refers to an attribute that does not exist in the item"},
		{"nothing of that changed it", "", nil, "ALL_OLD", "map[a:3.5 b:0 id:x l:[5 end] z:0.5]"},
	} {
		in := &sdk.UpdateItemInput{TableName: table, Key: key, ReturnValues: step.returns, ExpressionAttributeValues: step.values}
		if step.update != "" {
			in.UpdateExpression = &step.update
		}
		out, err := c.UpdateItem(ctx, in)
		if err != nil {
			wantError(t, err, validation, step.want)
		} else if got := fmt.Sprint(plain(object(out.Attributes))); got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
	}
}

// plain is a value as fmt prints it well.
func plain(v value) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberL:
		var l []any
		for _, e := range v.Value {
			l = append(l, plain(e))
		}
		return l
	case *types.AttributeValueMemberM:
		m := map[string]any{}
		for k, e := range v.Value {
			m[k] = plain(e)
		}
		return m
	case *types.AttributeValueMemberSS:
		return v.Value
	case *types.AttributeValueMemberNS:
		return v.Value
	}
	return text(v)
}

// TestUpdateItemLegacy uses the parameters that expressions replaced.
func TestUpdateItemLegacy(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(hashTable(t, c))
	key := attrs{"id": str("x")}
	out, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: key, ReturnValues: "ALL_NEW", AttributeUpdates: map[string]types.AttributeValueUpdate{
		"a": {Value: num("1")}, "n": {Action: types.AttributeActionAdd, Value: num("5")}, "s": {Action: types.AttributeActionAdd, Value: stringSet("p", "q")},
	}})
	if err != nil || fmt.Sprint(plain(object(out.Attributes))) != "map[a:1 id:x n:5 s:[p q]]" {
		t.Fatal(plain(object(out.Attributes)), err)
	}
	_, err = c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: key,
		AttributeUpdates: map[string]types.AttributeValueUpdate{"a": {Action: types.AttributeActionDelete}},
		Expected:         map[string]types.ExpectedAttributeValue{"a": {Value: num("2")}},
	})
	wantError(t, err, "ConditionalCheckFailedException", "The conditional request failed")
	_, err = c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: key, UpdateExpression: aws.String("REMOVE a"),
		Expected: map[string]types.ExpectedAttributeValue{"a": {Value: num("1")}},
	})
	wantError(t, err, validation, "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {UpdateExpression}")
	query, err := c.Query(ctx, &sdk.QueryInput{TableName: table, AttributesToGet: []string{"n"}, KeyConditions: map[string]types.Condition{
		"id": {ComparisonOperator: types.ComparisonOperatorEq, AttributeValueList: []value{str("x")}},
	}})
	if err != nil || len(query.Items) != 1 || len(query.Items[0]) != 1 {
		t.Error(query, err)
	}
	scan, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, ScanFilter: map[string]types.Condition{
		"s": {ComparisonOperator: types.ComparisonOperatorContains, AttributeValueList: []value{str("q")}},
	}})
	if err != nil || scan.Count != 1 {
		t.Error(scan, err)
	}
}

// TestBatches writes and reads items of two tables at once, also more than fit
// into an answer.
func TestBatches(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	one, two := hashTable(t, c), "second"
	in := onDemandID()
	in.TableName = &two
	if _, err := c.CreateTable(ctx, &in); err != nil {
		t.Fatal(err)
	}
	var puts []types.WriteRequest
	var keys []attrs
	for i := range 24 {
		key := attrs{"id": str(fmt.Sprint(i))}
		keys = append(keys, key)
		puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: with(key, "v", num("1"))}})
	}
	mustPut(t, c, two, attrs{"id": str("gone")})
	written, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{ReturnConsumedCapacity: "TOTAL", RequestItems: map[string][]types.WriteRequest{
		one: puts, two: {{DeleteRequest: &types.DeleteRequest{Key: attrs{"id": str("gone")}}}},
	}})
	if err != nil || len(written.UnprocessedItems) != 0 || len(written.ConsumedCapacity) != 2 || *written.ConsumedCapacity[0].CapacityUnits+*written.ConsumedCapacity[1].CapacityUnits != 25 {
		t.Fatal(written, err)
	}
	read, err := c.BatchGetItem(ctx, &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		one: {Keys: append(keys, attrs{"id": str("absent")}), ProjectionExpression: aws.String("v"), ConsistentRead: aws.Bool(true)},
		two: {Keys: []attrs{{"id": str("gone")}}},
	}, ReturnConsumedCapacity: "INDEXES"})
	if err != nil || len(read.Responses[one]) != 24 || len(read.Responses[one][0]) != 1 || len(read.Responses[two]) != 0 || len(read.UnprocessedKeys) != 0 {
		t.Fatal(read, err)
	}
	for _, consumed := range read.ConsumedCapacity {
		if want := map[string]float64{one: 25, two: 0.5}[*consumed.TableName]; *consumed.CapacityUnits != want || *consumed.Table.CapacityUnits != want {
			t.Errorf("%s consumed %v", *consumed.TableName, *consumed.CapacityUnits)
		}
	}
	_, err = c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{one: puts[:1], "absent": puts[:1]}})
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found")

	big := strings.Repeat("x", 400000)
	for i, key := range keys {
		mustPut(t, c, two, with(key, "v", str(big)))
		mustPut(t, c, one, with(with(key, "v", str(big)), "i", num(fmt.Sprint(i))))
	}
	want := map[string]types.KeysAndAttributes{one: {Keys: keys}, two: {Keys: keys}}
	found := 0
	for rounds := 0; len(want) > 0; rounds++ {
		read, err := c.BatchGetItem(ctx, &sdk.BatchGetItemInput{RequestItems: want})
		if err != nil || rounds > 2 {
			t.Fatal(rounds, err)
		}
		found += len(read.Responses[one]) + len(read.Responses[two])
		if rounds == 0 && found != 41 {
			t.Errorf("16 MB hold %d items of 400 KB", found)
		}
		want = read.UnprocessedKeys
	}
	if found != 48 {
		t.Errorf("found %d items", found)
	}
}
