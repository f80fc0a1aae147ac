package dynamodb_test

import (
	"slices"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/audit"
)

// TestRecoveryAudit sees each change of recovery and backups leave a record that names
// what it was about.
func TestRecoveryAudit(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.turn(benchTable, true)
		arn := r.backUp(benchTable, "backup")
		r.restoreBackup(arn, "from-backup")
		nextSecond()
		nextSecond()
		r.restore(benchTable, "restored", r.window(benchTable).EarliestRestorableDateTime.UTC())
		if _, err := r.s.DeleteBackup(r.ctx, &dynamodb.DeleteBackupInput{BackupArn: &arn}); err != nil {
			t.Fatal(err)
		}
		found, err := audit.Search(r.ctx, r.store, audit.Query{Account: account, Data: true})
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for _, e := range found.Events {
			about := []string{}
			for _, x := range e.Resources {
				about = append(about, x.ARN)
			}
			got = append(got, about)
		}
		slices.Reverse(got)
		const prefix = "arn:aws:dynamodb:us-east-1:" + account + ":table/"
		bench := prefix + benchTable
		want := [][]string{
			{bench}, // CreateTable
			{bench}, // UpdateContinuousBackups
			{bench, arn},
			{prefix + "from-backup", arn},
			{prefix + "restored", bench},
			{bench, arn},
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
}
