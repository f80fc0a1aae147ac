package s3

import (
	"net/http"

	"github.com/modelwharf/modelwharf/internal/api"
)

// The errors that several operations give, in AWS's words.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

// Refuse makes an error of a code that the operations of S3 give.
func Refuse(code string, status int, format string, args ...any) *api.Error {
	return api.Errorf(code, status, format, args...)
}

func noSuchBucket() *api.Error {
	return Refuse("NoSuchBucket", http.StatusNotFound, "The specified bucket does not exist")
}

func noSuchKey() *api.Error {
	return Refuse("NoSuchKey", http.StatusNotFound, "The specified key does not exist.")
}

func noSuchUpload() *api.Error {
	return Refuse("NoSuchUpload", http.StatusNotFound, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
}

// InvalidArgument says that something that was asked for has no sense.
func InvalidArgument(format string, args ...any) *api.Error {
	return Refuse("InvalidArgument", http.StatusBadRequest, format, args...)
}

// InvalidRequest says that a request cannot be.
func InvalidRequest(format string, args ...any) *api.Error {
	return Refuse("InvalidRequest", http.StatusBadRequest, format, args...)
}

func preconditionFailed() *api.Error {
	return Refuse("PreconditionFailed", http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

func malformedPolicy(format string, args ...any) *api.Error {
	return Refuse("MalformedPolicy", http.StatusBadRequest, format, args...)
}

// NotImplemented says that AWS has something and this version has not.
func NotImplemented(what string) *api.Error {
	return Refuse("NotImplemented", http.StatusNotImplemented, "%s not available in this version of Modelwharf.", what)
}
