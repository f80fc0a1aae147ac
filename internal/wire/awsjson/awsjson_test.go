package awsjson_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/awsjson"
)

// backend answers a few operations from nothing.
type backend struct{ dynamodb.Backend }

var created = time.UnixMilli(1763700000250).UTC()

func (backend) DescribeTable(_ context.Context, in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
	if *in.TableName != "models" {
		return nil, dynamodb.ResourceNotFoundException("Requested resource not found: Table: %s not found", *in.TableName)
	}
	return &dynamodb.DescribeTableOutput{Table: &dynamodb.TableDescription{
		TableName: in.TableName, CreationDateTime: new(created), ItemCount: new(int64(3)),
		KeySchema: []*dynamodb.KeySchemaElement{{AttributeName: new("id"), KeyType: new("HASH")}},
	}}, nil
}

func (backend) GetItem(_ context.Context, in *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: dynamodb.RawAttributes(`{"id":{"S":"é"},"n":{"N":"1.5"}}`)}, nil
}

func (backend) PutItem(_ context.Context, in *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error) {
	if in.ConditionExpression != nil {
		e := dynamodb.ConditionalCheckFailedException("The conditional request failed")
		e.Detail = &dynamodb.ConditionalCheckFailedExceptionDetail{Item: dynamodb.RawAttributes(`{"id":{"S":"old"}}`)}
		return nil, e
	}
	return &dynamodb.PutItemOutput{}, nil
}

// serve answers requests as a server does, without authentication.
func serve(t testing.TB, p wire.Protocol) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		call, unknown := p.Open(r, body)
		if unknown != nil {
			p.WriteError(w, "id", unknown)
			return
		}
		in, err := call.Input()
		if err != nil {
			p.WriteError(w, "id", api.AsError(err))
			return
		}
		out, err := call.Operation.Call(r.Context(), in)
		if err != nil {
			p.WriteError(w, "id", api.AsError(err))
			return
		}
		if err := p.WriteAnswer(w, "id", call, out); err != nil {
			t.Error(err)
		}
	})
}

func ask(h http.Handler, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRequestsAndAnswers(t *testing.T) {
	t.Parallel()
	service := dynamodb.New(backend{})
	service.NotYet = []string{"FoldItem"}
	h := serve(t, awsjson.New(service))
	const (
		v20120810     = "DynamoDB_20120810."
		serialization = `{"__type":"com.amazon.coral.service#SerializationException","Message":"%s"}`
	)
	for _, c := range []struct {
		target, body string
		status       int
		want         string
	}{
		{v20120810 + "DescribeTable", `{"TableName":"models","Unknown":{"x":[1]}}`, 200,
			`{"Table":{"TableName":"models","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"CreationDateTime":1763700000.25,"ItemCount":3}}`},
		{v20120810 + "DescribeTable", `{"TableName":"x<\"y"}`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: x<\"y not found"}`},
		{v20120810 + "GetItem", ` { "TableName":"models" , "Key":{"id":{"S":"1"}} } ` + "\n", 200, `{"Item":{"id":{"S":"é"},"n":{"N":"1.5"}}}`},
		{v20120810 + "GetItem", `{"Key":null}`, 400,
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; Value null at 'key' failed to satisfy constraint: Member must not be null"}`},
		{v20120810 + "PutItem", `{"TableName":"m","Item":{},"ConditionExpression":"x"}`, 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":{"id":{"S":"old"}}}`},
		{v20120810 + "PutItem", `{"TableName":"m","Item":{}}`, 200, `{}`},
		{v20120810 + "PutItem", `{"TableName":12}`, 400, fmt.Sprintf(serialization, "NUMBER_VALUE cannot be converted to String")},
		{v20120810 + "PutItem", `{"TableName":{}}`, 400, fmt.Sprintf(serialization, "Start of structure or map found where not expected")},
		{v20120810 + "PutItem", `{"TableName":"m","It`, 400, fmt.Sprintf(serialization, "The request body is not valid JSON")},
		{v20120810 + "PutItem", `{} x`, 400, fmt.Sprintf(serialization, "The request body is not valid JSON")},
		{v20120810 + "PutItem", `{}"`, 400, fmt.Sprintf(serialization, "The request body is not valid JSON")},
		{v20120810 + "PutItem", `{}}`, 400, fmt.Sprintf(serialization, "The request body is not valid JSON")},
		{v20120810 + "PutItem", ``, 400, fmt.Sprintf(serialization, "The request body is not valid JSON")},
		{v20120810 + "PutItem", `null`, 400, fmt.Sprintf(serialization, "Unexpected value type in payload")},
		{v20120810 + "PutItem", `[]`, 400, fmt.Sprintf(serialization, "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.PutItemInput")},
		{v20120810 + "PutItem", "{\"TableName\":\"\xff\"}", 400, fmt.Sprintf(serialization, "The request body is not valid UTF-8")},
		{v20120810 + "PutItem", strings.Repeat(`{"x":`, 100000), 400, fmt.Sprintf(serialization, "The request body is not valid JSON")},
		{v20120810 + "Nothing", `{}`, 400, `{"__type":"com.amazon.coral.service#UnknownOperationException","message":"The service dynamodb has no operation \"Nothing\"."}`},
		{"Other.PutItem", `{}`, 400, `{"__type":"com.amazon.coral.service#UnknownOperationException","message":"The service dynamodb has no operation \"PutItem\"."}`},
		{"", `{}`, 400, `{"__type":"com.amazon.coral.service#UnknownOperationException","message":"The service dynamodb has no operation \"\"."}`},
		{v20120810 + "FoldItem", `{}`, 400,
			`{"__type":"com.amazon.coral.service#UnknownOperationException","message":"The operation FoldItem is not available in this version of Modelwharf"}`},
	} {
		w := ask(h, c.target, c.body)
		if w.Code != c.status || w.Body.String() != c.want {
			t.Errorf("%s %.60s:\n got %d %s\nwant %d %s", c.target, c.body, w.Code, w.Body, c.status, c.want)
		}
		want := http.Header{
			"Content-Type": {"application/x-amz-json-1.0"}, "Content-Length": {fmt.Sprint(len(c.want))},
			"X-Amzn-Requestid": {"id"}, "X-Amz-Crc32": {fmt.Sprint(crc32.ChecksumIEEE([]byte(c.want)))},
		}
		for name := range want {
			if got := w.Header().Get(name); got != want.Get(name) {
				t.Errorf("%s %.60s: %s is %q, want %q", c.target, c.body, name, got, want.Get(name))
			}
		}
	}
}

func TestTheSDKUnderstands(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(serve(t, awsjson.New(dynamodb.New(backend{}))))
	t.Cleanup(server.Close)
	c := sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{},
		DisableValidateResponseChecksum: false,
	})
	described, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: aws.String("models")})
	if err != nil {
		t.Fatal(err)
	}
	if got := described.Table; !got.CreationDateTime.Equal(created) || *got.ItemCount != 3 || got.KeySchema[0].KeyType != types.KeyTypeHash {
		t.Errorf("got table %+v", got)
	}
	_, err = c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: aws.String("other")})
	if e, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || e.ErrorMessage() != "Requested resource not found: Table: other not found" {
		t.Errorf("got error %v", err)
	}
	got, err := c.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("models"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := got.Item["id"].(*types.AttributeValueMemberS); !ok || s.Value != "é" {
		t.Errorf("got item %v", got.Item)
	}
	_, err = c.PutItem(t.Context(), &sdk.PutItemInput{
		TableName: aws.String("models"), ConditionExpression: aws.String("x"),
		Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberB{Value: []byte{0, 1}}},
	})
	if e, ok := errors.AsType[*types.ConditionalCheckFailedException](err); !ok || e.Item["id"] == nil {
		t.Errorf("got error %v", err)
	}
}

