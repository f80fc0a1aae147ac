package dynamodb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// recoveryTest is a service with one table, in a bubble in which time passes only when
// the test sleeps. Its store and the service have the one clock of the bubble.
type recoveryTest struct{ *expiryTest }

func recoveryBubble(t *testing.T, test func(r *recoveryTest)) {
	expiryBubble(t, func(e *expiryTest) { test(&recoveryTest{e}) })
}

// nextSecond sleeps until the next second begins.
func nextSecond() { time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) }

// turn turns the recovery of a table on or off.
func (r *recoveryTest) turn(table string, on bool, days ...int64) *api.PointInTimeRecoveryDescription {
	r.Helper()
	spec := &api.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: &on}
	if len(days) > 0 {
		spec.RecoveryPeriodInDays = &days[0]
	}
	out, err := r.s.UpdateContinuousBackups(r.ctx, &api.UpdateContinuousBackupsInput{TableName: &table, PointInTimeRecoverySpecification: spec})
	if err != nil {
		r.Fatal(err)
	}
	return out.ContinuousBackupsDescription.PointInTimeRecoveryDescription
}

// window describes the recovery of a table.
func (r *recoveryTest) window(table string) *api.PointInTimeRecoveryDescription {
	r.Helper()
	out, err := r.s.DescribeContinuousBackups(r.ctx, &api.DescribeContinuousBackupsInput{TableName: &table})
	if err != nil {
		r.Fatal(err)
	}
	r.want("ContinuousBackupsStatus", *out.ContinuousBackupsDescription.ContinuousBackupsStatus, "ENABLED")
	return out.ContinuousBackupsDescription.PointInTimeRecoveryDescription
}

// restore restores a table to a second, the latest if it is zero, and waits until it is
// whole.
func (r *recoveryTest) restore(from, to string, second time.Time, change ...func(*api.RestoreTableToPointInTimeInput)) {
	r.Helper()
	in := restoreInput(from, to, second)
	for _, f := range change {
		f(in)
	}
	out, err := r.s.RestoreTableToPointInTime(r.ctx, in)
	if err != nil {
		r.Fatal(err)
	}
	r.want("TableStatus", *out.TableDescription.TableStatus, "CREATING")
	r.settle()
	r.wantActive(to)
}

func restoreInput(from, to string, second time.Time) *api.RestoreTableToPointInTimeInput {
	in := &api.RestoreTableToPointInTimeInput{SourceTableName: &from, TargetTableName: &to}
	if second.IsZero() {
		in.UseLatestRestorableTime = new(true)
	} else {
		in.RestoreDateTime = &second
	}
	return in
}

// backUp makes a backup and waits until it is available.
func (r *recoveryTest) backUp(table, name string) (arn string) {
	r.Helper()
	out, err := r.s.CreateBackup(r.ctx, &api.CreateBackupInput{TableName: &table, BackupName: &name})
	if err != nil {
		r.Fatal(err)
	}
	r.want("BackupStatus", *out.BackupDetails.BackupStatus, "CREATING")
	r.settle()
	r.want("BackupStatus", *r.backup(*out.BackupDetails.BackupArn).BackupDetails.BackupStatus, "AVAILABLE")
	return *out.BackupDetails.BackupArn
}

func (r *recoveryTest) backup(arn string) *api.BackupDescription {
	r.Helper()
	out, err := r.s.DescribeBackup(r.ctx, &api.DescribeBackupInput{BackupArn: &arn})
	if err != nil {
		r.Fatal(err)
	}
	return out.BackupDescription
}

func (r *recoveryTest) restoreBackup(arn, to string) {
	r.Helper()
	if _, err := r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: &to}); err != nil {
		r.Fatal(err)
	}
	r.settle()
	r.wantActive(to)
}

func (r *recoveryTest) describeTable(table string) *api.TableDescription {
	r.Helper()
	out, err := r.s.DescribeTable(r.ctx, &api.DescribeTableInput{TableName: &table})
	if err != nil {
		r.Fatal(err)
	}
	return out.Table
}

func (r *recoveryTest) wantActive(table string) {
	r.Helper()
	d := r.describeTable(table)
	r.want("TableStatus of "+table, *d.TableStatus, "ACTIVE")
	r.want("RestoreInProgress of "+table, *d.RestoreSummary.RestoreInProgress, false)
}

func (r *recoveryTest) drop(table string) {
	r.Helper()
	if _, err := r.s.DeleteTable(r.ctx, &api.DeleteTableInput{TableName: &table}); err != nil {
		r.Fatal(err)
	}
}

// content is what a table or an index holds: the JSON of each item.
type content map[string]bool

// content reads a whole table, or an index of it.
func (r *recoveryTest) content(table string, index *string) content {
	r.Helper()
	all := content{}
	in := &api.ScanInput{TableName: &table, IndexName: index}
	for {
		out, err := r.s.Scan(r.ctx, in)
		if err != nil {
			r.Fatal(err)
		}
		for _, raw := range out.Items {
			if all[string(raw)] {
				r.Errorf("%s has an item twice: %s", table, raw)
			}
			all[string(raw)] = true
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return all
		}
	}
}

// wantContent fails the test unless a table holds exactly that, and says so.
func (r *recoveryTest) wantContent(table string, want content) {
	r.Helper()
	got := r.content(table, nil)
	if !maps.Equal(got, want) {
		r.Errorf("%s: %s", table, difference(got, want))
	}
	r.want("ItemCount of "+table, *r.describeTable(table).ItemCount, int64(len(want)))
}

func difference(got, want content) string {
	var more, less []string
	for it := range got {
		if !want[it] {
			more = append(more, it)
		}
	}
	for it := range want {
		if !got[it] {
			less = append(less, it)
		}
	}
	slices.Sort(more)
	slices.Sort(less)
	return fmt.Sprintf("%d items, of %d: more %.300q, missing %.300q", len(got), len(want), more, less)
}

// attribute reads an attribute of an item's JSON: of type S or N, "" if it has none.
func attribute(t testing.TB, raw, name string) string {
	t.Helper()
	var it map[string]map[string]any
	if err := json.Unmarshal([]byte(raw), &it); err != nil {
		t.Fatal(err)
	}
	for _, v := range it[name] {
		return fmt.Sprint(v)
	}
	return ""
}

// wantFault fails the test unless err is an error of the API of that code and message.
func (r *recoveryTest) wantFault(err error, code, message string) {
	r.Helper()
	fault, ok := errors.AsType[*wharf.Error](err)
	switch {
	case !ok:
		r.Errorf("got %v, want %s", err, code)
	case fault.Code != code || fault.Message != message:
		r.Errorf("got %s: %s; want %s: %s", fault.Code, fault.Message, code, message)
	}
}

// trim removes what nobody needs of the logs.
func (r *recoveryTest) trim() {
	r.Helper()
	if err := r.s.TendStreams(r.ctx); err != nil {
		r.Fatal(err)
	}
}

// finish lets what runs in the background come to an end, in which time may pass.
func (r *recoveryTest) finish(d time.Duration) {
	stop := r.run()
	time.Sleep(d)
	synctest.Wait()
	stop()
}
