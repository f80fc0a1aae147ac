package resources

import (
	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"time"
)

// What a step made before a crash is found by who it says that it is of: see
// cloudformation.Finder. These are the finders of the types whose resources have tags and
// names.

// ours tells whether a resource that is there was made by this step, before a crash: it
// has the stack's tags, and it is not older than the step.
func ours(r *cloudformation.Request, tags map[string]string, created *time.Time) bool {
	if created == nil || created.Before(r.Since.Truncate(time.Second)) {
		return false
	}
	for k, v := range r.Tags {
		if api.SystemTag(k) && tags[k] != v {
			return false
		}
	}
	return true
}

// found is the physical ID of a resource if it is this step's; err is that of the look.
func found(r *cloudformation.Request, id *string, tags map[string]string, created *time.Time, err error, none ...string) (string, error) {
	switch {
	case err != nil:
		return "", absent(err, none...)
	case !ours(r, tags, created):
		return "", nil
	}
	return *id, nil
}
