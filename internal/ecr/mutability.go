package ecr

import (
	"cmp"
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/ecr/lifecycle"
)

// Mutability says which tags of a repository may move to another image.
type Mutability struct {
	Mode string `json:"mode,omitempty"` // Mutable if empty
	// Filters are patterns of tags, in which '*' stands for anything, for which the
	// contrary of the mode holds.
	Filters []string `json:"filters,omitempty"`
}

// The modes, in the words of the API.
const (
	Mutable                = "MUTABLE"
	Immutable              = "IMMUTABLE"
	MutableWithExclusion   = "MUTABLE_WITH_EXCLUSION"
	ImmutableWithExclusion = "IMMUTABLE_WITH_EXCLUSION"
)

// maxFilters is how many filters a repository may have; a filter has up to two '*'.
const (
	maxFilters = 5
	maxStars   = 2
)

// Moves tells whether a tag that there is may be given to another image.
func (m Mutability) Moves(tag string) bool {
	switch m.Mode {
	case Immutable:
		return false
	case ImmutableWithExclusion:
		return m.matches(tag)
	case MutableWithExclusion:
		return !m.matches(tag)
	}
	return true
}

// mode is the mode in the API's words.
func (m Mutability) mode() string { return cmp.Or(m.Mode, Mutable) }

// all tells whether all tags may move.
func (m Mutability) all() bool { return m.mode() == Mutable }

func (m Mutability) matches(tag string) bool {
	for _, f := range m.Filters {
		if lifecycle.Matches(tag, f) {
			return true
		}
	}
	return false
}

func (m Mutability) check() error {
	bad := func(format string, args ...any) error { return failed("InvalidParameterException", format, args...) }
	switch m.Mode {
	case "", Mutable, Immutable:
		if len(m.Filters) > 0 {
			return bad("imageTagMutabilityExclusionFilters can only be specified when imageTagMutability is IMMUTABLE_WITH_EXCLUSION or MUTABLE_WITH_EXCLUSION")
		}
		return nil
	case MutableWithExclusion, ImmutableWithExclusion:
	default:
		return bad("Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value set: [MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]'")
	}
	if n := len(m.Filters); n < 1 || n > maxFilters {
		return bad("imageTagMutabilityExclusionFilters must have between 1 and %d filters", maxFilters)
	}
	for _, f := range m.Filters {
		if len(f) < 1 || len(f) > 128 || strings.Count(f, "*") > maxStars || strings.ContainsFunc(f, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._*-", r))
		}) {
			return bad("The image tag mutability exclusion filter '%s' is not valid", f)
		}
	}
	return nil
}

// SetMutability changes which tags of a repository may move. It holds for every push from
// then on, also for tags that are there already. The errors are
// RepositoryNotFoundException and InvalidParameterException.
func (s *Service) SetMutability(ctx context.Context, n Name, m Mutability) (*Repository, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return s.change(ctx, n, map[string]any{"imageTagMutability": m.mode(), "imageTagMutabilityExclusionFilters": m.Filters}, func(r *Repository) error {
		r.Mutability = m
		return nil
	})
}
