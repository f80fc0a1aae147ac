package dynamodb_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// TestBackup makes a backup, changes and drops its table, restores and deletes it.
func TestBackup(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.createRecorded()
		w := &writer{r, rand.New(rand.NewPCG(1, 1))}
		for range 100 {
			if err := w.change(); err != nil {
				t.Fatal(err)
			}
		}
		want, table := r.content(recordedTable, nil), r.describeTable(recordedTable)
		created := time.Now().UTC()
		arn := r.backUp(recordedTable, "before")
		if !regexp.MustCompile(`^arn:aws:dynamodb:us-east-1:000000000000:table/recorded/backup/0\d{13}-[0-9a-f]{8}$`).MatchString(arn) {
			t.Errorf("the ARN is %s", arn)
		}
		r.want("holds", countKeys(t, r.store, "hold"), 0)
		for range 100 {
			if err := w.change(); err != nil {
				t.Fatal(err)
			}
		}
		d := r.backup(arn)
		r.want("BackupName", *d.BackupDetails.BackupName, "before")
		r.want("BackupType", *d.BackupDetails.BackupType, "USER")
		r.want("BackupSizeBytes", *d.BackupDetails.BackupSizeBytes, *table.TableSizeBytes)
		r.want("BackupCreationDateTime", *d.BackupDetails.BackupCreationDateTime, created)
		r.want("BackupExpiryDateTime", d.BackupDetails.BackupExpiryDateTime == nil, true)
		r.want("ItemCount", *d.SourceTableDetails.ItemCount, int64(len(want)))
		r.want("TableId", *d.SourceTableDetails.TableId, *table.TableId)
		r.want("BillingMode", *d.SourceTableDetails.BillingMode, "PAY_PER_REQUEST")
		r.want("KeySchema", len(d.SourceTableDetails.KeySchema), 2)
		f := d.SourceTableFeatureDetails
		r.want("indexes", len(f.GlobalSecondaryIndexes)*10+len(f.LocalSecondaryIndexes), 21)
		r.want("TimeToLiveDescription", *f.TimeToLiveDescription.AttributeName, "expires")

		r.restoreBackup(arn, "while-there")
		r.wantContent("while-there", want)
		r.wantIndexes("while-there", want)
		s := r.describeTable("while-there").RestoreSummary
		r.want("SourceBackupArn", *s.SourceBackupArn, arn)
		r.want("SourceTableArn", *s.SourceTableArn, *table.TableArn)
		r.want("RestoreDateTime", *s.RestoreDateTime, created)

		r.drop(recordedTable)
		r.settle()
		r.restoreBackup(arn, recordedTable)
		r.wantContent(recordedTable, want)
		r.want("TimeToLive", r.describeTTL(recordedTable), "DISABLED")

		if _, err := r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: new("third")}); err != nil {
			t.Fatal(err)
		}
		_, err := r.s.DeleteBackup(r.ctx, &api.DeleteBackupInput{BackupArn: &arn})
		r.wantFault(err, "BackupInUseException", "Backup is being created or restored from: "+arn)
		r.settle()
		out, err := r.s.DeleteBackup(r.ctx, &api.DeleteBackupInput{BackupArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		r.want("BackupStatus", *out.BackupDescription.BackupDetails.BackupStatus, "DELETED")
		_, err = r.s.DescribeBackup(r.ctx, &api.DescribeBackupInput{BackupArn: &arn})
		r.wantFault(err, "BackupNotFoundException", "Backup not found: "+arn)
		for _, table := range []string{"while-there", recordedTable, "third", benchTable} {
			r.drop(table)
		}
		r.settle()
		r.want("items left", countKeys(t, r.store, "item"), 0)
		r.want("entries left", countKeys(t, r.store, "entry"), 0)
	})
}

