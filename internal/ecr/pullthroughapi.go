package ecr

import (
	"context"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// optional is a member that is left out if there is nothing to say.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// authorizeOwnRegistry asks policy for an operation on the caller's registry. The rules of
// another account's are not to be seen or changed, as on AWS.
func (s *Service) authorizeOwnRegistry(ctx context.Context, registry *string, operation string) (Name, error) {
	n := privateName(ctx, registry, nil)
	if err := s.authorizeRegistry(ctx, "ecr:"+operation); err != nil {
		return n, err
	}
	if own := registryOf(ctx, nil); n.Account != own {
		return n, failed("InvalidParameterException", "Invalid parameter at 'registryId' failed to satisfy constraint: 'The registry with id '%s' is not that of the caller'", n.Account)
	}
	return n, nil
}

func (a privateAPI) CreatePullThroughCacheRule(ctx context.Context, in *ecr.CreatePullThroughCacheRuleInput) (*ecr.CreatePullThroughCacheRuleOutput, error) {
	n, err := a.authorizeOwnRegistry(ctx, in.RegistryId, "CreatePullThroughCacheRule")
	if err != nil {
		return nil, err
	}
	now := a.now().UTC().Truncate(time.Millisecond)
	r := &cacheRule{
		Prefix: strings.TrimSuffix(text(in.EcrRepositoryPrefix), "/"), URL: text(in.UpstreamRegistryUrl), Kind: text(in.UpstreamRegistry),
		CredentialARN: text(in.CredentialArn), UpstreamPrefix: text(in.UpstreamRepositoryPrefix), Created: now, Updated: now,
	}
	switch {
	case in.CustomRoleArn != nil:
		return nil, noCustomRole()
	case r.Prefix == rootPrefix && r.UpstreamPrefix != "" && r.UpstreamPrefix != rootPrefix:
		return nil, failed("InvalidParameterException", "Invalid parameter at 'upstreamRepositoryPrefix' failed to satisfy constraint: 'must be ROOT if the Amazon ECR repository prefix is ROOT'")
	}
	if err := a.checkRule(r); err != nil {
		return nil, err
	}
	if err := a.createRule(ctx, n, r); err != nil {
		return nil, err
	}
	return &ecr.CreatePullThroughCacheRuleOutput{
		EcrRepositoryPrefix: &r.Prefix, UpstreamRegistryUrl: &r.URL, CreatedAt: &r.Created, RegistryId: &n.Account,
		UpstreamRegistry: optional(r.Kind), CredentialArn: optional(r.CredentialARN), UpstreamRepositoryPrefix: new(r.upstreamPrefix()),
	}, nil
}

func noCustomRole() error {
	return failed("InvalidParameterException", "Invalid parameter at 'customRoleArn' failed to satisfy constraint: 'Roles for upstream registries are not available in this version of Modelwharf'")
}

// upstreamPrefix is the prefix upstream in the words of the API.
func (r *cacheRule) upstreamPrefix() string {
	if r.UpstreamPrefix == "" {
		return rootPrefix
	}
	return r.UpstreamPrefix
}

// checkRule fails unless a rule's upstream can be asked and its secret be read.
func (s *Service) checkRule(r *cacheRule) error {
	_, err := s.upstreamOf(r)
	return err
}

func (a privateAPI) DescribePullThroughCacheRules(ctx context.Context, in *ecr.DescribePullThroughCacheRulesInput) (*ecr.DescribePullThroughCacheRulesOutput, error) {
	n, err := a.authorizeOwnRegistry(ctx, in.RegistryId, "DescribePullThroughCacheRules")
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribePullThroughCacheRulesOutput{PullThroughCacheRules: []*ecr.PullThroughCacheRule{}}
	show := func(r *cacheRule) {
		out.PullThroughCacheRules = append(out.PullThroughCacheRules, &ecr.PullThroughCacheRule{
			EcrRepositoryPrefix: &r.Prefix, UpstreamRegistryUrl: &r.URL, CreatedAt: &r.Created, UpdatedAt: &r.Updated, RegistryId: &n.Account,
			UpstreamRegistry: optional(r.Kind), CredentialArn: optional(r.CredentialARN), UpstreamRepositoryPrefix: new(r.upstreamPrefix()),
		})
	}
	if len(in.EcrRepositoryPrefixes) > 0 {
		for _, prefix := range in.EcrRepositoryPrefixes {
			r, err := a.rule(ctx, n, prefix)
			if err != nil {
				return nil, err
			}
			show(r)
		}
		return out, nil
	}
	page := pagetoken.Listing{Account: n.Account, Region: n.Region, Operation: "ecr:DescribePullThroughCacheRules"}
	prefix := n.registry().key(cacheRulesPrefix)
	from := prefix
	if in.NextToken != nil {
		position, err := a.seal.Open(page, *in.NextToken)
		if err != nil {
			return nil, failed("InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'must be a token of an earlier answer'")
		}
		from = append(n.registry().ruleKey(string(position)), 0)
	}
	limit := defaultPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	err = a.view(ctx, func(tx kv.Reader) error {
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix), Limit: limit + 1}) {
			if err != nil {
				return err
			}
			if shown := out.PullThroughCacheRules; len(shown) == limit {
				out.NextToken = new(a.seal.Seal(page, []byte(*shown[limit-1].EcrRepositoryPrefix)))
				return nil
			}
			r, err := decode[cacheRule](p.Val)
			if err != nil {
				return err
			}
			show(r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (a privateAPI) UpdatePullThroughCacheRule(ctx context.Context, in *ecr.UpdatePullThroughCacheRuleInput) (*ecr.UpdatePullThroughCacheRuleOutput, error) {
	n, err := a.authorizeOwnRegistry(ctx, in.RegistryId, "UpdatePullThroughCacheRule")
	if err != nil {
		return nil, err
	}
	if in.CustomRoleArn != nil {
		return nil, noCustomRole()
	}
	changed, err := a.rule(ctx, n, text(in.EcrRepositoryPrefix))
	if err != nil {
		return nil, err
	}
	changed.CredentialARN = text(in.CredentialArn)
	if err := a.checkRule(changed); err != nil {
		return nil, err
	}
	r, err := a.changeRule(ctx, n, text(in.EcrRepositoryPrefix), func(r *cacheRule) {
		r.CredentialARN, r.Updated = text(in.CredentialArn), a.now().UTC().Truncate(time.Millisecond)
	})
	if err != nil {
		return nil, err
	}
	return &ecr.UpdatePullThroughCacheRuleOutput{
		EcrRepositoryPrefix: &r.Prefix, RegistryId: &n.Account, UpdatedAt: &r.Updated,
		CredentialArn: optional(r.CredentialARN), UpstreamRepositoryPrefix: new(r.upstreamPrefix()),
	}, nil
}

func (a privateAPI) DeletePullThroughCacheRule(ctx context.Context, in *ecr.DeletePullThroughCacheRuleInput) (*ecr.DeletePullThroughCacheRuleOutput, error) {
	n, err := a.authorizeOwnRegistry(ctx, in.RegistryId, "DeletePullThroughCacheRule")
	if err != nil {
		return nil, err
	}
	r, err := a.changeRule(ctx, n, text(in.EcrRepositoryPrefix), nil)
	if err != nil {
		return nil, err
	}
	return &ecr.DeletePullThroughCacheRuleOutput{
		EcrRepositoryPrefix: &r.Prefix, UpstreamRegistryUrl: &r.URL, CreatedAt: &r.Created, RegistryId: &n.Account,
		CredentialArn: optional(r.CredentialARN), UpstreamRepositoryPrefix: new(r.upstreamPrefix()),
	}, nil
}

// ValidatePullThroughCacheRule asks the upstream whether it is one, and takes the rule's
// credentials.
func (a privateAPI) ValidatePullThroughCacheRule(ctx context.Context, in *ecr.ValidatePullThroughCacheRuleInput) (*ecr.ValidatePullThroughCacheRuleOutput, error) {
	n, err := a.authorizeOwnRegistry(ctx, in.RegistryId, "ValidatePullThroughCacheRule")
	if err != nil {
		return nil, err
	}
	r, err := a.rule(ctx, n, text(in.EcrRepositoryPrefix))
	if err != nil {
		return nil, err
	}
	out := &ecr.ValidatePullThroughCacheRuleOutput{
		EcrRepositoryPrefix: &r.Prefix, RegistryId: &n.Account, UpstreamRegistryUrl: &r.URL, IsValid: new(true),
		CredentialArn: optional(r.CredentialARN), UpstreamRepositoryPrefix: new(r.upstreamPrefix()),
	}
	up, err := a.upstreamOf(r)
	if err == nil {
		err = up.ping(ctx)
	}
	if err != nil {
		a.log.InfoContext(ctx, "ecr: a pull through cache rule is not valid", "prefix", r.Prefix, "upstream", r.URL, "error", err)
		out.IsValid, out.Failure = new(false), new(told(err))
	}
	return out, nil
}
