package dynamodb

import "strings"

// streamState is the stream of a table as it is stored.
type streamState struct {
	On   bool   `json:"on,omitempty"`
	View string `json:"view,omitempty"` // a StreamViewType
}

// has reports whether the records of the stream have an image: OLD_IMAGE or NEW_IMAGE.
func (s streamState) has(image string) bool {
	return s.On && (s.View == "NEW_AND_OLD_IMAGES" || strings.HasSuffix(s.View, image))
}
