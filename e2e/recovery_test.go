package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAWSCommandRecovery takes the model catalog back to the second before a mistake,
// and to a backup, with the aws command.
func TestAWSCommandRecovery(t *testing.T) {
	t.Parallel()
	aws := start(t).aws(t)
	const table = "modelCatalogTable"
	put := func(version string) {
		t.Helper()
		aws.run("dynamodb", "put-item", "--table-name", table, "--item", `{"ModelId":{"S":"iris"},"ModelVersion":{"S":"`+version+`"}}`)
	}
	versions := func(table string) int {
		t.Helper()
		return len(at(t, aws.run("dynamodb", "scan", "--table-name", table), "Items").([]any))
	}
	aws.run("dynamodb", "create-table", "--table-name", table, "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=ModelId,AttributeType=S", "AttributeName=ModelVersion,AttributeType=S",
		"--key-schema", "AttributeName=ModelId,KeyType=HASH", "AttributeName=ModelVersion,KeyType=RANGE")
	if said := aws.fails("dynamodb", "restore-table-to-point-in-time", "--source-table-name", table, "--target-table-name", "early", "--use-latest-restorable-time"); !strings.Contains(said, "(PointInTimeRecoveryUnavailableException)") {
		t.Errorf("without recovery: %s", said)
	}
	described := aws.run("dynamodb", "update-continuous-backups", "--table-name", table,
		"--point-in-time-recovery-specification", "PointInTimeRecoveryEnabled=true,RecoveryPeriodInDays=7")
	if at(t, described, "ContinuousBackupsDescription", "PointInTimeRecoveryDescription", "RecoveryPeriodInDays") != 7.0 {
		t.Errorf("recovery: %v", described)
	}
	put("1.0")
	put("1.1")
	second := time.Now().UTC().Truncate(time.Second)
	for latest := 0.0; latest < float64(second.Unix()); {
		described = aws.run("dynamodb", "describe-continuous-backups", "--table-name", table)
		latest = at(t, described, "ContinuousBackupsDescription", "PointInTimeRecoveryDescription", "LatestRestorableDateTime").(float64)
	}
	backup := at(t, aws.run("dynamodb", "create-backup", "--table-name", table, "--backup-name", "before"), "BackupDetails", "BackupArn").(string)
	for version := range strings.SplitSeq("1.0 1.1", " ") {
		aws.run("dynamodb", "delete-item", "--table-name", table, "--key", `{"ModelId":{"S":"iris"},"ModelVersion":{"S":"`+version+`"}}`)
	}
	put("2.0")

	restored := aws.run("dynamodb", "restore-table-to-point-in-time", "--source-table-name", table, "--target-table-name", "restored",
		"--restore-date-time", second.Format(time.RFC3339))
	if at(t, restored, "TableDescription", "TableStatus") != "CREATING" || at(t, restored, "TableDescription", "RestoreSummary", "RestoreInProgress") != true {
		t.Errorf("the restore: %v", restored)
	}
	aws.run("dynamodb", "wait", "table-exists", "--table-name", "restored")
	if n := versions("restored"); n != 2 {
		t.Errorf("%d versions are restored", n)
	}
	if n := versions(table); n != 1 {
		t.Errorf("%d versions are in the catalog", n)
	}
	for at(t, aws.run("dynamodb", "describe-backup", "--backup-arn", backup), "BackupDescription", "BackupDetails", "BackupStatus") != "AVAILABLE" {
	}
	aws.run("dynamodb", "delete-table", "--table-name", table)
	aws.run("dynamodb", "restore-table-from-backup", "--target-table-name", table, "--backup-arn", backup)
	aws.run("dynamodb", "wait", "table-exists", "--table-name", table)
	if n := versions(table); n != 2 {
		t.Errorf("%d versions are restored from the backup", n)
	}
	listed := at(t, aws.run("dynamodb", "list-backups", "--backup-type", "ALL", "--page-size", "1"), "BackupSummaries").([]any)
	if len(listed) != 2 || at(t, listed, 1, "BackupName") != table+"$DeletedTableBackup" {
		t.Errorf("backups: %v", listed)
	}
	aws.run("dynamodb", "delete-backup", "--backup-arn", backup)
	if said := aws.fails("dynamodb", "describe-backup", "--backup-arn", backup); !strings.Contains(said, "(BackupNotFoundException) when calling the DescribeBackup operation: Backup not found: "+backup) {
		t.Errorf("a deleted backup: %s", said)
	}
}

// restoresCatalog makes a table of what the model catalog holds, by Terraform. The next
// apply takes it away again.
func (tf *terraform) restoresCatalog(aws *awsCommand, vars ...string) {
	t := tf.t
	t.Helper()
	tf.copy("testdata/restored.tf")
	tf.run(append([]string{"apply", "-no-color", "-auto-approve", "-refresh=false"}, vars...)...)
	tf.empty("after a restore", vars...)
	if n := len(at(t, aws.run("dynamodb", "scan", "--table-name", "restoredCatalog"), "Items").([]any)); n != 2 {
		t.Errorf("%d items are restored", n)
	}
	d := at(t, aws.run("dynamodb", "describe-table", "--table-name", "restoredCatalog"), "Table", "RestoreSummary")
	if !strings.HasSuffix(at(t, d, "SourceTableArn").(string), "table/modelCatalogTable") {
		t.Errorf("restored from %v", d)
	}
	if err := os.Remove(filepath.Join(tf.dir, "restored.tf")); err != nil {
		t.Fatal(err)
	}
}
