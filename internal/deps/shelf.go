package deps

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// Where locks are: a generic package of the model's name in this namespace, whose version is
// the model's, with one asset.
const (
	Namespace = "model-dependencies"
	AssetName = "dependencies.json"
)

// ErrLocked says that a model's version is locked already, with other content.
var ErrLocked = errors.New("it is locked already with other content")

// Publish keeps a lock in the repository. The same lock again changes nothing: then fresh is
// false. The error is ErrLocked, with what differs, if there is another one.
func (r *Repository) Publish(ctx context.Context, lock *Lock) (fresh bool, err error) {
	old, err := r.Load(ctx, lock.Model, lock.ModelVersion)
	switch {
	case err == nil:
		return false, same(old, lock)
	case !errors.Is(err, ErrAbsent):
		return false, err
	}
	text := lock.Text()
	sum := sha256.Sum256(text)
	_, err = r.Client.PublishPackageVersion(ctx, &codeartifact.PublishPackageVersionInput{
		Domain: &r.Domain, DomainOwner: r.owner(), Repository: &r.Name, Format: types.PackageFormatGeneric,
		Namespace: new(Namespace), Package: &lock.Model, PackageVersion: &lock.ModelVersion,
		AssetName: new(AssetName), AssetContent: bytes.NewReader(text), AssetSHA256: new(hex.EncodeToString(sum[:])),
	})
	if _, conflict := errors.AsType[*types.ConflictException](err); conflict {
		// Somebody else was faster, or the version was archived or disposed of.
		if old, loadErr := r.Load(ctx, lock.Model, lock.ModelVersion); loadErr == nil {
			return false, same(old, lock)
		}
	}
	return err == nil, err
}

func same(old, lock *Lock) error {
	if bytes.Equal(old.Text(), lock.Text()) {
		return nil
	}
	return fmt.Errorf("%s %s: %w:\n  %s", lock.Model, lock.ModelVersion, ErrLocked, strings.Join(Differences(old, lock), "\n  "))
}

// ErrAbsent says that a model's version is not locked.
var ErrAbsent = errors.New("it is not locked in this repository")

// Load reads the lock of a model's version. The error is ErrAbsent if there is none.
func (r *Repository) Load(ctx context.Context, model, version string) (*Lock, error) {
	p := Package{Format: "generic", Namespace: Namespace, Name: model, Version: version}
	var text bytes.Buffer
	_, err := r.readInto(ctx, &text, p, AssetName)
	if isAbsent(err) {
		switch status, err := r.status(ctx, p); {
		case err != nil:
			return nil, err
		case status == types.PackageVersionStatusArchived || status == types.PackageVersionStatusDisposed:
			return nil, fmt.Errorf("%s %s: its lock has status %s, and cannot be read", model, version, status)
		}
		// One that is published by now was not when it was asked for.
		return nil, fmt.Errorf("%s %s: %w", model, version, ErrAbsent)
	}
	if err != nil {
		return nil, err
	}
	lock, err := Parse(text.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the lock of %s %s: %w", model, version, err)
	}
	return lock, nil
}

// Locked is a model's version that is locked.
type Locked struct {
	Model        string `json:"model"`
	ModelVersion string `json:"modelVersion"`
	Status       string `json:"status"` // of the package's version that the lock is
}

// List returns what is locked in the repository, by model.
func (r *Repository) List(ctx context.Context) (all []Locked, err error) {
	models := codeartifact.NewListPackagesPaginator(r.Client, &codeartifact.ListPackagesInput{
		Domain: &r.Domain, DomainOwner: r.owner(), Repository: &r.Name, Format: types.PackageFormatGeneric, Namespace: new(Namespace),
	})
	for models.HasMorePages() {
		page, err := models.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, model := range page.Packages {
			versions := codeartifact.NewListPackageVersionsPaginator(r.Client, &codeartifact.ListPackageVersionsInput{
				Domain: &r.Domain, DomainOwner: r.owner(), Repository: &r.Name, Format: types.PackageFormatGeneric, Namespace: new(Namespace), Package: model.Package,
			})
			for versions.HasMorePages() {
				page, err := versions.NextPage(ctx)
				if err != nil {
					return nil, err
				}
				for _, v := range page.Versions {
					all = append(all, Locked{*model.Package, *v.Version, string(v.Status)})
				}
			}
		}
	}
	return all, nil
}
