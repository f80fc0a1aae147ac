package dynamodb_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stream "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// shown is a record in one line.
func shown(r stream.Record) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s", r.EventName, shownItem(r.Dynamodb.Keys))
	if r.Dynamodb.OldImage != nil {
		s.WriteString(" old " + shownItem(r.Dynamodb.OldImage))
	}
	if r.Dynamodb.NewImage != nil {
		s.WriteString(" new " + shownItem(r.Dynamodb.NewImage))
	}
	if r.UserIdentity != nil {
		s.WriteString(" by " + *r.UserIdentity.Type + " " + *r.UserIdentity.PrincipalId)
	}
	return s.String()
}

func shownItem(a map[string]stream.AttributeValue) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		switch v := a[name].(type) {
		case *stream.AttributeValueMemberS:
			parts = append(parts, name+"="+v.Value)
		case *stream.AttributeValueMemberN:
			parts = append(parts, name+"="+v.Value)
		default:
			parts = append(parts, fmt.Sprintf("%s=%v", name, v))
		}
	}
	return strings.Join(parts, ",")
}

func wantRecords(t *testing.T, got []stream.Record, want ...string) {
	t.Helper()
	var lines []string
	for _, r := range got {
		lines = append(lines, shown(r))
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// TestStreamViews writes the same changes to tables with each view, by every operation
// that changes items.
func TestStreamViews(t *testing.T) {
	t.Parallel()
	for view, want := range map[types.StreamViewType][]string{
		"KEYS_ONLY": {"INSERT id=a", "MODIFY id=a", "MODIFY id=a", "REMOVE id=a", "INSERT id=b", "MODIFY id=b", "INSERT id=c"},
		"NEW_IMAGE": {"INSERT id=a new id=a,n=1", "MODIFY id=a new id=a,n=2", "MODIFY id=a new id=a,n=3", "REMOVE id=a",
			"INSERT id=b new id=b,n=1", "MODIFY id=b new id=b,n=5", "INSERT id=c new id=c,n=1"},
		"OLD_IMAGE": {"INSERT id=a", "MODIFY id=a old id=a,n=1", "MODIFY id=a old id=a,n=2", "REMOVE id=a old id=a,n=3",
			"INSERT id=b", "MODIFY id=b old id=b,n=1", "INSERT id=c"},
		"NEW_AND_OLD_IMAGES": {"INSERT id=a new id=a,n=1", "MODIFY id=a old id=a,n=1 new id=a,n=2", "MODIFY id=a old id=a,n=2 new id=a,n=3",
			"REMOVE id=a old id=a,n=3", "INSERT id=b new id=b,n=1", "MODIFY id=b old id=b,n=1 new id=b,n=5", "INSERT id=c new id=c,n=1"},
	} {
		t.Run(string(view), func(t *testing.T) {
			t.Parallel()
			f := start(t)
			table, arn := streamed(t, f.client, view)
			c, streams := f.client, f.streams(f.root)
			key := attrs{"id": str("a")}
			mustPut(t, c, table, attrs{"id": str("a"), "n": num("1")})
			mustPut(t, c, table, attrs{"id": str("a"), "n": num("2")})
			update := &sdk.UpdateItemInput{TableName: &table, Key: key, UpdateExpression: aws.String("SET n = :n"), ExpressionAttributeValues: attrs{":n": num("3")}}
			if _, err := c.UpdateItem(t.Context(), update); err != nil {
				t.Fatal(err)
			}
			if _, err := c.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: &table, Key: key}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.BatchWriteItem(t.Context(), &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				table: {{PutRequest: &types.PutRequest{Item: attrs{"id": str("b"), "n": num("1")}}}}}}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Update: &types.Update{TableName: &table, Key: attrs{"id": str("b")}, UpdateExpression: aws.String("SET n = :n"), ExpressionAttributeValues: attrs{":n": num("5")}}},
			}}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: aws.String(`INSERT INTO "` + table + `" VALUE {'id': 'c', 'n': 1}`)}); err != nil {
				t.Fatal(err)
			}
			// What changes nothing has no record: the same item, an item that is not there,
			// and what a condition refuses.
			mustPut(t, c, table, attrs{"id": str("c"), "n": num("1")})
			if _, err := c.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: &table, Key: key}); err != nil {
				t.Fatal(err)
			}
			_, err := c.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: attrs{"id": str("c")}, ConditionExpression: aws.String("attribute_not_exists(id)")})
			wantError(t, err, "ConditionalCheckFailedException", "The conditional request failed")

			got := allRecords(t, streams, arn)
			wantRecords(t, got, want...)
			for i, r := range got {
				if *r.EventVersion != "1.1" || *r.EventSource != "aws:dynamodb" || *r.AwsRegion != "us-east-1" || r.Dynamodb.StreamViewType != stream.StreamViewType(view) ||
					!r.Dynamodb.ApproximateCreationDateTime.Equal(f.clock.now()) {
					t.Errorf("record %d: %+v, %+v", i, r, r.Dynamodb)
				}
				if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(*r.EventID) || !regexp.MustCompile(`^[1-9][0-9]{20,39}$`).MatchString(*r.Dynamodb.SequenceNumber) {
					t.Errorf("record %d has the id %s and the number %s", i, *r.EventID, *r.Dynamodb.SequenceNumber)
				}
				if i > 0 && (*r.Dynamodb.SequenceNumber <= *got[i-1].Dynamodb.SequenceNumber || *r.EventID == *got[i-1].EventID) {
					t.Errorf("record %d follows %s with %s", i, *got[i-1].Dynamodb.SequenceNumber, *r.Dynamodb.SequenceNumber)
				}
			}
		})
	}
}

