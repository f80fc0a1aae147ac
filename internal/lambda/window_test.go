package lambda_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	functions "github.com/modelwharf/modelwharf/internal/api/lambda"
)

// TestWindow holds records back until a batch is full.
func TestWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := code(t)
	w.function("f", url)
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) {
		in.BatchSize, in.MaximumBatchingWindowInSeconds = new(int64(3)), new(int64(300))
	})
	for _, id := range []string{"a", "b", "c", "d"} {
		w.put(id, "1")
	}
	want(t, calls, "a=1 b=1 c=1", done)
	w.put("e", "1")
	w.put("f", "1")
	want(t, calls, "d=1 e=1 f=1", done)
}

// TestLargeBatches parts batches by their size: an event is 6 MB at the most.
func TestLargeBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large := strings.Repeat("x", 300<<10)
	for i := range 30 {
		w.put(fmt.Sprint("item-", i), large)
	}
	url, calls := code(t)
	w.function("f", url)
	w.mapping("f")
	for got := 0; got < 30; {
		c := <-calls
		if len(c.body) > 6<<20 {
			t.Errorf("%d records in %d bytes", len(c.records), len(c.body))
		}
		got += len(c.records)
		c.answer <- done
	}
}

// TestDestination tells what was given up, and why.
func TestDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("a", "1")
	w.put("b", "1")
	url, calls := code(t)
	lostURL, lost := code(t)
	w.function("f", url)
	w.function("lost", lostURL)
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) {
		in.MaximumRetryAttempts = new(int64(0))
		in.DestinationConfig = &functions.DestinationConfig{OnFailure: &functions.OnFailure{Destination: new("arn:aws:lambda:us-east-1:" + account + ":function:lost")}}
	})
	c := want(t, calls, "a=1 b=1", fails)
	var note struct {
		Version        string
		RequestContext struct {
			FunctionArn, Condition string
			ApproximateInvokeCount int
		}
		ResponseContext struct {
			StatusCode    int
			FunctionError string
		}
		DDBStreamBatchInfo struct {
			ShardID, StartSequenceNumber, EndSequenceNumber, StreamArn string
			BatchSize                                                  int
		}
	}
	if err := json.Unmarshal(want(t, lost, "", done).body, &note); err != nil {
		t.Fatal(err)
	}
	info := note.DDBStreamBatchInfo
	if note.Version != "1.0" || note.RequestContext.Condition != "RetryAttemptsExhausted" || note.RequestContext.ApproximateInvokeCount != 1 ||
		!strings.HasSuffix(note.RequestContext.FunctionArn, ":function:f") || note.ResponseContext.FunctionError != "Unhandled" || info.BatchSize != 2 ||
		info.StartSequenceNumber != c.records[0].Dynamodb.SequenceNumber || info.EndSequenceNumber != c.records[1].Dynamodb.SequenceNumber || info.StreamArn != w.stream {
		t.Errorf("%+v", note)
	}
}

// TestFunctionGone keeps the records of a mapping whose function was deleted until there
// is one again.
func TestFunctionGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := code(t)
	w.function("f", url)
	uuid := w.mapping("f")
	w.put("a", "1")
	want(t, calls, "a=1", done)
	must(w, "lambda", w.lambda.DeleteFunction, &functions.DeleteFunctionRequest{FunctionName: new("f")})
	w.put("b", "1")
	w.await(uuid, func(m *functions.EventSourceMappingConfiguration) bool {
		return strings.HasPrefix(*m.LastProcessingResult, "PROBLEM: Function not found: arn:aws:lambda:us-east-1:"+account+":function:f")
	})
	w.function("f", url)
	want(t, calls, "b=1", done)
}
