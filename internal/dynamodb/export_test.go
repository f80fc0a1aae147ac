package dynamodb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// itemLines are the lines of a full export of items id → v.
func itemLines(items map[string]string) (lines []string) {
	for id, v := range items {
		lines = append(lines, fmt.Sprintf(`{"Item":{"id":{"S":%q},"v":{"S":%q}}}`, id, v))
	}
	slices.Sort(lines)
	return lines
}

func (d *depot) wantLines(e *types.ExportDescription, want []string) {
	d.Helper()
	got := d.lines(d.completed(e))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		d.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestFullExport has the layout, the manifests and the description that AWS's have.
func TestFullExport(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	d.put("books", "a", "1")
	d.put("books", "b", "2")
	e := d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Prefix: aws.String("backups/")})
	d.wantLines(e, itemLines(map[string]string{"a": "1", "b": "2"}))
	_, id, _ := strings.Cut(*e.ExportArn, arn+"/export/")
	folder := "backups/AWSDynamoDB/" + id + "/"
	d.want("ExportManifest", *e.ExportManifest, folder+"manifest-summary.json")
	d.want("id", id[:14], fmt.Sprintf("%014d", e.StartTime.UnixMilli()))
	keys := d.keys()
	for i, want := range []string{"_started", "data/", "manifest-files.json", "manifest-files.md5", "manifest-summary.json", "manifest-summary.md5"} {
		if i >= len(keys) || !strings.HasPrefix(keys[i], folder+want) {
			t.Errorf("objects: %q, want %s at %d", keys, want, i)
		}
	}
	var summary map[string]any
	if err := json.Unmarshal(d.read(*e.ExportManifest), &summary); err != nil {
		t.Fatal(err)
	}
	for member, want := range map[string]any{
		"version": "2020-06-30", "exportArn": *e.ExportArn, "tableArn": arn, "tableId": *e.TableId, "s3Bucket": depotBucket, "s3Prefix": "backups/",
		"startTime": "2026-11-20T10:00:01.000Z", "endTime": "2026-11-20T10:00:01.000Z", "exportTime": "2026-11-20T10:00:01.000Z",
		"s3SseAlgorithm": "AES256", "s3SseKmsKeyId": nil, "outputFormat": "DYNAMODB_JSON", "exportType": "FULL_EXPORT", "itemCount": 2.0,
		"manifestFilesS3Key": folder + "manifest-files.json", "billedSizeBytes": float64(*e.BilledSizeBytes),
	} {
		if summary[member] != want {
			t.Errorf("%s: %v, want %v", member, summary[member], want)
		}
	}
	d.want("ExportFormat", e.ExportFormat, types.ExportFormatDynamodbJson)
	d.want("S3SseAlgorithm", e.S3SseAlgorithm, types.S3SseAlgorithmAes256)
	d.want("ExportType, which nobody asked for", e.ExportType, types.ExportType(""))
	d.want("ItemCount", *e.ItemCount, int64(2))

	empty := d.table("empty")
	e = d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &empty})
	d.wantLines(e, nil)
	d.want("objects", len(d.keys()), 12)
}

// TestExportOfAPastTime has what the table held at the end of that second, whatever was
// written since.
func TestExportOfAPastTime(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	held := map[string]string{}
	for i := range 200 {
		held[fmt.Sprint(i)] = "old"
		d.put("books", fmt.Sprint(i), "old")
	}
	second := d.clock.now()
	d.clock.advance(time.Second)
	for i := range 200 {
		switch i % 3 {
		case 0:
			d.put("books", fmt.Sprint(i), "new")
		case 1:
			d.delete("books", fmt.Sprint(i))
		}
		d.put("books", fmt.Sprint("later", i), "new")
	}
	e := d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &arn, ExportTime: &second})
	d.wantLines(e, itemLines(held))
	d.want("ExportTime", e.ExportTime.Unix(), second.Unix())
}

