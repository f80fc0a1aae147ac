package dynamodb_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// Values and items, written shortly.
type (
	value = types.AttributeValue
	attrs = map[string]types.AttributeValue
)

func str(s string) value { return &types.AttributeValueMemberS{Value: s} }
func num(n string) value { return &types.AttributeValueMemberN{Value: n} }
func bin(s string) value { return &types.AttributeValueMemberB{Value: []byte(s)} }
func list(v ...value) value {
	return &types.AttributeValueMemberL{Value: v}
}
func object(m attrs) value        { return &types.AttributeValueMemberM{Value: m} }
func stringSet(s ...string) value { return &types.AttributeValueMemberSS{Value: s} }
func numbers(n ...string) value   { return &types.AttributeValueMemberNS{Value: n} }
func binarySet(b ...[]byte) value { return &types.AttributeValueMemberBS{Value: b} }
func with(m attrs, k string, v value) attrs {
	c := maps.Clone(m)
	c[k] = v
	return c
}

// hashTable makes a table with the hash key "id" and returns its name.
func hashTable(t testing.TB, c *sdk.Client) string {
	t.Helper()
	return makeTable(t, c, types.ScalarAttributeTypeS, "")
}

// rangeTable makes a table with the hash key "id" and the range key "at".
func rangeTable(t testing.TB, c *sdk.Client, at types.ScalarAttributeType) string {
	t.Helper()
	return makeTable(t, c, types.ScalarAttributeTypeS, at)
}

func makeTable(t testing.TB, c *sdk.Client, id, at types.ScalarAttributeType) string {
	t.Helper()
	in := &sdk.CreateTableInput{
		TableName:            aws.String(tableFor(t)),
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: id}},
	}
	if at != "" {
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String("at"), KeyType: types.KeyTypeRange})
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String("at"), AttributeType: at})
	}
	if _, err := c.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return *in.TableName
}

// tableFor is a table's name made of a test's.
func tableFor(t testing.TB) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, t.Name())
}

func mustPut(t testing.TB, c *sdk.Client, table string, item attrs) {
	t.Helper()
	if _, err := c.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: item}); err != nil {
		t.Fatal(err)
	}
}

func mustGet(t testing.TB, c *sdk.Client, table string, key attrs) attrs {
	t.Helper()
	out, err := c.GetItem(t.Context(), &sdk.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// wantError fails the test unless err is an API error of a code, whose message is
// the one wanted, or contains it if that begins or ends with "…".
func wantError(t testing.TB, err error, code, message string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	part := strings.Trim(message, "…")
	switch {
	case !ok:
		t.Errorf("got error %v, want %s: %s", err, code, message)
	case api.ErrorCode() != code, part == message && api.ErrorMessage() != message, !strings.Contains(api.ErrorMessage(), part):
		t.Errorf("got  %s: %s\nwant %s: %s", api.ErrorCode(), api.ErrorMessage(), code, message)
	}
}

const (
	validation  = "ValidationException"
	invalidOpen = "One or more parameter values were invalid: "
)
