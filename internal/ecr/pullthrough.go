package ecr

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// cacheRule maps the repositories below a prefix to those of another registry, whose
// images come here when they are first pulled.
type cacheRule struct {
	Prefix         string    `json:"prefix"` // without '/' at its end, or rootPrefix
	URL            string    `json:"url"`    // as it was given
	Kind           string    `json:"kind,omitempty"`
	CredentialARN  string    `json:"credential,omitempty"`
	UpstreamPrefix string    `json:"upstreamPrefix,omitempty"` // rootPrefix if empty
	Created        time.Time `json:"created"`
	Updated        time.Time `json:"updated"`
}

// maxCacheRules is how many rules a registry may have. See "Amazon ECR service quotas".
const maxCacheRules = 50

func (p registryID) ruleKey(prefix string) []byte {
	return tuple.AppendString(p.key(cacheRulesPrefix), strings.TrimSuffix(prefix, "/"))
}

// ruleFor returns the rule of a private repository: of those that are for it the one with
// the longest prefix, nil if there is none.
func ruleFor(ctx context.Context, tx kv.Reader, n Name) (*cacheRule, error) {
	if n.Public {
		return nil, nil
	}
	for prefix := n.Name; ; {
		slash := strings.LastIndexByte(prefix, '/')
		if prefix = prefix[:max(slash, 0)]; slash < 0 {
			prefix = rootPrefix
		}
		b, err := tx.GetHot(ctx, n.registry().ruleKey(prefix))
		if err != nil {
			return nil, err
		}
		if b != nil {
			return decode[cacheRule](b)
		}
		if slash < 0 {
			return nil, nil
		}
	}
}

// upstreamName is the name that a repository has upstream.
func (r *cacheRule) upstreamName(name string) string {
	if r.Prefix != rootPrefix {
		name = strings.TrimPrefix(name, r.Prefix+"/")
	}
	if r.UpstreamPrefix != "" && r.UpstreamPrefix != rootPrefix {
		name = strings.TrimSuffix(r.UpstreamPrefix, "/") + "/" + name
	}
	return name
}

// parseUpstream reads a registry's URL: a host, as in the names of images, or a URL of
// https or http. A path is what the names of its repositories begin with.
func parseUpstream(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, unsupportedUpstream()
	}
	u.Path = strings.Trim(u.Path, "/")
	named := u.Path == "" || slices.IndexFunc(strings.Split(u.Path, "/"), func(part string) bool { return !privateForm.MatchString(part) }) < 0
	if egress.CheckURL(u) != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || !named {
		return nil, unsupportedUpstream()
	}
	return u, nil
}

func unsupportedUpstream() error {
	return failed("UnsupportedUpstreamRegistryException",
		"The specified upstream registry isn't supported. Specify a host, or a URL such as https://registry.example.com")
}

func ruleNotFound(registry Name, prefix string) error {
	return failed("PullThroughCacheRuleNotFoundException",
		"The pull through cache rule with Amazon ECR repository prefix '%s' does not exist in the registry with id '%s'", prefix, registry.Account)
}

// createRule keeps a new rule of a registry. The errors are
// PullThroughCacheRuleAlreadyExistsException and LimitExceededException.
func (s *Service) createRule(ctx context.Context, registry Name, r *cacheRule) error {
	p := registry.registry()
	return s.update(ctx, func(tx kv.Txn) error {
		old, err := tx.Get(ctx, p.ruleKey(r.Prefix))
		if err != nil {
			return err
		}
		if old != nil {
			return failed("PullThroughCacheRuleAlreadyExistsException",
				"A pull through cache rule with Amazon ECR repository prefix '%s' already exists in the registry with id '%s'", r.Prefix, registry.Account)
		}
		guard := p.key(cacheRuleCountPrefix) // of two that create the last one, one runs again
		if _, err := tx.Get(ctx, guard); err != nil {
			return err
		}
		n := 0
		prefix := p.key(cacheRulesPrefix)
		for _, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			n++
		}
		if n >= maxCacheRules {
			return failed("LimitExceededException", "The registry with id '%s' has reached its limit of %d pull through cache rules", registry.Account, maxCacheRules)
		}
		tx.Put(guard, []byte{})
		tx.Put(p.ruleKey(r.Prefix), encode(r))
		s.recordRegistry(ctx, tx, registry, r.describe())
		return nil
	})
}

// describe is the rule as the audit trail has it.
func (r *cacheRule) describe() map[string]any {
	d := map[string]any{"ecrRepositoryPrefix": r.Prefix, "upstreamRegistryUrl": r.URL}
	if r.CredentialARN != "" {
		d["credentialArn"] = r.CredentialARN
	}
	return d
}

// rule returns a rule by its prefix, or PullThroughCacheRuleNotFoundException.
func (s *Service) rule(ctx context.Context, registry Name, prefix string) (r *cacheRule, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		r, err = readRule(ctx, tx, registry, prefix)
		return err
	})
	return r, err
}

func readRule(ctx context.Context, tx kv.Reader, registry Name, prefix string) (*cacheRule, error) {
	b, err := tx.Get(ctx, registry.registry().ruleKey(prefix))
	if err != nil {
		return nil, err
	}
	r, err := decode[cacheRule](b)
	if err == nil && r == nil {
		err = ruleNotFound(registry, prefix)
	}
	return r, err
}

// changeRule changes a rule, or deletes it if fn is nil, and returns what it is, or was.
func (s *Service) changeRule(ctx context.Context, registry Name, prefix string, fn func(*cacheRule)) (r *cacheRule, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		if r, err = readRule(ctx, tx, registry, prefix); err != nil {
			return err
		}
		k := registry.registry().ruleKey(prefix)
		if fn == nil {
			tx.Delete(k)
		} else {
			fn(r)
			tx.Put(k, encode(r))
		}
		s.recordRegistry(ctx, tx, registry, r.describe())
		return nil
	})
	return r, err
}
