package ecr

import (
	"context"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// replication says where the pushes to a private registry, which is one of an account in
// a region, are copied.
type replication struct {
	Rules []replicationRule `json:"rules"`
}

// replicationRule copies the repositories whose names begin with one of the prefixes, all
// if there are none.
type replicationRule struct {
	Destinations []registryID `json:"to"`
	Prefixes     []string     `json:"prefixes,omitempty"`
}

// registryID is a private registry of this server.
type registryID struct {
	Account string `json:"a"`
	Region  string `json:"r"`
}

func (n Name) registry() registryID { return registryID{n.Account, n.Region} }

// named is the repository of a name in the registry.
func (p registryID) named(name string) Name {
	return Name{Account: p.Account, Region: p.Region, Name: name}
}

func (p registryID) key(prefix []byte) []byte {
	return tuple.AppendString(textKey(prefix, p.Account), p.Region)
}

// maxDestinations is how many registries the rules of one may name together; the other
// bounds are those of the service model. See "Amazon ECR service quotas".
const maxDestinations = 25

// destinations are the registries to which a repository is copied.
func (c *replication) destinations(name string) (to []registryID) {
	if c == nil {
		return nil
	}
	for _, r := range c.Rules {
		if len(r.Prefixes) > 0 && !slices.ContainsFunc(r.Prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		for _, d := range r.Destinations {
			if !slices.Contains(to, d) {
				to = append(to, d)
			}
		}
	}
	return to
}

// replicationOf returns the configuration of a registry, nil if it has none.
func replicationOf(ctx context.Context, tx kv.Reader, p registryID) (*replication, error) {
	b, err := tx.GetHot(ctx, p.key(replicationPrefix))
	if err != nil || b == nil {
		return nil, err
	}
	return decode[replication](b)
}

func (a privateAPI) PutReplicationConfiguration(ctx context.Context, in *ecr.PutReplicationConfigurationInput) (*ecr.PutReplicationConfigurationOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:PutReplicationConfiguration"); err != nil {
		return nil, err
	}
	own := privateName(ctx, nil, nil)
	c := replication{}
	var all []registryID
	for _, r := range in.ReplicationConfiguration.Rules {
		rule := replicationRule{}
		for _, d := range r.Destinations {
			to := registryID{text(d.RegistryId), text(d.Region)}
			switch {
			case to == own.registry():
				return nil, invalidReplication("Replication destination cannot be the same as the source registry")
			case !regionForm.MatchString(to.Region):
				return nil, invalidReplication("Region '%s' is not a valid region", to.Region)
			}
			rule.Destinations = append(rule.Destinations, to)
			if !slices.Contains(all, to) {
				all = append(all, to)
			}
		}
		for _, f := range r.RepositoryFilters {
			rule.Prefixes = append(rule.Prefixes, text(f.Filter))
		}
		c.Rules = append(c.Rules, rule)
	}
	if len(all) > maxDestinations {
		return nil, invalidReplication("The number of unique destinations across all rules must be at most %d", maxDestinations)
	}
	err := a.update(ctx, func(tx kv.Txn) error {
		if len(c.Rules) == 0 {
			tx.Delete(own.registry().key(replicationPrefix))
		} else {
			tx.Put(own.registry().key(replicationPrefix), encode(c))
		}
		a.recordRegistry(ctx, tx, own, map[string]any{"replicationConfiguration": c.describe()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.PutReplicationConfigurationOutput{ReplicationConfiguration: c.shape()}, nil
}

func invalidReplication(format string, args ...any) error {
	return failed("InvalidParameterException", "Invalid parameter at 'replicationConfiguration' failed to satisfy constraint: '"+format+"'", args...)
}

// shape is the configuration as the API shows it.
func (c *replication) shape() *ecr.ReplicationConfiguration {
	out := &ecr.ReplicationConfiguration{Rules: []*ecr.ReplicationRule{}}
	if c == nil {
		return out
	}
	for _, r := range c.Rules {
		rule := &ecr.ReplicationRule{Destinations: []*ecr.ReplicationDestination{}}
		for _, d := range r.Destinations {
			rule.Destinations = append(rule.Destinations, &ecr.ReplicationDestination{Region: &d.Region, RegistryId: &d.Account})
		}
		for _, p := range r.Prefixes {
			rule.RepositoryFilters = append(rule.RepositoryFilters, &ecr.RepositoryFilter{Filter: &p, FilterType: new("PREFIX_MATCH")})
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

// describe is the configuration as the audit trail has it.
func (c *replication) describe() map[string]any {
	rules := []any{}
	for _, r := range c.Rules {
		to, filters := []any{}, []any{}
		for _, d := range r.Destinations {
			to = append(to, map[string]any{"region": d.Region, "registryId": d.Account})
		}
		for _, p := range r.Prefixes {
			filters = append(filters, map[string]any{"filter": p, "filterType": "PREFIX_MATCH"})
		}
		rules = append(rules, map[string]any{"destinations": to, "repositoryFilters": filters})
	}
	return map[string]any{"rules": rules}
}

// replicationShape is the configuration of the caller's registry.
func (s *Service) replicationShape(ctx context.Context) (out *ecr.ReplicationConfiguration, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		c, err := replicationOf(ctx, tx, privateName(ctx, nil, nil).registry())
		out = c.shape()
		return err
	})
	return out, err
}

func (a privateAPI) DescribeImageReplicationStatus(ctx context.Context, in *ecr.DescribeImageReplicationStatusInput) (*ecr.DescribeImageReplicationStatusOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "DescribeImageReplicationStatus"); err != nil {
		return nil, err
	}
	reference := text(in.ImageId.ImageDigest)
	switch tag := text(in.ImageId.ImageTag); {
	case reference == "" && tag == "":
		return nil, failed("InvalidParameterException", "Invalid parameter at 'imageId' failed to satisfy constraint: 'must have an imageDigest or an imageTag'")
	case reference != "" && blob.Check(blob.Digest(reference)) != nil:
		return nil, failed("InvalidParameterException", "Invalid parameter at 'imageDigest' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+''")
	case reference == "":
		reference = tag
	}
	out := &ecr.DescribeImageReplicationStatusOutput{
		RepositoryName: &n.Name, ReplicationStatuses: []*ecr.ImageReplicationStatus{},
		ImageId: &ecr.ImageIdentifier{ImageDigest: in.ImageId.ImageDigest, ImageTag: in.ImageId.ImageTag},
	}
	err := a.view(ctx, func(tx kv.Reader) error {
		r, err := find(ctx, tx, n)
		if err != nil {
			return err
		}
		d, err := resolve(ctx, tx, r, reference)
		if err != nil {
			return err
		}
		b, err := tx.Get(ctx, key(imagesPrefix, r.ID, string(d)))
		if err != nil {
			return err
		}
		if b == nil {
			return imageNotFound(r, "{imageDigest:'"+string(d)+"'}")
		}
		out.ImageId.ImageDigest = new(string(d))
		prefix := key(copiedPrefix, r.ID, string(d))
		for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			c, err := decode[copied](p.Val)
			if err != nil {
				return err
			}
			status := &ecr.ImageReplicationStatus{Region: &c.To.Region, RegistryId: &c.To.Account, Status: &c.Status}
			if c.Failure != "" {
				status.FailureCode = &c.Failure
			}
			out.ReplicationStatuses = append(out.ReplicationStatuses, status)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
