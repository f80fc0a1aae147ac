package main

import (
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// TestImageSettings reads the times of the store of images.
func TestImageSettings(t *testing.T) {
	var p program
	k, err := kong.New(&p, variables)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse([]string{"serve", "--image-lease", "1h", "--image-upload-expiry=2h"}); err != nil {
		t.Fatal(err)
	}
	if want := (images{Lease: time.Hour, UploadExpiry: 2 * time.Hour, CollectEvery: 15 * time.Minute}); p.Serve.Images != want {
		t.Errorf("%+v, want %+v", p.Serve.Images, want)
	}
}

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
		k, err := kong.New(&p, variables)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Parse(c.args)
		if c.want == "" && err == nil || c.want != "" && (err != nil || p.Serve.AuditItems != c.want) {
			t.Errorf("%q and %v: %q %v", c.env, c.args, p.Serve.AuditItems, err)
		}
	}
}
