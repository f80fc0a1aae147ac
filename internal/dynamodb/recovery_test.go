package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// TestRecoveryToASecond changes an item in several seconds and at their borders, and
// restores each.
func TestRecoveryToASecond(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		nextSecond()
		r.turn(benchTable, true)
		want := map[int64]content{}
		for i := range 20 {
			// The first millisecond of a second, and the last one.
			for _, part := range []string{"first", "last"} {
				switch id := fmt.Sprint(i % 7); i % 4 {
				case 3:
					if _, err := r.s.DeleteItem(r.ctx, &api.DeleteItemInput{TableName: new(benchTable), Key: r.key(id)}); err != nil {
						t.Fatal(err)
					}
				default:
					r.put(id, api.Attribute{Name: "v", Value: word(fmt.Sprint(part, i))})
				}
				if part == "first" {
					time.Sleep(999 * time.Millisecond)
				}
			}
			want[time.Now().Unix()] = r.content(benchTable, nil)
			time.Sleep(time.Millisecond)
			if i%5 == 4 {
				time.Sleep(3 * time.Second)
				for s := time.Now().Unix() - 3; s < time.Now().Unix(); s++ {
					want[s] = want[s-1]
				}
			}
		}
		for s, items := range want {
			name := fmt.Sprint("restored-", s)
			r.restore(benchTable, name, time.Unix(s, 0))
			r.wantContent(name, items)
		}
	})
}

// TestRecoveryFraction restores to a time within a second, which is meant as the second.
func TestRecoveryFraction(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		nextSecond()
		r.turn(benchTable, true)
		r.put("a")
		time.Sleep(600 * time.Millisecond)
		r.put("b")
		at := time.Now().Add(-500 * time.Millisecond)
		nextSecond()
		r.put("c")
		r.restore(benchTable, "restored", at)
		r.want("RestoreDateTime", *r.describeTable("restored").RestoreSummary.RestoreDateTime, at.Truncate(time.Second).UTC())
		items := r.content(benchTable, nil)
		for it := range items {
			if strings.Contains(it, `"c"`) {
				delete(items, it)
			}
		}
		r.wantContent("restored", items)
	})
}

// TestRecoveryWindow follows the window of a table: it begins when recovery is turned
// on, ends about a second ago, and is as long as was asked for.
func TestRecoveryWindow(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.want("status", *r.window(benchTable).PointInTimeRecoveryStatus, "DISABLED")
		nextSecond()
		time.Sleep(300 * time.Millisecond)
		on := time.Now().Truncate(time.Second)
		wants := func(what string, first, last time.Time, days int64) {
			t.Helper()
			d := r.window(benchTable)
			r.want(what+": status", *d.PointInTimeRecoveryStatus, "ENABLED")
			r.want(what+": RecoveryPeriodInDays", *d.RecoveryPeriodInDays, days)
			r.want(what+": EarliestRestorableDateTime", *d.EarliestRestorableDateTime, first.UTC())
			r.want(what+": LatestRestorableDateTime", *d.LatestRestorableDateTime, last.UTC())
		}
		second := func() time.Time { return time.Now().Truncate(time.Second) }
		r.turn(benchTable, true)
		wants("at once", on, on.Add(-time.Second), 35)
		r.put("a")
		time.Sleep(10 * time.Second)
		wants("after ten seconds", on, second().Add(-time.Second), 35)
		r.turn(benchTable, true)
		wants("on, again", on, second().Add(-time.Second), 35)

		time.Sleep(10 * 24 * time.Hour)
		r.turn(benchTable, true, 7)
		week := second().Add(-7*24*time.Hour + time.Second)
		wants("shorter", week, second().Add(-time.Second), 7)
		_, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "early", week.Add(-2*time.Second)))
		r.wantFault(err, "InvalidRestoreTimeException", invalidRestoreTime)
		r.turn(benchTable, true, 35)
		wants("longer", week.Add(-time.Second), second().Add(-time.Second), 35)
		time.Sleep(40 * 24 * time.Hour)
		wants("much later", second().Add(-35*24*time.Hour+time.Second), second().Add(-time.Second), 35)

		r.turn(benchTable, false)
		off := r.window(benchTable)
		r.want("off", *off.PointInTimeRecoveryStatus, "DISABLED")
		if off.EarliestRestorableDateTime != nil || off.LatestRestorableDateTime != nil || off.RecoveryPeriodInDays != nil {
			t.Errorf("off: %+v", off)
		}
		time.Sleep(time.Minute)
		r.turn(benchTable, true, 1)
		again := second()
		time.Sleep(time.Minute)
		wants("off and on", again, second().Add(-time.Second), 1)
		_, err = r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "early", again.Add(-time.Second)))
		r.wantFault(err, "InvalidRestoreTimeException", invalidRestoreTime)
		_, err = r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "late", second()))
		r.wantFault(err, "InvalidRestoreTimeException", invalidRestoreTime)
		r.restore(benchTable, "first", again)
		r.restore(benchTable, "last", second().Add(-time.Second))
	})
}