// TestStreamRecordSizes has the numbers of AWS's own example of a record: the keys and
// the images that it has, counted as items are.
func TestStreamRecordSizes(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	table := makeNumberTable(t, c)
	arn := enable(t, c, table, types.StreamViewTypeNewAndOldImages)
	mustPut(t, c, table, attrs{"Id": num("101"), "Message": str("New item!")})
	mustPut(t, c, table, attrs{"Id": num("101"), "Message": str("This item has changed")})
	if _, err := c.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: &table, Key: attrs{"Id": num("101")}}); err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for _, r := range allRecords(t, f.streams(f.root), arn) {
		sizes = append(sizes, *r.Dynamodb.SizeBytes)
	}
	if !slices.Equal(sizes, []int64{26, 59, 38}) {
		t.Errorf("%d", sizes)
	}
}

func makeNumberTable(t testing.TB, c *sdk.Client) string {
	t.Helper()
	in := &sdk.CreateTableInput{TableName: aws.String(tableFor(t)), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("Id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("Id"), AttributeType: "N"}}}
	if _, err := c.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return *in.TableName
}

// TestStreamOfTransaction sees a transaction's records in one piece.
func TestStreamOfTransaction(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table, arn := streamed(t, c, types.StreamViewTypeKeysOnly)
	var actions []types.TransactWriteItem
	for i := range 100 {
		actions = append(actions, types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: attrs{"id": str(fmt.Sprint(i))}}})
	}
	mustPut(t, c, table, attrs{"id": str("before")})
	if _, err := c.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: actions}); err != nil {
		t.Fatal(err)
	}
	mustPut(t, c, table, attrs{"id": str("behind")})
	// One at a time, which takes up the transaction in its middle again and again.
	var got []stream.Record
	at := iterator(t, streams, arn, *describeStream(t, streams, arn).Shards[0].ShardId, "TRIM_HORIZON", "")
	for range 102 {
		out, err := streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: &at, Limit: aws.Int32(1)})
		if err != nil || len(out.Records) != 1 {
			t.Fatal(out, err)
		}
		got, at = append(got, out.Records[0]), *out.NextShardIterator
	}
	seen := map[string]bool{}
	for _, r := range got {
		seen[shownItem(r.Dynamodb.Keys)] = true
	}
	if len(seen) != 102 || shown(got[0]) != "INSERT id=before" || shown(got[101]) != "INSERT id=behind" {
		t.Errorf("%d items, from %s to %s", len(seen), shown(got[0]), shown(got[101]))
	}
	// A number in the middle of it is a place like any other.
	for i, r := range got {
		shard, number := *describeStream(t, streams, arn).Shards[0].ShardId, *r.Dynamodb.SequenceNumber
		if n := len(records(t, streams, iterator(t, streams, arn, shard, "AT_SEQUENCE_NUMBER", number))); n != 102-i {
			t.Fatalf("%d records from number %d on", n, i)
		}
		if n := len(records(t, streams, iterator(t, streams, arn, shard, "AFTER_SEQUENCE_NUMBER", number))); n != 101-i {
			t.Fatalf("%d records after number %d", n, i)
		}
	}
}

