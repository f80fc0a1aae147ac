package dynamodb_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stream "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

const day = 24 * time.Hour

// TestStreamShardsRollOver lets shards begin and end, and reads each on its own.
func TestStreamShardsRollOver(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table, arn := streamed(t, c, types.StreamViewTypeKeysOnly)
	for i := range 4 {
		mustPut(t, c, table, attrs{"id": str(fmt.Sprint(i))})
		f.tend(t, 3*time.Hour) // too early every other time
	}
	shards := describeStream(t, streams, arn).Shards
	if len(shards) != 3 {
		t.Fatalf("%d shards", len(shards))
	}
	want := [][]string{{"INSERT id=0", "INSERT id=1"}, {"INSERT id=2", "INSERT id=3"}, nil}
	for i, sh := range shards {
		id := *sh.ShardId
		wantRecords(t, records(t, streams, iterator(t, streams, arn, id, "TRIM_HORIZON", "")), want[i]...)
		n := sh.SequenceNumberRange
		if closed := i < 2; closed != (n.EndingSequenceNumber != nil) {
			t.Errorf("shard %d: %+v", i, n)
		}
		if i > 0 {
			before := shards[i-1]
			if sh.ParentShardId == nil || *sh.ParentShardId != *before.ShardId || id <= *before.ShardId || *n.StartingSequenceNumber <= *before.SequenceNumberRange.EndingSequenceNumber {
				t.Errorf("%+v follows %+v", sh, before)
			}
		}
	}
	// Behind the end of a shard there is no iterator, and none of another shard's numbers
	// is a place in it.
	out, err := streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: aws.String(iterator(t, streams, arn, *shards[0].ShardId, "LATEST", ""))})
	if err != nil || len(out.Records) != 0 || out.NextShardIterator != nil {
		t.Errorf("%+v %v", out, err)
	}
	out, err = streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{Limit: aws.Int32(2),
		ShardIterator: aws.String(iterator(t, streams, arn, *shards[0].ShardId, "TRIM_HORIZON", ""))})
	if err != nil || len(out.Records) != 2 || out.NextShardIterator != nil {
		t.Errorf("%+v %v", out, err)
	}
	_, err = streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: shards[1].ShardId,
		ShardIteratorType: "AT_SEQUENCE_NUMBER", SequenceNumber: shards[0].SequenceNumberRange.StartingSequenceNumber})
	wantError(t, err, validation, "Invalid SequenceNumber")
	for id, want := range map[string]int{*shards[0].ShardId: 1, *shards[2].ShardId: 0} {
		d, err := streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn,
			ShardFilter: &stream.ShardFilter{Type: "CHILD_SHARDS", ShardId: &id}})
		if err != nil || len(d.StreamDescription.Shards) != want {
			t.Errorf("children of %s: %+v %v", id, d, err)
		}
	}
	page, err := streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn, Limit: aws.Int32(2)})
	if err != nil || len(page.StreamDescription.Shards) != 2 || *page.StreamDescription.LastEvaluatedShardId != *shards[1].ShardId {
		t.Errorf("%+v %v", page, err)
	}
	page, err = streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn, Limit: aws.Int32(2), ExclusiveStartShardId: shards[1].ShardId})
	if err != nil || len(page.StreamDescription.Shards) != 1 || page.StreamDescription.LastEvaluatedShardId != nil {
		t.Errorf("%+v %v", page, err)
	}
}

// TestStreamIteratorGoesThroughRollOver reads on in a shard that ends meanwhile: what
// was written before its end, and then no more.
func TestStreamIteratorGoesThroughRollOver(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table, arn := streamed(t, c, types.StreamViewTypeKeysOnly)
	f.clock.advance(4*time.Hour - time.Second)
	at := iterator(t, streams, arn, *describeStream(t, streams, arn).Shards[0].ShardId, "LATEST", "")
	mustPut(t, c, table, attrs{"id": str("in")})
	f.tend(t, time.Second)
	mustPut(t, c, table, attrs{"id": str("behind")})
	out, err := streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: &at})
	if err != nil || out.NextShardIterator != nil {
		t.Fatal(out, err)
	}
	wantRecords(t, out.Records, "INSERT id=in")
}

