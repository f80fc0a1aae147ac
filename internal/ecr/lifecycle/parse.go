package lifecycle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The limits of a policy.
const (
	maxRules     = 50
	maxWildcards = 4  // in a pattern
	minArchived  = 90 // days that an image stays in the archive
)

// Parse reads a policy. Its errors are *Errors: first those of the form, in the words of a
// JSON schema as ECR has them, then those of what the rules say together.
func Parse(text []byte) (*Policy, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var top any
	if d.Decode(&top) != nil || d.More() {
		return nil, errorf("Could not map policyString into LifecyclePolicy.")
	}
	doc, ok := top.(map[string]any)
	if !ok {
		return nil, errorf("Could not map policyString into LifecyclePolicy.")
	}
	if err := members(doc, []string{"rules"}, nil); err != nil {
		return nil, err
	}
	list, ok := doc["rules"].([]any)
	if !ok {
		return nil, wrongType(doc["rules"], "array")
	}
	if len(list) == 0 {
		return nil, errorf("array is too short: must have at least 1 elements but instance has 0 elements")
	}
	if len(list) > maxRules {
		return nil, errorf("array is too long: must have at most %d elements but instance has %d elements", maxRules, len(list))
	}
	p := &Policy{Rules: make([]Rule, len(list))}
	for i, v := range list {
		if err := p.Rules[i].parse(v); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(p.Rules, func(a, b Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

func (r *Rule) parse(v any) error {
	o, err := object(v, []string{"rulePriority", "selection", "action"}, []string{"description"})
	if err != nil {
		return err
	}
	if r.Priority, err = positive(o["rulePriority"]); err != nil {
		return err
	}
	if d, ok := o["description"]; ok {
		if _, ok := d.(string); !ok {
			return wrongType(d, "string")
		}
	}
	if err := r.parseSelection(o["selection"]); err != nil {
		return err
	}
	return r.parseAction(o["action"])
}

func (r *Rule) parseSelection(v any) error {
	o, err := object(v, []string{"tagStatus", "countType", "countNumber"},
		[]string{"tagPrefixList", "tagPatternList", "storageClass", "countUnit"})
	if err != nil {
		return err
	}
	status, err := oneOf(o["tagStatus"], string(Any), string(Tagged), string(Untagged))
	if err != nil {
		return err
	}
	count, err := oneOf(o["countType"], string(ImageCountMoreThan), string(SinceImagePulled), string(SinceImagePushed), string(SinceImageTransitioned))
	if err != nil {
		return err
	}
	r.Tagged, r.Count = TagStatus(status), CountType(count)
	if r.Number, err = positive(o["countNumber"]); err != nil {
		return err
	}
	if v, ok := o["tagPrefixList"]; ok {
		if r.Prefixes, err = texts(v); err != nil {
			return err
		}
	}
	if v, ok := o["tagPatternList"]; ok {
		if r.Patterns, err = texts(v); err != nil {
			return err
		}
	}
	if v, ok := o["storageClass"]; ok {
		class, err := oneOf(v, "archive", "standard")
		if err != nil {
			return err
		}
		r.Archived = class == "archive"
	}
	unit, hasUnit := o["countUnit"]
	if hasUnit {
		if _, err := oneOf(unit, "days"); err != nil {
			return err
		}
	}
	// A schema stands for each count type: of images there is no unit, of days there is.
	if hasUnit != (r.Count != ImageCountMoreThan) || r.Archived != (r.Count == SinceImageTransitioned) {
		return errorf("instance failed to match exactly one schema (matched 0 out of 4)")
	}
	return nil
}

func (r *Rule) parseAction(v any) error {
	o, err := object(v, []string{"type"}, []string{"targetStorageClass"})
	if err != nil {
		return err
	}
	kind, err := oneOf(o["type"], "expire", "transition")
	if err != nil {
		return err
	}
	target, hasTarget := o["targetStorageClass"]
	r.Transition = kind == "transition"
	if hasTarget != r.Transition || hasTarget && target != "archive" {
		return errorf("instance failed to match exactly one schema (matched 0 out of 2)")
	}
	return nil
}

// check refuses rules that are well-formed and yet cannot be, alone or together.
func (p *Policy) check() error {
	seen := map[string]bool{}
	for i := range p.Rules {
		r := &p.Rules[i]
		if i > 0 && p.Rules[i-1].Priority == r.Priority {
			return errorf("Each rule must have a unique rulePriority, %d is there more than once.", r.Priority)
		}
		if err := r.check(); err != nil {
			return err
		}
		// In each storage class at most one rule is for the untagged, one for all, and
		// one for a set of prefixes.
		key := strconv.FormatBool(r.Archived) + string(r.Tagged) + r.set()
		if seen[key] {
			switch r.Tagged {
			case Untagged:
				return errorf("Only one rule can select Untagged images per storage class.")
			case Any:
				return errorf("Only one rule can select images with tagStatus=ANY per storage class.")
			}
			return errorf("Rules must have unique sets of tag prefixes or patterns per storage class.")
		}
		seen[key] = true
		if r.Tagged == Any && slices.ContainsFunc(p.Rules[i+1:], func(later Rule) bool { return later.Archived == r.Archived && later.Tagged != Any }) {
			return errorf("Rule for tagStatus=ANY must have the lowest priority per storage class")
		}
	}
	return nil
}

// set is the rule's prefixes or patterns as a set.
func (r *Rule) set() string {
	list := append(slices.Clone(r.Prefixes), r.Patterns...)
	slices.Sort(list)
	b, _ := json.Marshal([]any{len(r.Prefixes) > 0, slices.Compact(list)})
	return string(b)
}

func (r *Rule) check() error {
	lists := len(r.Prefixes) + len(r.Patterns)
	switch {
	case len(r.Prefixes) > 0 && len(r.Patterns) > 0:
		return errorf("Must specify either tagPrefixList or tagPatternList, but not both.")
	case r.Tagged == Tagged && lists == 0:
		return errorf("Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.")
	case r.Tagged != Tagged && lists > 0:
		return errorf("tagPrefixList and tagPatternList can only be specified when tagStatus=TAGGED.")
	case r.Count == SinceImagePulled && !r.Transition:
		return errorf("countType=sinceImagePulled can only be used with the action transition.")
	case r.Archived && r.Transition:
		return errorf("countType=sinceImageTransitioned can only be used with the action expire.")
	case r.Archived && r.Number < minArchived:
		return errorf("countNumber must be at least %d when countType=sinceImageTransitioned.", minArchived)
	}
	for _, pattern := range r.Patterns {
		if strings.Count(pattern, "*") > maxWildcards {
			return errorf("A tag pattern can have at most %d wildcards (*).", maxWildcards)
		}
	}
	return nil
}

// object returns the members of a value that must be an object with certain members.
func object(v any, required, optional []string) (map[string]any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, wrongType(v, "object")
	}
	return o, members(o, required, optional)
}

func members(o map[string]any, required, optional []string) error {
	var missing, unknown []string
	for _, name := range required {
		if _, ok := o[name]; !ok {
			missing = append(missing, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			unknown = append(unknown, name)
		}
	}
	if missing != nil {
		slices.Sort(missing)
		return errorf("object has missing required properties (%s)", inJSON(missing))
	}
	if unknown != nil {
		return errorf("object instance has properties which are not allowed by the schema: (%s)", inJSON(unknown))
	}
	return nil
}

func positive(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, wrongType(v, "integer")
	}
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		return 0, wrongType(v, "integer")
	}
	if i < 1 {
		return 0, errorf("numeric instance is lower than the required minimum (minimum: 1, found: %d)", i)
	}
	return i, nil
}

func oneOf(v any, values ...string) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", wrongType(v, "string")
	}
	if !slices.Contains(values, s) {
		return "", errorf("instance value (%s) not found in enum (possible values: %s)", inJSON(s), inJSON(values))
	}
	return s, nil
}

func texts(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, wrongType(v, "array")
	}
	if len(list) == 0 {
		return nil, errorf("array is too short: must have at least 1 elements but instance has 0 elements")
	}
	out := make([]string, len(list))
	for i, x := range list {
		if out[i], ok = x.(string); !ok {
			return nil, wrongType(x, "string")
		}
		if out[i] == "" {
			return nil, errorf("string \"\" is too short (length: 0, required minimum: 1)")
		}
	}
	return out, nil
}

func wrongType(v any, want string) error {
	kind := "object"
	switch v := v.(type) {
	case nil:
		kind = "null"
	case bool:
		kind = "boolean"
	case string:
		kind = "string"
	case []any:
		kind = "array"
	case json.Number:
		if kind = "integer"; strings.ContainsAny(v.String(), ".eE") || want == "integer" {
			kind = "number"
		}
	}
	return errorf("instance type (%s) does not match any allowed primitive type (allowed: %s)", kind, inJSON([]string{want}))
}

func inJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts always have a form
	}
	return string(b)
}
