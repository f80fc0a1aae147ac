package dynamodb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stream "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/audit"
)

// TestStreamErrors asks for what there is not, or not so.
func TestStreamErrors(t *testing.T) {
	t.Parallel()
	f := start(t)
	ctx, c := t.Context(), f.streams(f.root)
	table, arn := streamed(t, f.client, types.StreamViewTypeKeysOnly)
	shard := *describeStream(t, c, arn).Shards[0].ShardId
	first := *describeStream(t, c, arn).Shards[0].SequenceNumberRange.StartingSequenceNumber
	const notFound = "ResourceNotFoundException"
	noStream := func(arn string) string { return "Requested resource not found: Stream: " + arn + " not found" }
	other := strings.Replace(arn, table, "other-table", 1)

	for _, test := range []struct{ arn, code, message string }{
		{other, notFound, noStream(other)},
		{arn + "1", notFound, noStream(arn + "1")},
		{strings.Replace(arn, "us-east-1", "eu-west-1", 1), notFound, noStream(strings.Replace(arn, "us-east-1", "eu-west-1", 1))},
		{strings.Repeat("x", 40), validation, "Invalid StreamArn"},
		{"arn:aws:dynamodb:us-east-1:" + account + ":table/" + table, validation, "Invalid StreamArn"},
		{"arn:aws:dynamodb:us-east-1:" + account + ":table/" + table + "/stream/", validation, "Invalid StreamArn"},
		{"arn:aws:dynamodb:us-east-1:" + account + ":index/" + table + "/stream/x", validation, "Invalid StreamArn"},
		{"short", validation, "1 validation error detected: Value 'short' at 'streamArn' failed to satisfy constraint: Member must have length greater than or equal to 37"},
	} {
		_, err := c.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &test.arn})
		wantError(t, err, test.code, test.message)
		if test.code == validation && len(test.arn) > 37 {
			_, err := c.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{ExclusiveStartStreamArn: &test.arn})
			wantError(t, err, test.code, test.message)
		}
	}
	_, err := c.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{Limit: aws.Int32(101)})
	wantError(t, err, validation, invalidOpen+"Limit should be less than or equal to 100")
	_, err = c.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &arn, Limit: aws.Int32(101)})
	wantError(t, err, validation, invalidOpen+"Limit should be less than or equal to 100")
	_, err = c.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &arn, ShardFilter: &stream.ShardFilter{Type: "CHILD_SHARDS"}})
	wantError(t, err, validation, invalidOpen+"ShardFilter needs both Type and ShardId")
	// A shard that is not there is as good as any other place in their order.
	out, err := c.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &arn, ExclusiveStartShardId: aws.String(strings.Repeat("z", 40))})
	if err != nil || len(out.StreamDescription.Shards) != 0 {
		t.Error(out, err)
	}

	for _, test := range []struct {
		kind          stream.ShardIteratorType
		shard, number string
		at            time.Time
		code, message string
	}{
		{"LATEST", strings.Repeat("s", 30), "", time.Time{}, notFound, "Requested resource not found: Shard does not exist"},
		{"NEWEST", shard, "", time.Time{}, validation, "1 validation error detected: Value 'NEWEST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: …"},
		{"AT_SEQUENCE_NUMBER", shard, "", time.Time{}, validation, invalidOpen + "SequenceNumber must be specified for ShardIteratorType AT_SEQUENCE_NUMBER"},
		{"LATEST", shard, first, time.Time{}, validation, invalidOpen + "SequenceNumber must not be specified for ShardIteratorType LATEST"},
		{"AFTER_SEQUENCE_NUMBER", shard, "1", time.Time{}, validation, "1 validation error detected: Value '1' at 'sequenceNumber' failed to satisfy constraint: Member must have length greater than or equal to 21"},
		{"AFTER_SEQUENCE_NUMBER", shard, strings.Repeat("x", 28), time.Time{}, validation, "Invalid SequenceNumber"},
		{"AFTER_SEQUENCE_NUMBER", shard, strings.Repeat("1", 22), time.Time{}, validation, "Invalid SequenceNumber"},
		{"AT_SEQUENCE_NUMBER", shard, "1" + strings.Repeat("0", 27), time.Time{}, validation, "Invalid SequenceNumber"},
		{"AT_SEQUENCE_NUMBER", shard, strings.Repeat("1", 28), time.Time{}, validation, "Invalid SequenceNumber"}, // of a commit that is yet to come
		{"AT_TIMESTAMP", shard, "", time.Time{}, validation, invalidOpen + "Timestamp must be specified for ShardIteratorType AT_TIMESTAMP"},
		{"TRIM_HORIZON", shard, "", f.clock.now(), validation, invalidOpen + "Timestamp must not be specified for ShardIteratorType TRIM_HORIZON"},
		{"AT_TIMESTAMP", shard, "", f.clock.now().Add(time.Second), validation, invalidOpen + "Timestamp must not be in the future"},
	} {
		in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: &test.shard, ShardIteratorType: test.kind}
		if test.number != "" {
			in.SequenceNumber = &test.number
		}
		if !test.at.IsZero() {
			in.Timestamp = &test.at
		}
		_, err := c.GetShardIterator(ctx, in)
		wantError(t, err, test.code, test.message)
	}
	_, err = c.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{StreamArn: &other, ShardId: &shard, ShardIteratorType: "LATEST"})
	wantError(t, err, notFound, noStream(other))

	at := iterator(t, c, arn, shard, "LATEST", "")
	_, err = c.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &at, Limit: aws.Int32(1001)})
	wantError(t, err, validation, invalidOpen+"Limit should be less than or equal to 1000")
	_, err = c.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &at, Limit: aws.Int32(0)})
	wantError(t, err, validation, "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
	for _, token := range []string{"x", at[:len(at)-1], at + "A", strings.Repeat("A", 2048)} {
		_, err = c.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &token})
		wantError(t, err, validation, "Invalid ShardIterator")
	}
	f.clock.advance(15 * time.Minute)
	if got, err := c.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &at}); err != nil || len(got.Records) != 0 || got.NextShardIterator == nil {
		t.Error(got, err)
	}
	f.clock.advance(time.Second)
	_, err = c.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &at})
	wantError(t, err, "ExpiredIteratorException", "The provided iterator exceeds the maximum age allowed.")
}

