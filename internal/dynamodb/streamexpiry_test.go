package dynamodb_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
)

// TestStreamOfExpiredItems tells the deletions of the service from those of users.
func TestStreamOfExpiredItems(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		arn := e.stream("OLD_IMAGE")
		e.set(true, "expires")
		for _, id := range []string{"expired", "deleted"} {
			it := e.key(id).Set("expires", number(time.Now().Unix()+60))
			if _, err := e.s.PutItem(e.ctx, &api.PutItemInput{TableName: new(benchTable), Item: it}); err != nil {
				e.Fatal(err)
			}
		}
		if _, err := e.s.DeleteItem(e.ctx, &api.DeleteItemInput{TableName: new(benchTable), Key: e.key("deleted")}); err != nil {
			e.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if n, err := e.s.Expire(e.ctx); n != 1 || err != nil {
			e.Fatal(n, err)
		}
		var got []string
		for _, r := range e.records(arn) {
			line := *r.EventName + " " + string(r.Dynamodb.Keys)
			if r.UserIdentity != nil {
				line += " by " + *r.UserIdentity.Type + " " + *r.UserIdentity.PrincipalId
			}
			got = append(got, line)
		}
		key := func(id string) string { return `{"predictionId":{"S":"` + id + `"},"timestamp":{"N":"1"}}` }
		want := []string{"INSERT " + key("expired"), "INSERT " + key("deleted"), "REMOVE " + key("deleted"),
			"REMOVE " + key("expired") + " by Service dynamodb.amazonaws.com"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// stream enables a stream and returns its ARN.
func (e *expiryTest) stream(view string) *string {
	e.Helper()
	out, err := e.s.UpdateTable(e.ctx, &api.UpdateTableInput{TableName: new(benchTable),
		StreamSpecification: &api.StreamSpecification{StreamEnabled: new(true), StreamViewType: &view}})
	if err != nil {
		e.Fatal(err)
	}
	return out.TableDescription.LatestStreamArn
}

// records are the first records of each shard of a stream.
func (e *expiryTest) records(arn *string) (all []*streams.Record) {
	e.Helper()
	d, err := e.s.DescribeStream(e.ctx, &streams.DescribeStreamInput{StreamArn: arn})
	if err != nil {
		e.Fatal(err)
	}
	for _, sh := range d.StreamDescription.Shards {
		at, err := e.s.GetShardIterator(e.ctx, &streams.GetShardIteratorInput{StreamArn: arn, ShardId: sh.ShardId, ShardIteratorType: new("TRIM_HORIZON")})
		if err != nil {
			e.Fatal(err)
		}
		out, err := e.s.GetRecords(e.ctx, &streams.GetRecordsInput{ShardIterator: at.ShardIterator})
		if err != nil {
			e.Fatal(err)
		}
		all = append(all, out.Records...)
	}
	return all
}

// TestStreamHint wakes who waits for changes of one table, and nobody else.
func TestStreamHint(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		put := func(id string) {
			if _, err := e.s.PutItem(e.ctx, &api.PutItemInput{TableName: new(benchTable), Item: e.key(id)}); err != nil {
				e.Fatal(err)
			}
		}
		changed, stop := e.s.StreamChanged(*e.stream("KEYS_ONLY"))
		other, stopOther := e.s.StreamChanged("arn:aws:dynamodb:us-east-1:" + account + ":table/other/stream/x")
		defer stopOther()
		e.want("before a change", len(changed), 0)
		put("a")
		put("b")
		e.want("after two changes", len(changed), 1)
		<-changed
		put("b") // which changes nothing
		e.want("after none", len(changed), 0)
		e.want("of another table", len(other), 0)
		waiting := make(chan struct{})
		go func() {
			<-changed
			close(waiting)
		}()
		synctest.Wait()
		put("c")
		<-waiting
		stop()
		stop()
		put("d")
		e.want("after the end", len(changed), 0)
	})
}

// TestStreamMetrics reads the numbers of a stream's reader, which go with the table.
func TestStreamMetrics(t *testing.T) {
	t.Parallel()
	f := start(t)
	ctx := rootContext()
	createBenchTable(t, f.service, ctx)
	out, err := f.service.UpdateTable(ctx, &api.UpdateTableInput{TableName: new(benchTable),
		StreamSpecification: &api.StreamSpecification{StreamEnabled: new(true), StreamViewType: new("KEYS_ONLY")}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := put(ctx, f.service, i, 0); err != nil {
			t.Fatal(err)
		}
		f.clock.advance(time.Minute)
	}
	arn := out.TableDescription.LatestStreamArn
	shard := *describeStream(t, f.streams(f.root), *arn).Shards[0].ShardId
	at, err := f.service.GetShardIterator(ctx, &streams.GetShardIteratorInput{StreamArn: arn, ShardId: &shard, ShardIteratorType: new("TRIM_HORIZON")})
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]float64{2: 120, 3: 0} {
		if _, err := f.service.GetRecords(ctx, &streams.GetRecordsInput{ShardIterator: at.ShardIterator, Limit: &limit}); err != nil {
			t.Fatal(err)
		}
		if got := counters(t, f.metrics)["stream_iterator_age_seconds"]; got != want {
			t.Errorf("%v seconds behind after %d of 3 records, want %v", got, limit, want)
		}
	}
	if got := counters(t, f.metrics)["stream_records_read"]; got != 5 {
		t.Errorf("%v records read", got)
	}
	if _, err := f.service.DeleteTable(ctx, &api.DeleteTableInput{TableName: new(benchTable)}); err != nil {
		t.Fatal(err)
	}
	if got := counters(t, f.metrics); len(got) > 0 {
		t.Errorf("%v are left", got)
	}
}
