package lambda_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestAudit records changes of functions, without the values of their variables.
func TestAudit(t *testing.T) {
	t.Parallel()
	s, c, role := start(t)
	create(t, c, "score", role, "http://127.0.0.1:9/", func(in *lambda.CreateFunctionInput) {
		in.Environment = &functions.Environment{Variables: map[string]string{"PASSWORD": "hunter2"}}
	})
	if _, err := c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("score"), Timeout: aws.Int32(9),
		Environment: &functions.Environment{Variables: map[string]string{"PASSWORD": "hunter3"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("score")}); err != nil {
		t.Fatal(err)
	}
	out, err := cloudtrail.NewFromConfig(s.AWS()).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventSource, AttributeValue: aws.String("lambda.amazonaws.com")}}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range out.Events {
		names = append(names, *e.EventName)
		if len(e.Resources) != 1 || *e.Resources[0].ResourceType != "AWS::Lambda::Function" || strings.Contains(*e.CloudTrailEvent, "hunter") {
			t.Errorf("%+v %s", e.Resources, *e.CloudTrailEvent)
		}
	}
	if got := strings.Join(names, " "); got != "DeleteFunction UpdateFunctionConfiguration CreateFunction" {
		t.Error(got)
	}
}