// TestExportIsRefused has the checks that AWS makes before an export begins.
func TestExportIsRefused(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	d.clock.advance(2 * time.Hour)
	now := d.clock.now()
	at := func(d time.Duration) *time.Time { return aws.Time(now.Add(d)) }
	if _, err := d.client.CreateTable(t.Context(), &sdk.CreateTableInput{
		TableName: aws.String("plain"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
	}); err != nil {
		t.Fatal(err)
	}
	plain := strings.Replace(arn, "books", "plain", 1)
	d.clock.advance(time.Hour)
	d.recovery("plain")
	d.clock.advance(time.Hour)
	now = d.clock.now()
	period := func(from, to *time.Time) func(*sdk.ExportTableToPointInTimeInput) {
		return func(in *sdk.ExportTableToPointInTimeInput) {
			in.ExportType = types.ExportTypeIncrementalExport
			in.IncrementalExportSpecification = &types.IncrementalExportSpecification{ExportFromTime: from, ExportToTime: to}
		}
	}
	const wrong, time_ = "ValidationException", "InvalidExportTimeException"
	for _, c := range []struct {
		change        func(*sdk.ExportTableToPointInTimeInput)
		code, message string
	}{
		{func(in *sdk.ExportTableToPointInTimeInput) { in.TableArn = aws.String("books") }, wrong, "One or more parameter values were invalid: tableArn is not a valid ARN"},
		{func(in *sdk.ExportTableToPointInTimeInput) { in.TableArn = aws.String(arn + "/index/x") }, wrong, "Invalid Request: Table ARN is invalid."},
		{func(in *sdk.ExportTableToPointInTimeInput) { in.TableArn = aws.String(arn + "x") }, "TableNotFoundException", "Table not found: " + arn + "x"},
		{func(in *sdk.ExportTableToPointInTimeInput) {
			in.TableArn = aws.String(strings.Replace(arn, "us-east-1", "us-west-2", 1))
		}, "TableNotFoundException", "…Table not found: "},
		{func(in *sdk.ExportTableToPointInTimeInput) {
			in.TableArn = aws.String(strings.Replace(arn, account, "111111111111", 1))
		}, "AccessDeniedException", "Access is denied"},
		{func(in *sdk.ExportTableToPointInTimeInput) { in.ExportTime = at(6 * time.Hour) }, time_, "Export Time is invalid"},
		{func(in *sdk.ExportTableToPointInTimeInput) { in.ExportTime = at(-6 * time.Hour) }, time_, "Export Time is invalid"},
		{func(in *sdk.ExportTableToPointInTimeInput) { in.TableArn, in.ExportTime = &plain, at(-90*time.Minute) }, time_, "Point in Time Recovery is not available for specified export time"},
		{func(in *sdk.ExportTableToPointInTimeInput) { in.S3SseKmsKeyId = aws.String("k") }, wrong, "Invalid Request: KMS Key Id is not supported for this encryption type"},
		{func(in *sdk.ExportTableToPointInTimeInput) { in.ExportFormat = types.ExportFormatIon }, wrong, "ExportFormat ION is not available on this server yet"},
		{func(in *sdk.ExportTableToPointInTimeInput) { in.ExportType = types.ExportTypeIncrementalExport }, wrong, "Invalid Request: Incremental Export Specification expected when export type is set as Incremental Export"},
		{func(in *sdk.ExportTableToPointInTimeInput) {
			period(at(-time.Hour), nil)(in)
			in.ExportType = ""
		}, wrong, "Invalid Request: Export Type expected to be Incremental Export when incremental export specification is provided"},
		{func(in *sdk.ExportTableToPointInTimeInput) {
			period(at(-time.Hour), nil)(in)
			in.ExportType = types.ExportTypeFullExport
		}, wrong, "Invalid Request: When Export Type is Full Export , Incremental Export Specification should not be provided"},
		{period(nil, at(0)), wrong, "Invalid Request: ExportFromTime must be provided in IncrementalExportSpecification"},
		{period(at(-6*time.Hour), nil), time_, "Incremental export period from time cannot be less than the table creation time : 2026-11-20T08:00:01Z"},
		{period(at(-time.Hour), at(time.Minute)), time_, "Incremental export period to time cannot be greater than the current time : 2026-11-20T14:01:01Z"},
		{period(at(-15*time.Minute+time.Second), at(0)), time_, "Difference between export period from time and export period to time is less than 15 minutes"},
		{period(at(-time.Hour), at(-2*time.Hour)), time_, "Incremental export period from time should not be greater or equal to incremental export period to time"},
		{func(in *sdk.ExportTableToPointInTimeInput) {
			in.TableArn = &plain
			period(at(-90*time.Minute), at(0))(in)
		}, time_, "Point in Time Recovery is not available for specified export time"},
	} {
		in := &sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String(depotBucket)}
		c.change(in)
		_, err := d.client.ExportTableToPointInTime(t.Context(), in)
		wantError(t, err, c.code, c.message)
	}
	d.clock.advance(30 * time.Hour)
	now = d.clock.now()
	in := &sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String(depotBucket)}
	period(at(-24*time.Hour-time.Second), at(0))(in)
	_, err := d.client.ExportTableToPointInTime(t.Context(), in)
	wantError(t, err, time_, "Difference between export period from time and export period to time is greater than 24 hours")
	if _, err = d.client.UpdateContinuousBackups(t.Context(), &sdk.UpdateContinuousBackupsInput{
		TableName: aws.String("books"), PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(false)},
	}); err != nil {
		t.Fatal(err)
	}
	_, err = d.client.ExportTableToPointInTime(t.Context(), &sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String("nowhere")})
	wantError(t, err, "PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table 'books'")
	d.want("objects", len(d.keys()), 0)
}

