package dynamodb

import (
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
)

// FuzzBackupARN takes any text for the ARN of a backup: what is one is the ARN of what
// was read, and lies where it is found again.
func FuzzBackupARN(f *testing.F) {
	f.Add("arn:aws:dynamodb:us-east-1:000000000000:table/predictions/backup/01234567890123-abcdefgh")
	f.Add("arn:aws:dynamodb:us-east-1:000000000000:table/a.b/backup/backup/")
	f.Add("arn:aws:dynamodb:us-east-1:000000000000:table//backup/x")
	f.Add("arn::::::/backup/\x00")
	f.Fuzz(func(t *testing.T, arn string) {
		n, err := backupOfARN(api.WithRequest(t.Context(), &api.Request{Region: "us-east-1"}), arn)
		if err != nil {
			return
		}
		if n.arn() != arn {
			t.Errorf("%q is read as %q", arn, n.arn())
		}
		if back, err := backupOfKey(n.key()); err != nil || back != n {
			t.Errorf("%q lies at the key of %q, %v", arn, back.arn(), err)
		}
	})
}