// TestStreamPages reads records that are too large for one answer, and lists streams a
// page at a time.
func TestStreamPages(t *testing.T) {
	t.Parallel()
	f := start(t)
	ctx, c := t.Context(), f.streams(f.root)
	table, arn := streamed(t, f.client, types.StreamViewTypeNewAndOldImages)
	for i := range 6 { // 300 KB, and from the second on as much again of what was
		mustPut(t, f.client, table, attrs{"id": str("large"), "v": str(strings.Repeat(fmt.Sprint(i), 300<<10))})
	}
	shard := *describeStream(t, c, arn).Shards[0].ShardId
	at := iterator(t, c, arn, shard, "TRIM_HORIZON", "")
	var pages []int
	for range 5 {
		out, err := c.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &at})
		if err != nil {
			t.Fatal(err)
		}
		pages, at = append(pages, len(out.Records)), *out.NextShardIterator
	}
	if fmt.Sprint(pages) != "[2 1 1 1 1]" {
		t.Errorf("pages of %d records", pages)
	}
	for i := range 4 {
		enableNew(t, f.client, fmt.Sprint("table-", i))
	}
	var arns []string
	in := &dynamodbstreams.ListStreamsInput{Limit: aws.Int32(2)}
	for {
		out, err := c.ListStreams(ctx, in)
		if err != nil || len(out.Streams) > 2 {
			t.Fatal(out, err)
		}
		for _, s := range out.Streams {
			if !strings.HasSuffix(*s.StreamArn, "table/"+*s.TableName+"/stream/"+*s.StreamLabel) {
				t.Errorf("%+v", s)
			}
			arns = append(arns, *s.StreamArn)
		}
		if in.ExclusiveStartStreamArn = out.LastEvaluatedStreamArn; in.ExclusiveStartStreamArn == nil {
			break
		}
	}
	if len(arns) != 5 {
		t.Errorf("%q", arns)
	}
	if out, err := c.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{TableName: aws.String("table-1")}); err != nil || len(out.Streams) != 1 {
		t.Error(out, err)
	}
	if out, err := c.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{TableName: aws.String("absent")}); err != nil || len(out.Streams) != 0 {
		t.Error(out, err)
	}
}

