package e2e

import (
	"strings"
	"testing"
)

// TestAWSCommandTables walks the model catalog with the aws command.
func TestAWSCommandTables(t *testing.T) {
	t.Parallel()
	aws := start(t).aws(t)
	const table = "modelCatalogTable"
	created := aws.run("dynamodb", "create-table", "--table-name", table, "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=ModelId,AttributeType=S", "AttributeName=ModelVersion,AttributeType=S",
		"--key-schema", "AttributeName=ModelId,KeyType=HASH", "AttributeName=ModelVersion,KeyType=RANGE",
		"--tags", "Key=Environment,Value=production", "Key=Purpose,Value=ML Model Catalog")
	arn := at(t, created, "TableDescription", "TableArn").(string)
	if want := "arn:aws:dynamodb:us-east-1:000000000000:table/" + table; arn != want {
		t.Errorf("ARN %s, want %s", arn, want)
	}
	aws.run("dynamodb", "wait", "table-exists", "--table-name", table)

	for _, version := range []string{"1.0", "1.1", "2.0"} {
		aws.run("dynamodb", "put-item", "--table-name", table, "--condition-expression", "attribute_not_exists(ModelId)",
			"--item", `{"ModelId":{"S":"iris"},"ModelVersion":{"S":"`+version+`"},"Accuracy":{"N":"0.9"}}`)
	}
	said := aws.fails("dynamodb", "put-item", "--table-name", table, "--condition-expression", "attribute_not_exists(ModelId)",
		"--item", `{"ModelId":{"S":"iris"},"ModelVersion":{"S":"1.0"}}`)
	if !strings.Contains(said, "(ConditionalCheckFailedException) when calling the PutItem operation: The conditional request failed") {
		t.Errorf("overwriting a version: %s", said)
	}
	got := aws.run("dynamodb", "get-item", "--table-name", table, "--consistent-read",
		"--key", `{"ModelId":{"S":"iris"},"ModelVersion":{"S":"1.1"}}`)
	if v := at(t, got, "Item", "Accuracy", "N"); v != "0.9" {
		t.Errorf("got %v", got)
	}
	updated := aws.run("dynamodb", "update-item", "--table-name", table,
		"--key", `{"ModelId":{"S":"iris"},"ModelVersion":{"S":"1.1"}}`, "--update-expression", "SET #s = :s ADD Uses :one",
		"--expression-attribute-names", `{"#s":"Status"}`, "--expression-attribute-values", `{":s":{"S":"live"},":one":{"N":"1"}}`,
		"--return-values", "UPDATED_NEW")
	if at(t, updated, "Attributes", "Status", "S") != "live" || at(t, updated, "Attributes", "Uses", "N") != "1" {
		t.Errorf("updated %v", updated)
	}
	queried := aws.run("dynamodb", "query", "--table-name", table, "--key-condition-expression", "ModelId = :m AND ModelVersion >= :v",
		"--expression-attribute-values", `{":m":{"S":"iris"},":v":{"S":"1.1"}}`, "--no-scan-index-forward", "--page-size", "1")
	if n := len(at(t, queried, "Items").([]any)); n != 2 || at(t, queried, "Items", 0, "ModelVersion", "S") != "2.0" {
		t.Errorf("queried %v", queried)
	}
	scanned := aws.run("dynamodb", "scan", "--table-name", table, "--filter-expression", "attribute_exists(Uses)")
	if at(t, scanned, "Count") != 1.0 || at(t, scanned, "ScannedCount") != 3.0 {
		t.Errorf("scanned %v", scanned)
	}
	aws.run("dynamodb", "batch-write-item", "--request-items",
		`{"`+table+`":[{"PutRequest":{"Item":{"ModelId":{"S":"wine"},"ModelVersion":{"S":"1"}}}},{"DeleteRequest":{"Key":{"ModelId":{"S":"iris"},"ModelVersion":{"S":"2.0"}}}}]}`)
	batch := aws.run("dynamodb", "batch-get-item", "--request-items",
		`{"`+table+`":{"Keys":[{"ModelId":{"S":"wine"},"ModelVersion":{"S":"1"}},{"ModelId":{"S":"iris"},"ModelVersion":{"S":"2.0"}}]}}`)
	if n := len(at(t, batch, "Responses", table).([]any)); n != 1 {
		t.Errorf("batch %v", batch)
	}
	actions := `[{"Update":{"TableName":"` + table + `","Key":{"ModelId":{"S":"iris"},"ModelVersion":{"S":"1.1"}},"UpdateExpression":"ADD Uses :one","ExpressionAttributeValues":{":one":{"N":"1"}}}},` +
		`{"ConditionCheck":{"TableName":"` + table + `","Key":{"ModelId":{"S":"wine"},"ModelVersion":{"S":"1"}},"ConditionExpression":"attribute_exists(ModelId)"}}]`
	for range 2 { // the second is told that it is done
		aws.run("dynamodb", "transact-write-items", "--client-request-token", "once", "--transact-items", actions)
	}
	both := aws.run("dynamodb", "transact-get-items", "--transact-items",
		`[{"Get":{"TableName":"`+table+`","Key":{"ModelId":{"S":"iris"},"ModelVersion":{"S":"1.1"}}}},{"Get":{"TableName":"`+table+`","Key":{"ModelId":{"S":"none"},"ModelVersion":{"S":"1"}}}}]`)
	if n := len(at(t, both, "Responses").([]any)); n != 2 || at(t, both, "Responses", 0, "Item", "Uses", "N") != "2" {
		t.Errorf("read together %v", both)
	}
	said = aws.fails("dynamodb", "transact-write-items", "--transact-items", strings.ReplaceAll(actions, "attribute_exists", "attribute_not_exists"))
	if !strings.Contains(said, "(TransactionCanceledException) when calling the TransactWriteItems operation: Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]") {
		t.Errorf("a cancelled transaction: %s", said)
	}
	deleted := aws.run("dynamodb", "delete-item", "--table-name", table, "--return-values", "ALL_OLD",
		"--key", `{"ModelId":{"S":"wine"},"ModelVersion":{"S":"1"}}`)
	if at(t, deleted, "Attributes", "ModelId", "S") != "wine" {
		t.Errorf("deleted %v", deleted)
	}
	if tags := aws.run("dynamodb", "list-tags-of-resource", "--resource-arn", arn); len(at(t, tags, "Tags").([]any)) != 2 {
		t.Errorf("tags %v", tags)
	}
	if d := aws.run("dynamodb", "describe-time-to-live", "--table-name", table); at(t, d, "TimeToLiveDescription", "TimeToLiveStatus") != "DISABLED" {
		t.Errorf("time to live %v", d)
	}
	aws.run("dynamodb", "update-time-to-live", "--table-name", table, "--time-to-live-specification", "Enabled=true,AttributeName=TimeToLive")
	if d := aws.run("dynamodb", "describe-time-to-live", "--table-name", table); at(t, d, "TimeToLiveDescription", "AttributeName") != "TimeToLive" {
		t.Errorf("time to live %v", d)
	}
	if said := aws.fails("dynamodb", "update-time-to-live", "--table-name", table, "--time-to-live-specification", "Enabled=true,AttributeName=TimeToLive"); !strings.Contains(said, "(ValidationException) when calling the UpdateTimeToLive operation: TimeToLive is already enabled") {
		t.Errorf("enabling it again: %s", said)
	}
	backups := aws.run("dynamodb", "describe-continuous-backups", "--table-name", table)
	if at(t, backups, "ContinuousBackupsDescription", "PointInTimeRecoveryDescription", "PointInTimeRecoveryStatus") != "DISABLED" {
		t.Errorf("continuous backups %v", backups)
	}
	aws.run("dynamodb", "update-table", "--table-name", table, "--deletion-protection-enabled")
	if said := aws.fails("dynamodb", "delete-table", "--table-name", table); !strings.Contains(said, "ValidationException") {
		t.Errorf("delete of a protected table: %s", said)
	}
	aws.run("dynamodb", "update-table", "--table-name", table, "--no-deletion-protection-enabled")
	aws.run("dynamodb", "delete-table", "--table-name", table)
	aws.run("dynamodb", "wait", "table-not-exists", "--table-name", table)
	if said := aws.fails("dynamodb", "describe-table", "--table-name", table); !strings.Contains(said, "ResourceNotFoundException") {
		t.Errorf("describe a dropped table: %s", said)
	}
}

