package resources_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// manyTables is a template of n tables that do not need each other.
func manyTables(n int) string {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range n {
		fmt.Fprintf(&b, "  T%03d:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      BillingMode: PAY_PER_REQUEST\n"+
			"      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]\n      KeySchema: [{AttributeName: id, KeyType: HASH}]\n", i)
	}
	return b.String()
}

// BenchmarkFiveHundredTables makes a stack of 500 tables on a disk, and deletes it.
func BenchmarkFiveHundredTables(b *testing.B) {
	body := manyTables(500)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
	b.Cleanup(web.Close)
	s := servertest.Start(b, func(c *server.Config) { c.AllowEgress = []string{"127.0.0.1"} })
	c := cloudformation.NewFromConfig(s.AWS())
	settle := func(id *string) string {
		for {
			out, err := c.DescribeStacks(b.Context(), &cloudformation.DescribeStacksInput{StackName: id})
			if err != nil {
				b.Fatal(err)
			}
			if status := string(out.Stacks[0].StackStatus); !strings.HasSuffix(status, "_IN_PROGRESS") {
				return status
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for b.Loop() {
		began := time.Now()
		out, err := c.CreateStack(b.Context(), &cloudformation.CreateStackInput{StackName: aws.String("many"), TemplateURL: &web.URL})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/answer")
		if status := settle(out.StackId); status != "CREATE_COMPLETE" {
			b.Fatal(status)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/create")
		began = time.Now()
		if _, err := c.DeleteStack(b.Context(), &cloudformation.DeleteStackInput{StackName: out.StackId}); err != nil {
			b.Fatal(err)
		}
		if status := settle(out.StackId); status != "DELETE_COMPLETE" {
			b.Fatal(status)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/delete")
	}
}
