package codeartifact

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Repository is a repository as it is described.
type Repository struct {
	Name          RepositoryName    `json:"name"`
	ID            uint64            `json:"id"` // never used again
	DomainID      uint64            `json:"domainId"`
	Administrator string            `json:"administrator"` // the account that created it
	Created       time.Time         `json:"created"`
	Description   string            `json:"description,omitempty"`
	Upstreams     []string          `json:"upstreams,omitempty"` // names, in the order in which they are asked
	Connections   []string          `json:"connections,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	Policy        Policy            `json:"policy,omitzero"`

	depth int // how many upstream relations away it is from the one that is asked, see chain
}

func repositoryKey(d *Domain, name string) []byte { return key(repositoriesPrefix, d.ID, name) }

// findRepository returns a repository and its domain. The error is
// ResourceNotFoundException.
func findRepository(ctx context.Context, tx kv.Reader, n RepositoryName) (*Repository, *Domain, error) {
	d, err := findDomain(ctx, tx, n.Domain)
	if err != nil {
		return nil, nil, err
	}
	r, err := repositoryOf(ctx, tx, d.ID, n.Name)
	if err == nil && r == nil {
		err = repositoryNotFound(n)
	}
	return r, d, err
}

// repositoryOf returns a repository of a domain, nil if there is none of the name.
func repositoryOf(ctx context.Context, tx kv.Reader, domain uint64, name string) (*Repository, error) {
	b, err := tx.GetHot(ctx, key(repositoriesPrefix, domain, name))
	if err != nil {
		return nil, err
	}
	return decode[Repository](b)
}

// Repository returns a repository. The error is ResourceNotFoundException.
func (s *Service) Repository(ctx context.Context, n RepositoryName) (r *Repository, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		r, _, err = findRepository(ctx, tx, n)
		return err
	})
	return r, err
}

// still returns a repository as it is in a transaction: what was found before may have been
// deleted meanwhile, also to be made again.
func (r *Repository) still(ctx context.Context, tx kv.Reader) (*Repository, error) {
	now, err := repositoryOf(ctx, tx, r.DomainID, r.Name.Name)
	if err == nil && (now == nil || now.ID != r.ID) {
		err = repositoryNotFound(r.Name)
	}
	return now, err
}
