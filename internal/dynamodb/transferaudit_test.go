package dynamodb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/modelwharf/modelwharf/internal/audit"
)

// TestTransferAudit sees an export and an import leave records that name what they were
// about, and each object one in the name of who asked, who may write to the bucket only
// through DynamoDB.
func TestTransferAudit(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	d.put("books", "a", "1")
	ann := d.user(t, "ann", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["dynamodb:*","s3:GetObject","s3:ListBucket"],"Resource":"*"},
		{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::`+depotBucket+`/annual/*","Condition":{"ForAnyValue:StringEquals":{"aws:CalledVia":"dynamodb.amazonaws.com"}}}]}`)
	out, err := ann.ExportTableToPointInTime(t.Context(), &sdk.ExportTableToPointInTimeInput{TableArn: &arn, S3Bucket: aws.String(depotBucket), S3Prefix: aws.String("annual")})
	if err != nil {
		t.Fatal(err)
	}
	e := d.completed(d.exported(*out.ExportDescription.ExportArn))
	in, err := ann.ImportTable(t.Context(), importOf("again", strings.TrimSuffix(*e.ExportManifest, "manifest-summary.json")+"data/", packed("GZIP")))
	if err != nil {
		t.Fatal(err)
	}
	i := d.imported(*in.ImportTableDescription.ImportArn)
	d.wantImport(i, "", 1, 0)
	found, err := audit.Search(t.Context(), d.store, audit.Query{Account: account, Data: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range found.Events {
		if r.Caller.ARN != "arn:aws:iam::"+account+":user/ann" {
			continue
		}
		line := r.Operation
		for _, x := range r.Resources {
			line += " " + x.ARN
		}
		got = append(got, line)
	}
	slices.Reverse(got)
	want := []string{fmt.Sprintf("ExportTableToPointInTime %s %s", arn, *e.ExportArn)}
	bucket := "arn:aws:s3:::" + depotBucket
	keys := d.keys()
	for _, at := range []int{0, 1, 2, 3, 4, 5} { // in the order in which they are written
		want = append(want, "PutObject "+bucket+" "+bucket+"/"+keys[at])
	}
	want = append(want, fmt.Sprintf("ImportTable %s %s", *i.TableArn, *i.ImportArn))
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
