package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/e2e/serving"
)

// TestPredictionClients serves a model by the aws command and asks it by that and by boto3.
func TestPredictionClients(t *testing.T) {
	t.Parallel()
	s := start(t, "--runtime", "process")
	p := serving.New(t, s.url, "000000000000", accessKey, secretKey)
	p.Prepare()
	for _, v := range []string{"1", "2"} {
		p.Push(v, serving.Image(t, v, "SMALL=1"))
	}
	aws := s.aws(t)
	for _, v := range []string{"1", "2"} {
		aws.run("sagemaker", "create-model", "--model-name", "model-"+v, "--execution-role-arn", *p.Role(), "--primary-container", "Image="+p.ImageName(v))
		aws.run("sagemaker", "create-endpoint-config", "--endpoint-config-name", "config-"+v,
			"--production-variants", "VariantName=all,ModelName=model-"+v+",InstanceType=ml.t2.medium,InitialInstanceCount=1")
	}
	aws.run("sagemaker", "create-endpoint", "--endpoint-name", "irises", "--endpoint-config-name", "config-1",
		"--tags", "Key=modelwharf:prediction-cache-table,Value=predictions", "Key=modelwharf:prediction-cache-ttl,Value=60")
	aws.run("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "irises")
	answer, question := filepath.Join(t.TempDir(), "answer.json"), filepath.Join(t.TempDir(), "question.csv")
	if err := os.WriteFile(question, []byte("5.1,3.5,1.4,0.2"), 0o600); err != nil {
		t.Fatal(err)
	}
	invoked := aws.run("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "irises", "--content-type", "text/csv",
		"--body", "fileb://"+question, answer)
	if b, err := os.ReadFile(answer); err != nil || !strings.Contains(string(b), `"version":"1"`) || at(t, invoked, "InvokedProductionVariant") != "all" {
		t.Errorf("%s %v %v", b, err, invoked)
	}
	if said := aws.fails("sagemaker", "describe-endpoint", "--endpoint-name", "absent"); !strings.Contains(said, `(ValidationException) when calling the DescribeEndpoint operation: Could not find endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/absent".`) {
		t.Error(said)
	}
	if said := aws.fails("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "absent", "--body", "fileb://"+question, answer); !strings.Contains(said, "(ValidationError) when calling the InvokeEndpoint operation: Endpoint absent of account 000000000000 not found.") {
		t.Error(said)
	}

	cmd := exec.CommandContext(t.Context(), client(t, "python3"), "testdata/models/predict.py")
	cmd.Env = append(s.env(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "ok\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	aws.run("sagemaker", "delete-endpoint", "--endpoint-name", "irises")
	aws.run("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", "irises")
}
