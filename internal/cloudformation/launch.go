package cloudformation

import (
	"context"
	"maps"
)

// Launch is what a service that has a stack made for a caller says beside the request.
type Launch struct {
	Template []byte            // instead of the request's; it may be longer than a request's own can be
	Tags     map[string]string // beside the request's: these may begin with "aws:"
}

type launchKey struct{}

// WithLaunch returns a context for requests of a service that has stacks made.
func WithLaunch(ctx context.Context, l Launch) context.Context {
	return context.WithValue(ctx, launchKey{}, l)
}

func launchOf(ctx context.Context) Launch {
	l, _ := ctx.Value(launchKey{}).(Launch)
	return l
}

// tagged are a request's tags with those of a launch.
func (l Launch) tagged(tags map[string]string) map[string]string {
	if len(l.Tags) == 0 {
		return tags
	}
	all := maps.Clone(l.Tags)
	maps.Copy(all, tags)
	return all
}
