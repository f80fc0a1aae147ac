package catalog

import (
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

func invalid(format string, args ...any) *api.Error { return api.ValidationException(format, args...) }

func notFound(format string, args ...any) *api.Error {
	return modelwharf.ResourceNotFoundException(format, args...)
}

func conflict(format string, args ...any) *api.Error {
	return modelwharf.ConflictException(format, args...)
}

// incomplete is the error of a version of which something is not there.
func incomplete(v versionID, doing string, missing []string) *api.Error {
	shown := missing
	if len(shown) > 20 {
		shown = shown[:20]
	}
	e := modelwharf.ModelVersionIncompleteException("The version %s of the model %s cannot be %s: %d of what it is made of is missing:\n  %s",
		v.version, v.model, doing, len(missing), strings.Join(shown, "\n  "))
	e.Detail = &modelwharf.ModelVersionIncompleteExceptionDetail{Missing: missing}
	return e
}

func versionNotFound(v versionID) *api.Error {
	return notFound("There is no version %s of the model %s in the table %s.", v.version, v.model, tableName(v.table.ARN))
}

func notRegistered(v versionID) *api.Error {
	return conflict("The version %s of the model %s is an item that was not registered: register it with Adopt (modelwharf model register --adopt).", v.version, v.model)
}