func (r *recoveryTest) describeTTL(table string) string {
	r.Helper()
	out, err := r.s.DescribeTimeToLive(r.ctx, &api.DescribeTimeToLiveInput{TableName: &table})
	if err != nil {
		r.Fatal(err)
	}
	return *out.TimeToLiveDescription.TimeToLiveStatus
}

// TestBackupErrors asks for what there is not, or not yet.
func TestBackupErrors(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		_, err := r.s.CreateBackup(r.ctx, &api.CreateBackupInput{TableName: new("absent"), BackupName: new("backup")})
		r.wantFault(err, "TableNotFoundException", "Table not found: absent")
		none := r.describeTable(benchTable)
		absent := *none.TableArn + "/backup/01234567890123-abcdefgh"
		_, err = r.s.DescribeBackup(r.ctx, &api.DescribeBackupInput{BackupArn: &absent})
		r.wantFault(err, "BackupNotFoundException", "Backup not found: "+absent)
		_, err = r.s.DeleteBackup(r.ctx, &api.DeleteBackupInput{BackupArn: &absent})
		r.wantFault(err, "BackupNotFoundException", "Backup not found: "+absent)
		for _, arn := range []string{"arn:aws:dynamodb:us-east-1:000000000000:table/name", absent + "/more", strings.Replace(absent, "us-east-1", "eu-west-1", 1),
			strings.Replace(absent, "table", "stable", 1), strings.Replace(absent, "dynamodb", "s3", 1), strings.Repeat("x", 40)} {
			_, err = r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: new("target")})
			r.wantFault(err, "ValidationException", "Invalid BackupArn: "+arn)
		}
		out, err := r.s.CreateBackup(r.ctx, &api.CreateBackupInput{TableName: new(benchTable), BackupName: new("backup")})
		if err != nil {
			t.Fatal(err)
		}
		arn := *out.BackupDetails.BackupArn
		_, err = r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: new("target")})
		r.wantFault(err, "BackupInUseException", "Backup is being created or restored from: "+arn)
		_, err = r.s.DeleteBackup(r.ctx, &api.DeleteBackupInput{BackupArn: &arn})
		r.wantFault(err, "BackupInUseException", "Backup is being created or restored from: "+arn)
		_, err = r.s.DeleteTable(r.ctx, &api.DeleteTableInput{TableName: new(benchTable)})
		r.wantFault(err, "ResourceInUseException", "Attempt to change a resource which is still in use: Table is being backed up or restored from: predictions")
		r.settle()
		_, err = r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: new(benchTable)})
		r.wantFault(err, "TableAlreadyExistsException", "Table already exists: predictions")
		if _, err := r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: new("target")}); err != nil {
			t.Fatal(err)
		}
		_, err = r.s.CreateBackup(r.ctx, &api.CreateBackupInput{TableName: new("target"), BackupName: new("backup")})
		r.wantFault(err, "ContinuousBackupsUnavailableException", "Backups are being enabled for the table: target. Please retry later")
	})
}

