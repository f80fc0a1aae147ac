package e2e

import (
	"strings"
	"testing"
)

// TestAWSCommandStreams follows a table with the aws command.
func TestAWSCommandStreams(t *testing.T) {
	t.Parallel()
	aws := start(t).aws(t)
	const table = "modelCatalogTable"
	created := aws.run("dynamodb", "create-table", "--table-name", table, "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=ModelId,AttributeType=S", "--key-schema", "AttributeName=ModelId,KeyType=HASH",
		"--stream-specification", "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES")
	arn := at(t, created, "TableDescription", "LatestStreamArn").(string)
	put := func(item string) { aws.run("dynamodb", "put-item", "--table-name", table, "--item", item) }
	put(`{"ModelId":{"S":"iris"},"Status":{"S":"draft"}}`)
	put(`{"ModelId":{"S":"iris"},"Status":{"S":"live"}}`)
	aws.run("dynamodb", "delete-item", "--table-name", table, "--key", `{"ModelId":{"S":"iris"}}`)

	listed := aws.run("dynamodbstreams", "list-streams", "--table-name", table)
	if at(t, listed, "Streams", 0, "StreamArn") != arn || len(at(t, listed, "Streams").([]any)) != 1 {
		t.Errorf("listed %v", listed)
	}
	described := aws.run("dynamodbstreams", "describe-stream", "--stream-arn", arn)
	if at(t, described, "StreamDescription", "StreamStatus") != "ENABLED" || at(t, described, "StreamDescription", "KeySchema", 0, "AttributeName") != "ModelId" {
		t.Errorf("described %v", described)
	}
	shard := at(t, described, "StreamDescription", "Shards", 0, "ShardId").(string)
	begin := aws.run("dynamodbstreams", "get-shard-iterator", "--stream-arn", arn, "--shard-id", shard, "--shard-iterator-type", "TRIM_HORIZON")
	got := aws.run("dynamodbstreams", "get-records", "--shard-iterator", at(t, begin, "ShardIterator").(string))
	var names []string
	for i := range at(t, got, "Records").([]any) {
		names = append(names, at(t, got, "Records", i, "eventName").(string))
	}
	if strings.Join(names, " ") != "INSERT MODIFY REMOVE" || at(t, got, "Records", 1, "dynamodb", "OldImage", "Status", "S") != "draft" ||
		at(t, got, "Records", 1, "dynamodb", "NewImage", "Status", "S") != "live" || at(t, got, "NextShardIterator") == nil {
		t.Errorf("got %v", got)
	}
	number := at(t, got, "Records", 1, "dynamodb", "SequenceNumber").(string)
	behind := aws.run("dynamodbstreams", "get-shard-iterator", "--stream-arn", arn, "--shard-id", shard,
		"--shard-iterator-type", "AFTER_SEQUENCE_NUMBER", "--sequence-number", number)
	got = aws.run("dynamodbstreams", "get-records", "--shard-iterator", at(t, behind, "ShardIterator").(string), "--limit", "5")
	if len(at(t, got, "Records").([]any)) != 1 {
		t.Errorf("behind %s: %v", number, got)
	}
	said := aws.fails("dynamodbstreams", "get-records", "--shard-iterator", "none")
	if !strings.Contains(said, "(ValidationException) when calling the GetRecords operation: Invalid ShardIterator") {
		t.Errorf("a wrong iterator: %s", said)
	}
	said = aws.fails("dynamodb", "update-table", "--table-name", table, "--stream-specification", "StreamEnabled=true,StreamViewType=KEYS_ONLY")
	if !strings.Contains(said, "Table already has an enabled stream: TableName: "+table) {
		t.Errorf("another view: %s", said)
	}
	aws.run("dynamodb", "delete-table", "--table-name", table)
	described = aws.run("dynamodbstreams", "describe-stream", "--stream-arn", arn)
	if at(t, described, "StreamDescription", "StreamStatus") != "DISABLED" || at(t, described, "StreamDescription", "Shards", 0, "SequenceNumberRange", "EndingSequenceNumber") == nil {
		t.Errorf("after the table is gone: %v", described)
	}
}
