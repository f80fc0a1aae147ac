package ecr

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
)

// The errors of this package are *api.Errors with the codes that both APIs have; the
// registry protocol puts its own in their place.

func failed(code, format string, args ...any) *api.Error {
	return api.Errorf(code, http.StatusBadRequest, format, args...)
}

// invalid is the InvalidParameterException of a parameter that does not do.
func invalid(parameter, format string, args ...any) *api.Error {
	return failed("InvalidParameterException", "Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, fmt.Sprintf(format, args...))
}

// violated is how ECR tells that an input breaks its model: in words of its own, and the
// first violation only.
func violated(v *api.Violations) *api.Error {
	first := v.First()
	constraint := first.Constraint
	if first.Text {
		if pattern, ok := strings.CutPrefix(constraint, "Member must satisfy regular expression pattern: "); ok {
			constraint = "must satisfy regular expression '" + strings.ReplaceAll(pattern, `\/`, "/") + "'"
		} else if length, ok := strings.CutPrefix(constraint, "Member must have length"); ok {
			constraint = "must have length" + length
		}
	}
	return invalid(first.Path, "%s", constraint)
}

func repositoryNotFound(n Name) *api.Error {
	return failed("RepositoryNotFoundException",
		"The repository with name '%s' does not exist in the registry with id '%s'", n.Name, n.Account)
}

func imageNotFound(r *Repository, id string) *api.Error {
	return failed("ImageNotFoundException",
		"The image with imageId %s does not exist within the repository with name '%s' in the registry with id '%s'", id, r.Name.Name, r.Name.Account)
}

// tagImmutable is the answer to a push that would move a tag which must not move.
func tagImmutable(r *Repository, tag string) *api.Error {
	return failed("ImageTagAlreadyExistsException",
		"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", tag, r.Name.Name)
}

func layersNotFound(r *Repository, d blob.Digest) *api.Error {
	return failed("LayersNotFoundException",
		"The layer with digest '%s' required to push the image does not exist within the repository with name '%s' in the registry with id '%s'", d, r.Name.Name, r.Name.Account)
}

func uploadNotFound(r *Repository, id string) *api.Error {
	return failed("UploadNotFoundException",
		"The upload with id '%s' does not exist in the repository with name '%s' in the registry with id '%s'", id, r.Name.Name, r.Name.Account)
}