// TestExportFails tells in the description what the bucket refused.
func TestExportFails(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	d.put("books", "a", "1")
	failed := func(e *types.ExportDescription, code, message string) {
		t.Helper()
		if e.ExportStatus != types.ExportStatusFailed || aws.ToString(e.FailureCode) != code || !strings.Contains(aws.ToString(e.FailureMessage), message) {
			t.Errorf("%s %s: %s; want %s: %s", e.ExportStatus, aws.ToString(e.FailureCode), aws.ToString(e.FailureMessage), code, message)
		}
		if e.EndTime == nil || e.ExportManifest != nil {
			t.Errorf("EndTime %v, ExportManifest %v", e.EndTime, e.ExportManifest)
		}
	}
	failed(d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String("nowhere")}), "S3NoSuchBucket",
		"The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket; Request ID: ")
	failed(d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3BucketOwner: aws.String("111111111111")}), "S3AccessDenied", "Access Denied")

	const statement = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["dynamodb:*"%s],"Resource":"*"}}`
	ann := d.user(t, "ann", fmt.Sprintf(statement, ""))
	out, err := ann.ExportTableToPointInTime(t.Context(), &sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String(depotBucket)})
	if err != nil {
		t.Fatal(err)
	}
	failed(d.exported(*out.ExportDescription.ExportArn), "S3AccessDenied", "arn:aws:iam::"+account+":user/ann is not authorized to perform: s3:PutObject on resource: ")
	d.want("objects", len(d.keys()), 0)

	eve := d.user(t, "eve", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	_, err = eve.ExportTableToPointInTime(t.Context(), &sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String(depotBucket)})
	wantError(t, err, "AccessDeniedException", "…is not authorized to perform: dynamodb:ExportTableToPointInTime…")

	// The bucket goes away while the data is being written.
	d.gate.set(func(ctx context.Context, n s3.Name) error {
		if !strings.Contains(n.Key, "/data/") {
			return nil
		}
		for _, k := range d.keys() {
			if err := d.objects.DeleteObject(d.admin("DeleteObject"), s3.Name{Bucket: depotBucket, Key: k}, s3.Conditions{}); err != nil {
				t.Error(err)
			}
		}
		return d.objects.DeleteBucket(d.admin("DeleteBucket"), depotBucket)
	})
	failed(d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &arn}), "S3NoSuchBucket", "The specified bucket does not exist")

	// Nothing holds the table any more.
	if _, err := d.client.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: aws.String("books")}); err != nil {
		t.Error(err)
	}
}

// TestExportPermissionIsTakenAway lets the rights be asked again for each file.
func TestExportPermissionIsTakenAway(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	ann := d.user(t, "ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["dynamodb:*","s3:*"],"Resource":"*"}}`)
	d.gate.set(func(ctx context.Context, n s3.Name) error {
		if strings.Contains(n.Key, "manifest-files") {
			_, err := d.identity.DeleteUserPolicy(rootContext(), &iam.DeleteUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("own")})
			d.gate.set(nil)
			return err
		}
		return nil
	})
	out, err := ann.ExportTableToPointInTime(t.Context(), &sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String(depotBucket)})
	if err != nil {
		t.Fatal(err)
	}
	e := d.exported(*out.ExportDescription.ExportArn)
	d.want("FailureCode", aws.ToString(e.FailureCode), "S3AccessDenied")
}

