package identity

import (
	"net/http"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
)

func noSuchHolder(k kind, name string) error {
	return iam.NoSuchEntityException("The %s with name %s cannot be found.", k, name)
}

func noSuchPolicy(arn string) error {
	return iam.NoSuchEntityException("Policy %s was not found.", arn)
}

func notAttachable(arn string) error {
	return iam.NoSuchEntityException("Policy %s does not exist or is not attachable.", arn)
}

func overQuota(quota string, n int) error {
	return iam.LimitExceededException("Cannot exceed quota for %s: %d", quota, n)
}

// validationError is how IAM and STS, which speak Query, call a
// ValidationException.
func validationError(format string, args ...any) *api.Error {
	return api.Errorf("ValidationError", http.StatusBadRequest, format, args...)
}

func invalidClientToken() error {
	return api.Errorf("InvalidClientTokenId", http.StatusForbidden, "The security token included in the request is invalid")
}