// TestBackupExact moves amounts between items by transactions while backups are made:
// in each backup the sum is right.
func TestBackupExact(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		const accounts, each = 20, 1000
		for i := range accounts {
			r.put(fmt.Sprint(i), api.Attribute{Name: "sum", Value: number(each)})
		}
		done := make(chan struct{})
		var movers sync.WaitGroup
		for m := range 4 {
			movers.Go(func() {
				random := rand.New(rand.NewPCG(5, uint64(m)))
				for {
					select {
					case <-done:
						return
					default:
					}
					// Time passes only while all wait.
					time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
					from := random.IntN(accounts)
					to := (from + 1 + random.IntN(accounts-1)) % accounts
					var in api.TransactWriteItemsInput
					for i, id := range []int{from, to} {
						in.TransactItems = append(in.TransactItems, &api.TransactWriteItem{Update: &api.Update{
							TableName: new(benchTable), Key: r.key(fmt.Sprint(id)), UpdateExpression: new("ADD #s :n"),
							ExpressionAttributeNames:  map[string]string{"#s": "sum"},
							ExpressionAttributeValues: api.Attributes{{Name: ":n", Value: number(int64(1 - 2*i))}},
						}})
					}
					if _, err := r.s.TransactWriteItems(r.ctx, &in); err != nil {
						t.Error(err)
					}
				}
			})
		}
		var arns []string
		stop := r.run()
		for i := range 30 {
			time.Sleep(5 * time.Millisecond)
			out, err := r.s.CreateBackup(r.ctx, &api.CreateBackupInput{TableName: new(benchTable), BackupName: new(fmt.Sprint("backup-", i))})
			if err != nil {
				t.Fatal(err)
			}
			arns = append(arns, *out.BackupDetails.BackupArn)
		}
		time.Sleep(time.Minute / 10)
		close(done)
		movers.Wait()
		stop()
		r.settle()
		different := map[string]bool{}
		for i, arn := range arns {
			name := fmt.Sprint("restored-", i)
			r.restoreBackup(arn, name)
			sum, items := 0, r.content(name, nil)
			for it := range items {
				n := 0
				if _, err := fmt.Sscan(attribute(t, it, "sum"), &n); err != nil {
					t.Fatal(err)
				}
				sum += n
			}
			different[fmt.Sprint(items)] = true
			r.want("items", len(items), accounts)
			r.want("sum", sum, accounts*each)
		}
		if len(different) < len(arns)/2 {
			t.Errorf("%d backups hold only %d states", len(arns), len(different))
		}
		r.want("holds", countKeys(t, r.store, "hold"), 0)
	})
}

// TestListBackups lists by table, type and time, a page at a time.
func TestListBackups(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.createRecorded()
		var middle time.Time
		for i := range 5 {
			if i == 2 {
				middle = time.Now()
			}
			r.backUp(benchTable, fmt.Sprint("bench-", i))
			r.backUp(recordedTable, fmt.Sprint("recorded-", i))
			time.Sleep(time.Second)
		}
		r.turn(benchTable, true)
		r.drop(benchTable)
		list := func(in api.ListBackupsInput) string {
			t.Helper()
			var names []string
			for {
				out, err := r.s.ListBackups(r.ctx, &in)
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range out.BackupSummaries {
					names = append(names, *b.BackupName)
				}
				if in.Limit != nil && len(out.BackupSummaries) > int(*in.Limit) {
					t.Errorf("a page of %d", len(out.BackupSummaries))
				}
				if in.ExclusiveStartBackupArn = out.LastEvaluatedBackupArn; in.ExclusiveStartBackupArn == nil {
					return strings.Join(names, " ")
				}
			}
		}
		const bench, recorded = "bench-0 bench-1 bench-2 bench-3 bench-4", "recorded-0 recorded-1 recorded-2 recorded-3 recorded-4"
		r.want("all", list(api.ListBackupsInput{}), bench+" "+recorded)
		for limit := range int64(7) {
			r.want("pages", list(api.ListBackupsInput{Limit: new(limit + 1), BackupType: new("ALL")}), bench+" predictions$DeletedTableBackup "+recorded)
		}
		r.want("of a table", list(api.ListBackupsInput{TableName: new(recordedTable)}), recorded)
		r.want("of a table, pages", list(api.ListBackupsInput{TableName: new(recordedTable), Limit: new(int64(2))}), recorded)
		r.want("SYSTEM", list(api.ListBackupsInput{BackupType: new("SYSTEM")}), "predictions$DeletedTableBackup")
		r.want("AWS_BACKUP", list(api.ListBackupsInput{BackupType: new("AWS_BACKUP")}), "")
		r.want("from", list(api.ListBackupsInput{TableName: new(benchTable), TimeRangeLowerBound: &middle}), "bench-2 bench-3 bench-4")
		r.want("before", list(api.ListBackupsInput{TableName: new(benchTable), TimeRangeUpperBound: &middle}), "bench-0 bench-1")
		r.want("of no table", list(api.ListBackupsInput{TableName: new("absent")}), "")
	})
}

