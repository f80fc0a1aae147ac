package lifecycle

import (
	"cmp"
	"slices"
	"time"
)

// Image is an image as a policy sees it.
type Image struct {
	Digest string
	Tags   []string
	Pushed time.Time
	// Held says that an index names the image: it does not expire before the index.
	Held bool
	// Subject is the digest of the image that this one refers to, "" if there is none.
	Subject string
}

// Expiry says that an image expires, and by which rule.
type Expiry struct {
	Image *Image
	Rule  *Rule
}

// day is a day in which policies count.
const day = 24 * time.Hour

// Evaluate returns the images that a policy lets expire, the oldest first.
//
// An image is for the rule of the highest priority that selects it by its tags: that one
// lets it expire, or none. A rule counts all images that it selects, whatever others do
// with them. What refers to another image of the repository, such as a signature, is for
// no rule: it expires with its subject.
func (p *Policy) Evaluate(images []Image, now time.Time) []Expiry {
	byDigest := make(map[string]*Image, len(images))
	for i := range images {
		byDigest[images[i].Digest] = &images[i]
	}
	var chosen, following []*Image // those that rules are for, and those that follow a subject
	for i := range images {
		if im := &images[i]; byDigest[im.Subject] != nil {
			following = append(following, im)
		} else {
			chosen = append(chosen, im)
		}
	}
	slices.SortFunc(chosen, youngest)
	expired := map[string]*Rule{}
	owned := make(map[*Image]bool, len(chosen))
	for i := range p.Rules {
		r := &p.Rules[i]
		var selected int64
		for _, im := range chosen {
			if !r.selects(im) {
				continue
			}
			selected++
			if owned[im] {
				continue
			}
			owned[im] = true
			if !im.Held && r.exceeded(im, selected, now) {
				expired[im.Digest] = r
			}
		}
	}
	// A referrer may have referrers itself.
	for more := true; more; {
		more = false
		for _, im := range following {
			if r := expired[im.Subject]; r != nil && expired[im.Digest] == nil && !im.Held {
				expired[im.Digest], more = r, true
			}
		}
	}
	out := make([]Expiry, 0, len(expired))
	for digest, r := range expired {
		out = append(out, Expiry{byDigest[digest], r})
	}
	slices.SortFunc(out, func(a, b Expiry) int {
		return cmp.Or(a.Image.Pushed.Compare(b.Image.Pushed), cmp.Compare(a.Image.Digest, b.Image.Digest))
	})
	return out
}

func youngest(a, b *Image) int {
	return cmp.Or(b.Pushed.Compare(a.Pushed), cmp.Compare(a.Digest, b.Digest))
}

// exceeded tells whether an image is too much for a rule that selects it as the nth, from
// the youngest on. A rule of an action that there is not does nothing.
func (r *Rule) exceeded(im *Image, nth int64, now time.Time) bool {
	if r.Transition {
		return false
	}
	switch r.Count {
	case ImageCountMoreThan:
		return nth > r.Number
	case SinceImagePushed:
		age := now.Sub(im.Pushed)
		days := int64(age / day)
		return days > r.Number || days == r.Number && age%day > 0
	}
	return false
}
