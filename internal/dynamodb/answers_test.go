package dynamodb_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestAnswers has the operations on what no table has here: the answers are those of
// AWS to an account that does not use it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(indexedTable(t, c))
	absent := aws.String("absent")
	const notFound = "ResourceNotFoundException"
	notThere := "Requested resource not found: Table: absent not found"

	for _, index := range []*string{nil, aws.String("byKind")} {
		insights, err := c.DescribeContributorInsights(ctx, &sdk.DescribeContributorInsightsInput{TableName: table, IndexName: index})
		if err != nil || insights.ContributorInsightsStatus != "DISABLED" || *insights.TableName != *table || aws.ToString(insights.IndexName) != aws.ToString(index) {
			t.Error(insights, err)
		}
	}
	_, err := c.DescribeContributorInsights(ctx, &sdk.DescribeContributorInsightsInput{TableName: absent})
	wantError(t, err, notFound, notThere)
	_, err = c.DescribeContributorInsights(ctx, &sdk.DescribeContributorInsightsInput{TableName: table, IndexName: aws.String("byLocal")})
	wantError(t, err, notFound, "Requested resource not found: Index: byLocal not found for table: "+*table)
	for _, name := range []*string{nil, table} {
		if listed, err := c.ListContributorInsights(ctx, &sdk.ListContributorInsightsInput{TableName: name}); err != nil || len(listed.ContributorInsightsSummaries) != 0 {
			t.Error(listed, err)
		}
	}
	off, err := c.UpdateContributorInsights(ctx, &sdk.UpdateContributorInsightsInput{TableName: table, ContributorInsightsAction: "DISABLE"})
	if err != nil || off.ContributorInsightsStatus != "DISABLED" {
		t.Error(off, err)
	}
	_, err = c.UpdateContributorInsights(ctx, &sdk.UpdateContributorInsightsInput{TableName: table, ContributorInsightsAction: "ENABLE"})
	wantError(t, err, validation, "ContributorInsights is not available on this server yet")

	kinesis, err := c.DescribeKinesisStreamingDestination(ctx, &sdk.DescribeKinesisStreamingDestinationInput{TableName: table})
	if err != nil || *kinesis.TableName != *table || kinesis.KinesisDataStreamDestinations == nil || len(kinesis.KinesisDataStreamDestinations) != 0 {
		t.Error(kinesis, err)
	}
	_, err = c.DescribeKinesisStreamingDestination(ctx, &sdk.DescribeKinesisStreamingDestinationInput{TableName: absent})
	wantError(t, err, notFound, notThere)
	stream := aws.String("arn:aws:kinesis:us-east-1:" + account + ":stream/changes")
	_, err = c.EnableKinesisStreamingDestination(ctx, &sdk.EnableKinesisStreamingDestinationInput{TableName: table, StreamArn: stream})
	wantError(t, err, validation, "A stream of Kinesis is not available on this server yet")
	_, err = c.DisableKinesisStreamingDestination(ctx, &sdk.DisableKinesisStreamingDestinationInput{TableName: table, StreamArn: stream})
	wantError(t, err, validation, "Table is not in a valid state to enable Kinesis Streaming Destination: KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.")
	_, err = c.UpdateKinesisStreamingDestination(ctx, &sdk.UpdateKinesisStreamingDestinationInput{TableName: table, StreamArn: stream})
	wantError(t, err, validation, "Table is not in a valid state to enable Kinesis Streaming Destination: Kinesis streaming is not in ACTIVE state. "+
		"Updates are only allowed in ACTIVE state. TableName: "+*table+", kdsArn: "+*stream)

	const noGlobal, legacy = "GlobalTableNotFoundException", "One or more parameter values were invalid: DynamoDB global tables version 2017.11.29 is not supported. " +
		"We recommend using DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy)."
	if listed, err := c.ListGlobalTables(ctx, &sdk.ListGlobalTablesInput{}); err != nil || len(listed.GlobalTables) != 0 {
		t.Error(listed, err)
	}
	_, err = c.DescribeGlobalTable(ctx, &sdk.DescribeGlobalTableInput{GlobalTableName: table})
	wantError(t, err, noGlobal, "Global table not found: Global table with name: '"+*table+"' does not exist.")
	_, err = c.DescribeGlobalTableSettings(ctx, &sdk.DescribeGlobalTableSettingsInput{GlobalTableName: table})
	wantError(t, err, noGlobal, "Global table with name: '"+*table+"' does not exist.")
	_, err = c.UpdateGlobalTableSettings(ctx, &sdk.UpdateGlobalTableSettingsInput{GlobalTableName: table, GlobalTableBillingMode: types.BillingModePayPerRequest})
	wantError(t, err, noGlobal, "…")
	_, err = c.CreateGlobalTable(ctx, &sdk.CreateGlobalTableInput{GlobalTableName: table, ReplicationGroup: []types.Replica{{RegionName: aws.String("us-east-1")}}})
	wantError(t, err, validation, legacy)
	_, err = c.UpdateGlobalTable(ctx, &sdk.UpdateGlobalTableInput{GlobalTableName: table, ReplicaUpdates: []types.ReplicaUpdate{
		{Create: &types.CreateReplicaAction{RegionName: aws.String("us-west-2")}},
	}})
	wantError(t, err, validation, legacy)
	_, err = c.DescribeTableReplicaAutoScaling(ctx, &sdk.DescribeTableReplicaAutoScalingInput{TableName: table})
	wantError(t, err, notFound, "Global table with name: '"+*table+"' does not exist.")
	_, err = c.UpdateTableReplicaAutoScaling(ctx, &sdk.UpdateTableReplicaAutoScalingInput{TableName: table})
	wantError(t, err, notFound, "Global table with name: '"+*table+"' does not exist.")
	_, err = c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: table, ReplicaUpdates: []types.ReplicationGroupUpdate{
		{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String("us-west-2")}},
	}})
	wantError(t, err, validation, "ReplicaUpdates is not available on this server yet")
}

