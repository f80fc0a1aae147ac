package lambda_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"time"

	tables "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	functions "github.com/modelwharf/modelwharf/internal/api/lambda"
)

// TestMapping delivers the records of a stream in the form that Lambda gives them.
func TestMapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("a", "1")
	url, calls := code(t)
	w.function("f", url)
	uuid := w.mapping("f")
	c := want(t, calls, "a=1", done)
	r := c.records[0]
	if r.EventName != "INSERT" || r.EventVersion != "1.1" || r.EventSource != "aws:dynamodb" || r.AwsRegion != "us-east-1" || r.EventSourceARN != w.stream ||
		r.Dynamodb.StreamViewType != "NEW_AND_OLD_IMAGES" || r.Dynamodb.SizeBytes == 0 || len(r.Dynamodb.SequenceNumber) < 21 || r.Dynamodb.ApproximateCreationDateTime == 0 ||
		r.UserIdentity != nil || r.Dynamodb.OldImage != nil || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(r.EventID) {
		t.Errorf("%+v", r)
	}
	w.await(uuid, func(m *functions.EventSourceMappingConfiguration) bool { return *m.LastProcessingResult == "OK" })
	w.put("a", "2")
	if c := want(t, calls, "a=2", done); c.records[0].EventName != "MODIFY" || c.records[0].Dynamodb.OldImage["v"]["S"] != "1" {
		t.Errorf("%+v", c.records[0])
	}
	must(w, "dynamodb", w.tables.DeleteItem, &tables.DeleteItemInput{TableName: new("models"), Key: item("id", "a")})
	if c := want(t, calls, "a=", done); c.records[0].EventName != "REMOVE" || c.records[0].Dynamodb.NewImage != nil {
		t.Errorf("%+v", c.records[0])
	}
}

// TestLatest reads what is written from the time on at which the mapping is enabled.
func TestLatest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		w.put("old", fmt.Sprint(i))
	}
	url, calls := code(t)
	w.function("f", url)
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) { in.StartingPosition = new("LATEST") })
	// Nothing has been read, and yet nothing is missed by another server.
	w.stop()
	w.put("new", "1")
	w.run()
	want(t, calls, "new=1", done)
}

// TestBatches bounds batches by number.
func TestBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		w.put("a", fmt.Sprint(i))
	}
	url, calls := code(t)
	w.function("f", url)
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) { in.BatchSize = new(int64(2)) })
	want(t, calls, "a=0 a=1", done)
	want(t, calls, "a=2 a=3", done)
	want(t, calls, "a=4", done)
}

// TestRetries sends a batch again until it succeeds or is given up; then the destination
// gets to know.
func TestRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("a", "1")
	w.put("b", "1")
	url, calls := code(t)
	lostURL, lost := code(t)
	w.function("f", url)
	w.function("lost", lostURL)
	uuid := w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) {
		in.MaximumRetryAttempts = new(int64(2))
		in.DestinationConfig = &functions.DestinationConfig{OnFailure: &functions.OnFailure{Destination: new("arn:aws:lambda:us-east-1:" + account + ":function:lost")}}
	})
	want(t, calls, "a=1 b=1", fails)
	want(t, calls, "a=1 b=1", done)
	w.put("c", "1")
	for range 3 {
		want(t, calls, "c=1", fails)
	}
	w.await(uuid, func(m *functions.EventSourceMappingConfiguration) bool {
		return *m.LastProcessingResult == "PROBLEM: Function call failed"
	})
	want(t, lost, "", done)
	w.put("d", "1")
	want(t, calls, "d=1", done)
}

// TestBisect parts a batch that fails, to find the record that is at fault.
func TestBisect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"a", "b", "bad", "c"} {
		w.put(id, "1")
	}
	url, calls := code(t)
	w.function("f", url)
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) {
		in.BisectBatchOnFunctionError, in.MaximumRetryAttempts = new(true), new(int64(1))
	})
	want(t, calls, "a=1 b=1 bad=1 c=1", fails)
	want(t, calls, "a=1 b=1", done)
	want(t, calls, "bad=1 c=1", fails)
	want(t, calls, "bad=1", fails)
	want(t, calls, "bad=1", fails)
	want(t, calls, "c=1", done)
}

// TestPartialFailures goes on from the first record that the function has not done.
func TestPartialFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"a", "b", "c"} {
		w.put(id, "1")
	}
	url, calls := code(t)
	w.function("f", url)
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) {
		in.FunctionResponseTypes = []string{"ReportBatchItemFailures"}
	})
	c := <-calls
	c.answer <- answer{200, fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":%q},{"itemIdentifier":%q}]}`, c.records[2].Dynamodb.SequenceNumber, c.records[1].Dynamodb.SequenceNumber)}
	want(t, calls, "b=1 c=1", answer{200, `{"batchItemFailures":[{"itemIdentifier":"none"}]}`})
	want(t, calls, "b=1 c=1", answer{200, `{"batchItemFailures":[{"itemIdentifier":null}]}`})
	want(t, calls, "b=1 c=1", answer{200, `[]`})
	want(t, calls, "b=1 c=1", answer{200, `{"batchItemFailures":[]}`})
	for _, fine := range []string{"null", "{}", "", `{"batchItemFailures":null}`} {
		w.put("d", fine)
		want(t, calls, "d="+fine, answer{200, fine})
	}
}

