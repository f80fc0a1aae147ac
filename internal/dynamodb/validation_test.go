package dynamodb_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestValidation has requests that break the service model or the rules beside it,
// and what DynamoDB says of them.
func TestValidation(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(rangeTable(t, c, "N"))
	id := attrs{"id": str("a"), "at": num("1")}
	for _, test := range []struct {
		name, code, message string
		call                func() error
	}{
		{"short table name", validation, "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3", func() error {
			_, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: aws.String("ab")})
			return err
		}},
		{"table name with a space", validation, "…failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", func() error {
			_, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: aws.String("ab cd")})
			return err
		}},
		{"ARN of another region", validation, "1 validation error detected: Invalid AWS region in 'arn:aws:dynamodb:eu-west-1:000000000000:table/abc'", func() error {
			_, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: aws.String("arn:aws:dynamodb:eu-west-1:000000000000:table/abc")})
			return err
		}},
		{"ARN of an index", validation, "1 validation error detected: Invalid resource type in 'arn:aws:dynamodb:us-east-1:000000000000:table/abc/index/x'", func() error {
			_, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: aws.String("arn:aws:dynamodb:us-east-1:000000000000:table/abc/index/x")})
			return err
		}},
		{"several violations", validation, "2 validation errors detected: …", func() error {
			_, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: id, ReturnConsumedCapacity: "x", ReturnValues: "y"})
			return err
		}},
		{"missing range key", validation, "The provided key element does not match the schema", func() error {
			_, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: table, Key: attrs{"id": str("a")}})
			return err
		}},
		{"key of a wrong type", validation, "The provided key element does not match the schema", func() error {
			_, err := c.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: table, Key: attrs{"id": str("a"), "at": str("1")}})
			return err
		}},
		{"item without its key", validation, invalidOpen + "Missing the key at in the item", func() error {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("a")}})
			return err
		}},
		{"item with a mistyped key", validation, invalidOpen + "Type mismatch for key at expected: N actual: S", func() error {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("a"), "at": str("1")}})
			return err
		}},
		{"PutItem returns no new values", validation, "ReturnValues can only be ALL_OLD or NONE", func() error {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: id, ReturnValues: types.ReturnValueAllNew})
			return err
		}},
		{"no table", "ResourceNotFoundException", "Requested resource not found", func() error {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: aws.String("absent"), Item: id})
			return err
		}},
		{"update of a key", validation, invalidOpen + "Cannot update attribute at. This attribute is part of the key", func() error {
			_, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: id, UpdateExpression: aws.String("SET #at = :v"),
				ExpressionAttributeNames: map[string]string{"#at": "at"}, ExpressionAttributeValues: attrs{":v": num("2")}})
			return err
		}},
		{"a query without a condition", validation, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.", func() error {
			_, err := c.Query(ctx, &sdk.QueryInput{TableName: table})
			return err
		}},
		{"a query without a condition and a bad filter", validation, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.", func() error {
			_, err := c.Query(ctx, &sdk.QueryInput{TableName: table, FilterExpression: aws.String("a =")})
			return err
		}},
		{"short table name before a bad expression", validation, "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3", func() error {
			_, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: aws.String("ab"), Key: id, ProjectionExpression: aws.String("a,")})
			return err
		}},
		{"an item that is too large before a bad expression", validation, "Item size has exceeded the maximum allowed size", func() error {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: with(id, "x", str(strings.Repeat("x", 409600))), ConditionExpression: aws.String("a =")})
			return err
		}},
		{"a bad value before what cannot be returned", validation, invalidOpen + "An string set  may not be empty", func() error {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"x": stringSet()}, ReturnValues: "ALL_NEW"})
			return err
		}},
		{"a wrong segment before a bad filter", validation, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2", func() error {
			_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, FilterExpression: aws.String("a ="), Segment: aws.Int32(2), TotalSegments: aws.Int32(2)})
			return err
		}},
		{"a wrong key before the update of it", validation, "The provided key element does not match the schema", func() error {
			_, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: attrs{"id": str("a")}, UpdateExpression: aws.String("SET #at = :v"),
				ExpressionAttributeNames: map[string]string{"#at": "at"}, ExpressionAttributeValues: attrs{":v": num("2")}})
			return err
		}},
		{"values that no put takes", validation, "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null", func() error {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: id, ExpressionAttributeValues: attrs{":v": num("2")}})
			return err
		}},
		{"values that no update takes", validation, "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null", func() error {
			_, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: id, ExpressionAttributeValues: attrs{":v": num("2")}})
			return err
		}},
		{"values that no scan takes", validation, "ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null", func() error {
			_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, ProjectionExpression: aws.String("a"), ExpressionAttributeValues: attrs{":v": num("2")}})
			return err
		}},
		{"a starting key before a bad filter", validation, "The provided starting key is invalid: " + invalidOpen + "An string set  may not be empty", func() error {
			_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, FilterExpression: aws.String("a ="), ExclusiveStartKey: attrs{"id": &types.AttributeValueMemberSS{Value: []string{}}}})
			return err
		}},
		{"a starting key that is not a number", validation, "The parameter cannot be converted to a numeric value: x", func() error {
			_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, ExclusiveStartKey: attrs{"id": str("a"), "at": num("x")}})
			return err
		}},
		{"a query without the hash key", validation, "Query condition missed key schema element: id", func() error {
			_, err := c.Query(ctx, &sdk.QueryInput{TableName: table, KeyConditionExpression: aws.String("#at = :v"),
				ExpressionAttributeNames: map[string]string{"#at": "at"}, ExpressionAttributeValues: attrs{":v": num("2")}})
			return err
		}},
		{"a filter on the key", validation, "Filter Expression can only contain non-primary key attributes: Primary key attribute: at", func() error {
			_, err := c.Query(ctx, &sdk.QueryInput{TableName: table, KeyConditionExpression: aws.String("id = :v"), FilterExpression: aws.String("#at > :n"),
				ExpressionAttributeNames: map[string]string{"#at": "at"}, ExpressionAttributeValues: attrs{":v": str("a"), ":n": num("1")}})
			return err
		}},
		{"an unknown index", validation, "The table does not have the specified index: byType", func() error {
			_, err := c.Query(ctx, &sdk.QueryInput{TableName: table, IndexName: aws.String("byType"), KeyConditionExpression: aws.String("id = :v"),
				ExpressionAttributeValues: attrs{":v": str("a")}})
			return err
		}},
		{"projected attributes without an index", validation, "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName", func() error {
			_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, Select: types.SelectAllProjectedAttributes})
			return err
		}},
		{"count and a projection", validation, "Cannot specify the ProjectionExpression when choosing to get only the Count", func() error {
			_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, Select: types.SelectCount, ProjectionExpression: aws.String("id")})
			return err
		}},
		{"all attributes and a projection", validation, "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES", func() error {
			_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, Select: types.SelectAllAttributes, ProjectionExpression: aws.String("id")})
			return err
		}},
		{"specific attributes, but none named", validation, "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES", func() error {
			_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, Select: types.SelectSpecificAttributes})
			return err
		}},
		{"the same key twice in a batch of reads", validation, "Provided list of item keys contains duplicates", func() error {
			_, err := c.BatchGetItem(ctx, &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{*table: {Keys: []attrs{id, with(id, "at", num("1.0"))}}}})
			return err
		}},
		{"two ways to project in a batch", validation, "Can not use both expression and non-expression parameters in the same request: " +
			"Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}", func() error {
			_, err := c.BatchGetItem(ctx, &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				*table:  {Keys: []attrs{id}, ProjectionExpression: aws.String("id")},
				"other": {Keys: []attrs{id}, AttributesToGet: []string{"id"}},
			}})
			return err
		}},
		{"the same key twice in a batch of writes", validation, "Provided list of item keys contains duplicates", func() error {
			_, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: {
				{PutRequest: &types.PutRequest{Item: with(id, "x", str("y"))}}, {DeleteRequest: &types.DeleteRequest{Key: id}},
			}}})
			return err
		}},
		{"an item of a batch without its key", validation, "The provided key element does not match the schema", func() error {
			_, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: {
				{PutRequest: &types.PutRequest{Item: attrs{"id": str("a"), "x": str("y")}}}}}})
			return err
		}},
		{"an item of a batch with a mistyped key", validation, "The provided key element does not match the schema", func() error {
			_, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: {
				{PutRequest: &types.PutRequest{Item: attrs{"id": str("a"), "at": str("1"), "x": str("y")}}}}}})
			return err
		}},
		{"a write that is none", validation, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes", func() error {
			_, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: {{}}}})
			return err
		}},
	} {
		err := test.call()
		t.Run(test.name, func(t *testing.T) { wantError(t, err, test.code, test.message) })
	}
}

