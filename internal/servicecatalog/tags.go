package servicecatalog

import (
	"context"
	"maps"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
)

// maxTags is how many tags a product, a portfolio or a provisioned product has.
const maxTags = 50

// newTags reads the tags of a request.
func newTags(ctx context.Context, list []*shapes.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		k := text(t.Key)
		if _, twice := tags[k]; twice {
			return nil, invalid("Duplicate tag key: %s", k)
		}
		if api.RequestOf(ctx).ReservedTag(k) {
			return nil, invalid("The tag key prefix 'aws:' is reserved: %s", k)
		}
		tags[k] = text(t.Value)
	}
	return tags, enough(tags)
}

// own are tags without those that services set.
func own(tags map[string]string) map[string]string {
	own := maps.Clone(tags)
	maps.DeleteFunc(own, func(k, _ string) bool { return api.SystemTag(k) })
	return own
}

func enough(tags map[string]string) error {
	if len(own(tags)) > maxTags {
		return shapes.LimitExceededException("A resource can have at most %d tags.", maxTags)
	}
	return nil
}

// retagged is a set of tags after some were removed and then some added.
func retagged(ctx context.Context, old map[string]string, add []*shapes.Tag, remove []string) (map[string]string, error) {
	more, err := newTags(ctx, add)
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(old)
	if tags == nil {
		tags = map[string]string{}
	}
	for _, k := range remove {
		delete(tags, k)
	}
	maps.Copy(tags, more)
	return tags, enough(tags)
}
