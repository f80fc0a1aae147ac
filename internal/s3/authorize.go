package s3

import (
	"context"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/identity"
)

// ask asks policy whether the caller may do an action to a resource of a bucket. more are
// conditions of the request. The error is AccessDenied.
func (s *Service) ask(ctx context.Context, b *Bucket, action, resource string, more map[string][]string) error {
	c := identity.Check{Action: "s3:" + action, Resource: resource, ResourceAccount: b.Account, Conditions: more}
	if b.Policy != "" {
		c.ResourcePolicy, c.ResourcePrincipals = []byte(b.Policy), b.Principals
	}
	return s.identity.Authorize(ctx, c)
}

// onBucket authorizes an action on a bucket, which it returns. The errors are NoSuchBucket,
// which everybody is told since names are everybody's, and AccessDenied.
func (s *Service) onBucket(ctx context.Context, action, name string, more map[string][]string) (*Bucket, error) {
	b, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	return b, s.ask(ctx, b, action, b.ARN(), more)
}

// onObject authorizes an action on an object, or on what may become one.
func (s *Service) onObject(ctx context.Context, action string, n Name, more map[string][]string) (*Bucket, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	b, err := s.find(ctx, n.Bucket)
	if err != nil {
		return nil, err
	}
	return b, s.ask(ctx, b, action, b.objectARN(n.Key), more)
}

// existing authorizes an action on an object that is there, which it returns. Who may not
// list the bucket does not learn that an object is not there: the error is then AccessDenied,
// and NoSuchKey for the others.
func (s *Service) existing(ctx context.Context, action string, n Name) (*Bucket, *Object, error) {
	if err := n.check(); err != nil {
		return nil, nil, err
	}
	b, err := s.find(ctx, n.Bucket)
	if err != nil {
		return nil, nil, err
	}
	o, err := s.object(ctx, b, n.Key)
	if err != nil {
		return nil, nil, err
	}
	var more map[string][]string
	if o != nil {
		more = tagConditions("s3:ExistingObjectTag/", o.Tags)
	}
	if err := s.ask(ctx, b, action, b.objectARN(n.Key), more); err != nil {
		return nil, nil, err
	}
	if o == nil {
		if err := s.ask(ctx, b, "ListBucket", b.ARN(), nil); err != nil {
			return nil, nil, err
		}
		return nil, nil, noSuchKey()
	}
	return b, o, nil
}

func tagConditions(prefix string, tags []Tag) map[string][]string {
	var c map[string][]string
	for _, t := range tags {
		if c == nil {
			c = map[string][]string{}
		}
		c[prefix+t.Key] = []string{t.Value}
	}
	return c
}

// ExpectOwner returns AccessDenied if a bucket is not of an account.
func (s *Service) ExpectOwner(ctx context.Context, bucket, account string) error {
	b, err := s.find(ctx, bucket)
	if err == nil && b.Account != account {
		err = Refuse("AccessDenied", http.StatusForbidden, "Access Denied")
	}
	return err
}

// ObjectOwner returns the account that owns an object to which the caller may do an action.
func (s *Service) ObjectOwner(ctx context.Context, action string, n Name) (string, error) {
	b, _, err := s.existing(ctx, action, n)
	if err != nil {
		return "", err
	}
	return b.Account, nil
}
