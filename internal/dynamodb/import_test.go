package dynamodb_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/modelwharf/modelwharf/internal/s3"
)

// write writes an object.
func (d *depot) write(key, content string) {
	d.Helper()
	in := s3.Put{Name: s3.Name{Bucket: depotBucket, Key: key}, Content: s3.Content{Body: strings.NewReader(content), Length: -1}}
	if _, err := d.objects.PutObject(d.admin("PutObject"), in); err != nil {
		d.Fatal(err)
	}
}

// importOf is the request for a table with the key id from lines of JSON below a prefix.
func importOf(table, prefix string, change ...func(*sdk.ImportTableInput)) *sdk.ImportTableInput {
	in := &sdk.ImportTableInput{
		S3BucketSource: &types.S3BucketSource{S3Bucket: aws.String(depotBucket), S3KeyPrefix: &prefix}, InputFormat: types.InputFormatDynamodbJson,
		TableCreationParameters: &types.TableCreationParameters{
			TableName: &table, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: definitions("id:S"), KeySchema: keySchema("id", ""),
		},
	}
	for _, f := range change {
		f(in)
	}
	return in
}

func packed(c types.InputCompressionType) func(*sdk.ImportTableInput) {
	return func(in *sdk.ImportTableInput) { in.InputCompressionType = c }
}

// imports imports a table and waits until that is over.
func (d *depot) imports(in *sdk.ImportTableInput) *types.ImportTableDescription {
	d.Helper()
	out, err := d.client.ImportTable(d.Context(), in)
	if err != nil {
		d.Fatal(err)
	}
	d.want("ImportStatus", out.ImportTableDescription.ImportStatus, types.ImportStatusInProgress)
	return d.imported(*out.ImportTableDescription.ImportArn)
}