// TestStreamTrimming lets a day pass: records go, then shards, and at last nothing of
// the log is left.
func TestStreamTrimming(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table, arn := streamed(t, c, types.StreamViewTypeKeysOnly)
	for i := range 30 {
		mustPut(t, c, table, attrs{"id": str(fmt.Sprint(i))})
		f.tend(t, time.Hour)
	}
	// It is hour 30: record i is of hour i, and each shard of four.
	shards := describeStream(t, streams, arn).Shards
	if n := len(allRecords(t, streams, arn)); n != 24 || len(shards) != 7 {
		t.Errorf("%d records in %d shards", n, len(shards))
	}
	if n := countKeys(t, f.store, "log"); n != 24 {
		t.Errorf("the log has %d entries", n)
	}
	first := records(t, streams, iterator(t, streams, arn, *shards[0].ShardId, "TRIM_HORIZON", ""))
	if shown(first[0]) != "INSERT id=6" || shards[0].ParentShardId == nil {
		t.Errorf("the oldest record is %s", shown(first[0]))
	}
	// The shard's beginning is gone, and a place there with it.
	_, err := streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: shards[0].ShardId,
		ShardIteratorType: "AT_SEQUENCE_NUMBER", SequenceNumber: shards[0].SequenceNumberRange.StartingSequenceNumber})
	wantError(t, err, "TrimmedDataAccessException", "The data you are trying to access has been trimmed")
	at := iterator(t, streams, arn, *shards[0].ShardId, "AT_SEQUENCE_NUMBER", *first[0].Dynamodb.SequenceNumber)
	f.clock.advance(55 * time.Minute)
	f.tend(t, 0)
	at15 := iterator(t, streams, arn, *shards[0].ShardId, "TRIM_HORIZON", "")
	f.tend(t, 10*time.Minute)
	_, err = streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: &at})
	wantError(t, err, "ExpiredIteratorException", "The provided iterator exceeds the maximum age allowed.")
	_, err = streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: &at15})
	wantError(t, err, "TrimmedDataAccessException", "The data you are trying to access has been trimmed")

	f.tend(t, day+time.Hour)
	if n := len(allRecords(t, streams, arn)); n != 0 || len(describeStream(t, streams, arn).Shards) != 2 {
		t.Errorf("%d records after two days", n)
	}
	disable(t, c, table)
	f.tend(t, day-time.Minute)
	if d := describeStream(t, streams, arn); d.StreamStatus != "DISABLED" {
		t.Errorf("%+v", d)
	}
	f.tend(t, 6*time.Minute)
	_, err = streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn})
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found: Stream: "+arn+" not found")
	wantNoTraces(t, f.store)
}

// TestStreamTendedByMany has several servers look after one stream at once: each time one
// shard begins, behind the last one.
func TestStreamTendedByMany(t *testing.T) {
	t.Parallel()
	f := start(t)
	streams := f.streams(f.root)
	_, arn := streamed(t, f.client, types.StreamViewTypeKeysOnly)
	servers := []*dynamodb.Service{f.service}
	for range 3 {
		servers = append(servers, dynamodb.New(dynamodb.Config{Store: f.store, Identity: f.identity, Now: f.clock.now}))
	}
	for range 5 {
		f.clock.advance(4 * time.Hour)
		var tending sync.WaitGroup
		for _, s := range servers {
			tending.Go(func() {
				if err := s.TendStreams(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		tending.Wait()
	}
	shards := describeStream(t, streams, arn).Shards
	if len(shards) != 6 {
		t.Errorf("%d shards", len(shards))
	}
	for i, sh := range shards[1:] {
		if *sh.ParentShardId != *shards[i].ShardId {
			t.Errorf("%s follows %s and has the parent %s", *sh.ShardId, *shards[i].ShardId, *sh.ParentShardId)
		}
	}
}

// TestStreamBesideRecovery has a log that holds more than the stream shows, and for
// longer.
func TestStreamBesideRecovery(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table := hashTable(t, c)
	recovery := func(on bool) {
		if _, err := c.UpdateContinuousBackups(t.Context(), &sdk.UpdateContinuousBackupsInput{TableName: &table,
			PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: &on}}); err != nil {
			t.Fatal(err)
		}
	}
	write := func(v string) {
		mustPut(t, c, table, attrs{"id": str("a"), "v": str(v)})
		f.clock.advance(time.Second)
	}
	recovery(true)
	write("1")
	arn := enable(t, c, table, types.StreamViewTypeKeysOnly)
	write("2")
	write("3")
	drops := describeStream(t, streams, arn).Shards[0]
	wantRecords(t, allRecords(t, streams, arn), "MODIFY id=a", "MODIFY id=a")
	disable(t, c, table)
	write("4")
	newer := enable(t, c, table, types.StreamViewTypeNewImage)
	write("5")
	wantRecords(t, allRecords(t, streams, newer), "MODIFY id=a new id=a,v=5")
	f.tend(t, day+5*time.Minute)
	_, err := streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn})
	wantError(t, err, "ResourceNotFoundException", "…not found")
	wantRecords(t, allRecords(t, streams, newer))
	_, err = streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: drops.ShardId, ShardIteratorType: "TRIM_HORIZON"})
	wantError(t, err, "ResourceNotFoundException", "…not found")
	if n := countKeys(t, f.store, "log"); n != 5 {
		t.Errorf("the log has %d entries", n)
	}
	disable(t, c, table)
	recovery(false)
	f.tend(t, day+5*time.Minute)
	wantNoTraces(t, f.store)
}

