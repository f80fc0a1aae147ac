package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	functions "github.com/modelwharf/modelwharf/internal/api/lambda"
)

// fakeStream is a stream of two shards that does what a real one seldom does.
type fakeStream struct {
	mu     sync.Mutex
	shards []*fakeShard
	faults []error // of the next GetRecords
	asked  []string
}

type fakeShard struct {
	id, parent string
	records    []string // the items that were changed, in order
	closed     bool
	trimmed    int
}

func (f *fakeStream) DescribeStream(ctx context.Context, in *streams.DescribeStreamInput) (*streams.DescribeStreamOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := api.RequestOf(ctx); r.Caller.Type != api.RoleCaller || !strings.Contains(r.Caller.ARN, ":assumed-role/runner/") {
		return nil, fmt.Errorf("%s reads the stream", r.Caller.ARN)
	}
	d := &streams.StreamDescription{}
	for _, s := range f.shards { // a page for each, the children first
		if in.ExclusiveStartShardId != nil && s.id >= *in.ExclusiveStartShardId {
			continue
		}
		shard := &streams.Shard{ShardId: &s.id, SequenceNumberRange: &streams.SequenceNumberRange{StartingSequenceNumber: new("0")}}
		if s.parent != "" {
			shard.ParentShardId = &s.parent
		}
		if s.closed {
			shard.SequenceNumberRange.EndingSequenceNumber = new("9")
		}
		d.Shards = []*streams.Shard{shard}
		if s != f.shards[len(f.shards)-1] {
			d.LastEvaluatedShardId = &s.id
		}
		break
	}
	return &streams.DescribeStreamOutput{StreamDescription: d}, nil
}

func (f *fakeStream) shard(id string) *fakeShard {
	for _, s := range f.shards {
		if s.id == id {
			return s
		}
	}
	return nil
}

func (f *fakeStream) GetShardIterator(_ context.Context, in *streams.GetShardIteratorInput) (*streams.GetShardIteratorOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, *in.ShardId+" "+*in.ShardIteratorType)
	s := f.shard(*in.ShardId)
	at := s.trimmed
	if *in.ShardIteratorType == "AFTER_SEQUENCE_NUMBER" {
		fmt.Sscan(*in.SequenceNumber, &at)
		if at++; at < s.trimmed {
			return nil, streams.TrimmedDataAccessException("trimmed")
		}
	}
	return &streams.GetShardIteratorOutput{ShardIterator: new(fmt.Sprint(s.id, " ", at))}, nil
}

func (f *fakeStream) GetRecords(_ context.Context, in *streams.GetRecordsInput) (*streams.GetRecordsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.faults) > 0 {
		err := f.faults[0]
		f.faults = f.faults[1:]
		return nil, err
	}
	var id string
	var at int
	fmt.Sscan(*in.ShardIterator, &id, &at)
	s := f.shard(id)
	out := &streams.GetRecordsOutput{}
	for ; at < len(s.records) && len(out.Records) < int(*in.Limit); at++ {
		r := &streams.Record{EventID: new("e"), EventName: new("REMOVE"), Dynamodb: &streams.StreamRecord{
			ApproximateCreationDateTime: new(time.Unix(1_800_000_000, 0)), SequenceNumber: new(fmt.Sprint(at)), SizeBytes: new(int64(1)),
			Keys: []byte(fmt.Sprintf(`{"id":{"S":%q}}`, s.records[at]))}}
		if s.records[at] == "expired" {
			r.UserIdentity = &streams.Identity{Type: new("Service"), PrincipalId: new("dynamodb.amazonaws.com")}
		}
		out.Records = append(out.Records, r)
	}
	if at < len(s.records) || !s.closed {
		out.NextShardIterator = new(fmt.Sprint(id, " ", at))
	}
	return out, nil
}

func (f *fakeStream) StreamChanged(string) (<-chan struct{}, func()) { return nil, func() {} }

// TestParentFirst reads a shard when it is done with its parent, whatever the order in
// which they are listed, and goes on after errors of every kind.
func TestParentFirst(t *testing.T) {
	t.Parallel()
	f := &fakeStream{
		shards: []*fakeShard{{id: "shard-2", parent: "shard-1", records: []string{"d", "expired"}}, {id: "shard-1", parent: "shard-0", records: []string{"a", "b", "c"}, closed: true}},
	}
	w := newWorldOn(t, f)
	url, calls := code(t)
	w.function("f", url)
	f.faults = []error{nil}[:0]
	w.mapping("f", func(in *functions.CreateEventSourceMappingRequest) { in.BatchSize = new(int64(2)) })
	want(t, calls, "a= b=", fails)
	f.mu.Lock()
	f.faults = []error{streams.ExpiredIteratorException("expired"), errors.New("a disk failed"), streams.TrimmedDataAccessException("trimmed")}
	f.shard("shard-1").trimmed = 2
	f.mu.Unlock()
	want(t, calls, "a= b=", done)
	want(t, calls, "c=", done)
	c := want(t, calls, "d= expired=", done)
	if c.records[0].UserIdentity != nil || fmt.Sprint(c.records[1].UserIdentity) != "map[principalId:dynamodb.amazonaws.com type:Service]" {
		t.Errorf("%v", c.records)
	}
}