// imported waits for the end of an import.
func (d *depot) imported(arn string) *types.ImportTableDescription {
	d.Helper()
	for {
		out, err := d.client.DescribeImport(d.Context(), &sdk.DescribeImportInput{ImportArn: &arn})
		if err != nil {
			d.Fatal(err)
		}
		if i := out.ImportTableDescription; i.ImportStatus != types.ImportStatusInProgress {
			return i
		} else if i.EndTime != nil {
			d.Errorf("EndTime of an import in progress: %v", i.EndTime)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// wantImport fails the test unless an import is over with these numbers.
func (d *depot) wantImport(i *types.ImportTableDescription, code string, written, errors int64) {
	d.Helper()
	status := types.ImportStatusCompleted
	if code != "" {
		status = types.ImportStatusFailed
	}
	if i.ImportStatus != status || aws.ToString(i.FailureCode) != code || i.ImportedItemCount != written || i.ErrorCount != errors || i.ProcessedItemCount != written+errors || i.EndTime == nil {
		d.Errorf("%s %s: %s; %d processed, %d imported, %d errors; want %s, %d, %d", i.ImportStatus, aws.ToString(i.FailureCode), aws.ToString(i.FailureMessage),
			i.ProcessedItemCount, i.ImportedItemCount, i.ErrorCount, code, written, errors)
	}
}

// scan reads a whole table, or an index, by id.
func (d *depot) scan(table string, index *string) map[string]attrs {
	d.Helper()
	all := map[string]attrs{}
	for p := sdk.NewScanPaginator(d.client, &sdk.ScanInput{TableName: &table, IndexName: index}); p.HasMorePages(); {
		page, err := p.NextPage(d.Context())
		if err != nil {
			d.Fatal(err)
		}
		for _, it := range page.Items {
			all[it["id"].(*types.AttributeValueMemberS).Value] = it
		}
	}
	return all
}

// everyType has items with all types of attributes.
var everyType = []attrs{
	{"id": str("least")},
	{"id": str("text"), "quotes": str("a \"b\" \\ \n\t\x01"), "unicode": str("zażółć 日本語 🦑"), "empty": str(""), "long": str(strings.Repeat("x", 300_000))},
	{"id": str("numbers"), "n": num("-1.5E-100"), "digits": num("12345678901234567890123456789012345678"), "zero": num("0")},
	{"id": str("binary"), "b": &types.AttributeValueMemberB{Value: []byte{0, 1, 255}}, "none": &types.AttributeValueMemberB{Value: []byte{}}},
	{"id": str("others"), "yes": &types.AttributeValueMemberBOOL{Value: true}, "no": &types.AttributeValueMemberBOOL{}, "null": &types.AttributeValueMemberNULL{Value: true}},
	{"id": str("sets"), "ss": stringSet("a", "b"), "ns": numbers("-2", "1", "3.5"), "bs": &types.AttributeValueMemberBS{Value: [][]byte{{0}, {1}}}},
	{"id": str("documents"), "l": &types.AttributeValueMemberL{Value: []value{str("s"), num("1"), &types.AttributeValueMemberL{Value: []value{}}}},
		"m": &types.AttributeValueMemberM{Value: attrs{"a.b": str("c"), "deep": &types.AttributeValueMemberM{Value: attrs{}}}}},
}

// TestExportAndImport has the items of every type again, of a table with indexes, in all
// compressions.
func TestExportAndImport(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	for i := range 300 {
		mustPut(t, d.client, "books", attrs{"id": str(fmt.Sprint(i)), "shelf": str(fmt.Sprint(i % 7)), "n": num(fmt.Sprint(i))})
	}
	for _, it := range everyType {
		mustPut(t, d.client, "books", it)
	}
	e := d.completed(d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Prefix: aws.String("e")}))
	folder := strings.TrimSuffix(*e.ExportManifest, "manifest-summary.json") + "data/"
	want := d.scan("books", nil)
	indexed := func(in *sdk.ImportTableInput) {
		p := in.TableCreationParameters
		p.AttributeDefinitions = definitions("id:S", "shelf:S", "n:N")
		p.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
			IndexName: aws.String("shelves"), KeySchema: keySchema("shelf", "n"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}}
	}
	// "numbers" has an n that suits the index, but no shelf; so have the others.
	i := d.imports(importOf("again", folder, packed(types.InputCompressionTypeGzip), indexed))
	d.wantImport(i, "", int64(len(want)), 0)
	if got := d.scan("again", nil); !reflect.DeepEqual(got, want) {
		t.Errorf("%d items, want the %d of the exported table", len(got), len(want))
	}
	d.want("entries of the index", len(d.scan("again", aws.String("shelves"))), 300)
	out, err := d.client.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: aws.String("again")})
	if err != nil {
		t.Fatal(err)
	}
	d.want("TableStatus", out.Table.TableStatus, types.TableStatusActive)
	d.want("ItemCount", *out.Table.ItemCount, int64(len(want)))
	d.want("ItemCount of the index", *out.Table.GlobalSecondaryIndexes[0].ItemCount, int64(300))
	d.want("TableId", *out.Table.TableId, *i.TableId)
	d.want("S3BucketOwner", *i.S3BucketSource.S3BucketOwner, account)

	text := strings.Join(d.lines(e), "\n") + "\n\n  \n"
	for kind, pack := range map[types.InputCompressionType]func(string) string{
		types.InputCompressionTypeNone: func(s string) string { return s },
		types.InputCompressionTypeGzip: func(s string) string {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write([]byte(s))
			z.Close()
			return b.String()
		},
		types.InputCompressionTypeZstd: func(s string) string {
			z, _ := zstd.NewWriter(nil)
			return string(z.EncodeAll([]byte(s), nil))
		},
	} {
		name := "packed-" + string(kind)
		d.write(name+"/all", pack(text))
		d.write(name+"/empty", "")
		i := d.imports(importOf(name, name+"/", packed(kind)))
		d.wantImport(i, "", int64(len(want)), 0)
		d.want("ProcessedSizeBytes of "+name, *i.ProcessedSizeBytes, int64(len(text)))
		if got := d.scan(name, nil); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d items, want %d", name, len(got), len(want))
		}
	}
}