// TestStreamUpkeep has the service at work by itself: a shard begins, and the stream of
// a table that was dropped is there for a day, then no trace of it.
func TestStreamUpkeep(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		stop := e.run()
		defer stop()
		n, put := new(benchTable), func(id string) {
			e.Helper()
			if _, err := e.s.PutItem(e.ctx, &api.PutItemInput{TableName: new(benchTable), Item: e.key(id)}); err != nil {
				e.Fatal(err)
			}
		}
		put("before")
		out, err := e.s.UpdateTable(e.ctx, &api.UpdateTableInput{TableName: n,
			StreamSpecification: &api.StreamSpecification{StreamEnabled: new(true), StreamViewType: new("KEYS_ONLY")}})
		if err != nil {
			e.Fatal(err)
		}
		arn := out.TableDescription.LatestStreamArn
		put("first shard")
		time.Sleep(4*time.Hour + time.Minute)
		put("second shard")
		shards := func() string {
			d, err := e.s.DescribeStream(e.ctx, &streams.DescribeStreamInput{StreamArn: arn})
			if err != nil {
				return err.Error()
			}
			s := *d.StreamDescription.StreamStatus
			for _, sh := range d.StreamDescription.Shards {
				at, err := e.s.GetShardIterator(e.ctx, &streams.GetShardIteratorInput{StreamArn: arn, ShardId: sh.ShardId, ShardIteratorType: new("TRIM_HORIZON")})
				if err != nil {
					e.Fatal(err)
				}
				out, err := e.s.GetRecords(e.ctx, &streams.GetRecordsInput{ShardIterator: at.ShardIterator})
				if err != nil {
					e.Fatal(err)
				}
				s += fmt.Sprint(" ", len(out.Records))
			}
			return s
		}
		e.want("shards", shards(), "ENABLED 1 1")
		if _, err := e.s.DeleteTable(e.ctx, &api.DeleteTableInput{TableName: n}); err != nil {
			e.Fatal(err)
		}
		time.Sleep(19 * time.Hour)
		e.want("items", countKeys(e.T, e.store, "item"), 0)
		e.want("shards", shards(), "DISABLED 1 1")
		time.Sleep(time.Hour + 10*time.Minute)
		e.want("shards", shards(), "DISABLED 0 1")
		time.Sleep(4 * time.Hour)
		e.want("shards", shards(), "ResourceNotFoundException: Requested resource not found: Stream: "+*arn+" not found")
		wantNoTraces(e.T, e.store)
	})
}

// wantNoTraces wants nothing stored of any stream or log.
func wantNoTraces(t *testing.T, store kv.Store) {
	t.Helper()
	for _, kind := range []string{"log", "logged", "stream", "shard"} {
		if n := countKeys(t, store, kind); n != 0 {
			t.Errorf("%d keys of %q are left", n, kind)
		}
	}
}
