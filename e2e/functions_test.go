package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// changes is a function that keeps what a table's stream tells: the last value of each
// item, and each item whose changes came out of order.
type changes struct {
	*httptest.Server
	mu        sync.Mutex
	values    map[string]int
	misplaced []string
}

func newChanges(t *testing.T) *changes {
	c := &changes{values: map[string]int{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var event struct {
			Records []struct {
				Dynamodb struct{ Keys, NewImage map[string]map[string]string }
			}
		}
		if json.Unmarshal(body, &event) != nil || len(event.Records) == 0 {
			_, _ = w.Write(body) // not of a stream: an echo
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, r := range event.Records {
			id := r.Dynamodb.Keys["id"]["S"]
			var n int
			fmt.Sscan(r.Dynamodb.NewImage["n"]["N"], &n)
			if last := c.values[id]; n > last+1 {
				c.misplaced = append(c.misplaced, fmt.Sprintf("%s: %d after %d", id, n, last))
			}
			c.values[id] = max(n, c.values[id])
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// await waits until an item has a value.
func (c *changes) await(t *testing.T, id string, n int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		got, misplaced := c.values[id], c.misplaced
		c.mu.Unlock()
		switch {
		case len(misplaced) > 0:
			t.Fatal("out of order: ", misplaced)
		case got == n:
			return
		case time.Now().After(end):
			t.Fatalf("%s is %d, want %d", id, got, n)
		}
	}
}

// TestAWSCommandFunctions makes a function and lets a table invoke it, with the aws
// command.
func TestAWSCommandFunctions(t *testing.T) {
	t.Parallel()
	aws := start(t, "--allow-egress", "10.0.0.0/8,127.0.0.1").aws(t)
	code := newChanges(t)
	role := at(t, aws.run("iam", "create-role", "--role-name", "runner", "--assume-role-policy-document", lambdaTrust), "Role", "Arn").(string)
	aws.run("iam", "put-role-policy", "--role-name", "runner", "--policy-name", "streams",
		"--policy-document", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:DescribeStream","dynamodb:GetRecords","dynamodb:GetShardIterator","dynamodb:ListStreams"],"Resource":"arn:aws:dynamodb:us-east-1:000000000000:table/models/stream/*"}]}`)
	aws.run("lambda", "create-function", "--function-name", "tell", "--package-type", "Image", "--code", "ImageUri="+code.URL, "--role", role, "--tags", "team=ml")
	aws.run("lambda", "wait", "function-active-v2", "--function-name", "tell")
	file := filepath.Join(t.TempDir(), "answer.json")
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"hello": "é"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out := aws.run("lambda", "invoke", "--function-name", "tell", "--payload", "fileb://"+event, file)
	if answer, err := os.ReadFile(file); err != nil || string(answer) != `{"hello": "é"}` || at(t, out, "StatusCode") != 200.0 {
		t.Errorf("%s %v %v", answer, out, err)
	}
	if said := aws.fails("lambda", "invoke", "--function-name", "none", file); !strings.Contains(said, "(ResourceNotFoundException) when calling the Invoke operation: Function not found: arn:aws:lambda:us-east-1:000000000000:function:none") {
		t.Error(said)
	}

	stream := at(t, aws.run("dynamodb", "create-table", "--table-name", "models", "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=id,AttributeType=S", "--key-schema", "AttributeName=id,KeyType=HASH",
		"--stream-specification", "StreamEnabled=true,StreamViewType=NEW_IMAGE"), "TableDescription", "LatestStreamArn").(string)
	made := aws.run("lambda", "create-event-source-mapping", "--function-name", "tell", "--event-source-arn", stream, "--starting-position", "TRIM_HORIZON")
	uuid := at(t, made, "UUID").(string)
	put := func(n int) {
		aws.run("dynamodb", "put-item", "--table-name", "models", "--item", fmt.Sprintf(`{"id":{"S":"churn"},"n":{"N":"%d"}}`, n))
	}
	put(1)
	put(2)
	code.await(t, "churn", 2)
	if said := aws.fails("lambda", "create-event-source-mapping", "--function-name", "tell", "--event-source-arn", stream, "--starting-position", "LATEST"); !strings.Contains(said, "provided mapping already exists. Please update or delete the existing mapping with UUID "+uuid) {
		t.Error(said)
	}
	got := aws.run("lambda", "list-event-source-mappings", "--function-name", "tell")
	if at(t, got, "EventSourceMappings", 0, "State") != "Enabled" || at(t, got, "EventSourceMappings", 0, "BatchSize") != 100.0 {
		t.Errorf("%v", got)
	}
	aws.run("lambda", "delete-event-source-mapping", "--uuid", uuid)
	aws.run("lambda", "delete-function", "--function-name", "tell")
	if said := aws.fails("lambda", "get-function", "--function-name", "tell"); !strings.Contains(said, "ResourceNotFoundException") {
		t.Error(said)
	}
}

// TestKillWhileDelivering kills the server again and again while a table is written and
// its changes are delivered: what was acknowledged arrives, in order.
func TestKillWhileDelivering(t *testing.T) {
	t.Parallel()
	code := newChanges(t)
	data := filepath.Join(t.TempDir(), "data")
	flags := []string{"--allow-egress", "127.0.0.0/8"}
	s := startOn(t, data, flags...)
	command := s.aws(t)
	role := at(t, command.run("iam", "create-role", "--role-name", "runner", "--assume-role-policy-document", lambdaTrust), "Role", "Arn").(string)
	command.run("iam", "attach-role-policy", "--role-name", "runner", "--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess")
	command.run("lambda", "create-function", "--function-name", "tell", "--package-type", "Image", "--code", "ImageUri="+code.URL, "--role", role)
	stream := at(t, command.run("dynamodb", "create-table", "--table-name", "models", "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=id,AttributeType=S", "--key-schema", "AttributeName=id,KeyType=HASH",
		"--stream-specification", "StreamEnabled=true,StreamViewType=NEW_IMAGE"), "TableDescription", "LatestStreamArn").(string)
	command.run("lambda", "create-event-source-mapping", "--function-name", "tell", "--event-source-arn", stream, "--starting-position", "TRIM_HORIZON", "--batch-size", "3")
	n := 0
	for range 4 {
		tables := s.tables()
		for range 25 {
			n++
			if _, err := tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("models"), Item: map[string]types.AttributeValue{
				"id": &types.AttributeValueMemberS{Value: "churn"}, "n": &types.AttributeValueMemberN{Value: strconv.Itoa(n)}}}); err != nil {
				t.Fatal(err)
			}
		}
		s.kill()
		s = startOn(t, data, flags...)
	}
	code.await(t, "churn", n)
}

// TestTerraformFunctions makes a function and its mapping, changes them in place and
// takes them away again.
func TestTerraformFunctions(t *testing.T) {
	t.Parallel()
	s := start(t, "--allow-egress", "127.0.0.0/8")
	tf := newTerraform(t, s, "../deploy/terraform/provider.tf", "../deploy/terraform/variables.tf", "testdata/functions.tf")
	code := newChanges(t)
	vars := []string{"-var", "url=" + code.URL}
	apply := append([]string{"apply", "-no-color", "-auto-approve"}, vars...)
	tf.run("init", "-no-color")
	tf.run(apply...)
	tf.empty("after apply", vars...)
	aws := s.aws(t)
	aws.run("dynamodb", "put-item", "--table-name", "models", "--item", `{"id":{"S":"churn"},"n":{"N":"1"}}`)
	code.await(t, "churn", 1)
	changed := append(vars, "-var", "timeout=9", "-var", "batch_size=7", "-var", "enabled=false")
	if out := tf.run(append([]string{"apply", "-no-color", "-auto-approve"}, changed...)...); strings.Contains(out, "Destroying") {
		t.Errorf("something was not changed in place:\n%s", out)
	}
	tf.empty("after a change", changed...)
	tf.run(apply...)
	tf.empty("after the change was undone", vars...)
	tf.run(append([]string{"destroy", "-no-color", "-auto-approve"}, vars...)...)
	if left := at(t, aws.run("lambda", "list-functions"), "Functions").([]any); len(left) != 0 {
		t.Errorf("functions are left: %v", left)
	}
	if left := at(t, aws.run("lambda", "list-event-source-mappings"), "EventSourceMappings").([]any); len(left) != 0 {
		t.Errorf("mappings are left: %v", left)
	}
}

// TestBoto3Functions runs the script of functions against a function of its own.
func TestBoto3Functions(t *testing.T) {
	t.Parallel()
	python := client(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		missing(t, "boto3 is not here (run e2e/setup)")
	}
	s := start(t, "--allow-egress", "127.0.0.0/8")
	cmd := exec.CommandContext(t.Context(), python, "testdata/functions/mapping.py")
	cmd.Env = append(s.env(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "ok\n") {
		t.Fatalf("%v\n%s", err, out)
	}
}
