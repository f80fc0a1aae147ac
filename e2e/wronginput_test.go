package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// makeTable makes a table with the hash key id.
func makeTable(t testing.TB, s *server, name string) {
	t.Helper()
	if _, err := s.tables().CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
}

// nested is a value of lists in lists.
func nested(levels int) string {
	return strings.Repeat(`{"L":[`, levels) + `{"S":"x"}` + strings.Repeat(`]}`, levels)
}

func putItem(attribute string) string {
	return `{"TableName":"wrong","Item":{"id":{"S":"1"},"a":` + attribute + `}}`
}

// TestWrongInput sends what is wrong in every way; the server names it and lives.
func TestWrongInput(t *testing.T) {
	t.Parallel()
	s := start(t)
	makeTable(t, s, "wrong")
	const (
		validation    = "com.amazon.coral.validate#ValidationException"
		serialization = "com.amazon.coral.service#SerializationException"
		signature     = "com.amazon.coral.service#InvalidSignatureException"
	)
	for _, c := range []struct {
		name string
		send raw
		want answer // message: what it contains
	}{
		{
			"4096 opening parentheses",
			raw{operation: "Scan", body: `{"TableName":"wrong","FilterExpression":"` + strings.Repeat("(", 4096) + `"}`},
			answer{400, validation, "Invalid FilterExpression"},
		},
		{
			"4097 bytes of expression",
			raw{operation: "Scan", body: `{"TableName":"wrong","FilterExpression":"` + strings.Repeat("(", 4097) + `"}`},
			answer{400, validation, "Expression size has exceeded the maximum allowed size"},
		},
		{"32 levels", raw{operation: "PutItem", body: putItem(nested(32))}, answer{400, validation, "Nesting Levels have exceeded supported limits"}},
		{"33 levels", raw{operation: "PutItem", body: putItem(nested(33))}, answer{400, validation, "Nesting Levels have exceeded supported limits"}},
		{"100,000 levels", raw{operation: "PutItem", body: putItem(nested(100_000))}, answer{400, "", ""}},
		{
			"an item of 500 KB", raw{operation: "PutItem", body: putItem(`{"S":"` + strings.Repeat("x", 500<<10) + `"}`)},
			answer{400, validation, "Item size has exceeded the maximum allowed size"},
		},
		{"invalid UTF-8", raw{operation: "PutItem", body: putItem("{\"S\":\"\xff\xfe\"}")}, answer{400, serialization, ""}},
		{"no JSON", raw{operation: "PutItem", body: "{"}, answer{400, serialization, ""}},
		{"a list", raw{operation: "PutItem", body: "[]"}, answer{400, serialization, ""}},
		{"a wrong type", raw{operation: "PutItem", body: `{"TableName":7}`}, answer{400, serialization, ""}},
		{"nothing asked", raw{operation: "PutItem", body: "{}"}, answer{400, validation, "validation error"}},
		{"a bad number", raw{operation: "PutItem", body: putItem(`{"N":"1e126"}`)}, answer{400, validation, "Number overflow"}},
		{"a forged signature", raw{operation: "ListTables", body: "{}", secret: "forged"}, answer{400, signature, "does not match the signature you provided"}},
		{"a stale signature", raw{operation: "ListTables", body: "{}", at: time.Now().Add(-16 * time.Minute)}, answer{400, signature, "Signature expired"}},
		{"a signature to come", raw{operation: "ListTables", body: "{}", at: time.Now().Add(16 * time.Minute)}, answer{400, signature, "Signature not yet current"}},
		{
			"another body than was signed",
			raw{operation: "ListTables", body: "{}", change: func(r *http.Request) {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader("[]")), 2
			}},
			answer{400, signature, ""},
		},
		{
			"another operation than was signed",
			raw{operation: "ListTables", body: "{}", change: func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.DescribeLimits") }},
			answer{400, signature, ""},
		},
		{
			"an unknown operation", raw{operation: "DropEverything", body: "{}"},
			answer{400, "com.amazon.coral.service#UnknownOperationException", ""},
		},
		{
			"no signature", raw{operation: "ListTables", body: "{}", change: func(r *http.Request) { r.Header.Del("Authorization") }},
			answer{400, "com.amazon.coral.service#MissingAuthenticationTokenException", "Request is missing Authentication Token"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.send(t, c.send)
			if got.status != c.want.status || c.want.kind != "" && got.kind != c.want.kind || !strings.Contains(got.message, c.want.message) {
				t.Errorf("got %d %s %.300q, want %d %s %q", got.status, got.kind, got.message, c.want.status, c.want.kind, c.want.message)
			}
		})
	}
	if got := s.send(t, raw{operation: "PutItem", body: putItem(nested(31))}); got.status != 200 {
		t.Errorf("31 levels: %+v", got)
	}
	s.lives(t)
}

// lives fails the test unless the server answers, without a panic so far.
func (s *server) lives(t testing.TB) {
	t.Helper()
	res, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), "\nmodelwharf_panics_total 0\n") {
		t.Error("a request ended in a panic")
	}
}

// TestHalfABody breaks connections in the middle of a write, which then did not happen.
func TestHalfABody(t *testing.T) {
	t.Parallel()
	s := start(t)
	makeTable(t, s, "wrong")
	for range 20 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		body := putItem(`{"S":"x"}`)
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2])
		c.(*net.TCPConn).CloseWrite()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil && res.StatusCode != http.StatusBadRequest {
			t.Errorf("half a body: %s", res.Status)
		}
		c.Close()
	}
	out, err := s.tables().Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("wrong")})
	if err != nil || out.Count != 0 {
		t.Errorf("after halves of bodies: %v %v", out, err)
	}
	s.lives(t)
}

// TestFullDisk fills a small file system under the server. It must be allowed to
// mount one.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := mountSmall(disk); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(disk); err != nil {
			t.Error(err)
		}
	})
	data := disk + "/data"
	s := startOn(t, data)
	makeTable(t, s, "wrong")
	client := s.tables(func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	filling := strings.Repeat("x", 300<<10)
	put := func(n int) error {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("wrong"), Item: map[string]types.AttributeValue{
			"id": &types.AttributeValueMemberS{Value: fmt.Sprint(n)}, "filling": &types.AttributeValueMemberS{Value: filling},
		}})
		return err
	}
	written, refused := 0, error(nil)
	for written < 10_000 {
		if refused = put(written); refused != nil {
			break
		}
		written++
	}
	if refused == nil || !strings.Contains(refused.Error(), "StatusCode: 503") || !strings.Contains(refused.Error(), "The disk of the server is full") {
		t.Fatalf("after %d writes: %v", written, refused)
	}
	holds := func(s *server) {
		t.Helper()
		for n := range written {
			got, err := s.tables().GetItem(t.Context(), &dynamodb.GetItemInput{
				TableName: aws.String("wrong"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: fmt.Sprint(n)}},
				ProjectionExpression: aws.String("id"),
			})
			if err != nil || len(got.Item) != 1 {
				t.Fatalf("item %d of %d: %v %v", n, written, got, err)
			}
		}
	}
	holds(s)
	s.lives(t)
	s.kill()
	holds(startOn(t, data))
	t.Logf("%d writes of 300 KB were acknowledged before the disk was full, and all are there", written)
}