const invalidRestoreTime = "An invalid restore time was specified. RestoreDateTime must be between EarliestRestorableDateTime and LatestRestorableDateTime."

// TestRecoveryAtOnce restores to the latest time in the very second in which recovery was
// turned on: the restore waits for the end of the second.
func TestRecoveryAtOnce(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		nextSecond()
		r.put("before")
		r.turn(benchTable, true)
		r.put("after")
		if _, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "restored", time.Time{})); err != nil {
			t.Fatal(err)
		}
		r.finish(500 * time.Millisecond)
		r.want("status", *r.describeTable("restored").TableStatus, "CREATING")
		r.put("still")
		want := r.content(benchTable, nil)
		nextSecond()
		r.put("too late")
		r.finish(time.Minute)
		r.wantActive("restored")
		r.wantContent("restored", want)
	})
}

// TestRecoveryOffKeepsNoLog counts the entries of the log while recovery is off, on, and
// off again.
func TestRecoveryOffKeepsNoLog(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.put("a")
		r.want("off", countKeys(t, r.store, "log"), 0)
		r.turn(benchTable, true)
		r.put("a", api.Attribute{Name: "v", Value: word("1")})
		r.put("b")
		r.want("on", countKeys(t, r.store, "log"), 2)
		r.turn(benchTable, false)
		r.put("c")
		r.want("off again", countKeys(t, r.store, "log"), 2)
		_, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "restored", time.Time{}))
		r.wantFault(err, "PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table 'predictions'")
	})
}

// TestRestoreUnseenUntilWhole asks for a table while it is being restored.
func TestRestoreUnseenUntilWhole(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.put("a")
		r.turn(benchTable, true)
		time.Sleep(2 * time.Second)
		if _, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "restored", time.Time{})); err != nil {
			t.Fatal(err)
		}
		name := new("restored")
		d := r.describeTable("restored")
		r.want("TableStatus", *d.TableStatus, "CREATING")
		r.want("RestoreInProgress", *d.RestoreSummary.RestoreInProgress, true)
		r.want("SourceTableArn", *d.RestoreSummary.SourceTableArn, *r.describeTable(benchTable).TableArn)
		list, err := r.s.ListTables(r.ctx, &api.ListTablesInput{})
		if err != nil || fmt.Sprint(list.TableNames) != "[predictions restored]" {
			t.Error(list, err)
		}
		const absent = "Requested resource not found"
		_, err = r.s.GetItem(r.ctx, &api.GetItemInput{TableName: name, Key: r.key("a")})
		r.wantFault(err, "ResourceNotFoundException", absent)
		_, err = r.s.Scan(r.ctx, &api.ScanInput{TableName: name})
		r.wantFault(err, "ResourceNotFoundException", absent)
		_, err = r.s.PutItem(r.ctx, &api.PutItemInput{TableName: name, Item: r.key("a")})
		r.wantFault(err, "ResourceNotFoundException", absent)
		_, err = r.s.ExecuteStatement(r.ctx, &api.ExecuteStatementInput{Statement: new("SELECT * FROM restored")})
		r.wantFault(err, "ResourceNotFoundException", absent)

		const inUse = "Attempt to change a resource which is still in use: Table is being created: restored"
		_, err = r.s.DeleteTable(r.ctx, &api.DeleteTableInput{TableName: name})
		r.wantFault(err, "ResourceInUseException", inUse)
		_, err = r.s.UpdateTable(r.ctx, &api.UpdateTableInput{TableName: name, DeletionProtectionEnabled: new(true)})
		r.wantFault(err, "ResourceInUseException", inUse)
		_, err = r.s.UpdateContinuousBackups(r.ctx, &api.UpdateContinuousBackupsInput{TableName: name,
			PointInTimeRecoverySpecification: &api.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: new(true)}})
		r.wantFault(err, "ContinuousBackupsUnavailableException", "Backups are being enabled for the table: restored. Please retry later")
		_, err = r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "restored", time.Time{}))
		r.wantFault(err, "TableInUseException", "Table is being created: restored")
		_, err = r.s.DeleteTable(r.ctx, &api.DeleteTableInput{TableName: new(benchTable)})
		r.wantFault(err, "ResourceInUseException", "Attempt to change a resource which is still in use: Table is being backed up or restored from: predictions")

		r.settle()
		r.wantContent("restored", r.content(benchTable, nil))
		_, err = r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "restored", time.Time{}))
		r.wantFault(err, "TableAlreadyExistsException", "Table already exists: restored")
		_, err = r.s.RestoreTableToPointInTime(r.ctx, restoreInput("absent", "other", time.Time{}))
		r.wantFault(err, "TableNotFoundException", "Source table not found: absent")
		r.want("holds", countKeys(t, r.store, "hold"), 0)
		r.want("fillings", countKeys(t, r.store, "filling"), 0)
		r.drop("restored")
		r.drop(benchTable)
		synctest.Wait()
	})
}