// TestStreamControlPlane enables, disables and enables again: what table and stream
// tell of it.
func TestStreamControlPlane(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table, first := streamed(t, c, types.StreamViewTypeNewImage)
	label := "2026-11-20T10:00:00.000"
	if first != "arn:aws:dynamodb:us-east-1:"+account+":table/"+table+"/stream/"+label {
		t.Error(first)
	}
	update := func(enabled bool, view types.StreamViewType) error {
		_, err := c.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: &table,
			StreamSpecification: &types.StreamSpecification{StreamEnabled: &enabled, StreamViewType: view}})
		return err
	}
	wantError(t, update(true, "NEW_IMAGE"), validation, "Table already has an enabled stream: TableName: "+table)
	wantError(t, update(true, "OLD_IMAGE"), validation, "Table already has an enabled stream: TableName: "+table)
	wantError(t, update(true, ""), validation, invalidOpen+"If stream is being enabled then UpdateViewType is required")
	wantError(t, update(false, "NEW_IMAGE"), validation, invalidOpen+"If stream is being disabled, then UpdateViewType must not be specified")
	_, err := c.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: &table, BillingMode: types.BillingModeProvisioned, ProvisionedThroughput: throughput(1, 1),
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)}})
	wantError(t, err, validation, invalidOpen+"You cannot modify stream status while updating table IOPS")

	d := describeStream(t, streams, first)
	if d.StreamStatus != "ENABLED" || *d.StreamLabel != label || *d.TableName != table || d.StreamViewType != "NEW_IMAGE" || *d.StreamArn != first ||
		!d.CreationRequestDateTime.Equal(f.clock.now()) || len(d.KeySchema) != 1 || *d.KeySchema[0].AttributeName != "id" || d.KeySchema[0].KeyType != "HASH" {
		t.Errorf("%+v", d)
	}
	if len(d.Shards) != 1 || !regexp.MustCompile(`^shardId-[0-9]{20}-[0-9a-f]{8}$`).MatchString(*d.Shards[0].ShardId) ||
		d.Shards[0].SequenceNumberRange.StartingSequenceNumber == nil || d.Shards[0].SequenceNumberRange.EndingSequenceNumber != nil || d.Shards[0].ParentShardId != nil {
		t.Errorf("%+v", d.Shards)
	}
	mustPut(t, c, table, attrs{"id": str("a")})
	disable(t, c, table)
	wantError(t, update(false, ""), validation, "Table has no stream to disable: TableName: "+table)
	mustPut(t, c, table, attrs{"id": str("between")})
	out, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
	if err != nil || out.Table.StreamSpecification != nil || *out.Table.LatestStreamArn != first || *out.Table.LatestStreamLabel != label {
		t.Errorf("%+v %v", out.Table, err)
	}
	if d := describeStream(t, streams, first); d.StreamStatus != "DISABLED" || len(d.Shards) != 1 || d.Shards[0].SequenceNumberRange.EndingSequenceNumber == nil {
		t.Errorf("%+v", d)
	}
	// The clock has not moved, and yet the label is another.
	second := enable(t, c, table, types.StreamViewTypeKeysOnly)
	if second != first[:len(first)-1]+"1" {
		t.Error(second)
	}
	mustPut(t, c, table, attrs{"id": str("b")})
	wantRecords(t, allRecords(t, streams, first), "INSERT id=a new id=a")
	wantRecords(t, allRecords(t, streams, second), "INSERT id=b")
	if at := describeStream(t, streams, second).Shards[0]; at.ParentShardId != nil {
		t.Error("a new stream has a parent", *at.ParentShardId)
	}
}

