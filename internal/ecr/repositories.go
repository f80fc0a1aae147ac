package ecr

import (
	"context"
	"crypto/rand"
	"iter"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Repository is a repository as it is described.
type Repository struct {
	Name       Name              `json:"name"`
	ID         uint64            `json:"id"` // never used again
	Created    time.Time         `json:"created"`
	Mutability Mutability        `json:"mutability,omitzero"`
	Tags       map[string]string `json:"tags,omitempty"` // of the resource
	// Policy is the document of who may do what beside the account itself, and
	// Principals are the unique ids of those whom it names.
	Policy     string            `json:"policy,omitempty"`
	Principals map[string]string `json:"principals,omitempty"`
	// Lifecycle is the policy that says which images expire.
	Lifecycle string `json:"lifecycle,omitempty"`
	// SHA512 says that something was pushed by that digest: from then on uploads run
	// both hashes from their first byte.
	SHA512 bool `json:"sha512,omitempty"`
}

// CreateRepository creates a repository. The error is RepositoryAlreadyExistsException, or
// InvalidParameterException of a name or a mutability that cannot be.
func (s *Service) CreateRepository(ctx context.Context, r Repository) (*Repository, error) {
	return s.createRepository(ctx, r, func(kv.Txn, *Repository) {})
}

// createRepository is CreateRepository; also writes more in its transaction.
func (s *Service) createRepository(ctx context.Context, r Repository, also func(kv.Txn, *Repository)) (*Repository, error) {
	if !r.Name.Valid() {
		return nil, failed("InvalidParameterException", "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy the naming rules of repositories'")
	}
	if err := r.Mutability.check(); err != nil {
		return nil, err
	}
	r.Created = s.now().UTC().Truncate(time.Millisecond)
	err := s.update(ctx, func(tx kv.Txn) error {
		k := repositoryKey(r.Name)
		old, err := tx.Get(ctx, k)
		if err != nil {
			return err
		}
		if old != nil {
			return failed("RepositoryAlreadyExistsException", "The repository with name '%s' already exists in the registry with id '%s'", r.Name.Name, r.Name.Account)
		}
		last, err := tx.Get(ctx, lastIDKey)
		if err != nil {
			return err
		}
		if err := s.makeRoom(ctx, tx, repositoriesOf(r.Name), repositoriesQuota, r.Name); err != nil {
			return err
		}
		if r.Name.Public {
			if _, err := s.ensureRegistry(ctx, tx, r.Name.Account); err != nil {
				return err
			}
		}
		r.ID = decodeID(last) + 1
		tx.Put(lastIDKey, encodeID(r.ID))
		tx.Put(k, encode(r))
		also(tx, &r)
		s.record(ctx, tx, &r, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// Find returns a repository, or RepositoryNotFoundException.
func (s *Service) Find(ctx context.Context, n Name) (r *Repository, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		r, err = find(ctx, tx, n)
		return err
	})
	return r, err
}

func find(ctx context.Context, tx kv.Reader, n Name) (*Repository, error) {
	b, err := tx.GetHot(ctx, repositoryKey(n))
	if err != nil {
		return nil, err
	}
	r, err := decode[Repository](b)
	if err == nil && r == nil {
		err = repositoryNotFound(n)
	}
	return r, err
}

// still returns a repository as it is in a transaction: what was found before may have
// been deleted meanwhile, also to be made again.
func (r *Repository) still(ctx context.Context, tx kv.Reader) (*Repository, error) {
	now, err := find(ctx, tx, r.Name)
	if err == nil && now.ID != r.ID {
		err = repositoryNotFound(r.Name)
	}
	return now, err
}

// Repositories yields the repositories of a registry whose names follow after.
func (s *Service) Repositories(ctx context.Context, tx kv.Reader, registry Name, after string) iter.Seq2[*Repository, error] {
	return func(yield func(*Repository, error) bool) {
		prefix := repositoriesOf(registry)
		from := prefix
		if after != "" {
			from = append(tuple.AppendString(prefix[:len(prefix):len(prefix)], after), 0)
		}
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix)}) {
			var r *Repository
			if err == nil {
				r, err = decode[Repository](p.Val)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// DeleteRepository deletes a repository, with its images if force is true. Without it,
// the error of one that has any is RepositoryNotEmptyException; with it, of one that has
// images which are held.
func (s *Service) DeleteRepository(ctx context.Context, n Name, force bool) (r *Repository, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		if r, err = find(ctx, tx, n); err != nil {
			return err
		}
		if _, err := tx.Get(ctx, key(pushedPrefix, r.ID)); err != nil {
			return err
		}
		if err := checkHolds(ctx, tx, r); err != nil {
			return err
		}
		images := key(imagesPrefix, r.ID)
		for _, err := range tx.Scan(ctx, kv.Range{From: images, To: tuple.Below(images), Limit: 1}) {
			if err != nil {
				return err
			}
			if !force {
				return failed("RepositoryNotEmptyException",
					"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", n.Name, n.Account)
			}
		}
		// Pushes read the repository, so none commits after this.
		tx.Delete(repositoryKey(n))
		tx.Put(key(gonePrefix, r.ID), []byte{})
		s.record(ctx, tx, r, nil)
		return nil
	})
	return r, err
}

// change changes a repository's description; details are for the audit trail.
func (s *Service) change(ctx context.Context, n Name, details map[string]any, fn func(r *Repository) error) (r *Repository, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		if r, err = find(ctx, tx, n); err != nil {
			return err
		}
		if err := fn(r); err != nil {
			return err
		}
		tx.Put(repositoryKey(n), encode(r))
		s.record(ctx, tx, r, details)
		return nil
	})
	return r, err
}