// TestRestoreLimit starts as many restores as an account may have at once, and one more.
func TestRestoreLimit(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.turn(benchTable, true)
		time.Sleep(2 * time.Second)
		for i := range 50 {
			if _, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, fmt.Sprint("restored-", i), time.Time{})); err != nil {
				t.Fatal(err)
			}
		}
		_, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "one-more", time.Time{}))
		r.wantFault(err, "LimitExceededException", "Subscriber limit exceeded: There is a limit of 50 simultaneous restores per subscriber.")
		r.settle()
		r.restore(benchTable, "one-more", time.Time{})
	})
}

// TestRecoveryTrims looks at what is left of the log as the window moves, gets shorter
// and is closed, and while a restore or a stream still needs it.
func TestRecoveryTrims(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		log := func() int { return countKeys(t, r.store, "log") }
		r.turn(benchTable, true, 2)
		for i := range 10 { // one an hour
			r.put("a", api.Attribute{Name: "v", Value: number(int64(i))})
			time.Sleep(time.Hour)
		}
		r.trim()
		r.want("within the window", log(), 10)
		time.Sleep(43 * time.Hour) // the window begins a second after the sixth
		r.trim()
		r.want("after two days", log(), 5)
		first := r.window(benchTable).EarliestRestorableDateTime
		r.restore(benchTable, "earliest", *first)
		for it := range r.content("earliest", nil) {
			r.want("the item at the earliest second", attribute(t, it, "v"), "5")
		}
		r.turn(benchTable, true, 1)
		r.trim()
		r.want("shorter", log(), 0)
		r.put("a", api.Attribute{Name: "v", Value: number(100)})
		time.Sleep(time.Minute)

		// A restore under way holds the log, whatever becomes of the window.
		second := time.Now().Add(-2 * time.Second)
		r.put("a", api.Attribute{Name: "v", Value: number(101)})
		if _, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "held", second)); err != nil {
			t.Fatal(err)
		}
		r.turn(benchTable, false)
		r.put("a", api.Attribute{Name: "v", Value: number(102)})
		r.trim()
		r.want("held", log(), 2)
		r.settle()
		for it := range r.content("held", nil) {
			r.want("the item of the restore", attribute(t, it, "v"), "100")
		}
		r.trim()
		r.want("not held any more", log(), 0)
		r.put("a")
		r.want("off", log(), 0)

		// The stream needs a day of what recovery needs five of.
		r.turn(benchTable, true, 5)
		if _, err := r.s.UpdateTable(r.ctx, &api.UpdateTableInput{TableName: new(benchTable),
			StreamSpecification: &api.StreamSpecification{StreamEnabled: new(true), StreamViewType: new("NEW_IMAGE")}}); err != nil {
			t.Fatal(err)
		}
		r.put("b")
		time.Sleep(48 * time.Hour)
		r.trim()
		r.want("for recovery", log(), 1)
		r.put("c")
		r.turn(benchTable, false)
		r.trim()
		r.want("for the stream", log(), 1)
	})
}
