package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func makeTable(t *testing.T, client *dynamodb.Client, name string) {
	t.Helper()
	if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
}

func put(ctx context.Context, client *dynamodb.Client, table, id string) error {
	_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberS{Value: id},
	}})
	return err
}

func count(t *testing.T, client *dynamodb.Client, table string) int {
	t.Helper()
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	return int(out.Count)
}

func TestPaths(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	for _, c := range []struct {
		path   string
		status int
		says   string
	}{
		{"/healthz", 200, "ok\n"},
		{"/readyz", 200, "ready\n"},
		{"/", 200, "AWS_ENDPOINT_URL=" + s.URL()},
		{"/metrics", 200, "modelwharf_store_disk_bytes"},
		{"/nothing", 404, `"/nothing"`},
	} {
		if status, body := get(t, s.URL()+c.path); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("GET %s: %d %.200q, want %d and %q", c.path, status, body, c.status, c.says)
		}
	}
}

// TestUnknown sends what no service here knows.
func TestUnknown(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		target, contentType, body string
		status                    int
		says                      string
	}{
		"operation of tables": {"DynamoDB_20120810.Nothing", "application/x-amz-json-1.0", "{}", 400, `"__type":"com.amazon.coral.service#UnknownOperationException"`},
		"operation to come":   {"CloudTrail_20131101.ListTrails", "application/x-amz-json-1.1", "{}", 400, "ListTrails is not available in this version"},
		"service":             {"AmazonSQS.SendMessage", "application/x-amz-json-1.0", "{}", 400, "UnknownOperationException"},
		"no target":           {"", "application/x-amz-json-1.0", "{}", 400, "UnknownOperationException"},
		"action":              {"", form, "Action=Nothing&Version=2011-06-15", 400, "<Code>InvalidAction</Code>"},
		"no action":           {"", form, "Version=2010-05-08", 400, "<Code>MissingAction</Code>"},
		"unsigned":            {"DynamoDB_20120810.ListTables", "application/x-amz-json-1.0", "{}", 400, "MissingAuthenticationTokenException"},
		"unsigned form":       {"", form, "Action=GetCallerIdentity&Version=2011-06-15", 403, "<Code>MissingAuthenticationToken</Code>"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.contentType)
			if c.target != "" {
				req.Header.Set("X-Amz-Target", c.target)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != c.status || !strings.Contains(string(body), c.says) {
				t.Errorf("%d %s, want %d and %s", res.StatusCode, body, c.status, c.says)
			}
			if len(res.Header.Get("X-Amzn-Requestid")) != 52 {
				t.Errorf("request id %q", res.Header.Get("X-Amzn-Requestid"))
			}
		})
	}
}

func TestTooLongBody(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	for name, body := range map[string]io.Reader{
		"declared": strings.NewReader(strings.Repeat(" ", 16<<20+1)),
		"chunked":  io.LimitReader(blanks{}, 16<<20+1),
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+servertest.AccessKeyID+"/20260101/us-east-1/dynamodb/aws4_request")
			req.Header.Set("Expect", "100-continue")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			said, _ := io.ReadAll(res.Body)
			if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(said), "HTTP content length exceeded 16777216 bytes.") {
				t.Errorf("%d %s", res.StatusCode, said)
			}
		})
	}
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestAccessLog looks for what a line says, and for what no line may say.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	var out lines
	log, flush := server.NewLog(&out, slog.LevelInfo, server.LogJSON)
	s := servertest.Start(t, func(c *server.Config) { c.Log = log })
	client := dynamodb.NewFromConfig(s.AWS())
	makeTable(t, client, "items")
	if err := put(t.Context(), client, "items", "secret-of-an-item"); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), client, "nothing", "1"); err == nil {
		t.Fatal("a write to no table")
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	flush()
	said := out.String()
	for _, secret := range []string{"secret-of-an-item", servertest.Secret, "Signature="} {
		if strings.Contains(said, secret) {
			t.Errorf("the log contains %q", secret)
		}
	}
	type line struct {
		Msg, Service, Operation, Caller string
		Request                         string `json:"request_id"`
		Source                          string `json:"source_ip"`
		Code                            string `json:"error_code"`
		Status                          int
	}
	var got []line
	for text := range strings.Lines(said) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if l.Msg == "request" {
			if len(l.Request) != 52 {
				t.Errorf("request id %q", l.Request)
			}
			l.Request = ""
			got = append(got, l)
		}
	}
	const root = "arn:aws:iam::000000000000:root"
	want := []line{
		{"request", "dynamodb", "CreateTable", root, "", "127.0.0.1", "", 200},
		{"request", "dynamodb", "PutItem", root, "", "127.0.0.1", "", 200},
		{"request", "dynamodb", "PutItem", root, "", "127.0.0.1", "ResourceNotFoundException", 400},
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines: %s", len(got), said)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	client := dynamodb.NewFromConfig(s.AWS())
	makeTable(t, client, "items")
	for range 3 {
		if err := put(t.Context(), client, "items", "1"); err != nil {
			t.Fatal(err)
		}
	}
	_ = put(t.Context(), client, "nothing", "1")
	_, body := get(t, s.URL()+"/metrics")
	for _, line := range []string{
		`modelwharf_requests_total{operation="PutItem",service="dynamodb",status="200"} 3`,
		`modelwharf_requests_total{operation="PutItem",service="dynamodb",status="400"} 1`,
		`modelwharf_request_duration_seconds_count{operation="PutItem",service="dynamodb"} 4`,
		`modelwharf_dynamodb_request_duration_seconds_count{account="` + servertest.Account + `",operation="PutItem",region="` + servertest.Region + `",table="items"} 3`,
		"modelwharf_requests_in_flight 0", "modelwharf_panics_total 0", "modelwharf_store_log_bytes_total", "go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no %s", line)
		}
	}
}

// TestStopFinishesRequests stops the server while a request is under way.
func TestStopFinishesRequests(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	client := dynamodb.NewFromConfig(s.AWS())
	makeTable(t, client, "items")
	// A request whose body is still coming is under way.
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Length: 2\r\n\r\n")
	buf := make([]byte, 1<<10)
	if n, err := c.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte("100 Continue")) {
		t.Fatalf("%q %v", buf[:n], err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	for s.Ready() {
		runtime.Gosched()
	}
	io.WriteString(c, "{}")
	n, err := c.Read(buf)
	if err != nil || !bytes.Contains(buf[:n], []byte("MissingAuthenticationToken")) {
		t.Errorf("the request under way got %q %v", buf[:n], err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