// TestAnswersOfTransfers has exports and imports, of which there are none.
func TestAnswersOfTransfers(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := hashTable(t, c)
	if listed, err := c.ListExports(ctx, &sdk.ListExportsInput{}); err != nil || len(listed.ExportSummaries) != 0 {
		t.Error(listed, err)
	}
	if listed, err := c.ListImports(ctx, &sdk.ListImportsInput{}); err != nil || len(listed.ImportSummaryList) != 0 {
		t.Error(listed, err)
	}
	for _, test := range []struct{ arn, code, export, imported string }{
		{tableARN(table) + "/%s/01700000000000-abcdef01", "NotFoundException", "Export not found: Export not found: ", "Import not found: Import not found: "},
		{strings.ReplaceAll(tableARN(table), "us-east-1", "eu-west-1") + "/%s/01700000000000-abcdef01", "NotFoundException", "Export not found: Invalid export arn", "Import not found: Invalid import arn"},
		{strings.ReplaceAll(tableARN(table), account, abroad) + "/%s/01700000000000-abcdef01", "", "Access is denied", "Access is denied"},
		{tableARN(table), validation, "Invalid Export ARN", "Invalid Import ARN"},
		{strings.Repeat("x", 40), validation, "Invalid Export ARN", "Invalid Import ARN"},
	} {
		code := func(kind string) string {
			switch test.code {
			case "":
				return "AccessDeniedException"
			case "NotFoundException":
				return kind + test.code
			}
			return test.code
		}
		export, imported := strings.ReplaceAll(test.arn, "%s", "export"), strings.ReplaceAll(test.arn, "%s", "import")
		_, err := c.DescribeExport(ctx, &sdk.DescribeExportInput{ExportArn: &export})
		wantError(t, err, code("Export"), test.export+"…")
		_, err = c.DescribeImport(ctx, &sdk.DescribeImportInput{ImportArn: &imported})
		wantError(t, err, code("Import"), test.imported+"…")
	}
	_, err := c.ExportTableToPointInTime(ctx, &sdk.ExportTableToPointInTimeInput{TableArn: aws.String(tableARN(table)), S3Bucket: aws.String("bucket"), ExportTime: aws.Time(time.Unix(1, 0))})
	wantError(t, err, validation, "ExportTableToPointInTime is not available on this server yet")
	_, err = c.ExportTableToPointInTime(ctx, &sdk.ExportTableToPointInTimeInput{TableArn: aws.String(tableARN("absent")), S3Bucket: aws.String("bucket")})
	wantError(t, err, "TableNotFoundException", "Table not found: "+tableARN("absent"))
	_, err = c.ImportTable(ctx, &sdk.ImportTableInput{
		InputFormat: types.InputFormatCsv, S3BucketSource: &types.S3BucketSource{S3Bucket: aws.String("bucket")},
		TableCreationParameters: &types.TableCreationParameters{
			TableName: aws.String("imported"), KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S"), BillingMode: types.BillingModePayPerRequest,
		},
	})
	wantError(t, err, validation, "ImportTable is not available on this server yet")
}

// TestAnswersOfBulkOperations has bulk operations and vector indexes, of which there
// are none; with them, no operation of the service model is missing.
func TestAnswersOfBulkOperations(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	if missing := f.service.API().NotYet; len(missing) > 0 {
		t.Errorf("the service has not %v", missing)
	}
	table := hashTable(t, c)
	if listed, err := c.ListBulkOperations(ctx, &sdk.ListBulkOperationsInput{}); err != nil || len(listed.BulkOperationsSummaryList) != 0 {
		t.Error(listed, err)
	}
	arn := aws.String(tableARN(table) + "/bulk-operation/01700000000000-abcdef01")
	_, err := c.DescribeBulkOperation(ctx, &sdk.DescribeBulkOperationInput{BulkOperationArn: arn})
	wantError(t, err, "ResourceNotFoundException", "…"+*arn+"…")
	_, err = c.CancelBulkOperation(ctx, &sdk.CancelBulkOperationInput{BulkOperationArn: arn})
	wantError(t, err, "ResourceNotFoundException", "…"+*arn+"…")
	_, err = c.StartBulkPutItems(ctx, &sdk.StartBulkPutItemsInput{
		TableName:             &table,
		InputS3Configuration:  &types.InputS3Configuration{S3Bucket: aws.String("bucket"), InputFormat: types.BulkOperationInputFormatDynamodbJson},
		OutputS3Configuration: &types.OutputS3Configuration{S3Bucket: aws.String("bucket"), OutputType: []types.OutputTypeEnum{types.OutputTypeEnumError}},
	})
	wantError(t, err, validation, "StartBulkPutItems is not available on this server yet")
	_, err = c.SearchVectors(ctx, &sdk.SearchVectorsInput{TableName: &table, IndexName: aws.String("byMeaning"), SearchVector: []value{num("1")}, TopK: aws.Int32(1)})
	wantError(t, err, validation, "The table does not have the specified index: byMeaning")
}
