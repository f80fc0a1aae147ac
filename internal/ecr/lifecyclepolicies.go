package ecr

import (
	"context"
	"errors"
	"slices"
	"time"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr/lifecycle"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// readLifecycle reads a lifecycle policy. The error is InvalidParameterException, also for
// one that moves images to an archive: there is none here.
func readLifecycle(document string) (*lifecycle.Policy, error) {
	p, err := lifecycle.Parse([]byte(document))
	if e, ok := errors.AsType[*lifecycle.Error](err); ok {
		return nil, invalid("LifecyclePolicyText", "%s", e.Error())
	}
	if err == nil && p.Transitions() {
		err = invalid("LifecyclePolicyText", "The archive storage class is not available in this version of Modelwharf")
	}
	return p, err
}

// lifecycleImages returns the images of a repository as a lifecycle policy sees them.
func lifecycleImages(ctx context.Context, tx kv.Reader, r *Repository) ([]lifecycle.Image, error) {
	var list []lifecycle.Image
	at := map[string]int{}
	prefix := key(imagesPrefix, r.ID)
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return nil, err
		}
		digest, err := lastText(p.Key, prefix)
		if err != nil {
			return nil, err
		}
		im, err := decode[image](p.Val)
		if err != nil {
			return nil, err
		}
		at[digest] = len(list)
		list = append(list, lifecycle.Image{Digest: digest, Pushed: im.Pushed, Subject: string(im.Subject)})
	}
	// pairs calls fn with the digest and the text behind it in the keys of a prefix.
	pairs := func(of []byte, fn func(im *lifecycle.Image, text string)) error {
		prefix := key(of, r.ID)
		for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			digest, rest, err := tuple.String(p.Key[len(prefix):])
			if err != nil {
				return err
			}
			text, _, err := tuple.String(rest)
			if err != nil {
				return err
			}
			if i, ok := at[digest]; ok {
				fn(&list[i], text)
			}
		}
		return nil
	}
	if err := pairs(taggedPrefix, func(im *lifecycle.Image, tag string) { im.Tags = append(im.Tags, tag) }); err != nil {
		return nil, err
	}
	return list, pairs(childrenPrefix, func(im *lifecycle.Image, _ string) { im.Held = true })
}

// evaluation is what a lifecycle policy says of a repository's images at a moment.
type evaluation struct {
	expiring []lifecycle.Expiry
	at       time.Time
}

// evaluate evaluates a lifecycle policy on the images that a repository has.
func (s *Service) evaluate(ctx context.Context, r *Repository, p *lifecycle.Policy) (e evaluation, err error) {
	var images []lifecycle.Image
	var held map[string]bool
	err = s.view(ctx, func(tx kv.Reader) error {
		if images, err = lifecycleImages(ctx, tx, r); err != nil {
			return err
		}
		held, err = heldImages(ctx, tx, r)
		return err
	})
	if err != nil {
		return evaluation{}, err
	}
	e.at = s.now().UTC()
	e.expiring = slices.DeleteFunc(p.Evaluate(images, e.at), func(x lifecycle.Expiry) bool { return held[x.Image.Digest] })
	return e, nil
}

// setLifecycle gives a repository a lifecycle policy, which images expire by from the next
// evaluation on; "" takes it away. It returns the one before, and when that was evaluated
// last, which is zero if never.
func (s *Service) setLifecycle(ctx context.Context, n Name, document string) (old string, evaluated time.Time, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		r, err := find(ctx, tx, n)
		if err != nil {
			return err
		}
		if old = r.Lifecycle; old == "" && document == "" {
			return lifecycleNotFound(n)
		}
		if evaluated, err = evaluatedAt(ctx, tx, r); err != nil {
			return err
		}
		next := *r
		next.Lifecycle = document
		tx.Put(repositoryKey(n), encode(next))
		tx.Delete(key(evaluatedPrefix, r.ID))
		s.record(ctx, tx, r, map[string]any{"lifecyclePolicyText": document})
		return nil
	})
	return old, evaluated, err
}

func evaluatedAt(ctx context.Context, tx kv.Reader, r *Repository) (time.Time, error) {
	b, err := tx.Get(ctx, key(evaluatedPrefix, r.ID))
	if err != nil || b == nil {
		return time.Time{}, err
	}
	t, err := decode[time.Time](b)
	if err != nil {
		return time.Time{}, err
	}
	return *t, nil
}

func lifecycleNotFound(n Name) *wharf.Error {
	return failed("LifecyclePolicyNotFoundException",
		"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", n.Name, n.Account)
}

// orNil is a time as an answer shows it: not at all if it is zero.
func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a privateAPI) PutLifecyclePolicy(ctx context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "PutLifecyclePolicy"); err != nil {
		return nil, err
	}
	if _, err := readLifecycle(*in.LifecyclePolicyText); err != nil {
		return nil, err
	}
	if _, _, err := a.setLifecycle(ctx, n, *in.LifecyclePolicyText); err != nil {
		return nil, err
	}
	return &ecr.PutLifecyclePolicyOutput{RegistryId: &n.Account, RepositoryName: &n.Name, LifecyclePolicyText: in.LifecyclePolicyText}, nil
}