// TestAge gives up what is too old.
func TestAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("old", "1")
	w.skew.Store(int64(2 * time.Minute))
	w.put("young", "1")
	url, calls := code(t)
	w.function("f", url)
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) { in.MaximumRecordAgeInSeconds = new(int64(60)) })
	want(t, calls, "young=1", done)
}

// TestFilters delivers what one of the filters lets pass.
func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := code(t)
	w.function("f", url)
	uuid := w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) {
		in.FilterCriteria = &functions.FilterCriteria{Filters: []*functions.Filter{
			{Pattern: new(`{"eventName":["INSERT"],"dynamodb":{"Keys":{"id":{"S":[{"prefix":"iris"}]}}}}`)},
			{Pattern: new(`{"dynamodb":{"NewImage":{"v":{"S":["9"]}}}}`)},
		}}
	})
	w.put("wine", "1")
	w.put("iris-1", "1")
	w.put("iris-1", "2")
	want(t, calls, "iris-1=1", done)
	w.put("wine", "9")
	want(t, calls, "wine=9", done)
	must(w, "lambda", w.lambda.UpdateEventSourceMapping, &functions.UpdateEventSourceMappingRequest{UUID: &uuid, FilterCriteria: &functions.FilterCriteria{}})
	w.await(uuid, func(m *functions.EventSourceMappingConfiguration) bool {
		return *m.State == "Enabled" && m.FilterCriteria == nil
	})
	w.put("wine", "10")
	want(t, calls, "wine=10", done)
}

// TestStates disables, enables and deletes a mapping. What was written meanwhile is not
// lost.
func TestStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := code(t)
	w.function("f", url)
	uuid := w.mapping("f")
	w.put("a", "1")
	want(t, calls, "a=1", done)
	enable := func(yes bool, until string) {
		must(w, "lambda", w.lambda.UpdateEventSourceMapping, &functions.UpdateEventSourceMappingRequest{UUID: &uuid, Enabled: &yes})
		w.await(uuid, func(m *functions.EventSourceMappingConfiguration) bool { return *m.State == until })
	}
	for i := range 5 {
		enable(false, "Disabled")
		w.put("b", fmt.Sprint(i))
		enable(true, "Enabled")
		want(t, calls, fmt.Sprint("b=", i), done)
	}
	if m := must(w, "lambda", w.lambda.DeleteEventSourceMapping, &functions.DeleteEventSourceMappingRequest{UUID: &uuid}); *m.State != "Deleting" {
		t.Error(*m.State)
	}
	for {
		_, err := w.lambda.GetEventSourceMapping(w.root("lambda", "x"), &functions.GetEventSourceMappingRequest{UUID: &uuid})
		if err != nil {
			break
		}
	}
	// The same again, from the beginning.
	w.mapping("f")
	want(t, calls, "a=1 b=0 b=1 b=2 b=3 b=4", done)
}

// TestRoleCounts reads the stream as the function's role: without its permission nothing
// is delivered, and with it everything.
func TestRoleCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := code(t)
	w.function("f", url)
	uuid := w.mapping("f")
	w.put("a", "1")
	want(t, calls, "a=1", done)
	w.setPolicy("runner", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"dynamodb:GetRecords","Resource":"*"}]}`)
	w.put("b", "1")
	w.await(uuid, func(m *functions.EventSourceMappingConfiguration) bool { return (*m.LastProcessingResult)[:2] == "PR" })
	w.setPolicy("runner", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}]}`)
	want(t, calls, "b=1", done)
}

// TestCrashes stops the service in the middle of batches, again and again, while items
// are written and shards end: each change arrives, those of an item in their order.
func TestCrashes(t *testing.T) {
	t.Parallel()
	const items, changes = 5, 60
	w := newWorld(t)
	calls := make(chan call)
	var seen ledger
	url, calls2 := code(t)
	go func() {
		for c := range calls2 {
			calls <- c
		}
	}()
	w.function("f", url)
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) {
		in.BatchSize, in.ParallelizationFactor = new(int64(7)), new(int64(3))
	})
	var writing sync.WaitGroup
	for i := range items {
		writing.Go(func() {
			for n := range changes {
				w.put(fmt.Sprint("item-", i), fmt.Sprint(n))
			}
		})
	}
	complete := func() bool {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		for i := range items {
			if !inOrder(seen.items[fmt.Sprint("item-", i)], changes) {
				return false
			}
		}
		return true
	}
	guard := time.After(time.Minute)
	for n := 0; !complete(); n++ {
		select {
		case c := <-calls:
			seen.add(c) // also what is not answered has been seen
			switch {
			case rand.N(8) == 0: // stop before the answer, or while it is on its way
				w.stop()
				c.answer <- done
				w.run()
			case rand.N(8) == 0:
				c.answer <- fails
			default:
				c.answer <- done
			}
		case <-guard:
			t.Fatalf("%d records have arrived: %v", seen.n, seen.items)
		}
		if n%10 == 9 { // another shard
			if err := w.tables.TendStreams(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	writing.Wait()
}
