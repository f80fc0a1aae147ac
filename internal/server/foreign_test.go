package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestForeignServices asks for services that do not exist here, as their clients do.
func TestForeignServices(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	const (
		form = "application/x-www-form-urlencoded; charset=utf-8"
		json = "application/x-amz-json-1.0"
	)
	signed := func(service string) string {
		return "AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/20260101/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=00"
	}
	for name, c := range map[string]struct {
		method, path, auth, target, contentType, body string
		status                                        int
		answerType                                    string
		says                                          []string
	}{
		"instances":        {"POST", "/", signed("ec2"), "", form, "Action=DescribeInstances&Version=2016-11-15", 400, "application/xml", []string{"<Response><Errors><Error><Code>InvalidAction</Code><Message>The service ec2 "}},
		"stacks":           {"POST", "/", signed("autoscaling"), "", form, "Action=DescribeAutoScalingGroups&Version=2011-01-01", 400, "text/xml", []string{"<ErrorResponse", "<Code>InvalidAction</Code>", "The service autoscaling is not available"}},
		"keys":             {"POST", "/", signed("kms"), "TrentService.ListKeys", json, "{}", 400, json, []string{"UnknownOperationException", "The service kms/TrentService is not available"}},
		"accelerator":      {"POST", "/", signed("dynamodb"), "AmazonDAXV3.DescribeClusters", json, "{}", 400, json, []string{"UnknownOperationException", "The service dynamodb/AmazonDAXV3 is not"}},
		"batch jobs":       {"POST", "/v1/listjobs", signed("batch"), "", "", "", 404, json, []string{"UnknownOperationException", "The service batch is not"}},
		"function's alias": {"GET", "/2015-03-31/functions/f/aliases", signed("lambda"), "", "", "", 404, "application/json", []string{"The operation ListAliases is not available"}},
		"no function":      {"GET", "/2015-03-31/elsewhere", signed("lambda"), "", "", "", 404, "application/json", []string{"The service lambda has no operation at GET /2015-03-31/elsewhere."}},
		"put to tables":    {"PUT", "/", signed("dynamodb"), "DynamoDB_20120810.ListTables", json, "{}", 405, json, []string{"MethodNotAllowed"}},
		"half a target":    {"POST", "/", signed("dynamodb"), "ListTables", json, "{}", 400, json, []string{"X-Amz-Target does not name"}},
		"strange name":     {"POST", "/", signed(`<"b">`), "", json, "{}", 400, json, []string{"Nothing says which service"}},
		"nothing to put":   {"PUT", "/", "", "", "", "x", 405, "text/plain; charset=utf-8", []string{"There is nothing here to"}},
		"still a greeting": {"GET", "/", "", "", "", "", 200, "text/plain; charset=utf-8", []string{"This is Modelwharf."}},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, s.URL()+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{"Authorization": c.auth, "X-Amz-Target": c.target, "Content-Type": c.contentType} {
				if value != "" {
					req.Header.Set(name, value)
				}
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != c.status || res.Header.Get("Content-Type") != c.answerType {
				t.Errorf("%d %s %s %v, want %d %s", res.StatusCode, res.Header.Get("Content-Type"), body, err, c.status, c.answerType)
			}
			for _, part := range c.says {
				if !strings.Contains(string(body), part) {
					t.Errorf("%s does not say %s", body, part)
				}
			}
		})
	}
}

// TestTrailOfTheSDK looks events up with a client that sends the short target.
func TestTrailOfTheSDK(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	if _, err := cloudtrail.NewFromConfig(s.AWS()).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{}); err != nil {
		t.Fatal(err)
	}
}
