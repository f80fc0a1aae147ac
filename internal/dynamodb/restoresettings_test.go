package dynamodb_test

import (
	"fmt"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// TestRestoredTableInheritsNothing restores a table that has all there is: the restored
// one has its key, indexes and capacity, and no expiry, stream, tags, policy, recovery or
// protection.
func TestRestoredTableInheritsNothing(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.createRecorded()
		source := r.describeTable(recordedTable)
		r.turn(recordedTable, true, 3)
		if _, err := r.s.TagResource(r.ctx, &api.TagResourceInput{ResourceArn: source.TableArn, Tags: []*api.Tag{{Key: new("k"), Value: new("v")}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.s.UpdateTable(r.ctx, &api.UpdateTableInput{TableName: new(recordedTable), DeletionProtectionEnabled: new(true)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		created := time.Now().UTC()
		r.restore(recordedTable, "restored", time.Time{})
		d := r.describeTable("restored")
		r.want("CreationDateTime", *d.CreationDateTime, created)
		if *d.TableId == *source.TableId {
			t.Error("it has the TableId of its source")
		}
		r.want("DeletionProtectionEnabled", *d.DeletionProtectionEnabled, false)
		r.want("BillingMode", *d.BillingModeSummary.BillingMode, "PAY_PER_REQUEST")
		r.want("keys", *d.KeySchema[0].AttributeName+" "+*d.KeySchema[1].AttributeName, "id row")
		r.want("indexes", len(d.GlobalSecondaryIndexes)+len(d.LocalSecondaryIndexes), 3)
		r.want("AttributeDefinitions", len(d.AttributeDefinitions), 4)
		r.want("stream", d.StreamSpecification == nil && d.LatestStreamArn == nil, true)
		r.want("SourceTableArn", *d.RestoreSummary.SourceTableArn, *source.TableArn)
		r.want("SourceBackupArn", d.RestoreSummary.SourceBackupArn == nil, true)
		r.want("recovery", *r.window("restored").PointInTimeRecoveryStatus, "DISABLED")
		ttl, err := r.s.DescribeTimeToLive(r.ctx, &api.DescribeTimeToLiveInput{TableName: new("restored")})
		if err != nil || *ttl.TimeToLiveDescription.TimeToLiveStatus != "DISABLED" {
			t.Error(ttl, err)
		}
		tags, err := r.s.ListTagsOfResource(r.ctx, &api.ListTagsOfResourceInput{ResourceArn: d.TableArn})
		if err != nil || len(tags.Tags) != 0 {
			t.Error(tags, err)
		}
		log := countKeys(t, r.store, "log")
		if _, err := r.s.PutItem(r.ctx, &api.PutItemInput{TableName: new("restored"), Item: api.Attributes{{Name: "id", Value: word("a")}, {Name: "row", Value: number(1)}}}); err != nil {
			t.Fatal(err)
		}
		r.want("entries of the log", countKeys(t, r.store, "log"), log)
	})
}

// TestRestoreOverrides asks for other settings than the source's.
func TestRestoreOverrides(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.createRecorded()
		r.turn(recordedTable, true)
		time.Sleep(3 * time.Second)
		units := func(n int64) *api.ProvisionedThroughput {
			return &api.ProvisionedThroughput{ReadCapacityUnits: &n, WriteCapacityUnits: new(n + 1)}
		}
		kinds := func() *api.GlobalSecondaryIndex {
			return &api.GlobalSecondaryIndex{IndexName: new("Kinds"), Projection: &api.Projection{ProjectionType: new("KEYS_ONLY")},
				KeySchema: []*api.KeySchemaElement{{AttributeName: new("kind"), KeyType: new("HASH")}}}
		}
		r.restore(recordedTable, "one-index", time.Time{}, func(in *api.RestoreTableToPointInTimeInput) {
			in.GlobalSecondaryIndexOverride, in.LocalSecondaryIndexOverride = []*api.GlobalSecondaryIndex{kinds()}, []*api.LocalSecondaryIndex{}
		})
		d := r.describeTable("one-index")
		r.want("indexes", len(d.GlobalSecondaryIndexes)*10+len(d.LocalSecondaryIndexes), 10)
		r.want("AttributeDefinitions", len(d.AttributeDefinitions), 3)
		r.restore(recordedTable, "provisioned", time.Time{}, func(in *api.RestoreTableToPointInTimeInput) {
			in.BillingModeOverride, in.ProvisionedThroughputOverride = new("PROVISIONED"), units(5)
			x := kinds()
			x.ProvisionedThroughput = units(7)
			in.GlobalSecondaryIndexOverride = []*api.GlobalSecondaryIndex{x}
		})
		d = r.describeTable("provisioned")
		r.want("table", *d.ProvisionedThroughput.ReadCapacityUnits*10+*d.ProvisionedThroughput.WriteCapacityUnits, int64(56))
		x := d.GlobalSecondaryIndexes[0].ProvisionedThroughput
		r.want("index", *x.ReadCapacityUnits*10+*x.WriteCapacityUnits, int64(78))
		r.want("local indexes", len(d.LocalSecondaryIndexes), 1)
		r.turn("provisioned", true)
		time.Sleep(3 * time.Second)
		r.restore("provisioned", "again", time.Time{})
		r.want("kept", *r.describeTable("again").ProvisionedThroughput.ReadCapacityUnits, int64(5))
		r.restore("provisioned", "on-demand", time.Time{}, func(in *api.RestoreTableToPointInTimeInput) {
			in.BillingModeOverride = new("PAY_PER_REQUEST")
			in.OnDemandThroughputOverride = &api.OnDemandThroughput{MaxReadRequestUnits: new(int64(9))}
		})
		d = r.describeTable("on-demand")
		r.want("units", *d.ProvisionedThroughput.ReadCapacityUnits, int64(0))
		r.want("most", *d.OnDemandThroughput.MaxReadRequestUnits, int64(9))

		for _, c := range []struct {
			name, message string
			change        func(*api.RestoreTableToPointInTimeInput)
		}{
			{"throughput on demand", "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
				func(in *api.RestoreTableToPointInTimeInput) { in.ProvisionedThroughputOverride = units(1) }},
			{"no throughput", "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
				func(in *api.RestoreTableToPointInTimeInput) { in.BillingModeOverride = new("PROVISIONED") }},
			{"no throughput of an index", "One or more parameter values were invalid: ProvisionedThroughput must be specified for index: ByKind",
				func(in *api.RestoreTableToPointInTimeInput) {
					in.BillingModeOverride, in.ProvisionedThroughputOverride = new("PROVISIONED"), units(1)
				}},
			{"another index", "One or more parameter values were invalid: GlobalSecondaryIndexOverride: the source has no index like Kinds",
				func(in *api.RestoreTableToPointInTimeInput) {
					x := kinds()
					x.Projection.ProjectionType = new("ALL")
					in.GlobalSecondaryIndexOverride = []*api.GlobalSecondaryIndex{x}
				}},
			{"an index twice", "One or more parameter values were invalid: Duplicate index name: Kinds",
				func(in *api.RestoreTableToPointInTimeInput) {
					in.GlobalSecondaryIndexOverride = []*api.GlobalSecondaryIndex{kinds(), kinds()}
				}},
			{"a key of KMS", "SSESpecification with a key of KMS is not available on this server yet",
				func(in *api.RestoreTableToPointInTimeInput) {
					in.SSESpecificationOverride = &api.SSESpecification{Enabled: new(true)}
				}},
			{"two times", "RestoreDateTime and UseLatestRestorableTime can not both be specified",
				func(in *api.RestoreTableToPointInTimeInput) { in.RestoreDateTime = new(time.Now()) }},
			{"no time", "Either RestoreDateTime or UseLatestRestorableTime must be specified",
				func(in *api.RestoreTableToPointInTimeInput) { in.UseLatestRestorableTime = nil }},
			{"two sources", "SourceTableName and SourceTableArn can not both be specified",
				func(in *api.RestoreTableToPointInTimeInput) { in.SourceTableArn = new("arn") }},
			{"no source", "Either SourceTableName or SourceTableArn must be specified",
				func(in *api.RestoreTableToPointInTimeInput) { in.SourceTableName = nil }},
		} {
			in := restoreInput(recordedTable, "refused", time.Time{})
			c.change(in)
			_, err := r.s.RestoreTableToPointInTime(r.ctx, in)
			t.Log(c.name)
			r.wantFault(err, "ValidationException", c.message)
		}
	})
}

// TestRestorePolicy asks for what a restore and a backup need to be allowed.
func TestRestorePolicy(t *testing.T) {
	t.Parallel()
	f := start(t)
	name := hashTable(t, f.client)
	arn := func(table string) string { return "arn:aws:dynamodb:us-east-1:" + account + ":table/" + table }
	backup := arn(name) + "/backup/01234567890123-abcdefgh"
	users := 0
	allowed := func(action, resource string, more ...string) *sdk.Client {
		users++
		list := `"` + action + `"`
		for _, a := range more {
			list += `,"` + a + `"`
		}
		return f.user(t, fmt.Sprint("user-", users), `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[`+list+`],"Resource":"`+resource+`"}}`)
	}
	pointInTime := func(c *sdk.Client) error {
		_, err := c.RestoreTableToPointInTime(t.Context(), &sdk.RestoreTableToPointInTimeInput{SourceTableName: &name, TargetTableName: new("target"), UseLatestRestorableTime: new(true)})
		return err
	}
	fromBackup := func(c *sdk.Client) error {
		_, err := c.RestoreTableFromBackup(t.Context(), &sdk.RestoreTableFromBackupInput{BackupArn: &backup, TargetTableName: new("target")})
		return err
	}
	const denied = "AccessDeniedException"
	wantError(t, pointInTime(allowed("dynamodb:RestoreTableToPointInTime", arn("other"))), denied, "…dynamodb:RestoreTableToPointInTime on resource: "+arn(name)+" …")
	wantError(t, pointInTime(allowed("dynamodb:RestoreTableToPointInTime", "*")), denied, "…dynamodb:BatchWriteItem on resource: "+arn("target")+" …")
	wantError(t, pointInTime(allowed("dynamodb:*", "*")), "PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table '"+name+"'")
	wantError(t, fromBackup(allowed("dynamodb:RestoreTableFromBackup", arn(name))), denied, "…dynamodb:RestoreTableFromBackup on resource: "+backup+" …")
	wantError(t, fromBackup(allowed("dynamodb:RestoreTableFromBackup", "*", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan")),
		denied, "…dynamodb:UpdateItem on resource: "+arn("target")+" …")
	wantError(t, fromBackup(allowed("dynamodb:*", "*")), "BackupNotFoundException", "Backup not found: "+backup)

	none := allowed("dynamodb:ListTables", "*")
	_, err := none.CreateBackup(t.Context(), &sdk.CreateBackupInput{TableName: &name, BackupName: new("backup")})
	wantError(t, err, denied, "…dynamodb:CreateBackup on resource: "+arn(name)+" …")
	_, err = none.DescribeBackup(t.Context(), &sdk.DescribeBackupInput{BackupArn: &backup})
	wantError(t, err, denied, "…dynamodb:DescribeBackup on resource: "+backup+" …")
	_, err = none.DeleteBackup(t.Context(), &sdk.DeleteBackupInput{BackupArn: &backup})
	wantError(t, err, denied, "…dynamodb:DeleteBackup on resource: "+backup+" …")
	_, err = none.ListBackups(t.Context(), &sdk.ListBackupsInput{})
	wantError(t, err, denied, "…dynamodb:ListBackups on resource: "+arn("*")+" …")
	_, err = none.UpdateContinuousBackups(t.Context(), &sdk.UpdateContinuousBackupsInput{TableName: &name,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: new(true)}})
	wantError(t, err, denied, "…dynamodb:UpdateContinuousBackups on resource: "+arn(name)+" …")
}
