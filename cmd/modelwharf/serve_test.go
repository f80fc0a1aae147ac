package main

import (
	"testing"

	"github.com/alecthomas/kong"

	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// TestAuditItemsSetting reads the setting from the flag and from the environment.
func TestAuditItemsSetting(t *testing.T) {
	for _, c := range []struct {
		env  string
		args []string
		want dynamodb.AuditData
	}{
		{"", []string{"serve"}, dynamodb.AuditWrites},
		{"", []string{"serve", "--audit-items", "none"}, dynamodb.AuditNone},
		{"", []string{"serve", "--audit-items", "reads"}, ""},
		{"none", []string{"serve"}, dynamodb.AuditNone},
		{"none", []string{"serve", "--audit-items=writes"}, dynamodb.AuditWrites},
		{"some", []string{"serve"}, ""},
	} {
		if c.env != "" {
			t.Setenv("MODELWHARF_AUDIT_ITEMS", c.env)
		}
		var p program
		k, err := kong.New(&p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Parse(c.args)
		if c.want == "" && err == nil || c.want != "" && (err != nil || p.Serve.AuditItems != c.want) {
			t.Errorf("%q and %v: %q %v", c.env, c.args, p.Serve.AuditItems, err)
		}
	}
}
