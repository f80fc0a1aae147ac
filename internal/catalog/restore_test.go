package catalog_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

// TestRestoredTable: in a table that was restored from a catalog, versions are items that are
// not registered: they hold nothing, and an alias cannot be said to name one until it is
// adopted there. The catalog itself stays as it is.
func TestRestoredTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push("1.0")
	w.register("1.0", "ml-model-repo:1.0")
	w.promote("1.0", "champion")
	_, err := w.tables.UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{
		TableName: new(table), PointInTimeRecoverySpecification: &ddb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: new(true)},
	})
	w.must(err)
	_, err = w.tables.CreateBackup(t.Context(), &dynamodb.CreateBackupInput{TableName: new(table), BackupName: new("before")})
	w.must(err)
	backups, err := w.tables.ListBackups(t.Context(), &dynamodb.ListBackupsInput{TableName: new(table)})
	w.must(err)
	backup := backups.BackupSummaries[0]
	for backup.BackupStatus != ddb.BackupStatusAvailable {
		time.Sleep(5 * time.Millisecond)
		d, err := w.tables.DescribeBackup(t.Context(), &dynamodb.DescribeBackupInput{BackupArn: backup.BackupArn})
		w.must(err)
		backup.BackupStatus = d.BackupDescription.BackupDetails.BackupStatus
	}
	_, err = w.tables.RestoreTableFromBackup(t.Context(), &dynamodb.RestoreTableFromBackupInput{BackupArn: backup.BackupArn, TargetTableName: new("restored")})
	w.must(err)
	for status := ddb.TableStatusCreating; status != ddb.TableStatusActive; {
		time.Sleep(5 * time.Millisecond)
		d, err := w.tables.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: new("restored")})
		w.must(err)
		status = d.Table.TableStatus
	}
	in := promotion("1.0", "champion")
	in.TableName = new("restored")
	_, err = call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", in)
	w.refused(err, "ResourceNotFoundException", "Adopt")
	adopt := registration("1.0", "ml-model-repo:1.0")
	adopt.TableName, adopt.Adopt = new("restored"), new(true)
	do[api.RegisterModelVersionOutput](w, "RegisterModelVersion", adopt)
	c := do[api.PromoteModelVersionOutput](w, "PromoteModelVersion", in).Change
	if *c.Revision != 2 || *c.ModelVersion != "1.0" {
		t.Errorf("promoted in the restored table: %+v", c)
	}
	_, err = call[api.RetireModelVersionOutput](w, "RetireModelVersion", &api.RetireModelVersionInput{TableName: new("restored"), ModelId: new("fraud"), ModelVersion: new("1.0")})
	w.refused(err, "ConflictException", "champion")
	if d := w.describe("1.0"); *d.Status != "REGISTERED" || len(d.Aliases) != 1 {
		t.Errorf("the catalog has %+v", d)
	}
}
