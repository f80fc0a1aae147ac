package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// fillTable puts n items with an owner and a score, in batches.
func fillTable(aws *awsCommand, table string, n int) {
	aws.t.Helper()
	for from := 0; from < n; from += 25 {
		var requests []string
		for i := from; i < min(from+25, n); i++ {
			requests = append(requests, `{"PutRequest":{"Item":{"id":{"S":"`+strconv.Itoa(i)+`"},"owner":{"S":"o`+strconv.Itoa(i%3)+`"},"score":{"N":"`+strconv.Itoa(i)+`"}}}}`)
		}
		aws.run("dynamodb", "batch-write-item", "--request-items", `{"`+table+`":[`+strings.Join(requests, ",")+`]}`)
	}
}

// untilIndex waits until the first index of a table has a status; "" is for no index.
func untilIndex(t *testing.T, aws *awsCommand, table, status string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		d := at(t, aws.run("dynamodb", "describe-table", "--table-name", table), "Table").(map[string]any)
		var is string
		if all, ok := d["GlobalSecondaryIndexes"].([]any); ok {
			is = at(t, all, 0, "IndexStatus").(string)
		}
		if is == status {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the index is %q, not %q", is, status)
		}
	}
}

// TestAWSCommandIndexes adds an index of several attributes to a table with items,
// queries it, and removes it.
func TestAWSCommandIndexes(t *testing.T) {
	t.Parallel()
	aws := start(t).aws(t)
	const table = "models"
	aws.run("dynamodb", "create-table", "--table-name", table, "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=id,AttributeType=S", "--key-schema", "AttributeName=id,KeyType=HASH")
	fillTable(aws, table, 60)
	answer := aws.run("dynamodb", "update-table", "--table-name", table,
		"--attribute-definitions", "AttributeName=owner,AttributeType=S", "AttributeName=score,AttributeType=N", "AttributeName=id,AttributeType=S",
		"--global-secondary-index-updates", `[{"Create":{"IndexName":"by-owner","Projection":{"ProjectionType":"KEYS_ONLY"},"KeySchema":[
			{"AttributeName":"owner","KeyType":"HASH"},{"AttributeName":"score","KeyType":"RANGE"},{"AttributeName":"id","KeyType":"RANGE"}]}}]`)
	if at(t, answer, "TableDescription", "GlobalSecondaryIndexes", 0, "IndexStatus") != "CREATING" {
		t.Errorf("answer %v", answer)
	}
	aws.run("dynamodb", "wait", "table-exists", "--table-name", table)
	untilIndex(t, aws, table, "ACTIVE")
	found := aws.run("dynamodb", "query", "--table-name", table, "--index-name", "by-owner", "--no-scan-index-forward", "--page-size", "4",
		"--key-condition-expression", "#o = :o AND score >= :s", "--expression-attribute-names", `{"#o":"owner"}`, "--expression-attribute-values", `{":o":{"S":"o1"},":s":{"N":"30"}}`)
	if n := len(at(t, found, "Items").([]any)); n != 10 || at(t, found, "Items", 0, "id", "S") != "58" {
		t.Errorf("found %v", found)
	}
	aws.run("dynamodb", "update-table", "--table-name", table, "--global-secondary-index-updates", `[{"Delete":{"IndexName":"by-owner"}}]`)
	untilIndex(t, aws, table, "")
}

// TestTerraformIndexes adds an index to a table with items, replaces it by another, and
// removes it.
func TestTerraformIndexes(t *testing.T) {
	t.Parallel()
	s := start(t)
	tf := newTerraform(t, s, "../deploy/terraform/provider.tf", "../deploy/terraform/variables.tf")
	tf.write("indexed.tf", `
variable "indexes" {
  type    = map(string)
  default = {}
}
resource "aws_dynamodb_table" "indexed" {
  name         = "indexed"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
  dynamic "attribute" {
    for_each = length(var.indexes) > 0 ? { owner = "S", score = "N" } : {}
    content {
      name = attribute.key
      type = attribute.value
    }
  }
  dynamic "global_secondary_index" {
    for_each = var.indexes
    content {
      name            = global_secondary_index.key
      hash_key        = "owner"
      range_key       = "score"
      projection_type = global_secondary_index.value
    }
  }
}
`)
	aws := s.aws(t)
	tf.run("init", "-no-color")
	tf.run("apply", "-no-color", "-auto-approve")
	fillTable(aws, "indexed", 100)
	for i, indexes := range []string{`{"by-owner"="KEYS_ONLY"}`, `{"by-score"="ALL"}`, `{}`} {
		vars := []string{"-var", "indexes=" + indexes}
		if out := tf.run(append([]string{"apply", "-no-color", "-auto-approve"}, vars...)...); !strings.Contains(out, "0 added, 1 changed, 0 destroyed") {
			t.Errorf("the table was not changed in place:\n%s", out)
		}
		tf.empty("with indexes "+indexes, vars...)
		if i == 2 {
			break
		}
		name := strings.Split(indexes, `"`)[1]
		found := aws.run("dynamodb", "query", "--table-name", "indexed", "--index-name", name,
			"--key-condition-expression", "#o = :o", "--expression-attribute-names", `{"#o":"owner"}`, "--expression-attribute-values", `{":o":{"S":"o1"}}`)
		if at(t, found, "Count") != 33.0 {
			t.Errorf("%s: found %v", name, at(t, found, "Count"))
		}
	}
	if n := at(t, aws.run("dynamodb", "scan", "--table-name", "indexed", "--select", "COUNT"), "Count"); n != 100.0 {
		t.Errorf("%v items are left", n)
	}
	tf.run("destroy", "-no-color", "-auto-approve")
}