// TestAWSCommandIdentities makes a user with a narrow policy and a role, and acts as both.
func TestAWSCommandIdentities(t *testing.T) {
	t.Parallel()
	aws := start(t).aws(t)
	who := aws.run("sts", "get-caller-identity")
	if at(t, who, "Account") != "000000000000" || at(t, who, "Arn") != "arn:aws:iam::000000000000:root" {
		t.Errorf("caller %v", who)
	}
	aws.run("dynamodb", "create-table", "--table-name", "cache", "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=id,AttributeType=S", "--key-schema", "AttributeName=id,KeyType=HASH")

	aws.run("iam", "create-user", "--user-name", "reader", "--path", "/apps/")
	policy := aws.run("iam", "create-policy", "--policy-name", "Read", "--policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:GetItem","sts:AssumeRole"],"Resource":"*"}]}`)
	aws.run("iam", "attach-user-policy", "--user-name", "reader", "--policy-arn", at(t, policy, "Policy", "Arn").(string))
	key := aws.run("iam", "create-access-key", "--user-name", "reader")
	reader := aws.as(at(t, key, "AccessKey", "AccessKeyId").(string), at(t, key, "AccessKey", "SecretAccessKey").(string), "")
	if who := reader.run("sts", "get-caller-identity"); at(t, who, "Arn") != "arn:aws:iam::000000000000:user/apps/reader" {
		t.Errorf("reader %v", who)
	}
	reader.run("dynamodb", "get-item", "--table-name", "cache", "--key", `{"id":{"S":"1"}}`)
	said := reader.fails("dynamodb", "put-item", "--table-name", "cache", "--item", `{"id":{"S":"1"}}`)
	if !strings.Contains(said, "AccessDeniedException") || !strings.Contains(said, "user/apps/reader is not authorized to perform: dynamodb:PutItem") {
		t.Errorf("a forbidden write: %s", said)
	}

	role := aws.run("iam", "create-role", "--role-name", "Writer", "--assume-role-policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::000000000000:root"}}]}`)
	aws.run("iam", "put-role-policy", "--role-name", "Writer", "--policy-name", "Write", "--policy-document",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*Item","Resource":"*"}}`)
	session := reader.run("sts", "assume-role", "--role-arn", at(t, role, "Role", "Arn").(string), "--role-session-name", "night")
	c := at(t, session, "Credentials").(map[string]any)
	writer := aws.as(c["AccessKeyId"].(string), c["SecretAccessKey"].(string), c["SessionToken"].(string))
	writer.run("dynamodb", "put-item", "--table-name", "cache", "--item", `{"id":{"S":"1"}}`)
	if who := writer.run("sts", "get-caller-identity"); at(t, who, "Arn") != "arn:aws:sts::000000000000:assumed-role/Writer/night" {
		t.Errorf("writer %v", who)
	}

	events := aws.run("cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=CreateUser")
	if at(t, events, "Events", 0, "EventName") != "CreateUser" {
		t.Errorf("events %v", events)
	}

	keyID := at(t, key, "AccessKey", "AccessKeyId").(string)
	aws.run("iam", "update-access-key", "--user-name", "reader", "--access-key-id", keyID, "--status", "Inactive")
	if said := reader.fails("sts", "get-caller-identity"); !strings.Contains(said, "InvalidClientTokenId") {
		t.Errorf("an inactive key: %s", said)
	}
	aws.run("iam", "delete-access-key", "--user-name", "reader", "--access-key-id", keyID)
	aws.run("iam", "detach-user-policy", "--user-name", "reader", "--policy-arn", at(t, policy, "Policy", "Arn").(string))
	aws.run("iam", "delete-user", "--user-name", "reader")
	if said := aws.fails("iam", "get-user", "--user-name", "reader"); !strings.Contains(said, "NoSuchEntity") {
		t.Errorf("a deleted user: %s", said)
	}
}
