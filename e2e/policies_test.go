package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestAWSCommandForeignTable has two accounts: the one lets the other read a table of
// its, and nothing else.
func TestAWSCommandForeignTable(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner := s.aws(t)
	var other struct{ ID, AccessKeyID, SecretAccessKey string }
	if err := json.Unmarshal([]byte(s.command(t, "account create", "team", "--json")), &other); err != nil {
		t.Fatal(err)
	}
	team := owner.as(other.AccessKeyID, other.SecretAccessKey, "")

	created := owner.run("dynamodb", "create-table", "--table-name", "shared", "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=id,AttributeType=S", "--key-schema", "AttributeName=id,KeyType=HASH")
	arn := at(t, created, "TableDescription", "TableArn").(string)
	owner.run("dynamodb", "put-item", "--table-name", "shared", "--item", `{"id":{"S":"a"}}`)
	get := []string{"dynamodb", "get-item", "--table-name", arn, "--key", `{"id":{"S":"a"}}`}
	if said := team.fails(get...); !strings.Contains(said, "AccessDeniedException") {
		t.Errorf("without a policy: %s", said)
	}
	owner.run("dynamodb", "put-resource-policy", "--resource-arn", arn, "--policy",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+other.ID+`"},"Action":"dynamodb:GetItem","Resource":"`+arn+`"}]}`)
	if got := at(t, team.run(get...), "Item", "id", "S"); got != "a" {
		t.Errorf("got %v", got)
	}
	if said := team.fails("dynamodb", "put-item", "--table-name", arn, "--item", `{"id":{"S":"b"}}`); !strings.Contains(said, "AccessDeniedException") {
		t.Errorf("a write: %s", said)
	}
	if said := team.fails("dynamodb", "get-resource-policy", "--resource-arn", arn); !strings.Contains(said, "AccessDeniedException") && !strings.Contains(said, "only supported by accounts that match") {
		t.Errorf("its policy: %s", said)
	}
	owner.run("dynamodb", "delete-resource-policy", "--resource-arn", arn)
	if said := team.fails(get...); !strings.Contains(said, "AccessDeniedException") {
		t.Errorf("after the policy is gone: %s", said)
	}
}