// TestStaticChecksComeBeforeConditions has expressions that are malformed: the
// error says so, though the condition would not hold either.
func TestStaticChecksComeBeforeConditions(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(hashTable(t, c))
	for _, test := range []struct {
		condition, update, message string
		names                      map[string]string
		values                     attrs
	}{
		{condition: "a = :absent", message: "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :absent"},
		{condition: "#absent = id", message: "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #absent"},
		{condition: "attribute_exists(a)", names: map[string]string{"#unused": "x"}, message: "Value provided in ExpressionAttributeNames unused in expressions: keys: {#unused}"},
		{condition: "attribute_exists(a)", values: attrs{":unused": str("x")}, message: "Value provided in ExpressionAttributeValues unused in expressions: keys: {:unused}"},
		{condition: "nothing(a)", message: "Invalid ConditionExpression: Invalid function name; function: nothing"},
		{condition: "begins_with(a, :n)", values: attrs{":n": num("1")}, message: "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{condition: "a BETWEEN :hi AND :lo", values: attrs{":hi": num("2"), ":lo": num("1")}, message: "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound…"},
		{condition: "attribute_exists(absent)", update: "SET a = :v, a.b = :v", values: attrs{":v": num("1")}, message: "Invalid UpdateExpression: Two document paths overlap with each other…"},
	} {
		t.Run(test.condition+test.update, func(t *testing.T) {
			in := &sdk.UpdateItemInput{
				TableName: table, Key: attrs{"id": str("x")}, ConditionExpression: &test.condition,
				ExpressionAttributeNames: test.names, ExpressionAttributeValues: test.values,
			}
			if test.update != "" {
				in.UpdateExpression = &test.update
			}
			_, err := c.UpdateItem(ctx, in)
			wantError(t, err, validation, test.message)
		})
	}
}

// TestLimitsThatCannotCrashTheProcess goes to the limits of expressions, documents
// and items, and beyond.
func TestLimitsThatCannotCrashTheProcess(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(hashTable(t, c))
	condition := func(e string) error {
		_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("a")}, ConditionExpression: &e})
		return err
	}
	for _, e := range []string{strings.Repeat("(", 4096), strings.Repeat("NOT ", 1023) + "a=b", strings.Repeat("x", 4097), "a" + strings.Repeat("[0]", 1300)} {
		wantError(t, condition(e), validation, "Invalid ConditionExpression: …")
	}
	nested := func(levels int) value {
		v := str("end")
		for range levels {
			v = list(v)
		}
		return v
	}
	mustPut(t, c, *table, attrs{"id": str("deep"), "v": nested(31)})
	_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("deep"), "v": nested(32)}})
	wantError(t, err, validation, "Nesting Levels have exceeded supported limits…")

	path := "v" + strings.Repeat("[0]", 30)
	_, err = c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: attrs{"id": str("deep")}, UpdateExpression: aws.String("SET " + path + " = :v"), ExpressionAttributeValues: attrs{":v": nested(2)}})
	wantError(t, err, validation, "Nesting Levels have exceeded supported limits…")

	fill := 409600 - len("id") - len("big") - len("v")
	mustPut(t, c, *table, attrs{"id": str("big"), "v": str(strings.Repeat("x", fill))})
	_, err = c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("big"), "v": str(strings.Repeat("x", fill+1))}})
	wantError(t, err, validation, "Item size has exceeded the maximum allowed size")
	_, err = c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: attrs{"id": str("big")}, UpdateExpression: aws.String("SET w = :w"), ExpressionAttributeValues: attrs{":w": str("")}})
	wantError(t, err, validation, "Item size to update has exceeded the maximum allowed size")
	if got := mustGet(t, c, *table, attrs{"id": str("big")}); len(got["v"].(*types.AttributeValueMemberS).Value) != fill {
		t.Error("the largest item is not what was put")
	}
}

