package server_test

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/johannesboyne/gofakes3"
	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/control"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// publishModel publishes an asset as version 1.0 of a generic package.
func publishModel(t *testing.T, s *servertest.Server, content string) {
	t.Helper()
	c := sdk.NewFromConfig(s.AWS())
	if _, err := c.CreateDomain(t.Context(), &sdk.CreateDomainInput{Domain: aws.String("models")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{Domain: aws.String("models"), Repository: aws.String("iris")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.PublishPackageVersion(t.Context(), &sdk.PublishPackageVersionInput{
		Domain: aws.String("models"), Repository: aws.String("iris"), Format: types.PackageFormatGeneric, Namespace: aws.String("team"), Package: aws.String("weights"),
		PackageVersion: aws.String("1.0"), AssetName: aws.String("weights.bin"), AssetContent: strings.NewReader(content),
		AssetSHA256: aws.String(digest.FromString(content).Encoded()),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantModel checks that the asset is there.
func wantModel(t *testing.T, s *servertest.Server, content string) {
	t.Helper()
	out, err := sdk.NewFromConfig(s.AWS()).GetPackageVersionAsset(t.Context(), &sdk.GetPackageVersionAssetInput{
		Domain: aws.String("models"), Repository: aws.String("iris"), Format: types.PackageFormatGeneric, Namespace: aws.String("team"), Package: aws.String("weights"),
		PackageVersion: aws.String("1.0"), Asset: aws.String("weights.bin"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Asset.Close()
	if got, err := io.ReadAll(out.Asset); err != nil || string(got) != content {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestBackupOfPackages brings the bytes of packages back with the store that names them.
func TestBackupOfPackages(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	content := strings.Repeat("weights", 1<<18)
	publishModel(t, s, content)
	var out bytes.Buffer
	taken, err := control.NewClient(s.Data).Backup(t.Context(), &out)
	if err != nil || taken.Blobs != 1 || taken.Bytes != int64(len(content)) {
		t.Fatalf("%+v, %v", taken, err)
	}
	data := filepath.Join(t.TempDir(), "restored")
	if _, err := server.Restore(t.Context(), data, filepath.Join(s.Data, "secret.key"), server.Blobs{}, &out); err != nil {
		t.Fatal(err)
	}
	wantModel(t, servertest.Start(t, func(c *server.Config) { c.Data, c.RootKey = data, folder.AccessKey{} }), content)
}

// TestPackagesInBucket keeps the bytes of packages in a bucket, apart from those of images.
func TestPackagesInBucket(t *testing.T) {
	store, blobs := fakeS3(t)
	s := servertest.Start(t, func(c *server.Config) { c.Blobs = blobs })
	publishModel(t, s, "weights")
	wantModel(t, s, "weights")
	list, err := store.ListBucket("models", &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil || len(list.Contents) == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, o := range list.Contents {
		if !strings.HasPrefix(o.Key, "wharf/packages/") {
			t.Errorf("%s is not below the prefix", o.Key)
		}
	}
}