// TestExportToken makes repetitions of a request harmless.
func TestExportToken(t *testing.T) {
	d := newDepot(t)
	arn, other := d.table("books"), d.table("films")
	ask := func(change func(*sdk.ExportTableToPointInTimeInput)) (string, error) {
		in := &sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String(depotBucket), ClientToken: aws.String("once")}
		change(in)
		out, err := d.client.ExportTableToPointInTime(t.Context(), in)
		if err != nil {
			return "", err
		}
		d.want("ClientToken", *out.ExportDescription.ClientToken, *in.ClientToken)
		return *out.ExportDescription.ExportArn, nil
	}
	same := func(*sdk.ExportTableToPointInTimeInput) {}
	first, err := ask(same)
	if err != nil {
		t.Fatal(err)
	}
	d.completed(d.exported(first))
	for name, change := range map[string]func(*sdk.ExportTableToPointInTimeInput){
		"prefix": func(in *sdk.ExportTableToPointInTimeInput) { in.S3Prefix = aws.String("x") },
		"table":  func(in *sdk.ExportTableToPointInTimeInput) { in.TableArn = &other },
		"owner":  func(in *sdk.ExportTableToPointInTimeInput) { in.S3BucketOwner = aws.String(account) },
		"type":   func(in *sdk.ExportTableToPointInTimeInput) { in.ExportType = types.ExportTypeFullExport },
	} {
		_, err := ask(change)
		wantError(t, err, "ExportConflictException", "Export conflict: Duplicate request detected with conflicting parameters")
		if err == nil {
			t.Error(name)
		}
	}
	d.clock.advance(8*time.Hour - time.Second)
	if again, err := ask(same); err != nil || again != first {
		t.Errorf("%s, %v; want %s", again, err, first)
	}
	d.clock.advance(time.Second)
	again, err := ask(same)
	if err != nil || again == first {
		t.Errorf("after 8 hours: %s, %v", again, err)
	}
	d.exported(again)
}

// TestListExports lists the newest first, in pages, for 90 days.
func TestListExports(t *testing.T) {
	d := newDepot(t)
	arn, other := d.table("books"), d.table("films")
	var all []string
	for range 12 {
		d.clock.advance(time.Second)
		all = append(all, *d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &arn}).ExportArn)
	}
	film := *d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &other, S3Bucket: aws.String("nowhere")}).ExportArn
	list := func(in sdk.ListExportsInput) (arns []string, pages int) {
		t.Helper()
		for {
			out, err := d.client.ListExports(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, s := range out.ExportSummaries {
				arns = append(arns, *s.ExportArn)
				d.want("ExportType", s.ExportType, types.ExportTypeFullExport)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return arns, pages
			}
		}
	}
	slices.Reverse(all)
	got, pages := list(sdk.ListExportsInput{TableArn: &arn})
	d.want("pages", pages, 2)
	if !slices.Equal(got, all) {
		t.Errorf("got %q, want %q", got, all)
	}
	got, pages = list(sdk.ListExportsInput{MaxResults: aws.Int32(5)})
	d.want("pages", pages, 3)
	if !slices.Equal(got, append([]string{film}, all...)) {
		t.Errorf("got %q, want %q and %q", got, film, all)
	}
	_, err := d.client.ListExports(t.Context(), &sdk.ListExportsInput{NextToken: aws.String("x")})
	wantError(t, err, "ValidationException", "Invalid Request: Provided nextToken is invalid: x")
	for arn, want := range map[string]string{
		film + "x": "ExportNotFoundException", arn: "ValidationException", strings.Replace(film, "/export/", "/import/", 1): "ValidationException",
		strings.Replace(film, account, "111111111111", 1): "AccessDeniedException", strings.Replace(film, "us-east-1", "eu-west-1", 1): "ExportNotFoundException",
	} {
		_, err := d.client.DescribeExport(t.Context(), &sdk.DescribeExportInput{ExportArn: &arn})
		wantError(t, err, want, "……")
	}

	if _, err := d.client.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: aws.String("films")}); err != nil {
		t.Fatal(err)
	}
	got, _ = list(sdk.ListExportsInput{TableArn: &other})
	d.want("exports of a dropped table", len(got), 0)
	d.want("an export of a dropped table", d.exported(film).ExportStatus, types.ExportStatusFailed)
	d.clock.advance(90*24*time.Hour - time.Second)
	got, _ = list(sdk.ListExportsInput{})
	d.want("before the end of 90 days", len(got), 2)
	d.clock.advance(time.Second)
	got, _ = list(sdk.ListExportsInput{})
	d.want("after 90 days and a second", len(got), 0)
	_, err = d.client.DescribeExport(t.Context(), &sdk.DescribeExportInput{ExportArn: &film})
	wantError(t, err, "ExportNotFoundException", "Export not found: Export not found: "+film)

	// Nothing is left of them, nor of what they made on the way.
	d.clock.advance(2 * time.Second)
	if err := d.service.ForgetTransfers(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"export", "exporttoken", "exported", "forget", "filling", "hold"} {
		d.want(what, d.count(what), 0)
	}
}

// count counts the keys of a part of the service's key space.
func (d *depot) count(part string) (n int) {
	d.Helper()
	prefix := tuple.Of("dynamodb", part)
	err := d.store.View(d.Context(), func(r kv.Reader) error {
		for _, err := range r.Scan(d.Context(), kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
	return n
}