// TestNumbers puts numbers and reads them back in canonical form, or sees them
// refused.
func TestNumbers(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := rangeTable(t, c, "N")
	for in, want := range map[string]string{
		"00042": "42", "1.50": "1.5", "-0": "0", "+5": "5", "1E2": "100", "1e-3": "0.001", "-1.0": "-1", ".5": "0.5",
		"12345678901234567890123456789012345678": "12345678901234567890123456789012345678",
	} {
		mustPut(t, c, table, attrs{"id": str("n"), "at": num(in), "v": num(in), "set": numbers(in)})
		got := mustGet(t, c, table, attrs{"id": str("n"), "at": num(want)})
		if v, ok := got["v"].(*types.AttributeValueMemberN); !ok || v.Value != want {
			t.Errorf("%s came back as %+v", in, got["v"])
		}
	}
	for _, in := range []string{"1E126", "1E-131", "123456789012345678901234567890123456789", "", " 1", "1 ", "x", "0x1", "1_0", "NaN", "Infinity"} {
		_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: attrs{"id": str("n"), "at": num("1"), "v": num(in)}})
		wantError(t, err, validation, "…")
	}
	_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: attrs{"id": str("n"), "at": num("1"), "v": numbers("1", "1.0")}})
	wantError(t, err, validation, "Input collection …")

	// Keys are in the order of their values, not of their digits.
	order := []string{"-1E10", "-100", "-9", "-0.5", "0", "1E-100", "0.09", "0.1", "2", "10", "1E100"}
	for i := len(order) - 1; i >= 0; i-- {
		mustPut(t, c, table, attrs{"id": str("order"), "at": num(order[i]), "place": str(order[i])})
	}
	out, err := c.Query(ctx, &sdk.QueryInput{TableName: &table, KeyConditionExpression: aws.String("id = :id"), ExpressionAttributeValues: attrs{":id": str("order")}})
	if err != nil || len(out.Items) != len(order) {
		t.Fatal(out, err)
	}
	for i, item := range out.Items {
		if got := item["place"].(*types.AttributeValueMemberS).Value; got != order[i] {
			t.Errorf("place %d has %s, want %s", i, got, order[i])
		}
	}
}