// registry is an account's public registry.
type registry struct {
	Alias       string    `json:"alias"`
	Created     time.Time `json:"created"`
	DisplayName *string   `json:"displayName,omitempty"`
}

// ensureRegistry returns the public registry of an account, which is made when it is
// first needed. Its alias is drawn, as on AWS.
func (s *Service) ensureRegistry(ctx context.Context, tx kv.Txn, account string) (*registry, error) {
	b, err := tx.Get(ctx, registryKey(account))
	if err != nil || b != nil {
		reg, derr := decode[registry](b)
		if err == nil {
			err = derr
		}
		return reg, err
	}
	reg := &registry{Alias: "r" + strings.ToLower(rand.Text()[:7]), Created: s.now().UTC()}
	taken, err := tx.Get(ctx, aliasKey(reg.Alias))
	if err != nil {
		return nil, err
	}
	if taken != nil {
		return s.ensureRegistry(ctx, tx, account)
	}
	tx.Put(registryKey(account), encode(reg))
	tx.Put(aliasKey(reg.Alias), []byte(account))
	return reg, nil
}

// Alias returns the alias of an account's public registry, which is made if there is none.
func (s *Service) Alias(ctx context.Context, account string) (alias string, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		reg, err := s.ensureRegistry(ctx, tx, account)
		if err == nil {
			alias = reg.Alias
		}
		return err
	})
	return alias, err
}

// SetAlias gives an account's public registry another alias.
func (s *Service) SetAlias(ctx context.Context, account, alias string) error {
	if len(alias) > maxAlias || len(alias) < minName || !aliasForm.MatchString(alias) {
		return failed("InvalidParameterException", "The alias '%s' is not a valid registry alias", alias)
	}
	return s.update(ctx, func(tx kv.Txn) error {
		owner, err := tx.Get(ctx, aliasKey(alias))
		if err != nil {
			return err
		}
		if owner != nil && string(owner) != account {
			return failed("InvalidParameterException", "The alias '%s' is already in use", alias)
		}
		reg, err := s.ensureRegistry(ctx, tx, account)
		if err != nil {
			return err
		}
		if reg.Alias == alias {
			return nil
		}
		tx.Delete(aliasKey(reg.Alias))
		reg.Alias = alias
		tx.Put(registryKey(account), encode(reg))
		tx.Put(aliasKey(alias), []byte(account))
		return nil
	})
}

// Resolve returns the full name that a path stands for. An alias that nobody has is
// RepositoryNotFoundException.
func (s *Service) Resolve(ctx context.Context, p Path) (Name, error) {
	if p.Alias == "" {
		return Name{Account: p.Account, Region: p.Region, Name: p.Name}, nil
	}
	n := Name{Public: true, Name: p.Name}
	err := s.view(ctx, func(tx kv.Reader) error {
		account, err := tx.GetHot(ctx, aliasKey(p.Alias))
		n.Account = string(account)
		if err == nil && account == nil {
			err = failed("RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with alias '%s'", p.Name, p.Alias)
		}
		return err
	})
	return n, err
}