// TestStreamOfDroppedTable reads a stream for a day after its table is gone, also while
// another one has the name.
func TestStreamOfDroppedTable(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table, old := streamed(t, c, types.StreamViewTypeNewImage)
	mustPut(t, c, table, attrs{"id": str("old")})
	drop(t, c, table)
	wantRecords(t, allRecords(t, streams, old), "INSERT id=old new id=old")
	if d := describeStream(t, streams, old); d.StreamStatus != "DISABLED" {
		t.Errorf("%+v", d)
	}
	hashTable(t, c)
	out, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
	if err != nil || out.Table.LatestStreamArn != nil || out.Table.StreamSpecification != nil {
		t.Errorf("the new table inherits a stream: %+v %v", out.Table, err)
	}
	mustPut(t, c, table, attrs{"id": str("without")})
	young := enable(t, c, table, types.StreamViewTypeNewImage)
	mustPut(t, c, table, attrs{"id": str("young")})
	wantRecords(t, allRecords(t, streams, young), "INSERT id=young new id=young")
	wantRecords(t, allRecords(t, streams, old), "INSERT id=old new id=old")
	list, err := streams.ListStreams(t.Context(), &dynamodbstreams.ListStreamsInput{TableName: &table})
	if err != nil || len(list.Streams) != 2 || *list.Streams[0].StreamArn != old || *list.Streams[1].StreamArn != young {
		t.Errorf("%+v %v", list, err)
	}
}

func drop(t testing.TB, c *sdk.Client, table string) {
	t.Helper()
	if _, err := c.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: &table}); err != nil {
		t.Fatal(err)
	}
}

// TestStreamIterators reads from every place that there is an iterator of.
func TestStreamIterators(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, streams := f.client, f.streams(f.root)
	table, arn := streamed(t, c, types.StreamViewTypeKeysOnly)
	shard := describeStream(t, streams, arn).Shards[0]
	id, first := *shard.ShardId, *shard.SequenceNumberRange.StartingSequenceNumber
	latest := iterator(t, streams, arn, id, "LATEST", "")
	for i := range 5 {
		mustPut(t, c, table, attrs{"id": str(fmt.Sprint(i))})
		f.clock.advance(time.Second)
	}
	all := records(t, streams, iterator(t, streams, arn, id, "TRIM_HORIZON", ""))
	for i, r := range all {
		if shown(r) != fmt.Sprintf("INSERT id=%d", i) {
			t.Fatalf("record %d: %s", i, shown(r))
		}
	}
	number := *all[2].Dynamodb.SequenceNumber
	for _, test := range []struct {
		kind   stream.ShardIteratorType
		number string
		want   int // records
	}{
		{"TRIM_HORIZON", "", 5}, {"LATEST", "", 0}, {"AT_SEQUENCE_NUMBER", first, 5}, {"AFTER_SEQUENCE_NUMBER", first, 5},
		{"AT_SEQUENCE_NUMBER", number, 3}, {"AFTER_SEQUENCE_NUMBER", number, 2},
	} {
		if got := records(t, streams, iterator(t, streams, arn, id, test.kind, test.number)); len(got) != test.want {
			t.Errorf("%s %s: %d records, want %d", test.kind, test.number, len(got), test.want)
		}
	}
	if got := records(t, streams, latest); len(got) != 5 {
		t.Errorf("%d records behind what was the latest", len(got))
	}
	begin := f.clock.now().Add(-5 * time.Second)
	for after, want := range map[time.Duration]int{-time.Hour: 5, 0: 5, time.Millisecond: 4, 2 * time.Second: 3, 5 * time.Second: 0} {
		out, err := streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: &id,
			ShardIteratorType: "AT_TIMESTAMP", Timestamp: aws.Time(begin.Add(after))})
		if err != nil {
			t.Fatal(err)
		}
		if got := records(t, streams, *out.ShardIterator); len(got) != want {
			t.Errorf("%d records from %v on, want %d", len(got), after, want)
		}
	}
}
