package codeartifact

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Domain is a domain as it is described.
type Domain struct {
	Name          DomainName        `json:"name"`
	ID            uint64            `json:"id"` // never used again
	Created       time.Time         `json:"created"`
	EncryptionKey string            `json:"key"`
	Tags          map[string]string `json:"tags,omitempty"`
	Policy        Policy            `json:"policy,omitzero"`
}

// Policy is the permissions policy of a domain or a repository.
type Policy struct {
	Document   string            `json:"document"`
	Revision   string            `json:"revision"`
	Principals map[string]string `json:"principals,omitempty"` // the unique ids of those whom it names
}

// findDomain returns a domain. The error is ResourceNotFoundException.
func findDomain(ctx context.Context, tx kv.Reader, n DomainName) (*Domain, error) {
	b, err := tx.GetHot(ctx, n.key())
	if err != nil {
		return nil, err
	}
	d, err := decode[Domain](b)
	if err == nil && d == nil {
		err = domainNotFound(n)
	}
	return d, err
}

// Domain returns a domain. The error is ResourceNotFoundException.
func (s *Service) Domain(ctx context.Context, n DomainName) (d *Domain, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		d, err = findDomain(ctx, tx, n)
		return err
	})
	return d, err
}
