package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

var _ streams.Backend = (*Service)(nil)

// maxStreamsListed is the longest page of ListStreams, and of DescribeStream's shards.
const maxStreamsListed = 100

// authorizeStream asks policy for an action on a stream.
func (s *Service) authorizeStream(ctx context.Context, action string, n streamName) error {
	check := identity.Check{Action: "dynamodb:" + action, Resource: n.arn()}
	err := s.view(ctx, func(r kv.Reader) error {
		sm, err := readStream(ctx, r, n)
		if err == nil && sm != nil && sm.Policy.Document != "" {
			check.ResourcePolicy, check.ResourcePrincipals = []byte(sm.Policy.Document), sm.Policy.Principals
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.identity.Authorize(ctx, check)
}

// listed is the length of a page that a Limit asks for.
func listed(limit *int64) (int, error) {
	switch {
	case limit == nil:
		return maxStreamsListed, nil
	case *limit > maxStreamsListed:
		return 0, invalid("Limit should be less than or equal to %d", maxStreamsListed)
	}
	return int(*limit), nil
}

// ListStreams lists the streams of the caller's tables in the request's region, by
// table and, for each, by age: those that are enabled and those that were, for as long
// as they can be read.
func (s *Service) ListStreams(ctx context.Context, in *streams.ListStreamsInput) (*streams.ListStreamsOutput, error) {
	req := api.RequestOf(ctx)
	limit, err := listed(in.Limit)
	if err != nil {
		return nil, err
	}
	of := streamName{tableName{req.Caller.Account, req.Region, "*"}, "*"}
	prefix := streamsOf(of.account, of.region)
	if in.TableName != nil {
		of.name = *in.TableName
		prefix = tuple.AppendString(prefix, of.name)
	}
	if err := s.authorizeStream(ctx, "ListStreams", of); err != nil {
		return nil, err
	}
	from := prefix
	if in.ExclusiveStartStreamArn != nil {
		start, err := streamOfARN(ctx, in.ExclusiveStartStreamArn)
		if err != nil || start.account != of.account {
			return nil, errStreamARN()
		}
		from = maxKey(prefix, after(start.key()))
	}
	out := &streams.ListStreamsOutput{Streams: []*streams.Stream{}}
	err = s.view(ctx, func(r kv.Reader) error {
		// One more than the page has tells whether another page follows.
		for p, err := range r.Scan(ctx, kv.Range{From: from, To: above(prefix), Limit: limit + 1}) {
			if err != nil {
				return err
			}
			if len(out.Streams) == limit {
				out.LastEvaluatedStreamArn = out.Streams[limit-1].StreamArn
				break
			}
			n, err := cutStream(p.Key)
			if err != nil {
				return err
			}
			out.Streams = append(out.Streams, &streams.Stream{StreamArn: new(n.arn()), StreamLabel: &n.label, TableName: &n.name})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// maxKey is the greater one of two keys.
func maxKey(a, b []byte) []byte {
	if string(a) > string(b) {
		return a
	}
	return b
}

// DescribeStream describes a stream and its shards, the oldest first.
func (s *Service) DescribeStream(ctx context.Context, in *streams.DescribeStreamInput) (*streams.DescribeStreamOutput, error) {
	n, err := streamOfARN(ctx, in.StreamArn)
	if err != nil {
		return nil, err
	}
	limit, err := listed(in.Limit)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeStream(ctx, "DescribeStream", n); err != nil {
		return nil, err
	}
	wanted, err := wantedShards(in)
	if err != nil {
		return nil, err
	}
	var d *streams.StreamDescription
	err = s.view(ctx, func(r kv.Reader) error {
		sm, err := findStream(ctx, r, n)
		if err != nil {
			return err
		}
		d = sm.describe(n)
		shards, err := shardsOfStream(ctx, r, sm, n.label)
		if err != nil {
			return err
		}
		for _, sh := range shards {
			if !wanted(sh) {
				continue
			}
			if len(d.Shards) == limit {
				d.LastEvaluatedShardId = d.Shards[limit-1].ShardId
				break
			}
			d.Shards = append(d.Shards, sh.describe())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &streams.DescribeStreamOutput{StreamDescription: d}, nil
}

// wantedShards says which shards a DescribeStream asks for. They are in the order of
// their names.
func wantedShards(in *streams.DescribeStreamInput) (func(shard) bool, error) {
	after := ""
	if in.ExclusiveStartShardId != nil {
		after = *in.ExclusiveStartShardId
	}
	f := in.ShardFilter
	switch {
	case f == nil:
		return func(sh shard) bool { return sh.ID > after }, nil
	case f.Type == nil || f.ShardId == nil:
		return nil, invalid("ShardFilter needs both Type and ShardId")
	}
	return func(sh shard) bool { return sh.ID > after && sh.Parent == *f.ShardId }, nil
}

// describe is the stream without its shards.
func (sm *stream) describe(n streamName) *streams.StreamDescription {
	d := &streams.StreamDescription{
		StreamArn: new(n.arn()), StreamLabel: &n.label, TableName: &n.name,
		StreamStatus: new("ENABLED"), StreamViewType: &sm.View,
		CreationRequestDateTime: &sm.Created,
		KeySchema:               []*streams.KeySchemaElement{{AttributeName: &sm.Hash.Name, KeyType: new("HASH")}},
		Shards:                  []*streams.Shard{},
	}
	if sm.Range != nil {
		d.KeySchema = append(d.KeySchema, &streams.KeySchemaElement{AttributeName: &sm.Range.Name, KeyType: new("RANGE")})
	}
	if !sm.Closed.IsZero() {
		d.StreamStatus = new("DISABLED")
	}
	return d
}