// TestDroppedTableBackup drops a table whose recovery is on, twice: its items are kept
// as a backup for 35 days.
func TestDroppedTableBackup(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.put("a")
		r.turn(benchTable, true)
		r.put("b", api.Attribute{Name: "v", Value: number(1)})
		want, dropped := r.content(benchTable, nil), time.Now().UTC()
		r.drop(benchTable)
		r.settle()
		r.trim()
		r.want("entries of the log", countKeys(t, r.store, "log"), 0)
		createBenchTable(t, r.s, r.ctx)
		r.put("c")
		r.turn(benchTable, true)
		second := r.content(benchTable, nil)
		r.drop(benchTable)
		r.settle()
		out, err := r.s.ListBackups(r.ctx, &api.ListBackupsInput{BackupType: new("SYSTEM")})
		if err != nil || len(out.BackupSummaries) != 2 {
			t.Fatal(out, err)
		}
		b := out.BackupSummaries[0]
		arn := *b.BackupArn
		r.want("BackupName", *b.BackupName, "predictions$DeletedTableBackup")
		r.want("BackupStatus", *b.BackupStatus, "AVAILABLE")
		r.want("BackupExpiryDateTime", *b.BackupExpiryDateTime, dropped.Add(35*24*time.Hour))
		r.want("the end of the ARN", strings.HasSuffix(arn, "-00000000"), true)
		r.restoreBackup(arn, "first")
		r.wantContent("first", want)
		r.restoreBackup(*out.BackupSummaries[1].BackupArn, "second")
		r.wantContent("second", second)
		_, err = r.s.DeleteBackup(r.ctx, &api.DeleteBackupInput{BackupArn: &arn})
		r.wantFault(err, "ValidationException", "Backups of type SYSTEM cannot be deleted: "+arn)

		expire := func() int {
			t.Helper()
			n, err := r.s.ExpireBackups(r.ctx)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		r.want("removed at once", expire(), 0)
		time.Sleep(time.Until(dropped.Add(35 * 24 * time.Hour)))
		if _, err := r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: new("last")}); err != nil {
			t.Fatal(err)
		}
		r.want("removed while in use", expire(), 1)
		r.settle()
		r.wantContent("last", want)
		r.want("removed", expire(), 1)
		for _, table := range []string{"first", "second", "last"} {
			r.drop(table)
		}
		r.settle()
		r.want("items left", countKeys(t, r.store, "item"), 0)
		r.want("backups left", countKeys(t, r.store, "backup"), 0)
	})
}

// TestRecoveryMetrics reads how many restores and backups are under way.
func TestRecoveryMetrics(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		metrics := prometheus.NewPedanticRegistry()
		r.s = dynamodb.New(dynamodb.Config{Store: r.store, Identity: newIdentity(r, r.store), AuditData: dynamodb.AuditNone, Metrics: metrics})
		want := func(restores, backups float64) {
			t.Helper()
			families, err := metrics.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, f := range families {
				if strings.HasSuffix(f.GetName(), "_in_progress") {
					got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			r.want("metrics", fmt.Sprint(got), fmt.Sprint(map[string]float64{
				"modelwharf_dynamodb_restores_in_progress": restores, "modelwharf_dynamodb_backups_in_progress": backups,
				"modelwharf_dynamodb_exports_in_progress": 0, "modelwharf_dynamodb_imports_in_progress": 0}))
		}
		r.turn(benchTable, true)
		time.Sleep(2 * time.Second)
		want(0, 0)
		for _, name := range []string{"first", "second"} {
			if _, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, name, time.Time{})); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.s.CreateBackup(r.ctx, &api.CreateBackupInput{TableName: new(benchTable), BackupName: new("backup")}); err != nil {
			t.Fatal(err)
		}
		want(2, 1)
		r.settle()
		want(0, 0)
	})
}
