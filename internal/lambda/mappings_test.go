package lambda_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	tabletypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestMappings walks the life of mappings with the SDK, and refuses what cannot be.
func TestMappings(t *testing.T) {
	t.Parallel()
	s, c, role := start(t)
	ctx := t.Context()
	table, err := dynamodb.NewFromConfig(s.AWS()).CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("models"), BillingMode: tabletypes.BillingModePayPerRequest,
		AttributeDefinitions: []tabletypes.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
		KeySchema:            []tabletypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
		StreamSpecification:  &tabletypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: "NEW_IMAGE"},
	})
	if err != nil {
		t.Fatal(err)
	}
	stream := *table.TableDescription.LatestStreamArn
	create(t, c, "f", role, "http://127.0.0.1:9/")
	create(t, c, "g", role, "http://127.0.0.1:9/")
	good := func() *lambda.CreateEventSourceMappingInput {
		return &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: &stream, StartingPosition: types.EventSourcePositionTrimHorizon}
	}
	_, err = c.CreateEventSourceMapping(ctx, good())
	wantError(t, err, "InvalidParameterValueException", "Cannot access stream "+stream+". Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.")
	if _, err := iam.NewFromConfig(s.AWS()).AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("runner"), PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole")}); err != nil {
		t.Fatal(err)
	}
	const invalid, validation = "InvalidParameterValueException", "ValidationException"
	for _, test := range []struct {
		change     func(*lambda.CreateEventSourceMappingInput)
		code, says string
	}{
		{func(in *lambda.CreateEventSourceMappingInput) { in.FunctionName = aws.String("none") }, invalid, "Function does not exist"},
		{func(in *lambda.CreateEventSourceMappingInput) { in.FunctionName = aws.String("f:1") }, invalid, "Function does not exist"},
		{func(in *lambda.CreateEventSourceMappingInput) { in.StartingPosition = "" }, invalid, "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."},
		{func(in *lambda.CreateEventSourceMappingInput) { in.StartingPosition = "AT_TIMESTAMP" }, invalid, "Unsupported starting position for arn type: " + stream},
		{func(in *lambda.CreateEventSourceMappingInput) { in.StartingPosition = "NOW" }, validation, "at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: ["},
		{func(in *lambda.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(10001) }, validation, "at 'batchSize' failed to satisfy constraint: Member must have value less than or equal to 10000"},
		{func(in *lambda.CreateEventSourceMappingInput) { in.ParallelizationFactor = aws.Int32(11) }, validation, "at 'parallelizationFactor' failed to satisfy constraint: Member must have value less than or equal to 10"},
		{func(in *lambda.CreateEventSourceMappingInput) { in.MaximumRecordAgeInSeconds = aws.Int32(59) }, invalid, "MaximumRecordAgeInSeconds"},
		{func(in *lambda.CreateEventSourceMappingInput) { in.TumblingWindowInSeconds = aws.Int32(1) }, invalid, "TumblingWindowInSeconds is not available in this version of Modelwharf."},
		{func(in *lambda.CreateEventSourceMappingInput) {
			in.EventSourceArn = aws.String("arn:aws:sqs:us-east-1:000000000000:q")
		}, invalid, "Event sources of the service sqs are not available"},
		{func(in *lambda.CreateEventSourceMappingInput) { in.EventSourceArn = aws.String(stream + "x") }, invalid, "Stream not found: " + stream + "x"},
		{func(in *lambda.CreateEventSourceMappingInput) { in.EventSourceArn = nil }, invalid, "Unrecognized event source."},
		{func(in *lambda.CreateEventSourceMappingInput) {
			in.EventSourceArn = aws.String(strings.Replace(stream, "us-east-1", "eu-west-1", 1))
		}, invalid, "is not of the region us-east-1"},
		{func(in *lambda.CreateEventSourceMappingInput) {
			in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"a": "b"}`)}}}
		}, invalid, "Invalid filter pattern definition."},
		{func(in *lambda.CreateEventSourceMappingInput) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:sqs:us-east-1:000000000000:q")}}
		}, invalid, "a destination is the ARN of a function"},
		{func(in *lambda.CreateEventSourceMappingInput) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:lambda:us-east-1:000000000000:function:none")}}
		}, invalid, "there is no such function"},
	} {
		in := good()
		test.change(in)
		_, err := c.CreateEventSourceMapping(ctx, in)
		wantError(t, err, test.code, test.says)
	}

	made, err := c.CreateEventSourceMapping(ctx, good())
	if err != nil || *made.BatchSize != 100 || *made.MaximumRetryAttempts != -1 || *made.ParallelizationFactor != 1 || *made.LastProcessingResult != "No records processed" ||
		*made.StateTransitionReason != "User action" || *made.FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:f" {
		t.Fatalf("%+v %v", made, err)
	}
	_, err = c.CreateEventSourceMapping(ctx, good())
	wantError(t, err, "ResourceConflictException", `The event source arn (" `+stream+` ") and function (" f ") provided mapping already exists. Please update or delete the existing mapping with UUID `+*made.UUID)
	in := good()
	in.FunctionName = aws.String("g")
	other, err := c.CreateEventSourceMapping(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: other.UUID, FunctionName: aws.String("f")})
	wantError(t, err, "ResourceConflictException", "provided mapping already exists")
	updated, err := c.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: made.UUID, BatchSize: aws.Int32(7), Enabled: aws.Bool(false)})
	if err != nil || *updated.BatchSize != 7 || *updated.State != "Disabling" || *updated.MaximumRetryAttempts != -1 {
		t.Errorf("%+v %v", updated, err)
	}
	if _, err := c.TagResource(ctx, &lambda.TagResourceInput{Resource: made.EventSourceMappingArn, Tags: map[string]string{"team": "ml"}}); err != nil {
		t.Fatal(err)
	}
	if tags, err := c.ListTags(ctx, &lambda.ListTagsInput{Resource: made.EventSourceMappingArn}); err != nil || tags.Tags["team"] != "ml" {
		t.Errorf("%+v %v", tags, err)
	}
	for name, want := range map[string]int{"f": 1, "g": 1, "none": 0, "": 2} {
		in := &lambda.ListEventSourceMappingsInput{EventSourceArn: &stream}
		if name != "" {
			in.FunctionName = &name
		}
		if out, err := c.ListEventSourceMappings(ctx, in); err != nil || len(out.EventSourceMappings) != want {
			t.Errorf("%q: %+v %v", name, out, err)
		}
	}
	_, err = c.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: aws.String("00000000-0000-0000-0000-000000000000")})
	wantError(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	_, err = c.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: aws.String("x")})
	wantError(t, err, validation, "at 'uuid' failed to satisfy constraint: Member must have length greater than or equal to 36")
}
