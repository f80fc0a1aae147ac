// Package lifecycle reads the lifecycle policies of repositories and says which images
// they let expire. It stores nothing and knows no clock.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
package lifecycle

import (
	"fmt"
	"strings"
)

// Policy is a lifecycle policy.
type Policy struct {
	Rules []Rule // the one of the lowest priority number, which goes first, at first
}

// Rule is a rule of a policy.
type Rule struct {
	Priority int64 // unique in its policy, from 1 on
	Tagged   TagStatus
	// Prefixes or Patterns must each fit a tag of an image that is selected by Tagged;
	// in patterns '*' stands for anything.
	Prefixes, Patterns []string
	Archived           bool // selects archived images, and no others
	Count              CountType
	Number             int64 // of images that stay, or of days
	Transition         bool  // to the archive; otherwise the action is to expire
}

// TagStatus says which images a rule selects.
type TagStatus string

// The tag statuses, as policies write them.
const (
	Tagged   TagStatus = "tagged"
	Untagged TagStatus = "untagged"
	Any      TagStatus = "any"
)

// CountType says which of the images that a rule selects are too many.
type CountType string

// The count types, as policies write them.
const (
	ImageCountMoreThan     CountType = "imageCountMoreThan"
	SinceImagePushed       CountType = "sinceImagePushed"
	SinceImagePulled       CountType = "sinceImagePulled"
	SinceImageTransitioned CountType = "sinceImageTransitioned"
)

// Transitions tells whether a rule of the policy moves images to the archive.
func (p *Policy) Transitions() bool {
	for i := range p.Rules {
		if p.Rules[i].Transition {
			return true
		}
	}
	return false
}

// Error says why a text is no lifecycle policy, in ECR's words.
type Error struct{ Message string }

func (e *Error) Error() string { return "Lifecycle policy validation failure: " + e.Message }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// selects tells whether a rule selects an image by its tags.
func (r *Rule) selects(im *Image) bool {
	switch {
	case r.Archived:
		return false // no image is archived
	case r.Tagged == Any:
		return true
	case r.Tagged == Untagged:
		return len(im.Tags) == 0
	}
	return fitAll(r.Prefixes, im.Tags, strings.HasPrefix) && fitAll(r.Patterns, im.Tags, Matches)
}

// fitAll tells whether each form fits one of the tags.
func fitAll(forms, tags []string, fits func(tag, form string) bool) bool {
next:
	for _, f := range forms {
		for _, t := range tags {
			if fits(t, f) {
				continue next
			}
		}
		return false
	}
	return true
}

// Matches tells whether a tag is of the form of a pattern, in which '*' stands for
// anything.
func Matches(tag, pattern string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	tag, ok := strings.CutPrefix(tag, head)
	if !ok || !wild {
		return ok && tag == ""
	}
	for {
		part, more, another := strings.Cut(rest, "*")
		if !another {
			return strings.HasSuffix(tag, part)
		}
		i := strings.Index(tag, part)
		if i < 0 {
			return false
		}
		tag, rest = tag[i+len(part):], more
	}
}