// enableNew makes a table that has a stream from the beginning.
func enableNew(t testing.TB, c *sdk.Client, name string) (arn string) {
	t.Helper()
	out, err := c.CreateTable(t.Context(), &sdk.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
		StreamSpecification:  &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: "KEYS_ONLY"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := out.TableDescription.StreamSpecification; s == nil || !*s.StreamEnabled || s.StreamViewType != "KEYS_ONLY" {
		t.Errorf("%+v", s)
	}
	return *out.TableDescription.LatestStreamArn
}

// TestStreamPolicy lets a user read one stream and no other, and use no iterator of
// another account.
func TestStreamPolicy(t *testing.T) {
	t.Parallel()
	f := start(t)
	ctx := t.Context()
	table, arn := streamed(t, f.client, types.StreamViewTypeKeysOnly)
	other := enableNew(t, f.client, "other")
	mustPut(t, f.client, table, attrs{"id": str("a")})
	reader := f.streams(f.userKey(t, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:DescribeStream","dynamodb:GetShardIterator","dynamodb:GetRecords","dynamodb:ListStreams"],
		"Resource":"arn:aws:dynamodb:us-east-1:`+account+`:table/`+table+`/stream/*"}]}`))
	if got := allRecords(t, reader, arn); len(got) != 1 {
		t.Error(got)
	}
	if _, err := reader.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{TableName: &table}); err != nil {
		t.Error(err)
	}
	_, err := reader.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{})
	wantDenied(t, err)
	_, err = reader.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &other})
	wantDenied(t, err)
	root := f.streams(f.root)
	shard := *describeStream(t, root, other).Shards[0].ShardId
	_, err = reader.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{StreamArn: &other, ShardId: &shard, ShardIteratorType: "LATEST"})
	wantDenied(t, err)
	at := iterator(t, root, other, shard, "LATEST", "")
	_, err = reader.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &at})
	wantDenied(t, err)

	// To another account, the token is none.
	foreign := wharf.WithRequest(ctx, &wharf.Request{ID: "test", Service: "dynamodb", Operation: "GetRecords", Region: "us-east-1",
		Caller: wharf.Caller{Account: "111111111111", ARN: "arn:aws:iam::111111111111:root", Type: wharf.RootCaller}})
	_, err = f.service.GetRecords(foreign, &streams.GetRecordsInput{ShardIterator: &at})
	if e := wharf.AsError(err); e.Code != validation || e.Message != "Invalid ShardIterator" {
		t.Error(err)
	}
}

// TestStreamAudit finds what was done about streams in the audit log; reading them
// leaves nothing there.
func TestStreamAudit(t *testing.T) {
	t.Parallel()
	f := start(t)
	table, arn := streamed(t, f.client, types.StreamViewTypeKeysOnly)
	mustPut(t, f.client, table, attrs{"id": str("a")})
	allRecords(t, f.streams(f.root), arn)
	disable(t, f.client, table)
	found, err := audit.Search(t.Context(), f.store, audit.Query{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range found.Events {
		if strings.Contains(r.Operation, "Table") || strings.Contains(r.Operation, "Stream") || strings.Contains(r.Operation, "GetRecords") {
			got = append(got, r.Operation+" "+string(r.Parameters))
		}
	}
	slices.Reverse(got)
	want := []string{
		`CreateTable {`,
		`UpdateTable {"TableName":"` + table + `","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}`,
		`UpdateTable {"TableName":"` + table + `","StreamSpecification":{"StreamEnabled":false}}`,
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
