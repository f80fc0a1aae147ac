package e2e

import (
	"strings"
	"testing"
)

// TestAWSCommandStatements runs PartiQL with the aws command.
func TestAWSCommandStatements(t *testing.T) {
	t.Parallel()
	aws := start(t).aws(t)
	aws.run("dynamodb", "create-table", "--table-name", "music", "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=Artist,AttributeType=S", "--key-schema", "AttributeName=Artist,KeyType=HASH")
	aws.run("dynamodb", "execute-statement", "--statement", `INSERT INTO "music" VALUE {'Artist': ?, 'Awards': 1}`, "--parameters", `[{"S":"Acme"}]`)
	got := aws.run("dynamodb", "execute-statement", "--statement", `UPDATE "music" SET Awards = Awards + 1 WHERE Artist = 'Acme' RETURNING ALL NEW *`)
	if at(t, got, "Items", 0, "Awards", "N") != "2" {
		t.Errorf("updated %v", got)
	}
	got = aws.run("dynamodb", "batch-execute-statement", "--statements", `[{"Statement":"SELECT Awards FROM music WHERE Artist = 'Acme'"}]`)
	if at(t, got, "Responses", 0, "Item", "Awards", "N") != "2" {
		t.Errorf("selected %v", got)
	}
	said := aws.fails("dynamodb", "execute-statement", "--statement", `DELETE FROM "music"`)
	if !strings.Contains(said, "(ValidationException) when calling the ExecuteStatement operation: Where clause does not contain a mandatory equality on all key attributes") {
		t.Errorf("a delete of everything: %s", said)
	}
}