// TestImportCSV makes of columns strings, but for those of keys.
func TestImportCSV(t *testing.T) {
	d := newDepot(t)
	keys := func(in *sdk.ImportTableInput) {
		in.InputFormat = types.InputFormatCsv
		p := in.TableCreationParameters
		p.AttributeDefinitions, p.KeySchema = definitions("id:S", "year:N", "mark:B"), keySchema("id", "year")
		p.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
			IndexName: aws.String("marks"), KeySchema: keySchema("mark", ""), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}}
	}
	d.write("a.csv", "id,year,mark,pages\na,1999,AAE=,12\nb,2001,,\n\"c \"\"quoted\"\", and so on\",2002.50,,\"x\ny\"\n")
	d.wantImport(d.imports(importOf("books", "a.csv", keys)), "", 3, 0)
	want := map[string]attrs{
		"a":                     {"id": str("a"), "year": num("1999"), "mark": &types.AttributeValueMemberB{Value: []byte{0, 1}}, "pages": str("12")},
		"b":                     {"id": str("b"), "year": num("2001"), "pages": str("")},
		`c "quoted", and so on`: {"id": str(`c "quoted", and so on`), "year": num("2002.5"), "pages": str("x\ny")},
	}
	if got := d.scan("books", nil); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	d.want("entries of the index", len(d.scan("books", aws.String("marks"))), 1)

	// With a header of the request, all lines are rows. A row that is none is an error of its own.
	d.write("b.csv", "a;1;;x\nb;two;;x\nc;3\nd;4;=;x\ne;5;;x\n")
	options := func(in *sdk.ImportTableInput) {
		in.InputFormatOptions = &types.InputFormatOptions{Csv: &types.CsvOptions{Delimiter: aws.String(";"), HeaderList: []string{"id", "year", "mark", "pages"}}}
	}
	i := d.imports(importOf("films", "b.csv", keys, options))
	d.wantImport(i, "ItemValidationError", 2, 3)
	if !strings.Contains(*i.FailureMessage, `"b.csv": `) {
		t.Errorf("FailureMessage: %s", *i.FailureMessage)
	}
	d.want("items", len(d.scan("films", nil)), 2)
	// What is not CSV ends the object, and no other.
	d.write("c/1.csv", "id,year,value\na,1,x\n\"123\",Women's,\"b\" c\nc,3,x\n")
	d.write("c/2.csv", "id,year,value\nd,1,x\n")
	d.wantImport(d.imports(importOf("games", "c/", keys)), "ItemValidationError", 2, 1)
}

// TestImportErrors counts what is no item. A line that is not of the form ends its object,
// as on AWS; the table has the rest.
func TestImportErrors(t *testing.T) {
	d := newDepot(t)
	const good = `{"Item":{"id":{"S":"%s"}}}` + "\n"
	d.write("in/1", fmt.Sprintf(good, "a")+`{"Item":{"n":{"N":"1"}}}`+"\n"+`{"Item":{"id":{"N":"1"}}}`+"\n"+`{"Item":{"id":{"S":"b"},"n":{"N":"x"}}}`+"\n"+fmt.Sprintf(good, "b"))
	d.write("in/2", fmt.Sprintf(good, "c")+`{"NotAnItem":{}}`+"\n"+fmt.Sprintf(good, "lost"))
	d.write("in/3", fmt.Sprintf(good, "d")+`{"Item":`+"\n"+fmt.Sprintf(good, "lost"))
	d.write("in/4", strings.TrimSuffix(fmt.Sprintf(good, "e"), "\n"))
	d.write("in/5", fmt.Sprintf(good, "a"))
	d.write("in2", "not asked for")
	i := d.imports(importOf("books", "in/"))
	d.wantImport(i, "ItemValidationError", 6, 5)
	got := d.scan("books", nil)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		if got[id] == nil {
			t.Errorf("%s is missing", id)
		}
	}
	d.want("items", len(got), 5)
	d.wantImport(d.imports(importOf("packed", "in/", packed(types.InputCompressionTypeGzip))), "ItemValidationError", 0, 5)
	// Nothing to import is no error.
	i = d.imports(importOf("empty", "nothing/"))
	d.wantImport(i, "", 0, 0)
	if i.ProcessedSizeBytes != nil {
		t.Errorf("ProcessedSizeBytes: %d", *i.ProcessedSizeBytes)
	}
	d.want("items of nothing", len(d.scan("empty", nil)), 0)
}

