package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pluginFolders are where machines without a registry keep Terraform's providers.
func pluginFolders() []string {
	home, _ := os.UserHomeDir()
	return []string{
		os.Getenv("MODELWHARF_TF_PLUGINS"),
		filepath.Join(home, ".terraform.d/plugins"),
		filepath.Join(home, ".local/share/terraform/plugins"),
		"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/terraform/plugins", "/opt/tf-plugins",
	}
}

// terraform is the terraform command in a copy of a configuration.
type terraform struct {
	t   *testing.T
	bin string
	dir string
	env []string
}

// newTerraform makes a copy of the files that are named by patterns.
func newTerraform(t *testing.T, s *server, patterns ...string) *terraform {
	t.Helper()
	bin, err := exec.LookPath("terraform")
	if err != nil {
		missing(t, "terraform is not here")
	}
	var plugins string
	for _, dir := range pluginFolders() {
		if found, _ := filepath.Glob(filepath.Join(dir, "*/hashicorp/aws/*")); dir != "" && len(found) > 0 {
			plugins = dir
			break
		}
	}
	if plugins == "" {
		missing(t, "Terraform's AWS provider is not here (MODELWHARF_TF_PLUGINS names its folder)")
	}
	tf := &terraform{t: t, bin: bin, dir: t.TempDir(), env: slices.DeleteFunc(s.env(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_ENDPOINT_URL=") // the configuration says it
	})}
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal("no configuration", err)
		}
		for _, file := range files {
			tf.copy(file)
		}
	}
	tf.write("cli.tfrc", fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", plugins))
	tf.env = append(tf.env, "TF_CLI_CONFIG_FILE="+filepath.Join(tf.dir, "cli.tfrc"), "TF_IN_AUTOMATION=1",
		"TF_INPUT=0", "CHECKPOINT_DISABLE=1", "TF_VAR_endpoint="+s.url)
	return tf
}

// copy puts a file beside the configuration.
func (tf *terraform) copy(file string) {
	tf.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tf.t.Fatal(err)
	}
	tf.write(filepath.Base(file), string(text))
}

func (tf *terraform) write(name, text string) {
	tf.t.Helper()
	if err := os.WriteFile(filepath.Join(tf.dir, name), []byte(text), 0o600); err != nil {
		tf.t.Fatal(err)
	}
}

