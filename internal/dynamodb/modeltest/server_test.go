package modeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/awsjson"
)

// server is the service on a store in memory, asked in JSON. It lives in a bubble of
// synctest, in which time passes only when it sleeps, and does nothing in the
// background but in settle.
type server struct {
	testing.TB
	engine  kv.Engine
	store   *kv.DB
	service *dynamodb.Service
	tables  wire.Protocol
	streams wire.Protocol
	asked   map[string]int // how often, by operation and code
}

func newServer(t testing.TB) *server {
	s := &server{TB: t, engine: mem.New(), asked: map[string]int{}}
	s.open()
	return s
}

func (s *server) open() {
	s.Helper()
	var err error
	if s.store, err = kv.Open(s.engine, kv.Options{}); err != nil {
		s.Fatal(err)
	}
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		s.Fatal(err)
	}
	who, err := identity.New(identity.Config{Store: s.store, Seal: seal})
	if err != nil {
		s.Fatal(err)
	}
	s.service = dynamodb.New(dynamodb.Config{Store: s.store, Identity: who, AuditData: dynamodb.AuditNone, Log: slog.New(slog.DiscardHandler)})
	s.tables = awsjson.New(api.New(s.service))
	s.streams = awsjson.New(streams.New(s.service))
}

func (s *server) close() {
	s.Helper()
	if err := s.store.Close(); err != nil {
		s.Fatal(err)
	}
}

// restart stops the service and its store and starts them on what they stored.
func (s *server) restart() {
	s.Helper()
	s.close()
	s.open()
}

// settle lets what goes on in the background come to its end.
func (s *server) settle() {
	ctx, cancel := context.WithCancel(s.Context())
	var background sync.WaitGroup
	background.Go(func() { s.service.Run(ctx) })
	synctest.Wait()
	cancel()
	background.Wait()
}

// answer is what the service answers: a body, or an error.
type answer struct {
	code string // of the error
	body map[string]any
}

func (a answer) message() string {
	for _, member := range []string{"message", "Message"} {
		if m, ok := a.body[member].(string); ok {
			return m
		}
	}
	return ""
}

// call asks the service for an operation.
func (s *server) call(operation string, in map[string]any) answer {
	protocol, prefix := s.tables, "DynamoDB_20120810."
	if slices.Contains([]string{"DescribeStream", "GetShardIterator", "GetRecords"}, operation) {
		protocol, prefix = s.streams, "DynamoDBStreams_20120810."
	}
	body, err := json.Marshal(in)
	if err != nil {
		s.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := s.serve(protocol, w, prefix+operation, body); err != nil {
		protocol.WriteError(w, "id", wharf.AsError(err))
	}
	var a answer
	d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	if err := d.Decode(&a.body); err != nil {
		s.Fatalf("%s: %v: %s", operation, err, w.Body)
	}
	if w.Code != http.StatusOK {
		kind, _ := a.body["__type"].(string)
		_, a.code, _ = strings.Cut(kind, "#")
	}
	s.asked[strings.TrimSpace(operation+" "+a.code)]++
	if w.Code >= 500 {
		s.Errorf("%s: %d %s", operation, w.Code, w.Body)
	}
	return a
}

func (s *server) serve(protocol wire.Protocol, w http.ResponseWriter, target string, body []byte) error {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	call, failed := protocol.Open(r, body)
	if failed != nil {
		return failed
	}
	in, err := call.Input()
	if err != nil {
		return err
	}
	out, err := call.Operation.Call(wharf.WithRequest(s.Context(), &wharf.Request{
		ID: "test", Service: "dynamodb", Operation: call.Name, Region: "us-east-1", Time: time.Now(),
		Caller: wharf.Caller{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", Type: wharf.RootCaller},
	}), in)
	if err != nil {
		return err
	}
	return protocol.WriteAnswer(w, "id", call, out)
}

// must is call of what cannot fail.
func (s *server) must(operation string, in map[string]any) (map[string]any, error) {
	a := s.call(operation, in)
	if a.code != "" {
		return nil, fmt.Errorf("%s: %s: %s", operation, a.code, a.message())
	}
	return a.body, nil
}

var errTooManyPages = errors.New("the pages have no end")