func (a privateAPI) GetLifecyclePolicy(ctx context.Context, in *ecr.GetLifecyclePolicyInput) (*ecr.GetLifecyclePolicyOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "GetLifecyclePolicy"); err != nil {
		return nil, err
	}
	out := &ecr.GetLifecyclePolicyOutput{RegistryId: &n.Account, RepositoryName: &n.Name}
	err := a.view(ctx, func(tx kv.Reader) error {
		r, err := find(ctx, tx, n)
		if err == nil && r.Lifecycle == "" {
			err = lifecycleNotFound(n)
		}
		if err != nil {
			return err
		}
		evaluated, err := evaluatedAt(ctx, tx, r)
		out.LifecyclePolicyText, out.LastEvaluatedAt = &r.Lifecycle, orNil(evaluated)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (a privateAPI) DeleteLifecyclePolicy(ctx context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "DeleteLifecyclePolicy"); err != nil {
		return nil, err
	}
	old, evaluated, err := a.setLifecycle(ctx, n, "")
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteLifecyclePolicyOutput{
		RegistryId: &n.Account, RepositoryName: &n.Name, LifecyclePolicyText: &old, LastEvaluatedAt: orNil(evaluated),
	}, nil
}

// expiryBatch is how many images one transaction lets expire.
const expiryBatch = 100

// ExpireImages lets the images expire that the lifecycle policies of private repositories
// say so of, and returns how many did. Each transaction asks again whether the policy is
// still the one, and the image as it was when the policy was evaluated: one that got or
// lost a tag meanwhile, or that an index has come to name, waits for the next time. So two
// that run at once do no harm.
func (s *Service) ExpireImages(ctx context.Context) (expired int, err error) {
	err = s.keysBelow(ctx, repositoriesPrefix, func(_, val []byte) error {
		r, err := decode[Repository](val)
		if err != nil || r.Lifecycle == "" {
			return err
		}
		n, err := s.expireImages(ctx, r)
		expired += n
		if errors.Is(err, &wharf.Error{Code: "RepositoryNotFoundException"}) {
			return nil // deleted meanwhile
		}
		return err
	})
	return expired, err
}

func (s *Service) expireImages(ctx context.Context, r *Repository) (expired int, err error) {
	p, err := lifecycle.Parse([]byte(r.Lifecycle))
	if err != nil {
		return 0, err
	}
	e, err := s.evaluate(ctx, r, p)
	if err != nil {
		return 0, err
	}
	ctx = s.acting(ctx, r.Name, "PolicyExecutionEvent")
	for list := e.expiring; len(list) > 0; {
		batch := list[:min(expiryBatch, len(list))]
		list = list[len(batch):]
		n := 0
		err := s.update(ctx, func(tx kv.Txn) error {
			n = 0
			now, err := r.still(ctx, tx)
			if err != nil || now.Lifecycle != r.Lifecycle {
				return err
			}
			for _, x := range batch {
				done, err := s.expireImage(ctx, tx, now, x)
				if err != nil {
					return err
				}
				if done {
					n++
				}
			}
			return nil
		})
		if err != nil {
			return expired, err
		}
		expired += n
	}
	return expired, s.update(ctx, func(tx kv.Txn) error {
		now, err := r.still(ctx, tx)
		if err == nil && now.Lifecycle == r.Lifecycle {
			tx.Put(key(evaluatedPrefix, r.ID), encode(e.at))
		}
		return err
	})
}

// expireImage deletes an image that is still as it was evaluated.
func (s *Service) expireImage(ctx context.Context, tx kv.Txn, r *Repository, x lifecycle.Expiry) (bool, error) {
	i := 0
	for tag, err := range scanTexts(ctx, tx, key(taggedPrefix, r.ID, x.Image.Digest), "", 0) {
		if err != nil {
			return false, err
		}
		if i == len(x.Image.Tags) || x.Image.Tags[i] != tag {
			return false, nil
		}
		i++
	}
	if i < len(x.Image.Tags) {
		return false, nil
	}
	tags, err := s.removeManifest(ctx, tx, r, blob.Digest(x.Image.Digest), true)
	if errors.Is(err, &wharf.Error{Code: "ImageNotFoundException"}) || errors.Is(err, &wharf.Error{Code: "ImageReferencedByManifestList"}) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.record(ctx, tx, r, map[string]any{"imageDigest": x.Image.Digest, "imageTags": tags, "rulePriority": x.Rule.Priority})
	return true, nil
}

// acting returns a context in which the registry itself does something to a repository.
func (s *Service) acting(ctx context.Context, n Name, operation string) context.Context {
	return wharf.WithRequest(ctx, &wharf.Request{
		Service: "ecr", Operation: operation, Region: n.Region, Time: s.now(),
		Caller: wharf.Caller{Type: wharf.ServiceCaller, ARN: "ecr.amazonaws.com", Principal: "ecr.amazonaws.com"},
	})
}
