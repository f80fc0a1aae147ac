package resources

import (
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// tagsOf are the tags of a resource: those of its property over those of the stack, and
// those by which it says whose it is.
func tagsOf(properties *template.Node, stack map[string]string) (map[string]string, error) {
	tags := maps.Clone(stack)
	if tags == nil {
		tags = map[string]string{}
	}
	list := properties.Get("Tags")
	if list == nil {
		return tags, nil
	}
	if list.Kind == template.Map { // some types have them so
		for _, f := range list.Fields {
			tags[f.Name] = f.Value.Text
		}
		return tags, nil
	}
	if list.Kind != template.List {
		return nil, wrongType("Tags", "List")
	}
	seen := map[string]bool{}
	for _, t := range list.Items {
		key, value := t.Get("Key"), t.Get("Value")
		if key == nil || value == nil || key.Kind != template.Text || value.Kind != template.Text {
			return nil, wrong("Properties validation failed for resource with message: #/Tags: a tag has a Key and a Value")
		}
		if seen[key.Text] {
			return nil, wrong("Duplicate tag key found: %s", key.Text)
		}
		seen[key.Text] = true
		tags[key.Text] = value.Text
	}
	return tags, nil
}

// pairs makes a service's list of tags, sorted by key.
func pairs[T any](tags map[string]string, pair func(key, value *string) *T) []*T {
	var list []*T
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, pair(new(k), new(tags[k])))
	}
	return list
}

// retag calls tag with the tags that an update sets and untag with the keys of those that
// it takes away, neither with none.
func retag(r *cloudformation.Request, tag func(map[string]string) error, untag func([]string) error) error {
	next, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return err
	}
	last, err := tagsOf(r.Previous, r.PreviousTags)
	if err != nil {
		return err
	}
	set := map[string]string{}
	for k, v := range next {
		if old, ok := last[k]; r.Retry || !ok || old != v {
			set[k] = v
		}
	}
	var gone []string
	for k := range last {
		if _, stays := next[k]; !stays {
			gone = append(gone, k)
		}
	}
	slices.Sort(gone)
	if len(gone) > 0 {
		if err := untag(gone); err != nil {
			return err
		}
	}
	if len(set) > 0 {
		return tag(set)
	}
	return nil
}