// try runs a command and returns its exit status, -1 if it did not run.
func (tf *terraform) try(args ...string) (string, int) {
	tf.t.Helper()
	cmd := exec.CommandContext(tf.t.Context(), tf.bin, args...)
	cmd.Dir, cmd.Env = tf.dir, tf.env
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

func (tf *terraform) run(args ...string) string {
	tf.t.Helper()
	out, status := tf.try(args...)
	if status != 0 {
		tf.t.Fatalf("terraform %q: status %d\n%s", args, status, out)
	}
	return out
}

// empty fails the test unless there is nothing left to do.
func (tf *terraform) empty(when string, vars ...string) {
	tf.t.Helper()
	if out, status := tf.try(append([]string{"plan", "-no-color", "-detailed-exitcode"}, vars...)...); status != 0 {
		tf.t.Fatalf("the plan %s is not empty (status %d):\n%s", when, status, out)
	}
}

// TestTerraform makes the five stacks of deploy/terraform, changes them in place and takes
// them away again.
func TestTerraform(t *testing.T) {
	t.Parallel()
	s := start(t, "--upstream", "public:pypi=http://127.0.0.1:9/simple/")
	before := s.holdings(t)
	tf := newTerraform(t, s, "../deploy/terraform/*.tf")
	// Tables beside them have another view of their stream, or none, later.
	tf.write("followed.tf", `
variable "views" {
  type    = list(string)
  default = ["NEW_IMAGE", "NEW_IMAGE"]
}
resource "aws_dynamodb_table" "followed" {
  count            = 2
  name             = "followed-${count.index}"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "id"
  stream_enabled   = var.views[count.index] != ""
  stream_view_type = var.views[count.index] == "" ? null : var.views[count.index]
  attribute {
    name = "id"
    type = "S"
  }
}
`)
	tf.copy("testdata/throughput.tf")
	tf.copy("testdata/stack.tf")
	var team struct{ ID string }
	if err := json.Unmarshal([]byte(s.command(t, "account create", "team", "--json")), &team); err != nil {
		t.Fatal(err)
	}
	tf.write("product.yaml", aTable)
	tf.env = append(tf.env, "TF_VAR_product_template=product.yaml", "TF_VAR_share_with="+team.ID, `TF_VAR_principals=["arn:aws:iam::000000000000:root"]`)
	tf.run("init", "-no-color")
	protected := []string{"-var", "deletion_protection=true"}
	tf.run(append([]string{"apply", "-no-color", "-auto-approve"}, protected...)...)
	tf.empty("after apply", protected...)

	var said map[string]struct{ Value any }
	if err := json.Unmarshal([]byte(tf.run("output", "-json")), &said); err != nil {
		t.Fatal(err)
	}
	outputs := map[string]struct{ Value string }{}
	for name, o := range said {
		outputs[name] = struct{ Value string }{fmt.Sprint(o.Value)}
	}
	if got := outputs["beside"].Value; !strings.HasSuffix(got, "/beside") {
		t.Errorf("the stack's output is %q", got)
	}
	if got := outputs["repository_arn"].Value; got != "arn:aws:codeartifact:us-east-1:000000000000:repository/my-codeartifact-domain/my-ml-model-repository" {
		t.Errorf("repository_arn = %q", got)
	}
	if got := outputs["model_catalog_table_name"].Value; got != "modelCatalogTable" {
		t.Errorf("model_catalog_table_name = %q", got)
	}
	if got := outputs["prediction_cache_table_name"].Value; got != "predictionCacheTable" {
		t.Errorf("prediction_cache_table_name = %q", got)
	}

	// The user that was made may register a model, and nothing else.
	registrar := s.aws(t).as(outputs["registrar_access_key_id"].Value, outputs["registrar_secret_access_key"].Value, "")
	registrar.run("dynamodb", "put-item", "--table-name", "modelCatalogTable", "--condition-expression", "attribute_not_exists(ModelId)",
		"--item", `{"ModelId":{"S":"iris"},"ModelVersion":{"S":"1.0"}}`)
	if said := registrar.fails("dynamodb", "scan", "--table-name", "modelCatalogTable"); !strings.Contains(said, "AccessDeniedException") {
		t.Errorf("the registrar may scan: %s", said)
	}

	// What has a type is found by it.
	root := s.aws(t)
	root.run("dynamodb", "put-item", "--table-name", "modelCatalogTable",
		"--item", `{"ModelId":{"S":"wine"},"ModelVersion":{"S":"1.0"},"ModelType":{"S":"classifier"},"CreationDate":{"S":"2026-11-21"}}`)
	found := root.run("dynamodb", "query", "--table-name", "modelCatalogTable", "--index-name", "ByType",
		"--key-condition-expression", "ModelType = :t AND begins_with(CreationDate, :y)", "--expression-attribute-values", `{":t":{"S":"classifier"},":y":{"S":"2026"}}`)
	if items := at(t, found, "Items").([]any); len(items) != 1 || at(t, found, "Items", 0, "ModelId", "S") != "wine" {
		t.Errorf("ByType found %v", items)
	}

	// The catalog is followed by its stream, which the configuration names.
	stream := outputs["model_catalog_stream_arn"].Value
	shard := at(t, root.run("dynamodbstreams", "describe-stream", "--stream-arn", stream), "StreamDescription", "Shards", 0, "ShardId").(string)
	begin := root.run("dynamodbstreams", "get-shard-iterator", "--stream-arn", stream, "--shard-id", shard, "--shard-iterator-type", "TRIM_HORIZON")
	if told := root.run("dynamodbstreams", "get-records", "--shard-iterator", at(t, begin, "ShardIterator").(string)); len(at(t, told, "Records").([]any)) != 2 {
		t.Errorf("the stream of the catalog: %v", told)
	}

	// The team to which the portfolio is shared finds it.
	shares := root.run("servicecatalog", "list-portfolio-access", "--portfolio-id", outputs["portfolio_id"].Value)
	if got := at(t, shares, "AccountIds", 0); got != team.ID {
		t.Errorf("the portfolio is shared with %v", got)
	}

	tf.restoresCatalog(root, protected...)
	changed := []string{"-var", `views=["KEYS_ONLY", ""]`, "-var", "registrar=registrar-of-models", "-var", `reader_accounts=["` + team.ID + `"]`, "-var", "units=9", "-var", "stage=production"}
	out := tf.run(append([]string{"apply", "-no-color", "-auto-approve", "-refresh=false"}, changed...)...)
	for _, kept := range []string{"aws_dynamodb_table.model_catalog", "aws_dynamodb_table.followed[0]", "aws_dynamodb_table.followed[1]", "aws_cloudformation_stack.beside", "aws_codeartifact_repository_permissions_policy.models"} {
		if strings.Contains(out, kept+": Destr") {
			t.Errorf("%s was not changed in place:\n%s", kept, out)
		}
	}
	tf.empty("after a change", changed...)
	if got := at(t, root.run("cloudformation", "describe-stacks", "--stack-name", "beside"), "Stacks", 0); at(t, got, "StackStatus") != "UPDATE_COMPLETE" || at(t, got, "Tags", 0, "Value") != "production" {
		t.Errorf("the stack is %v", got)
	}
	for _, path := range [][]any{{"provisionedTable", "ProvisionedThroughput", "ReadCapacityUnits"}, {"limitedTable", "OnDemandThroughput", "MaxReadRequestUnits"}} {
		if got := at(t, root.run("dynamodb", "describe-table", "--table-name", path[0].(string)), append([]any{"Table"}, path[1:]...)...); got != 9.0 {
			t.Errorf("%v is %v", path, got)
		}
	}
	tf.run(append([]string{"destroy", "-no-color", "-auto-approve", "-refresh=false"}, changed...)...)
	if after := s.holdings(t); !slices.Equal(before, after) {
		t.Errorf("before %q, after %q", before, after)
	}
}
