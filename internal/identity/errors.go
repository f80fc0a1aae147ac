package identity

import (
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
)

func noSuchHolder(k kind, name string) error {
	return iam.NoSuchEntityException("The %s with name %s cannot be found.", k, name)
}

func noSuchPolicy(arn string) error {
	return iam.NoSuchEntityException("Policy %s was not found.", arn)
}

// checkPolicyARN refuses what is not the ARN of a policy. IAM has two codes for it.
func checkPolicyARN(arn string) error {
	rest, ok := strings.CutPrefix(arn, "arn:")
	if partition, _, _ := strings.Cut(rest, ":"); ok && partition != "aws" && strings.HasPrefix(partition, "aws") {
		return validationError("Invalid ARN partition")
	}
	if parts, ok := parseARN(arn); !ok || parts.kind != "policy" {
		return iam.InvalidInputException("ARN %s is not valid.", arn)
	}
	return nil
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
