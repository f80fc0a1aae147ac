package servicecatalog

import (
	"maps"
	"strings"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
)

// maxTags is how many tags a product, a portfolio or a provisioned product has.
const maxTags = 50

// newTags reads the tags of a request.
func newTags(list []*shapes.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		k := text(t.Key)
		if _, twice := tags[k]; twice {
			return nil, invalid("Duplicate tag key: %s", k)
		}
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, invalid("The tag key prefix 'aws:' is reserved: %s", k)
		}
		tags[k] = text(t.Value)
	}
	return tags, enough(tags)
}

func enough(tags map[string]string) error {
	if len(tags) > maxTags {
		return shapes.LimitExceededException("A resource can have at most %d tags.", maxTags)
	}
	return nil
}

// retagged is a set of tags after some were removed and then some added.
func retagged(old map[string]string, add []*shapes.Tag, remove []string) (map[string]string, error) {
	more, err := newTags(add)
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
