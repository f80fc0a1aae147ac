package blob

import (
	"crypto/rand"
	"fmt"
	"regexp"
)

// NewUploadID returns the id of a new upload. It is a UUID, since ECR's model of an
// uploadId takes no other form.
func NewUploadID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var uploadIDForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// ValidUploadID tells whether an upload can have the id. One that can is safe as a part of
// a path.
func ValidUploadID(id string) bool { return uploadIDForm.MatchString(id) }
