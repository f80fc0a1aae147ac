package identity

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// RootKey is an access key of an account's root.
type RootKey struct {
	AccessKeyID string
	Secret      string
	// Created says that the key was made, or changed, just now.
	Created bool
}

// ErrRootKey says that a key given for root is unfit or another's.
var ErrRootKey = errors.New("identity: unfit root access key")

// EnsureRoot makes the account if there is none, and sees to it that its root has
// an access key: the given one, which then replaces one given earlier, or if none
// is given and root has none, a new one.
//
// Created is false if nothing had to be done; Secret is then empty, unless given. The
// error is ErrSealed if root's key was sealed with another secret key, unless one is given
// to take its place.
func (s *Service) EnsureRoot(ctx context.Context, id, accessKeyID, secret string) (RootKey, error) {
	if !validAccount(id) {
		return RootKey{}, ErrAccountID
	}
	if err := fitRootKey(accessKeyID, secret); err != nil {
		return RootKey{}, err
	}
	var key RootKey
	_, err := s.store.Update(ctx, func(tx kv.Txn) error {
		key = RootKey{AccessKeyID: accessKeyID, Secret: secret}
		root, err := load[holder](ctx, tx, holderKey(id, rootKind, ""))
		if err != nil {
			return err
		}
		if root == nil {
			a := Account{ID: id, Name: "root", Created: s.now().UTC().Truncate(time.Second)}
			root = s.putAccount(ctx, tx, a)
		}
		if accessKeyID == "" {
			return s.newRootKey(ctx, tx, root, &key)
		}
		return s.giveRootKey(ctx, tx, root, &key)
	})
	return key, err
}

// newRootKey makes a key for a root that has none.
func (s *Service) newRootKey(ctx context.Context, tx kv.Txn, root *holder, key *RootKey) error {
	for _, id := range root.AccessKeys {
		k, err := load[accessKey](ctx, tx, accessKeyKey(id))
		if err != nil {
			return err
		}
		if k != nil && k.Active {
			key.AccessKeyID = id
			// Nobody could sign in, and what is sealed from now on would need another key
			// than what was before.
			_, err := s.sealer.open(atRest, k.Sealed, accessKeyKey(id))
			return err
		}
	}
	k, secret, err := s.newAccessKey(ctx, tx, root)
	if err != nil {
		return err
	}
	*key = RootKey{AccessKeyID: k.ID, Secret: secret, Created: true}
	store(tx, holderKey(root.Account, rootKind, ""), root)
	renew(tx, root.Account)
	s.recordRootKey(ctx, tx, root, k.ID)
	return nil
}

// giveRootKey makes the given key root's, and takes an earlier given one away.
func (s *Service) giveRootKey(ctx context.Context, tx kv.Txn, root *holder, key *RootKey) error {
	var kept []string
	for _, id := range root.AccessKeys {
		k, err := load[accessKey](ctx, tx, accessKeyKey(id))
		if err != nil {
			return err
		}
		switch {
		case k == nil || id == key.AccessKeyID:
		case k.Given:
			tx.Delete(accessKeyKey(id))
		default:
			kept = append(kept, id)
		}
	}
	place := accessKeyKey(key.AccessKeyID)
	old, err := load[accessKey](ctx, tx, place)
	if err != nil {
		return err
	}
	if old != nil {
		if old.Account != root.Account || old.Kind != rootKind {
			return fmt.Errorf("%w: %s is the key of another identity", ErrRootKey, old.ID)
		}
		was, err := s.sealer.open(atRest, old.Sealed, place)
		if err != nil {
			// The way back for who lost the secret key, but maybe only the wrong one was named.
			s.log.ErrorContext(ctx, "the secret key is not the one that sealed the secrets in the store: the administrator's new access key works, all others are lost unless the server is started with the right key", "error", err)
		}
		if err == nil && string(was) == key.Secret && old.Active && slices.Contains(root.AccessKeys, old.ID) && len(kept)+1 == len(root.AccessKeys) {
			return nil
		}
	}
	key.Created = true
	store(tx, place, accessKey{
		ID: key.AccessKeyID, Account: root.Account, Kind: rootKind, UserID: root.ID, Active: true, Given: true,
		Created: s.now().UTC().Truncate(time.Second), Sealed: s.sealer.seal(atRest, []byte(key.Secret), place),
	})
	root.AccessKeys = append(kept, key.AccessKeyID)
	store(tx, holderKey(root.Account, rootKind, ""), root)
	renew(tx, root.Account)
	s.recordRootKey(ctx, tx, root, key.AccessKeyID)
	return nil
}

var accessKeyForm = regexp.MustCompile(`^\w{16,128}$`)

func fitRootKey(id, secret string) error {
	switch {
	case id == "" && secret == "":
		return nil
	case id == "" || secret == "":
		return fmt.Errorf("%w: its id and its secret go together", ErrRootKey)
	case !accessKeyForm.MatchString(id):
		return fmt.Errorf("%w: an id has 16 to 128 letters, digits and underscores", ErrRootKey)
	case strings.HasPrefix(id, temporaryKey):
		return fmt.Errorf("%w: ids that begin with %s are those of sessions", ErrRootKey, temporaryKey)
	case len(secret) < 8 || len(secret) > 1024:
		return fmt.Errorf("%w: a secret has at least 8 characters", ErrRootKey)
	}
	return nil
}

// recordRootKey says in the audit trail that root got a key.
func (s *Service) recordRootKey(ctx context.Context, tx kv.Txn, root *holder, id string) {
	s.record(s.administering(ctx, root.Account, "iam", "CreateAccessKey"), tx, Event{
		Account: root.Account, Resources: []Resource{{root.Kind.resourceType(), root.arn()}, {"AWS::IAM::AccessKey", id}},
	})
}
