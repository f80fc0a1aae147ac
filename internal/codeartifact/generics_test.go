package codeartifact_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// TestGenericPackage publishes assets of a version one after the other and reads them.
func TestGenericPackage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	f := file{"models", "main", "iris", "weights", "1.0", "model.bin"}
	large := make([]byte, 20<<20+7) // more than what the server reads of other requests
	rand.Read(large)
	out, err := w.PublishPackageVersion(t.Context(), f.publishing(large, true))
	if err != nil {
		t.Fatal(err)
	}
	if out.Status != types.PackageVersionStatusUnfinished || *out.Namespace != "iris" || *out.Asset.Size != int64(len(large)) || len(out.Asset.Hashes) != 4 {
		t.Errorf("%+v", out)
	}
	first := *out.VersionRevision
	second := f
	second.asset = "notes ünd more.txt"
	out = w.publish(second, "notes")
	if out.Status != types.PackageVersionStatusPublished || *out.VersionRevision == first {
		t.Errorf("%+v", out)
	}
	if content, code := w.fetch(f); code != "" || !bytes.Equal([]byte(content), large) {
		t.Errorf("%d other bytes come back, %s", len(content), code)
	}
	if content, _ := w.fetch(second); content != "notes" {
		t.Errorf("%q comes back", content)
	}

	// The same again changes nothing, other bytes and further assets are refused.
	if again := w.publish(second, "notes"); *again.VersionRevision != *out.VersionRevision {
		t.Error("the same bytes are a new revision")
	}
	_, err = w.PublishPackageVersion(t.Context(), second.publishing([]byte("other"), false))
	w.wantCode(err, "ConflictException")
	third := f
	third.asset = "third"
	_, err = w.PublishPackageVersion(t.Context(), third.publishing([]byte("x"), false))
	w.wantCode(err, "ConflictException")
	_, code := w.fetch(third)
	if code != "ResourceNotFoundException" {
		t.Error(code)
	}
}

// TestPublishingChecksTheHash refuses content that is not what was announced, whoever says
// so, and formats that have tools of their own.
func TestPublishingChecksTheHash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	f := file{"models", "main", "", "weights", "1.0", "model.bin"}
	in := f.publishing([]byte("content"), false)
	in.AssetContent = bytes.NewReader([]byte("another"))
	if _, err := w.PublishPackageVersion(t.Context(), in); err == nil {
		t.Error("other content was published")
	}
	in = f.publishing([]byte("content"), false)
	in.Format = types.PackageFormatNuget
	_, err := w.PublishPackageVersion(t.Context(), in)
	w.wantCode(err, "ValidationException")
	if _, code := w.fetch(f); code != "ResourceNotFoundException" {
		t.Error(code)
	}
	if _, err := w.PublishPackageVersion(t.Context(), &sdk.PublishPackageVersionInput{}); err == nil {
		t.Error("nothing was published")
	}
}

// TestOneOfManyPublishersWins publishes different bytes under one name at once.
func TestOneOfManyPublishersWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	f := file{"models", "main", "", "weights", "1.0", "model.bin"}
	won := make(chan string, 50)
	for i := range cap(won) {
		go func() {
			content := string(rune('a' + i))
			if _, err := w.PublishPackageVersion(t.Context(), f.publishing([]byte(content), false)); err != nil {
				if codeOf(err) != "ConflictException" {
					t.Error(err)
				}
				content = ""
			}
			won <- content
		}()
	}
	winner := ""
	for range cap(won) {
		if c := <-won; c != "" {
			if winner != "" {
				t.Errorf("%q and %q were published", winner, c)
			}
			winner = c
		}
	}
	if content, code := w.fetch(f); content != winner || winner == "" {
		t.Errorf("%q was published, %q is there (%s)", winner, content, code)
	}
}
