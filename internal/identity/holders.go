package identity

import (
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

// newHolder makes the record of a new user, group or role, once policy and quotas
// allow it. What is particular to its kind is the caller's to fill and to put.
func (op *operation) newHolder(k kind, name, path *string, tags []tag, boundary *string) (*holder, error) {
	h := &holder{
		Kind: k, Account: op.account, Name: text(name), Path: text(path), ID: newID(idPrefix[k]),
		Created: op.s.now().UTC().Truncate(time.Second), Tags: tags,
	}
	if h.Path == "" {
		h.Path = "/"
	}
	op.aboutTags(tags)
	if b := text(boundary); b != "" {
		op.about("iam:PermissionsBoundary", b)
	}
	if err := op.authorize(h.arn(), nil); err != nil {
		return nil, err
	}
	if err := checkReserved(op.ctx, keysOf(tags)...); err != nil {
		return nil, err
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	if err := op.unused(k, h.Name); err != nil {
		return nil, err
	}
	n, err := op.count(listKey(op.account, string(k)))
	if err != nil {
		return nil, err
	}
	if q := perAccount[k]; n >= q.n {
		return nil, overQuota(q.quota, q.n)
	}
	if b := text(boundary); b != "" {
		if err := op.setBoundary(h, b); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// unused refuses a name that another of the kind has.
func (op *operation) unused(k kind, name string) error {
	switch old, err := op.find(k, name); {
	case err != nil:
		return err
	case old != nil:
		return iam.EntityAlreadyExistsException("%s with name %s already exists.", strings.ToUpper(string(k[:1]))+string(k[1:]), name)
	}
	return nil
}

// rename gives a user or group another name and path; its id stays.
func (op *operation) rename(h *holder, name, path *string) error {
	old := *h
	if n := text(name); n != "" {
		h.Name = n
	}
	if p := text(path); p != "" {
		h.Path = p
	}
	if err := op.authorize(h.arn(), h.Tags); err != nil {
		return err
	}
	if fold(old.Name) != fold(h.Name) {
		if err := op.unused(h.Kind, h.Name); err != nil {
			return err
		}
		op.w.Delete(holderKey(old.Account, old.Kind, old.Name))
		for _, arn := range h.Attached {
			op.w.Delete(attachedKey(op.account, arn, asPolicy, old.Kind, old.Name))
			op.markAttached(arn, asPolicy, h)
		}
		if h.Boundary != "" {
			op.w.Delete(attachedKey(op.account, h.Boundary, asBoundary, old.Kind, old.Name))
			op.markAttached(h.Boundary, asBoundary, h)
		}
	}
	op.touch(old.Kind.resourceType(), old.arn())
	op.put(h)
	return nil
}

// drop deletes a holder that nothing depends on any more.
func (op *operation) drop(h *holder) error {
	switch {
	case len(h.Attached) > 0:
		return iam.DeleteConflictException("Cannot delete entity, must detach all policies first.")
	case len(h.Inline) > 0:
		return iam.DeleteConflictException("Cannot delete entity, must delete policies first.")
	}
	if h.Boundary != "" {
		if err := op.clearBoundary(h); err != nil {
			return err
		}
	}
	op.w.Delete(holderKey(h.Account, h.Kind, h.Name))
	op.w.Delete(lastUseKey(h.ID))
	op.touch(h.Kind.resourceType(), h.arn())
	return nil
}

// holders returns a page of the account's users, groups or roles under a path.
func (op *operation) holders(k kind, pathPrefix *string, p page) ([]*holder, next, error) {
	prefix := text(pathPrefix)
	if prefix == "" {
		prefix = "/"
	}
	if err := op.authorize(iamARN(op.account, string(k)+prefix), nil); err != nil {
		return nil, next{}, err
	}
	return records(op, listKey(op.account, string(k)), p, func(_ []byte, h *holder) bool {
		return strings.HasPrefix(h.Path, prefix)
	})
}

// remove returns list without v. It leaves list itself alone.
func remove(list []string, v string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == v })
}
