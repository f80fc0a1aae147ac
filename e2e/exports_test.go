package e2e

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestAWSCommandExport exports the model catalog to a bucket, looks at it, and imports it as
// another table, with the aws command.
func TestAWSCommandExport(t *testing.T) {
	t.Parallel()
	cli := start(t).aws(t)
	const table = "modelCatalogTable"
	key := []string{
		"AttributeName=ModelId,AttributeType=S", "AttributeName=ModelVersion,AttributeType=S",
		"--key-schema", "AttributeName=ModelId,KeyType=HASH", "AttributeName=ModelVersion,KeyType=RANGE",
	}
	cli.run(append([]string{"dynamodb", "create-table", "--table-name", table, "--billing-mode", "PAY_PER_REQUEST", "--attribute-definitions"}, key...)...)
	arn := at(t, cli.run("dynamodb", "describe-table", "--table-name", table), "Table", "TableArn").(string)
	cli.run("s3api", "create-bucket", "--bucket", "archive")
	if said := cli.fails("dynamodb", "export-table-to-point-in-time", "--table-arn", arn, "--s3-bucket", "archive"); !strings.Contains(said, "(PointInTimeRecoveryUnavailableException)") {
		t.Errorf("without recovery: %s", said)
	}
	cli.run("dynamodb", "update-continuous-backups", "--table-name", table, "--point-in-time-recovery-specification", "PointInTimeRecoveryEnabled=true")
	for _, version := range []string{"1.0", "1.1"} {
		cli.run("dynamodb", "put-item", "--table-name", table, "--item", `{"ModelId":{"S":"iris"},"ModelVersion":{"S":"`+version+`"}}`)
	}
	status := func(call, option, arn, member, status string) map[string]any {
		t.Helper()
		for {
			d := at(t, cli.run("dynamodb", call, option, arn), member).(map[string]any)
			if d[status] != "IN_PROGRESS" {
				return d
			}
		}
	}
	begun := at(t, cli.run("dynamodb", "export-table-to-point-in-time", "--table-arn", arn, "--s3-bucket", "archive", "--s3-prefix", "catalog"), "ExportDescription", "ExportArn").(string)
	export := status("describe-export", "--export-arn", begun, "ExportDescription", "ExportStatus")
	if export["ExportStatus"] != "COMPLETED" || export["ItemCount"] != 2.0 {
		t.Fatalf("the export: %v", export)
	}
	dir := t.TempDir()
	if _, stderr, err := cli.try("s3", "cp", "--recursive", "--quiet", "s3://archive/catalog/AWSDynamoDB", dir); err != nil {
		t.Fatal(stderr)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "data", "*.json.gz"))
	if len(files) != 1 {
		t.Fatalf("files of data: %q", files)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if want := `{"Item":{"ModelId":{"S":"iris"},"ModelVersion":{"S":"1.0"}}}`; err != nil || strings.Count(string(text), "\n") != 2 || !strings.Contains(string(text), want) {
		t.Errorf("the data is %s, %v", text, err)
	}
	prefix := strings.TrimSuffix(export["ExportManifest"].(string), "manifest-summary.json") + "data/"
	begun = at(t, cli.run("dynamodb", "import-table", "--input-format", "DYNAMODB_JSON", "--input-compression-type", "GZIP",
		"--s3-bucket-source", "S3Bucket=archive,S3KeyPrefix="+prefix, "--table-creation-parameters",
		`{"TableName":"again","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"ModelId","AttributeType":"S"},{"AttributeName":"ModelVersion","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"ModelId","KeyType":"HASH"},{"AttributeName":"ModelVersion","KeyType":"RANGE"}]}`), "ImportTableDescription", "ImportArn").(string)
	imported := status("describe-import", "--import-arn", begun, "ImportTableDescription", "ImportStatus")
	if imported["ImportStatus"] != "COMPLETED" || imported["ImportedItemCount"] != 2.0 {
		t.Fatalf("the import: %v", imported)
	}
	if n := len(at(t, cli.run("dynamodb", "scan", "--table-name", "again"), "Items").([]any)); n != 2 {
		t.Errorf("%d items are imported", n)
	}
	if n := len(at(t, cli.run("dynamodb", "list-imports"), "ImportSummaryList").([]any)); n != 1 {
		t.Errorf("%d imports", n)
	}
}

// TestTerraformExport exports a table and makes another of the export, by Terraform.
func TestTerraformExport(t *testing.T) {
	t.Parallel()
	s := start(t)
	tf := newTerraform(t, s, "testdata/exports/*.tf")
	tf.run("init", "-no-color")
	tf.run("apply", "-no-color", "-auto-approve")
	tf.empty("after apply")
	out, err := s.tables().Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("again")})
	if err != nil || out.Count != 1 {
		t.Errorf("%d items are imported, %v", out.Count, err)
	}
	tf.run("destroy", "-no-color", "-auto-approve")
}