// nowhere is an http.ResponseWriter that forgets what it is told.
type nowhere http.Header

func (n nowhere) Header() http.Header       { return http.Header(n) }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkPutItem is all that the wire does for a PutItem of 1 KB.
func BenchmarkPutItem(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"TableName":"predictions","Item":{"id":{"S":"model#0001"},"at":{"N":"1763700000"}`)
	for i := range 8 {
		fmt.Fprintf(&text, `,"attribute%d":{"S":"%s"}`, i, strings.Repeat("x", 90))
	}
	text.WriteString(`}}`)
	body := []byte(text.String())
	p := awsjson.New(dynamodb.New(backend{}))
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
	w := nowhere{}
	b.ReportAllocs()
	for b.Loop() {
		call, unknown := p.Open(r, body)
		if unknown != nil {
			b.Fatal(unknown)
		}
		in, err := call.Input()
		if err != nil {
			b.Fatal(err)
		}
		out, err := call.Operation.Call(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.WriteAnswer(w, "id", call, out); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzDecode asks for every operation with any body: an input or an error that a
// client can be told of, never a panic.
func FuzzDecode(f *testing.F) {
	service := dynamodb.New(backend{})
	p := awsjson.New(service)
	for i, body := range []string{
		`{}`, `{"TableName":"abc","Key":{"a":{"S":"b"}}}`, `{"RequestItems":{"a":[{"PutRequest":{"Item":{}}},null]}}`, `{"RequestItems":{"a":null}}`,
		`{"KeySchema":[null]}`, `{"AttributeDefinitions":[{}],"GlobalSecondaryIndexes":[{"Projection":null}]}`,
		`{"Limit":1e400,"Segment":-0.5}`, `{"Expected":{"a":{"AttributeValueList":[{"N":"1"},{}]}}}`, `[]`, `nul`, "\xff", `{"TableName":"\ud800"}`,
	} {
		f.Add(i, body)
	}
	f.Fuzz(func(t *testing.T, i int, body string) {
		n := len(service.Operations)
		for _, op := range []int{(i%n + n) % n, len(body) % n} {
			r := httptest.NewRequest("POST", "/", nil)
			r.Header.Set("X-Amz-Target", service.TargetPrefix+"."+service.Operations[op].Name)
			call, unknown := p.Open(r, []byte(body))
			if unknown != nil {
				t.Fatal(unknown)
			}
			if _, err := call.Input(); err != nil {
				if e := api.AsError(err); e.HTTPStatus() != http.StatusBadRequest {
					t.Errorf("%s %q: %v", call.Name, body, err)
				}
			}
		}
	})
}
