package codeartifact

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

var _ codeartifact.Backend = (*Service)(nil)

// API returns the CodeArtifact API of the service.
func (s *Service) API() *api.Service {
	a := codeartifact.New(s)
	a.Invalid = func(v *api.Violations) *api.Error { return Invalid("%s", v.Message()) }
	return a
}

// defaultKey is the encryption key of domains that name none, as AWS's own is called.
func defaultKey(n DomainName) string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/codeartifact", n.Region, n.Owner)
}

// CreateDomain makes a domain, which belongs to the caller's account.
func (s *Service) CreateDomain(ctx context.Context, in *codeartifact.CreateDomainInput) (*codeartifact.CreateDomainOutput, error) {
	n := domainName(ctx, in.Domain, nil)
	tags, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, with(check("CreateDomain", n.ARN(), Policy{}, nil), requestTags(tags))); err != nil {
		return nil, err
	}
	d := &Domain{Name: n, Created: s.instant(), EncryptionKey: defaultKey(n), Tags: tags}
	if in.EncryptionKey != nil {
		d.EncryptionKey = *in.EncryptionKey
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		old, err := tx.Get(ctx, n.key())
		if err != nil {
			return err
		}
		if old != nil {
			return conflict(aDomain, n.Name, "Domain already exists. Domain '%s' owned by account '%s' already exists.", n.Name, n.Owner)
		}
		if some, err := countBelow(ctx, tx, domainsOf(n.Owner, n.Region)); err != nil {
			return err
		} else if some >= s.quotas.Of(domainsQuota) {
			return s.exceeded(aDomain, n.Name, domainsQuota)
		}
		if d.ID, err = newID(ctx, tx); err != nil {
			return err
		}
		tx.Put(n.key(), encode(d))
		d.record(ctx, tx, map[string]any{"encryptionKey": d.EncryptionKey})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.CreateDomainOutput{Domain: d.describe(0, 0)}, nil
}

// DescribeDomain describes a domain.
func (s *Service) DescribeDomain(ctx context.Context, in *codeartifact.DescribeDomainInput) (*codeartifact.DescribeDomainOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	d, err := s.onDomain(ctx, "DescribeDomain", n, nil)
	if err != nil {
		return nil, err
	}
	var repositories, size int64
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		if repositories, err = countBelow(ctx, tx, key(repositoriesPrefix, d.ID)); err != nil {
			return err
		}
		size, err = assetBytes(ctx, tx, d.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DescribeDomainOutput{Domain: d.describe(repositories, size)}, nil
}

// DeleteDomain deletes a domain that has no repositories. One that there is not is no error.
func (s *Service) DeleteDomain(ctx context.Context, in *codeartifact.DeleteDomainInput) (*codeartifact.DeleteDomainOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	d, err := s.onDomain(ctx, "DeleteDomain", n, nil)
	if isCode(err, "ResourceNotFoundException") {
		return &codeartifact.DeleteDomainOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		now, err := findDomain(ctx, tx, n)
		if err != nil {
			return err
		}
		d = now
		// CreateRepository reads the domain, so none comes after this.
		some, err := countBelow(ctx, tx, key(repositoriesPrefix, d.ID))
		if err != nil {
			return err
		}
		if some > 0 {
			return conflict(aDomain, n.Name, "Domain must contain 0 repositories before deletion.")
		}
		tx.Delete(n.key())
		tx.Delete(key(groupsPrefix, d.ID))
		d.record(ctx, tx, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := d.describe(0, 0)
	out.Status = new("Deleted")
	return &codeartifact.DeleteDomainOutput{Domain: out}, nil
}

// ListDomains lists the domains of the caller's account.
func (s *Service) ListDomains(ctx context.Context, in *codeartifact.ListDomainsInput) (*codeartifact.ListDomainsOutput, error) {
	if err := s.ask(ctx, check("ListDomains", "*", Policy{}, nil)); err != nil {
		return nil, err
	}
	r := api.RequestOf(ctx)
	prefix := domainsOf(r.Caller.Account, r.Region)
	domains, next, err := listed(ctx, s, page{"ListDomains", nil, in.MaxResults, in.NextToken, 1000}, prefix, "", func(_ kv.Reader, p kv.KV) (*codeartifact.DomainSummary, error) {
		d, err := decode[Domain](p.Val)
		if err != nil {
			return nil, err
		}
		return &codeartifact.DomainSummary{
			Name: &d.Name.Name, Owner: &d.Name.Owner, Arn: new(d.Name.ARN()), Status: new("Active"),
			CreatedTime: &d.Created, EncryptionKey: &d.EncryptionKey,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.ListDomainsOutput{Domains: domains, NextToken: next}, nil
}

func (d *Domain) describe(repositories, size int64) *codeartifact.DomainDescription {
	return &codeartifact.DomainDescription{
		Name: &d.Name.Name, Owner: &d.Name.Owner, Arn: new(d.Name.ARN()), Status: new("Active"), CreatedTime: &d.Created,
		EncryptionKey: &d.EncryptionKey, RepositoryCount: &repositories, AssetSizeBytes: &size,
		S3BucketArn: new("arn:aws:s3:::assets-" + d.Name.Owner + "-" + d.Name.Region),
	}
}

// record keeps a change of a domain in the audit trail.
func (d *Domain) record(ctx context.Context, tx kv.Txn, details map[string]any) {
	record(ctx, tx, d.Name, "AWS::CodeArtifact::Domain", d.Name.ARN(), map[string]any{}, details)
}

func record(ctx context.Context, tx kv.Txn, n DomainName, kind, arn string, parameters, details map[string]any) {
	parameters["domain"], parameters["domainOwner"] = n.Name, n.Owner
	for k, v := range details {
		parameters[k] = v
	}
	b, err := json.Marshal(parameters)
	if err != nil {
		panic(err) // texts always have a form
	}
	audit.Record(ctx, tx, audit.Event{Account: n.Owner, Resources: []audit.Resource{{Type: kind, ARN: arn}}, Parameters: b})
}

func countBelow(ctx context.Context, tx kv.Reader, prefix []byte) (n int64, err error) {
	for _, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// changeDomain changes a domain by one transaction; details are for the audit trail.
func (s *Service) changeDomain(ctx context.Context, n DomainName, details map[string]any, fn func(d *Domain) error) (d *Domain, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		if d, err = findDomain(ctx, tx, n); err != nil {
			return err
		}
		if err := fn(d); err != nil {
			return err
		}
		tx.Put(n.key(), encode(d))
		d.record(ctx, tx, details)
		return nil
	})
	return d, err
}
