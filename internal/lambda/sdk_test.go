package lambda_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// start starts a server that may invoke functions on this machine, and makes a role that
// Lambda may assume.
func start(t *testing.T) (s *servertest.Server, c *lambda.Client, role string) {
	t.Helper()
	s = servertest.Start(t, func(c *server.Config) { c.AllowEgress = []string{"127.0.0.0/8"} })
	out, err := iam.NewFromConfig(s.AWS()).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("runner"), AssumeRolePolicyDocument: aws.String(trust)})
	if err != nil {
		t.Fatal(err)
	}
	return s, lambda.NewFromConfig(s.AWS()), *out.Role.Arn
}

// endpoint is a function's code: a server on this machine.
func endpoint(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func create(t *testing.T, c *lambda.Client, name, role, url string, changes ...func(*lambda.CreateFunctionInput)) *lambda.CreateFunctionOutput {
	t.Helper()
	in := &lambda.CreateFunctionInput{FunctionName: &name, Role: &role, PackageType: types.PackageTypeImage, Code: &types.FunctionCode{ImageUri: &url}}
	for _, change := range changes {
		change(in)
	}
	out, err := c.CreateFunction(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantError fails the test unless err is of a code and says a text.
func wantError(t *testing.T, err error, code, says string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), says) {
		t.Errorf("got %v\nwant %s %q", err, code, says)
	}
}

// TestFunctions walks the life of a function with the SDK.
func TestFunctions(t *testing.T) {
	t.Parallel()
	s, c, role := start(t)
	ctx := t.Context()
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:score"
	made := create(t, c, "score", role, "http://127.0.0.1:9/score", func(in *lambda.CreateFunctionInput) {
		in.Description, in.Timeout, in.Tags = aws.String("scores"), aws.Int32(7), map[string]string{"team": "ml"}
		in.Environment = &types.Environment{Variables: map[string]string{"LEVEL": "1"}}
	})
	if *made.FunctionArn != arn || made.State != types.StateActive || *made.MemorySize != 128 || *made.Timeout != 7 || *made.Version != "$LATEST" || made.Environment.Variables["LEVEL"] != "1" {
		t.Errorf("%+v", made)
	}
	if err := lambda.NewFunctionActiveV2Waiter(c).Wait(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("score")}, time.Minute); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"score", "function:score", "000000000000:function:score", "000000000000:score", arn} {
		got, err := c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
		if err != nil || *got.Configuration.FunctionArn != arn || *got.Code.ImageUri != "http://127.0.0.1:9/score" || got.Tags["team"] != "ml" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	got, err := c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(arn + ":$LATEST")})
	if err != nil || *got.FunctionArn != arn+":$LATEST" {
		t.Errorf("%+v %v", got, err)
	}
	changed, err := c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("score"), MemorySize: aws.Int32(256), RevisionId: got.RevisionId})
	if err != nil || *changed.MemorySize != 256 || *changed.Timeout != 7 || *changed.RevisionId == *got.RevisionId {
		t.Errorf("%+v %v", changed, err)
	}
	_, err = c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("score"), ImageUri: aws.String("http://127.0.0.1:9/2"), RevisionId: got.RevisionId})
	wantError(t, err, "PreconditionFailedException", "The Revision Id provided does not match")
	code, err := c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("score"), ImageUri: aws.String("https://functions.example.com/2")})
	if err != nil || *code.CodeSha256 == *changed.CodeSha256 {
		t.Errorf("%+v %v", code, err)
	}
	versions, err := c.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("score")})
	if err != nil || len(versions.Versions) != 1 || *versions.Versions[0].FunctionArn != arn+":$LATEST" {
		t.Errorf("%+v %v", versions, err)
	}
	if out, err := c.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String("score")}); err != nil || out.ReservedConcurrentExecutions != nil {
		t.Errorf("%+v %v", out, err)
	}
	if out, err := c.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: aws.String("score")}); err != nil || *out.FunctionName != "score" {
		t.Errorf("%+v %v", out, err)
	}

	if _, err := c.TagResource(ctx, &lambda.TagResourceInput{Resource: aws.String(arn), Tags: map[string]string{"stage": "a b/c+d"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagResource(ctx, &lambda.UntagResourceInput{Resource: aws.String(arn), TagKeys: []string{"team", "none"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := c.ListTags(ctx, &lambda.ListTagsInput{Resource: aws.String(arn)})
	if err != nil || fmt.Sprint(tags.Tags) != "map[stage:a b/c+d]" {
		t.Errorf("%+v %v", tags, err)
	}

	for i := range 4 {
		create(t, c, fmt.Sprint("f", i), role, "http://127.0.0.1:9/")
	}
	pages := lambda.NewListFunctionsPaginator(c, &lambda.ListFunctionsInput{MaxItems: aws.Int32(2)})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Functions {
			names = append(names, *f.FunctionName)
		}
	}
	if fmt.Sprint(names) != "[f0 f1 f2 f3 score]" {
		t.Error(names)
	}

	if _, err := c.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String("score")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("score")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: "+arn)
	if e, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || aws.ToString(e.Type) != "User" {
		t.Errorf("%+v", e)
	}
	_ = s
}

// TestRefusedFunctions refuses what cannot be, in Lambda's words.
func TestRefusedFunctions(t *testing.T) {
	t.Parallel()
	s, c, role := start(t)
	good := func() *lambda.CreateFunctionInput {
		return &lambda.CreateFunctionInput{FunctionName: aws.String("f"), Role: &role, PackageType: types.PackageTypeImage, Code: &types.FunctionCode{ImageUri: aws.String("http://127.0.0.1:9/")}}
	}
	out, err := iam.NewFromConfig(s.AWS()).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("other"), AssumeRolePolicyDocument: aws.String(strings.Replace(trust, "lambda", "ec2", 1))})
	if err != nil {
		t.Fatal(err)
	}
	const invalid, validation = "InvalidParameterValueException", "ValidationException"
	for _, test := range []struct {
		change     func(*lambda.CreateFunctionInput)
		code, says string
	}{
		{func(in *lambda.CreateFunctionInput) { in.FunctionName = aws.String("a b") }, validation, "1 validation error detected: Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: "},
		{func(in *lambda.CreateFunctionInput) { in.FunctionName = aws.String(strings.Repeat("f", 65)) }, validation, "Member must have length less than or equal to 64"},
		{func(in *lambda.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, validation, "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
		{func(in *lambda.CreateFunctionInput) { in.MemorySize = aws.Int32(1) }, validation, "at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
		{func(in *lambda.CreateFunctionInput) {
			in.Code.ImageUri = aws.String("000000000000.dkr.ecr.us-east-1.amazonaws.com/f:1")
		}, invalid, "Container images come later."},
		{func(in *lambda.CreateFunctionInput) {
			in.Code.ImageUri = aws.String("http://user:password@example.com/")
		}, invalid, "may not have a user or a password"},
		{func(in *lambda.CreateFunctionInput) {
			in.PackageType, in.Code = types.PackageTypeZip, &types.FunctionCode{ZipFile: []byte("x")}
		}, invalid, "of the package type Zip are not available"},
		{func(in *lambda.CreateFunctionInput) { in.Role = aws.String("arn:aws:iam::000000000000:role/none") }, invalid, "The role defined for the function cannot be assumed by Lambda."},
		{func(in *lambda.CreateFunctionInput) { in.Role = out.Role.Arn }, invalid, "The role defined for the function cannot be assumed by Lambda."},
		{func(in *lambda.CreateFunctionInput) { in.Role = aws.String("arn:aws:iam::111111111111:role/x") }, "AccessDeniedException", "Cross-account pass role is not allowed."},
		{func(in *lambda.CreateFunctionInput) {
			in.Layers = []string{"arn:aws:lambda:us-east-1:000000000000:layer:x:1"}
		}, invalid, "Layers is not available"},
		{func(in *lambda.CreateFunctionInput) { in.Tags = map[string]string{"aws:x": "y"} }, invalid, "System tags"},
		{func(in *lambda.CreateFunctionInput) { in.Publish = true }, invalid, "Publish is not available"},
		{func(in *lambda.CreateFunctionInput) {
			in.FunctionName = aws.String("arn:aws:lambda:eu-west-1:000000000000:function:f")
		}, "ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"},
	} {
		in := good()
		test.change(in)
		_, err := c.CreateFunction(t.Context(), in)
		wantError(t, err, test.code, test.says)
	}
	if _, err := c.CreateFunction(t.Context(), good()); err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateFunction(t.Context(), good())
	wantError(t, err, "ResourceConflictException", "Function already exist: f")
	_, err = c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("f"), Qualifier: aws.String("1")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:1")
	_, err = c.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String("f")})
	wantError(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	_, err = c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("f")})
	wantError(t, err, "UnknownOperationException", "The operation PublishVersion is not available in this version of Modelwharf")
}

// TestInvoke invokes functions that answer, fail, hang and misbehave.
func TestInvoke(t *testing.T) {
	t.Parallel()
	_, c, role := start(t)
	var last http.Header
	url := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/echo":
			last = r.Header.Clone()
			_, _ = w.Write(body)
		case "/error":
			w.Header().Set("X-Amz-Function-Error", "Handled")
			fmt.Fprint(w, `{"errorMessage":"no such model","errorType":"KeyError"}`)
		case "/500":
			http.Error(w, "oops", 500)
		case "/slow":
			<-r.Context().Done()
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		case "/cut":
			w.Header().Set("Content-Length", "10")
			fmt.Fprint(w, "x")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	})
	for _, name := range []string{"echo", "error", "500", "slow", "endless", "cut"} {
		create(t, c, name, role, url+"/"+name, func(in *lambda.CreateFunctionInput) { in.Timeout = aws.Int32(1) })
	}
	create(t, c, "closed", role, "http://127.0.0.1:1/")
	create(t, c, "metadata", role, "http://169.254.169.254/latest/meta-data/")
	invoke := func(name, payload string, changes ...func(*lambda.InvokeInput)) (*lambda.InvokeOutput, error) {
		in := &lambda.InvokeInput{FunctionName: &name, Payload: []byte(payload)}
		for _, change := range changes {
			change(in)
		}
		return c.Invoke(t.Context(), in)
	}
	out, err := invoke("echo", `{"a":[1]}`, func(in *lambda.InvokeInput) {
		in.ClientContext, in.LogType = aws.String(base64.StdEncoding.EncodeToString([]byte("{\"custom\":\n{}}"))), types.LogTypeTail
	})
	if err != nil || string(out.Payload) != `{"a":[1]}` || out.StatusCode != 200 || out.FunctionError != nil || *out.ExecutedVersion != "$LATEST" {
		t.Fatalf("%+v %v", out, err)
	}
	if log, err := base64.StdEncoding.DecodeString(*out.LogResult); err != nil || !strings.HasPrefix(string(log), "START RequestId: ") || !strings.Contains(string(log), "Memory Size: 128 MB") {
		t.Errorf("%s %v", log, err)
	}
	if last.Get("Lambda-Runtime-Aws-Request-Id") == "" || last.Get("Lambda-Runtime-Invoked-Function-Arn") != "arn:aws:lambda:us-east-1:000000000000:function:echo" ||
		last.Get("Lambda-Runtime-Deadline-Ms") == "" || last.Get("Lambda-Runtime-Client-Context") != `{"custom":{}}` || last.Get("Content-Type") != "application/json" {
		t.Errorf("%v", last)
	}
	if out, err := invoke("echo", ""); err != nil || string(out.Payload) != "{}" {
		t.Errorf("%+v %v", out, err)
	}
	if out, err := invoke("echo", "1", func(in *lambda.InvokeInput) { in.InvocationType = types.InvocationTypeDryRun }); err != nil || out.StatusCode != 204 {
		t.Errorf("%+v %v", out, err)
	}
	for name, want := range map[string][2]string{
		"error":    {"Handled", `{"errorMessage":"no such model","errorType":"KeyError"}`},
		"500":      {"Unhandled", "the function answered with the status 500: oops"},
		"slow":     {"Unhandled", "Error: Task timed out after 1.00 seconds"},
		"endless":  {"Unhandled", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
		"cut":      {"Unhandled", "the function cannot be reached: unexpected EOF"},
		"closed":   {"Unhandled", "the function cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused"},
		"metadata": {"Unhandled", "the function is at an address that this server may not reach"},
	} {
		out, err := invoke(name, "{}")
		if err != nil || out.StatusCode != 200 || aws.ToString(out.FunctionError) != want[0] || !strings.Contains(string(out.Payload), want[1]) || !json.Valid(out.Payload) {
			t.Errorf("%s: %s %+v %v", name, out.Payload, out, err)
		}
	}
	_, err = invoke("echo", "{")
	wantError(t, err, "InvalidRequestContentException", "Could not parse request body into json")
	_, err = invoke("echo", `"`+strings.Repeat("x", 6<<20)+`"`)
	wantError(t, err, "RequestTooLargeException", "6291458 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)")
	_, err = invoke("echo", `"`+strings.Repeat("x", 1<<20)+`"`, func(in *lambda.InvokeInput) { in.InvocationType = types.InvocationTypeEvent })
	wantError(t, err, "RequestTooLargeException", "1048578 byte payload is too large for the Event invocation type (limit 1048576 bytes)")
	_, err = invoke("none", "{}")
	wantError(t, err, "ResourceNotFoundException", "Function not found")
}

// TestEvents invokes asynchronously: what fails is tried again, twice.
func TestEvents(t *testing.T) {
	t.Parallel()
	_, c, role := start(t)
	calls := make(chan string, 10)
	url := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- r.Header.Get("Lambda-Runtime-Aws-Request-Id") + " " + string(body)
		w.WriteHeader(500)
	})
	create(t, c, "f", role, url)
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{"n":1}`), InvocationType: types.InvocationTypeEvent})
	if err != nil || out.StatusCode != 202 || len(out.Payload) != 0 {
		t.Fatalf("%+v %v", out, err)
	}
	first := <-calls
	if !strings.HasSuffix(first, ` {"n":1}`) {
		t.Error(first)
	}
	for range 2 {
		if again := <-calls; again != first {
			t.Errorf("%s and %s", first, again)
		}
	}
}

// TestPolicies lets users do what policy allows them: conditions on tags and functions
// bind, and a role is passed only by who may.
func TestPolicies(t *testing.T) {
	t.Parallel()
	s, c, role := start(t)
	create(t, c, "mine", role, "http://127.0.0.1:9/", func(in *lambda.CreateFunctionInput) { in.Tags = map[string]string{"team": "ml"} })
	create(t, c, "theirs", role, "http://127.0.0.1:9/")
	people := iam.NewFromConfig(s.AWS())
	user := func(name, policy string) *lambda.Client {
		t.Helper()
		if _, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
			t.Fatal(err)
		}
		if _, err := people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}); err != nil {
			t.Fatal(err)
		}
		key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
		if err != nil {
			t.Fatal(err)
		}
		return lambda.NewFromConfig(s.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
	}
	tagged := user("tagged", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"ml"}}}]}`)
	if _, err := tagged.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("mine")}); err != nil {
		t.Error(err)
	}
	_, err := tagged.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("theirs")})
	wantError(t, err, "AccessDeniedException", "User: arn:aws:iam::000000000000:user/tagged is not authorized to perform: lambda:GetFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:theirs")
	if r, ok := errors.AsType[*awshttp.ResponseError](err); !ok || r.HTTPStatusCode() != 403 {
		t.Error("not 403", err)
	}
	_, err = tagged.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("none")})
	wantError(t, err, "AccessDeniedException", "function:none") // who may not look does not learn
	maker := user("maker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:CreateFunction","lambda:InvokeFunction"],"Resource":"*"}]}`)
	_, err = maker.CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: aws.String("f"), Role: &role, PackageType: types.PackageTypeImage, Code: &types.FunctionCode{ImageUri: aws.String("http://127.0.0.1:9/")}})
	wantError(t, err, "AccessDeniedException", "is not authorized to perform: iam:PassRole on resource: "+role)
	_, err = maker.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("mine")})
	wantError(t, err, "AccessDeniedException", "lambda:DeleteFunction")
	mapper := user("mapper", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*EventSourceMapping*","Resource":"*","Condition":{"StringEquals":{"lambda:FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:mine"}}}]}`)
	if _, err := mapper.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: aws.String("mine")}); err != nil {
		t.Error(err)
	}
	_, err = mapper.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	wantError(t, err, "AccessDeniedException", "lambda:ListEventSourceMappings")
	_, err = mapper.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("theirs"), EventSourceArn: aws.String("arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x")})
	wantError(t, err, "AccessDeniedException", "lambda:CreateEventSourceMapping")
}