// TestKillExport kills the server in the midst of an export and of the import of it: both
// go on at the next start, and the table is the same.
func TestKillExport(t *testing.T) {
	t.Parallel()
	items := setting(t, "MODELWHARF_EXPORT_ITEMS", 20000)
	s := start(t)
	const table = "books"
	ctx := t.Context()
	create := func(name string) *types.TableCreationParameters {
		return &types.TableCreationParameters{
			TableName: &name, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
		}
	}
	p := create(table)
	c := s.tables()
	made, err := c.CreateTable(ctx, &dynamodb.CreateTableInput{TableName: p.TableName, BillingMode: p.BillingMode, AttributeDefinitions: p.AttributeDefinitions, KeySchema: p.KeySchema})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName: p.TableName, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.objects().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("archive")}); err != nil {
		t.Fatal(err)
	}
	putMany(t, c, table, items)
	exported, err := c.ExportTableToPointInTime(ctx, &dynamodb.ExportTableToPointInTimeInput{TableArn: made.TableDescription.TableArn, S3Bucket: aws.String("archive")})
	if err != nil {
		t.Fatal(err)
	}
	s.kill()
	s = startOn(t, s.data)
	began := time.Now()
	var export *types.ExportDescription
	untilOver(t, func(ctx context.Context) bool {
		out, err := s.tables().DescribeExport(ctx, &dynamodb.DescribeExportInput{ExportArn: exported.ExportDescription.ExportArn})
		if err != nil {
			t.Fatal(err)
		}
		export = out.ExportDescription
		return export.ExportStatus != types.ExportStatusInProgress
	})
	if export.ExportStatus != types.ExportStatusCompleted || *export.ItemCount != int64(items) {
		t.Fatalf("the export is %s, of %d items: %s", export.ExportStatus, aws.ToInt64(export.ItemCount), aws.ToString(export.FailureMessage))
	}
	t.Logf("export of %d items: %v", items, time.Since(began))
	began = time.Now()
	imported, err := s.tables().ImportTable(ctx, &dynamodb.ImportTableInput{
		InputFormat: types.InputFormatDynamodbJson, InputCompressionType: types.InputCompressionTypeGzip, TableCreationParameters: create("again"),
		S3BucketSource: &types.S3BucketSource{S3Bucket: aws.String("archive"), S3KeyPrefix: aws.String(strings.TrimSuffix(*export.ExportManifest, "manifest-summary.json") + "data/")},
	})
	if err != nil {
		t.Fatal(err)
	}
	state := func(ctx context.Context) *types.ImportTableDescription {
		t.Helper()
		out, err := s.tables().DescribeImport(ctx, &dynamodb.DescribeImportInput{ImportArn: imported.ImportTableDescription.ImportArn})
		if err != nil {
			t.Fatal(err)
		}
		return out.ImportTableDescription
	}
	// It is killed when it has written something, unless it is too quick.
	untilOver(t, func(ctx context.Context) bool {
		i := state(ctx)
		return i.ImportedItemCount > 0 || i.ImportStatus != types.ImportStatusInProgress
	})
	s.kill()
	s = startOn(t, s.data)
	untilOver(t, func(ctx context.Context) bool { return state(ctx).ImportStatus != types.ImportStatusInProgress })
	if i := state(ctx); i.ImportStatus != types.ImportStatusCompleted || i.ImportedItemCount != int64(items) || i.ProcessedItemCount != int64(items) {
		t.Fatalf("the import is %s, of %d items: %s", i.ImportStatus, i.ImportedItemCount, aws.ToString(i.FailureMessage))
	}
	t.Logf("import of %d items: %v", items, time.Since(began))
	seen := 0
	for p := dynamodb.NewScanPaginator(s.tables(), &dynamodb.ScanInput{TableName: aws.String("again"), Select: types.SelectCount}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		seen += int(page.Count)
	}
	if seen != items {
		t.Errorf("%d items are in the table, want %d", seen, items)
	}
}

// putMany puts that many small items.
func putMany(t *testing.T, c *dynamodb.Client, table string, items int) {
	t.Helper()
	work := make(chan int)
	failed := make(chan error, 16)
	for range cap(failed) {
		go func() {
			var err error
			for from := range work {
				var all []types.WriteRequest
				for i := from; i < min(from+25, items); i++ {
					all = append(all, types.WriteRequest{PutRequest: &types.PutRequest{Item: map[string]types.AttributeValue{
						"id": &types.AttributeValueMemberS{Value: fmt.Sprint(i)}, "n": &types.AttributeValueMemberN{Value: fmt.Sprint(i)},
						"text": &types.AttributeValueMemberS{Value: "a small item of a large table"},
					}}})
				}
				if _, e := c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: all}}); e != nil {
					err = e
				}
			}
			failed <- err
		}()
	}
	for from := 0; from < items; from += 25 {
		work <- from
	}
	close(work)
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}

// untilOver asks until the answer is yes.
func untilOver(t *testing.T, over func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	for !over(ctx) {
		select {
		case <-ctx.Done():
			t.Fatal("it does not end")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
