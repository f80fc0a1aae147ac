package dynamodb_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stream "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
)

// streams is a client of the streams that uses an access key.
func (f *fixture) streams(accessKey string) *dynamodbstreams.Client {
	return dynamodbstreams.New(dynamodbstreams.Options{
		Region: "us-east-1", BaseEndpoint: &f.url, RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: wiretest.Transport(16)},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, "not looked at", ""),
	})
}

// streamed makes a table with the hash key "id" and a stream, and returns its name and
// the stream's ARN.
func streamed(t testing.TB, c *sdk.Client, view types.StreamViewType) (table, arn string) {
	t.Helper()
	table = hashTable(t, c)
	return table, enable(t, c, table, view)
}

// enable gives a table a stream, and disable takes it away.
func enable(t testing.TB, c *sdk.Client, table string, view types.StreamViewType) (arn string) {
	t.Helper()
	out, err := c.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: &table,
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: view}})
	if err != nil {
		t.Fatal(err)
	}
	return *out.TableDescription.LatestStreamArn
}

func disable(t testing.TB, c *sdk.Client, table string) {
	t.Helper()
	_, err := c.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: &table,
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)}})
	if err != nil {
		t.Fatal(err)
	}
}

func describeStream(t testing.TB, c *dynamodbstreams.Client, arn string) *stream.StreamDescription {
	t.Helper()
	out, err := c.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	return out.StreamDescription
}

// iterator returns an iterator of a type, at a sequence number if that is not "".
func iterator(t testing.TB, c *dynamodbstreams.Client, arn, shard string, kind stream.ShardIteratorType, sequence string) string {
	t.Helper()
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: &shard, ShardIteratorType: kind}
	if sequence != "" {
		in.SequenceNumber = &sequence
	}
	out, err := c.GetShardIterator(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.ShardIterator
}

// records reads from an iterator to the end, and returns what it read.
func records(t testing.TB, c *dynamodbstreams.Client, iterator string) (all []stream.Record) {
	t.Helper()
	for {
		out, err := c.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: &iterator})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.Records...)
		if out.NextShardIterator == nil || len(out.Records) == 0 {
			return all
		}
		iterator = *out.NextShardIterator
	}
}

// allRecords reads all that a stream holds, shard by shard.
func allRecords(t testing.TB, c *dynamodbstreams.Client, arn string) (all []stream.Record) {
	t.Helper()
	for _, sh := range describeStream(t, c, arn).Shards {
		all = append(all, records(t, c, iterator(t, c, arn, *sh.ShardId, stream.ShardIteratorTypeTrimHorizon, ""))...)
	}
	return all
}

// consumer follows a stream as the Kinesis client does: it takes up a shard once its
// parent is read to the end, and remembers of each how far it is.
type consumer struct {
	client *dynamodbstreams.Client
	arn    string
	limit  int32
	seen   func(shard string, r stream.Record)

	next map[string]*string // by shard: where to read on; nil once it is read
}

// look reads what there is, of every shard that there is.
func (c *consumer) look(ctx context.Context) error {
	shards, err := c.shards(ctx)
	if err != nil {
		return err
	}
	known := func(id string) bool {
		return slices.ContainsFunc(shards, func(s stream.Shard) bool { return *s.ShardId == id })
	}
	for more := true; more; {
		more = false
		for _, sh := range shards {
			at, begun := c.next[*sh.ShardId]
			if begun && at == nil {
				continue
			}
			if p := sh.ParentShardId; p != nil && known(*p) {
				if at, begun := c.next[*p]; !begun || at != nil {
					continue
				}
			}
			if !begun {
				out, err := c.client.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
					StreamArn: &c.arn, ShardId: sh.ShardId, ShardIteratorType: stream.ShardIteratorTypeTrimHorizon})
				if err != nil {
					return err
				}
				at = out.ShardIterator
			}
			ended, err := c.read(ctx, *sh.ShardId, at)
			if err != nil {
				return err
			}
			more = more || ended
		}
	}
	return nil
}

// read reads a shard until nothing is left for now, and reports whether it ended.
func (c *consumer) read(ctx context.Context, shard string, at *string) (ended bool, err error) {
	for {
		out, err := c.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: at, Limit: &c.limit})
		if err != nil {
			return false, err
		}
		for _, r := range out.Records {
			c.seen(shard, r)
		}
		at = out.NextShardIterator
		c.next[shard] = at
		if at == nil || len(out.Records) == 0 {
			return at == nil, nil
		}
	}
}

func (c *consumer) shards(ctx context.Context) (all []stream.Shard, err error) {
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: &c.arn, Limit: aws.Int32(2)}
	for {
		out, err := c.client.DescribeStream(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, out.StreamDescription.Shards...)
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			return all, nil
		}
	}
}

// tend lets time pass and then does what is due for streams.
func (f *fixture) tend(t testing.TB, d time.Duration) {
	t.Helper()
	f.clock.advance(d)
	if err := f.service.TendStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
}