// TestEmptyValues puts empty values where they are allowed and where they are not.
func TestEmptyValues(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := rangeTable(t, c, "S")
	id := attrs{"id": str("a"), "at": str("b")}
	allowed := with(with(with(id, "s", str("")), "b", bin("")), "ss", stringSet("", "x"))
	allowed = with(with(with(allowed, "bs", binarySet([]byte{}, []byte("x"))), "l", list()), "m", object(attrs{}))
	mustPut(t, c, table, allowed)
	got := mustGet(t, c, table, id)
	if len(got) != len(allowed) || got["s"].(*types.AttributeValueMemberS).Value != "" || len(got["ss"].(*types.AttributeValueMemberSS).Value) != 2 {
		t.Errorf("got %+v", got)
	}
	for name, test := range map[string]struct {
		item    attrs
		message string
	}{
		"hash key":          {with(id, "id", str("")), "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id"},
		"range key":         {with(id, "at", str("")), "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: at"},
		"empty set":         {with(id, "v", stringSet()), invalidOpen + "An string set  may not be empty"},
		"empty number set":  {with(id, "v", numbers()), invalidOpen + "An number set  may not be empty"},
		"empty number":      {with(id, "v", numbers("")), "The parameter cannot be converted to a numeric value"},
		"duplicate strings": {with(id, "v", stringSet("x", "x")), invalidOpen + "Input collection [x, x] contains duplicates."},
		"null that is not":  {with(id, "v", &types.AttributeValueMemberNULL{Value: false}), invalidOpen + "Null attribute value types must have the value of true"},
	} {
		_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: test.item})
		t.Run(name, func(t *testing.T) { wantError(t, err, validation, test.message) })
	}
}

