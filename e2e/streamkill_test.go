package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stream "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
)

// streams is a client of the SDK for Go.
func (s *server) streams() *dynamodbstreams.Client {
	return dynamodbstreams.New(dynamodbstreams.Options{
		BaseEndpoint: &s.url, Region: region, RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: wiretest.Transport(16)},
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")),
	})
}

// follower reads a stream of one shard, and keeps its iterator when the server is
// killed. Each writer counts up in an item of its own: 1, 2, 3 …, of which the odd ones
// are transactions with a row each.
type follower struct {
	at    *string
	last  map[string]int // what each writer's item counted to
	all   []string       // the records, "writer/count" of rows and "writer=last" of items
	after int            // records that were read after the first kill
}

// read takes in what there is, and checks that each item counts up by one.
func (f *follower) read(ctx context.Context, c *dynamodbstreams.Client) error {
	for {
		out, err := c.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: f.at})
		if err != nil {
			return err
		}
		if out.NextShardIterator == nil {
			return errors.New("the shard has ended")
		}
		f.at = out.NextShardIterator
		for _, r := range out.Records {
			if err := f.take(r); err != nil {
				return err
			}
		}
		if len(out.Records) == 0 {
			return nil
		}
	}
}

func (f *follower) take(r stream.Record) error {
	of := func(image map[string]stream.AttributeValue, name string) string {
		if n, ok := image[name].(*stream.AttributeValueMemberN); ok {
			return n.Value
		}
		return "0"
	}
	writer, count := of(r.Dynamodb.Keys, "writer"), of(r.Dynamodb.Keys, "count")
	if count != "0" {
		f.all = append(f.all, writer+"/"+count)
		return nil
	}
	old, next := of(r.Dynamodb.OldImage, "last"), of(r.Dynamodb.NewImage, "last")
	n, err := strconv.Atoi(next)
	if err != nil || old != strconv.Itoa(f.last[writer]) || n != f.last[writer]+1 {
		return fmt.Errorf("writer %s: a record from %s to %s follows one to %d", writer, old, next, f.last[writer])
	}
	f.last[writer] = n
	f.all = append(f.all, writer+"="+next)
	return nil
}

// TestKillStream kills the server in the middle of writes to a table with a stream that
// is read meanwhile. The reader goes on with the iterator that it had: it sees each
// acknowledged change once, in order, and what it saw before a kill is never undone.
func TestKillStream(t *testing.T) {
	t.Parallel()
	kills, writers := setting(t, "MODELWHARF_KILLS", 4), setting(t, "MODELWHARF_WRITERS", 12)
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	made, err := s.tables().CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("kill"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("writer"), AttributeType: types.ScalarAttributeTypeN},
			{AttributeName: aws.String("count"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("writer"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("count"), KeyType: types.KeyTypeRange},
		},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := made.TableDescription.LatestStreamArn
	d, err := s.streams().DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	begin, err := s.streams().GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{
		StreamArn: arn, ShardId: d.StreamDescription.Shards[0].ShardId, ShardIteratorType: stream.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{at: begin.ShardIterator, last: map[string]int{}}
	acknowledged := make([]atomic.Int64, writers)
	total := func() (n int64) {
		for i := range acknowledged {
			n += acknowledged[i].Load()
		}
		return n
	}
	for kill := range kills {
		before := total()
		ctx, cancel := context.WithCancel(t.Context())
		client, streams := s.tables(func(o *dynamodb.Options) {
			o.RetryMaxAttempts = 1
			o.HTTPClient = &http.Client{Transport: wiretest.Transport(writers), Timeout: patience}
		}), s.streams()
		var working sync.WaitGroup
		for w := range writers {
			working.Go(func() {
				for countUp(ctx, client, w, &acknowledged[w]) == nil {
				}
			})
		}
		var reading sync.WaitGroup
		var wrong error
		local := *f
		local.last = map[string]int{}
		for k, v := range f.last {
			local.last[k] = v
		}
		reading.Go(func() {
			for wrong == nil {
				wrong = local.read(ctx, streams)
			}
		})
		for deadline := time.Now().Add(patience); total() < before+int64(5*writers) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(rand.N(50 * time.Millisecond))
		s.kill()
		cancel()
		working.Wait()
		reading.Wait()
		var answered interface{ ErrorCode() string }
		if errors.As(wrong, &answered) {
			t.Fatal(wrong)
		}
		*f = local
		seen := len(f.all)
		s = startOn(t, data)
		if err := f.read(t.Context(), s.streams()); err != nil {
			t.Fatalf("after kill %d: %v", kill+1, err)
		}
		f.after += len(f.all) - seen
		for w := range writers {
			told, said := f.last[strconv.Itoa(w)], int(acknowledged[w].Load())
			if told != said && told != said+1 {
				t.Fatalf("after kill %d: writer %d was told of %d writes, the stream has %d", kill+1, w, said, told)
			}
			out, err := s.tables().GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("kill"), ConsistentRead: aws.Bool(true), Key: countKey(w, 0)})
			if err != nil {
				t.Fatal(err)
			}
			if is, err := number(out.Item, "last"); told > 0 && (err != nil || is != told) {
				t.Fatalf("after kill %d: writer %d counted to %d (%v), its stream to %d", kill+1, w, is, err, told)
			}
			acknowledged[w].Store(int64(told)) // the write that the kill fell into may have been done
		}
	}
	// The records of a transaction are neighbours.
	places := map[string]int{}
	for i, r := range f.all {
		if _, twice := places[r]; twice {
			t.Errorf("%s is there twice", r)
		}
		places[r] = i
	}
	for w, last := range f.last {
		for n := 1; n <= last; n += 2 {
			row, ok := places[fmt.Sprintf("%s/%d", w, n)]
			item := places[fmt.Sprintf("%s=%d", w, n)]
			if !ok || row-item != 1 && item-row != 1 {
				t.Errorf("writer %s: the row of %d is record %d, the item's %d", w, n, row, item)
			}
		}
	}
	t.Logf("%d kills under %d writers: a reader saw %d records, %d of them after a kill", kills, writers, len(f.all), f.after)
	if len(f.all) < kills*writers {
		t.Errorf("only %d records", len(f.all))
	}
}

func countKey(writer, count int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"writer": &types.AttributeValueMemberN{Value: strconv.Itoa(writer)},
		"count":  &types.AttributeValueMemberN{Value: strconv.Itoa(count)},
	}
}

// countUp makes a writer's next write.
func countUp(ctx context.Context, c *dynamodb.Client, writer int, acknowledged *atomic.Int64) error {
	n := int(acknowledged.Load()) + 1
	update := types.Update{TableName: aws.String("kill"), Key: countKey(writer, 0), UpdateExpression: aws.String("SET #l = :n"),
		ExpressionAttributeNames:  map[string]string{"#l": "last"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: strconv.Itoa(n)}}}
	var err error
	if n%2 == 1 {
		_, err = c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: update.TableName, Item: countKey(writer, n)}}, {Update: &update}}})
	} else {
		_, err = c.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: update.TableName, Key: update.Key, UpdateExpression: update.UpdateExpression,
			ExpressionAttributeNames: update.ExpressionAttributeNames, ExpressionAttributeValues: update.ExpressionAttributeValues})
	}
	if err == nil {
		acknowledged.Store(int64(n))
	}
	return err
}
