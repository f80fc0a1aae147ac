package codeartifact_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"

	"github.com/modelwharf/modelwharf/internal/server"
)

// withQuotas sets quotas of a server.
func withQuotas(settings ...string) func(*server.Config) {
	return func(c *server.Config) { c.Quotas = settings }
}

// TestQuotas reaches each quota: the answer is 402 and names it. What is deleted makes room.
func TestQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withQuotas("codeartifact-domains=2", "codeartifact-repositories=3", "codeartifact-upstreams=1", "codeartifact-package-groups=1",
		"codeartifact-assets=2", "codeartifact-asset-bytes=5"))
	wants := func(what string, err error, quota string, limit int) {
		t.Helper()
		w.wantCode(err, "ServiceQuotaExceededException")
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(" %d ", limit)) || !strings.Contains(err.Error(), "--quota "+quota+"=") || !strings.Contains(err.Error(), "StatusCode: 402") {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.domain("models", "main", "one", "two")
	w.domain("other")
	_, err := w.CreateDomain(t.Context(), &sdk.CreateDomainInput{Domain: new("third")})
	wants("a domain too many", err, "codeartifact-domains", 2)
	if _, err := w.DeleteDomain(t.Context(), &sdk.DeleteDomainInput{Domain: new("other")}); err != nil {
		t.Fatal(err)
	}
	w.domain("third")

	_, err = w.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{Domain: new("models"), Repository: new("four")})
	wants("a repository too many", err, "codeartifact-repositories", 3)
	w.repository("third", "four")
	wants("an upstream too many", w.upstreams("main", "one", "two"), "codeartifact-upstreams", 1)
	if err := w.upstreams("main", "one"); err != nil {
		t.Error(err)
	}

	// The root is there without being made.
	group := func(pattern string) error {
		_, err := w.CreatePackageGroup(t.Context(), &sdk.CreatePackageGroupInput{Domain: new("models"), PackageGroup: &pattern})
		return err
	}
	wants("a package group too many", group("/npm/*"), "codeartifact-package-groups", 1)

	at := file{domain: "models", repository: "main", name: "weights", version: "1", asset: "a"}
	publish := func(asset, content string, unfinished bool) error {
		f := at
		f.asset = asset
		_, err := w.PublishPackageVersion(t.Context(), f.publishing([]byte(content), unfinished))
		return err
	}
	wants("an asset too large", publish("a", "123456", true), "codeartifact-asset-bytes", 5)
	for _, asset := range []string{"a", "b"} {
		if err := publish(asset, "12345", true); err != nil {
			t.Error(err)
		}
	}
	wants("an asset too many", publish("c", "c", true), "codeartifact-assets", 2)
	if err := publish("b", "12345", false); err != nil {
		t.Errorf("the last asset again, to finish the version: %v", err)
	}
}

// TestQuotaByPackageTools answers 402 to a package tool too.
func TestQuotaByPackageTools(t *testing.T) {
	t.Parallel()
	o := newOuter(t, withQuotas("codeartifact-asset-bytes=5"))
	if status := o.put("team", "file/own/1/a", "123456"); status != http.StatusPaymentRequired {
		t.Errorf("an asset too large: %d", status)
	}
	if status := o.put("team", "file/own/1/a", "12345"); status != http.StatusOK {
		t.Errorf("an asset as large as may be: %d", status)
	}
}

// TestQuotaOfSearchedRepositories looks for a package in as many repositories as the quota
// has it, the first one counted.
func TestQuotaOfSearchedRepositories(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withQuotas("codeartifact-searched=2"))
	w.domain("models", "far")
	w.repository("models", "between", "far")
	w.repository("models", "near", "between")
	w.publish(file{domain: "models", repository: "far", name: "weights", version: "1", asset: "f"}, "x")
	for _, one := range [][2]string{{"near", "ResourceNotFoundException"}, {"between", ""}, {"near", ""}} { // between has it then
		if _, code := w.fetch(file{domain: "models", repository: one[0], name: "weights", version: "1", asset: "f"}); code != one[1] {
			t.Errorf("%s: %q, want %q", one[0], code, one[1])
		}
	}
}