// TestValidationOfNulls sends bodies that no SDK makes: each is answered.
func TestValidationOfNulls(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	for _, test := range []struct{ operation, body string }{
		{"CreateTable", `{"TableName":"nulls","BillingMode":"PROVISIONED","ProvisionedThroughput":{},"StreamSpecification":{},"SSESpecification":{}}`},
		{"CreateTable", `{"TableName":"nulls"}`},
		{"CreateTable", `{"TableName":"nulls","BillingMode":"PAY_PER_REQUEST","KeySchema":[null,{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[null]}`},
		{"CreateTable", `{"TableName":"nulls","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[],"Tags":[null,{}]}`},
		{"BatchWriteItem", `{"RequestItems":{"TABLE":[null]}}`},
		{"UpdateTable", `{"TableName":"TABLE","ProvisionedThroughput":{"ReadCapacityUnits":1},"StreamSpecification":{}}`},
		{"TagResource", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/TABLE","Tags":[{"Key":"a"},{}]}`},
		{"TagResource", `{}`},
		{"UntagResource", `{"ResourceArn":null,"TagKeys":[null]}`},
		{"PutItem", `{"TableName":"TABLE","Item":{"id":null}}`},
		{"PutItem", `{"TableName":"TABLE","Item":{"id":{}}}`},
		{"PutItem", `{"TableName":"TABLE","Item":{"id":{"S":"a"},"l":{"L":[null,{}]},"m":{"M":{"a":null}},"s":{"SS":[null]}}}`},
		{"PutItem", `{"TableName":"TABLE","Item":{"id":{"S":"a","N":"1"}}}`},
		{"PutItem", `{"TableName":"TABLE","Item":{"id":{"S":"a"}},"Expected":{"a":null},"ConditionalOperator":"AND"}`},
		{"PutItem", `{"TableName":null,"Item":null}`},
		{"UpdateItem", `{"TableName":"TABLE","Key":{"id":{"S":"a"}},"AttributeUpdates":{"a":null,"b":{}}}`},
		{"GetItem", `{"TableName":"TABLE","Key":null}`},
		{"Query", `{"TableName":"TABLE","KeyConditions":{"id":null}}`},
		{"Query", `{"TableName":"TABLE","KeyConditions":{"id":{"ComparisonOperator":"EQ","AttributeValueList":[null]}}}`},
		{"Query", `{"TableName":"TABLE","KeyConditions":{"id":{"ComparisonOperator":"EQ"}}}`},
		{"Scan", `{"TableName":"TABLE","ScanFilter":{"id":null},"ExclusiveStartKey":{"id":null}}`},
		{"Scan", `{"TableName":"TABLE","Segment":-1,"TotalSegments":0}`},
		{"BatchGetItem", `{"RequestItems":{"TABLE":null}}`},
		{"BatchGetItem", `{"RequestItems":{"TABLE":{"Keys":[null,{}]}}}`},
		{"BatchGetItem", `{"RequestItems":{}}`},
		{"BatchWriteItem", `{"RequestItems":{"TABLE":null}}`},
		{"BatchWriteItem", `{"RequestItems":{"TABLE":[{"PutRequest":null,"DeleteRequest":{}}]}}`},
		{"BatchWriteItem", `{"RequestItems":{"TABLE":[{"PutRequest":{}}]}}`},
		{"ListTables", `{"Limit":0,"ExclusiveStartTableName":"x"}`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", f.url, strings.NewReader(strings.ReplaceAll(test.body, "TABLE", table)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+test.operation)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+f.root+"/20261120/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Errorf("%s %s: %v", test.operation, test.body, err)
			continue
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode >= 500 {
			t.Errorf("%s %s: %d %s", test.operation, test.body, answer.StatusCode, text)
		}
		t.Logf("%s %s: %d %s", test.operation, test.body, answer.StatusCode, text)
	}
}
