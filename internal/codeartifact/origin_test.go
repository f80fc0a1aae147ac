package codeartifact_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// controls sets the origin controls of a generic package.
func (w *world) controls(domain, repository, name string, publish types.AllowPublish, upstream types.AllowUpstream) {
	w.t.Helper()
	_, err := w.PutPackageOriginConfiguration(w.t.Context(), &sdk.PutPackageOriginConfigurationInput{
		Domain: &domain, Repository: &repository, Format: types.PackageFormatGeneric, Package: &name,
		Restrictions: &types.PackageOriginRestrictions{Publish: publish, Upstream: upstream},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestAVersionThatAnUpstreamReachesCannotBePublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "shared")
	w.repository("models", "between", "shared")
	w.repository("models", "team", "between")
	w.publish(file{"models", "shared", "", "a", "1.0", "a"}, "theirs")
	w.controls("models", "team", "a", "ALLOW", "ALLOW")
	_, err := w.PublishPackageVersion(t.Context(), file{"models", "team", "", "a", "1.0", "a"}.publishing([]byte("ours"), false))
	w.wantCode(err, "ConflictException")
	w.publish(file{"models", "team", "", "a", "1.1", "a"}, "ours")
	// With upstreams blocked there is nothing that it could be confused with.
	w.controls("models", "team", "a", "ALLOW", "BLOCK")
	w.publish(file{"models", "team", "", "a", "1.0", "a"}, "ours")
}

func TestARepositoryBetweenKeepsWhatItBlocksFromThoseBelow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "outer")
	w.repository("models", "inner", "outer")
	w.repository("models", "team", "inner")
	w.publish(file{"models", "outer", "", "a", "99.0", "a"}, "theirs")
	w.publish(file{"models", "inner", "", "a", "1.0", "a"}, "ours")
	if got, _ := w.fetch(file{"models", "team", "", "a", "1.0", "a"}); got != "ours" {
		t.Errorf("it is %q", got)
	}
	if _, code := w.fetch(file{"models", "team", "", "a", "99.0", "a"}); code != "ResourceNotFoundException" {
		t.Errorf("what the repository between blocks is reached: %q", code)
	}
	w.controls("models", "inner", "a", "ALLOW", "ALLOW")
	if got, _ := w.fetch(file{"models", "team", "", "a", "99.0", "a"}); got != "theirs" {
		t.Errorf("it is %q", got)
	}
}

func TestWhatFirstCameFromUpstreamIsNotPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "shared")
	w.repository("models", "team", "shared")
	f := file{"models", "shared", "", "a", "1.0", "a"}
	w.publish(f, "theirs")
	f.repository = "team"
	w.fetch(f)
	f.version = "2.0"
	_, err := w.PublishPackageVersion(t.Context(), f.publishing([]byte("ours"), false))
	w.wantCode(err, "ConflictException")
}

func TestThePackageAndItsGroupMustBothAllow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "team")
	for _, c := range []struct {
		group   string
		publish types.AllowPublish
		code    string
	}{{"ALLOW", "ALLOW", ""}, {"ALLOW", "BLOCK", "ConflictException"}, {"BLOCK", "ALLOW", "ConflictException"}, {"BLOCK", "BLOCK", "ConflictException"}} {
		w.restrict("models", "/*", "PUBLISH", c.group)
		w.controls("models", "team", "a", c.publish, "ALLOW")
		_, err := w.PublishPackageVersion(t.Context(), file{"models", "team", "", "a", c.group + string(c.publish), "a"}.publishing([]byte("x"), false))
		w.wantCode(err, c.code)
	}
}
