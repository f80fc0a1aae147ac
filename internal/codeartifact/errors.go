package codeartifact

import (
	"fmt"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
)

// The kinds of resources that errors are about.
const (
	aDomain     = "domain"
	aRepository = "repository"
	aPackage    = "package"
	aVersion    = "package-version"
	anAsset     = "asset"
	aGroup      = "package-group"
)

func notFound(kind, id, format string, args ...any) *api.Error {
	e := codeartifact.ResourceNotFoundException(format, args...)
	e.Detail = &codeartifact.ResourceNotFoundExceptionDetail{ResourceId: &id, ResourceType: &kind}
	return e
}

func conflict(kind, id, format string, args ...any) *api.Error {
	e := codeartifact.ConflictException(format, args...)
	e.Detail = &codeartifact.ConflictExceptionDetail{ResourceId: &id, ResourceType: &kind}
	return e
}

func quotaExceeded(kind, id, format string, args ...any) *api.Error {
	e := codeartifact.ServiceQuotaExceededException(format, args...)
	e.Detail = &codeartifact.ServiceQuotaExceededExceptionDetail{ResourceId: &id, ResourceType: &kind}
	return e
}

// Invalid is the ValidationException of an input that a field of makes impossible.
func Invalid(format string, args ...any) *api.Error {
	e := codeartifact.ValidationException(format, args...)
	e.Detail = &codeartifact.ValidationExceptionDetail{Reason: new("FIELD_VALIDATION_FAILED")}
	return e
}

func domainNotFound(n DomainName) *api.Error {
	return notFound(aDomain, n.Name, "Domain not found. Domain '%s' owned by account '%s' does not exist.", n.Name, n.Owner)
}

func repositoryNotFound(n RepositoryName) *api.Error {
	return notFound(aRepository, n.Name, "Repository not found. Repository '%s' in domain '%s' owned by account '%s' does not exist.", n.Name, n.Domain.Name, n.Domain.Owner)
}

// PackageNotFound is the answer about a package that a repository has not.
func PackageNotFound(r *Repository, p PackageName) *api.Error {
	return notFound(aPackage, packageID(p), "Package not found. Package %s does not exist in repository '%s'.", describePackage(p), r.Name.Name)
}

// VersionNotFound is the answer about a version that a package has not.
func VersionNotFound(p PackageName, version string) *api.Error {
	return notFound(aVersion, version, "Package version not found. Version '%s' of package %s does not exist.", version, describePackage(p))
}

// AssetNotFound is the answer about an asset that a version has not.
func AssetNotFound(version, asset string) *api.Error {
	return notFound(anAsset, asset, "Asset not found. Asset '%s' does not exist in version '%s'.", asset, version)
}

// AssetConflict is the answer to other bytes for an asset that there is already.
func AssetConflict(version, asset string) *api.Error {
	return conflict(anAsset, asset, "Asset '%s' of version '%s' already exists with other content.", asset, version)
}

// VersionConflict is the answer to a publication of a version that there is already.
func VersionConflict(version, format string, args ...any) *api.Error {
	return conflict(aVersion, version, "Package version '%s' %s", version, fmt.Sprintf(format, args...))
}

func packageID(p PackageName) string {
	if p.Namespace == "" {
		return p.Name
	}
	return p.Namespace + "/" + p.Name
}

func describePackage(p PackageName) string {
	var b strings.Builder
	fmt.Fprintf(&b, "'%s'", p.Name)
	if p.Namespace != "" {
		fmt.Fprintf(&b, " in namespace '%s'", p.Namespace)
	}
	fmt.Fprintf(&b, " with format '%s'", p.Format)
	return b.String()
}