// TestImportIsRefused has the checks before an import begins, and tells in the description
// what the bucket refused; then there is no table.
func TestImportIsRefused(t *testing.T) {
	d := newDepot(t)
	d.write("in/1", `{"Item":{"id":{"S":"a"}}}`)
	d.table("taken")
	for _, c := range []struct {
		change        func(*sdk.ImportTableInput)
		code, message string
	}{
		{func(in *sdk.ImportTableInput) { in.TableCreationParameters.TableName = aws.String("taken") }, "ResourceInUseException", "Table already exists: taken"},
		{func(in *sdk.ImportTableInput) { in.InputFormat = types.InputFormatIon }, validation, "InputFormat ION is not available on this server yet"},
		{func(in *sdk.ImportTableInput) {
			in.InputFormatOptions = &types.InputFormatOptions{Csv: &types.CsvOptions{Delimiter: aws.String(";")}}
		}, validation, "Invalid Request: Unsupported InputFormatOptions for the given input format: DYNAMODB_JSON."},
		{func(in *sdk.ImportTableInput) { in.TableCreationParameters.BillingMode = "" }, validation, invalidOpen + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		{func(in *sdk.ImportTableInput) {
			in.TableCreationParameters.AttributeDefinitions = definitions("other:S")
		}, validation, "……"},
		{func(in *sdk.ImportTableInput) { in.InputCompressionType = "BZIP2" }, validation, "…at 'inputCompressionType' failed to satisfy constraint…"},
	} {
		_, err := d.client.ImportTable(t.Context(), importOf("books", "in/", c.change))
		wantError(t, err, c.code, c.message)
	}
	const dynamodbOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*"%s],"Resource":"*"}]}`
	as := func(c *sdk.Client, in *sdk.ImportTableInput) *types.ImportTableDescription {
		out, err := c.ImportTable(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return d.imported(*out.ImportTableDescription.ImportArn)
	}
	bucket := func(name, owner string) func(*sdk.ImportTableInput) {
		return func(in *sdk.ImportTableInput) {
			in.S3BucketSource.S3Bucket = &name
			if owner != "" {
				in.S3BucketSource.S3BucketOwner = &owner
			}
		}
	}
	for name, i := range map[string]*types.ImportTableDescription{
		"S3NoSuchBucket: The specified bucket does not exist (Service: Amazon S3; Status Code: 404": as(d.client, importOf("books", "in/", bucket("nowhere", ""))),
		"S3AccessDenied: Access Denied": as(d.client, importOf("books1", "in/", bucket(depotBucket, "111111111111"))),
		"S3AccessDenied: User: arn:aws:iam::" + account + ":user/ann is not authorized to perform: s3:ListBucket": as(d.user(t, "ann", fmt.Sprintf(dynamodbOnly, "")), importOf("books2", "in/")),
		"S3AccessDenied: User: arn:aws:iam::" + account + ":user/bob is not authorized to perform: s3:GetObject":  as(d.user(t, "bob", fmt.Sprintf(dynamodbOnly, `,"s3:ListBucket"`)), importOf("books3", "in/")),
	} {
		d.wantImport(i, strings.Split(name, ":")[0], 0, 0)
		if !strings.HasPrefix(aws.ToString(i.FailureCode)+": "+aws.ToString(i.FailureMessage), name) {
			t.Errorf("%s: %s; want %s", aws.ToString(i.FailureCode), aws.ToString(i.FailureMessage), name)
		}
		_, err := d.client.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: i.TableCreationParameters.TableName})
		wantError(t, err, "ResourceNotFoundException", "……")
	}
	_, err := d.user(t, "eve", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`).ImportTable(t.Context(), importOf("books", "in/"))
	wantError(t, err, "AccessDeniedException", "…is not authorized to perform: dynamodb:ImportTable…")
	// The name is free again.
	d.wantImport(d.imports(importOf("books", "in/")), "", 1, 0)
}

// TestImportUnderWay has a table that is CREATING and that nobody can use, and a token that
// makes repetitions harmless.
func TestImportUnderWay(t *testing.T) {
	d := newDepot(t)
	d.write("in/1", `{"Item":{"id":{"S":"a"}}}`)
	d.write("in/2", `{"Item":{"id":{"S":"b"}}}`)
	wait, reached := make(chan struct{}), make(chan struct{})
	d.gate.set(func(ctx context.Context, n s3.Name) error {
		if n.Key == "in/2" {
			close(reached)
			<-wait
			d.gate.set(nil)
		}
		return nil
	})
	in := importOf("books", "in/", func(in *sdk.ImportTableInput) { in.ClientToken = aws.String("once") })
	out, err := d.client.ImportTable(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	arn := *out.ImportTableDescription.ImportArn
	<-reached
	again, err := d.client.ImportTable(t.Context(), in)
	if err != nil || *again.ImportTableDescription.ImportArn != arn {
		t.Errorf("the same request: %v, %v", again, err)
	}
	_, err = d.client.ImportTable(t.Context(), importOf("films", "in/", func(in *sdk.ImportTableInput) { in.ClientToken = aws.String("once") }))
	wantError(t, err, "ImportConflictException", "Import conflict: Duplicate request detected with conflicting parameters")
	_, err = d.client.ImportTable(t.Context(), importOf("books", "in/"))
	wantError(t, err, "ResourceInUseException", "Table already exists: books")
	table, err := d.client.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: aws.String("books")})
	if err != nil {
		t.Fatal(err)
	}
	d.want("TableStatus", table.Table.TableStatus, types.TableStatusCreating)
	_, err = d.client.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("books"), Key: attrs{"id": str("a")}})
	wantError(t, err, "ResourceNotFoundException", "……")
	_, err = d.client.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: aws.String("books")})
	wantError(t, err, "ResourceInUseException", "……")
	listed, err := d.client.ListImports(t.Context(), &sdk.ListImportsInput{TableArn: out.ImportTableDescription.TableArn})
	if err != nil || len(listed.ImportSummaryList) != 1 || listed.ImportSummaryList[0].ImportStatus != types.ImportStatusInProgress {
		t.Errorf("ListImports: %v, %v", listed, err)
	}
	close(wait)
	d.wantImport(d.imported(arn), "", 2, 0)
	_, err = d.client.ImportTable(t.Context(), in)
	wantError(t, err, "ResourceInUseException", "Table already exists: books")
	d.want("what is under way", d.count("filling"), 0)
}

// TestListImports lists the newest first, also of dropped tables, in pages with tokens of
// the form that the service model has.
func TestListImports(t *testing.T) {
	d := newDepot(t)
	var all []string
	for i := range 7 {
		d.clock.advance(time.Second)
		all = append(all, *d.imports(importOf(fmt.Sprintf("books%d", i), "nothing/")).ImportArn)
	}
	slices.Reverse(all)
	if _, err := d.client.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: aws.String("books3")}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for p := sdk.NewListImportsPaginator(d.client, &sdk.ListImportsInput{PageSize: aws.Int32(3)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.ImportSummaryList {
			got = append(got, *s.ImportArn)
			if s.EndTime == nil || s.S3BucketSource == nil || s.ImportStatus != types.ImportStatusCompleted {
				t.Errorf("%+v", s)
			}
		}
	}
	if !slices.Equal(got, all) {
		t.Errorf("got %q, want %q", got, all)
	}
	d.clock.advance(90*24*time.Hour + time.Second)
	if err := d.service.ForgetTransfers(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.want("imports", d.count("import"), 0)
	d.want("tokens", d.count("importtoken"), 0)
}
