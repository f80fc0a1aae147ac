package ecr

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// What repositories are created from a template for.
const (
	ForPullThrough = "PULL_THROUGH_CACHE"
	ForReplication = "REPLICATION"
	ForPush        = "CREATE_ON_PUSH"
)

// rootPrefix is the prefix of the template for repositories that no other one is for.
const rootPrefix = "ROOT"

// template is what repositories are like that the registry itself creates.
type template struct {
	Prefix      string            `json:"prefix"` // as it was given, with or without '/' at its end
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Mutability  Mutability        `json:"mutability,omitzero"`
	Policy      string            `json:"policy,omitempty"`
	Lifecycle   string            `json:"lifecycle,omitempty"`
	AppliedFor  []string          `json:"appliedFor,omitempty"`
	Role        string            `json:"role,omitempty"` // in which tags are given; "" for the registry's own
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
}

// templateKey is where a template is. A prefix with '/' at its end is the one without.
func templateKey(registry Name, prefix string) []byte {
	return tuple.AppendString(templatesOf(registry), strings.TrimSuffix(prefix, "/"))
}

// templatesOf is the prefix of all templates of a registry.
func templatesOf(registry Name) []byte {
	return tuple.AppendString(textKey(templatesPrefix, registry.Account), registry.Region)
}

// templateFor returns the template that a private repository would be created from for a
// purpose: of those that are for it the one with the longest prefix, nil if there is none.
func templateFor(ctx context.Context, tx kv.Reader, n Name, purpose string) (*template, error) {
	prefix := n.Name
	for {
		slash := strings.LastIndexByte(prefix, '/')
		if prefix = prefix[:max(slash, 0)]; slash < 0 {
			prefix = rootPrefix
		}
		b, err := tx.Get(ctx, templateKey(n, prefix))
		if err != nil {
			return nil, err
		}
		t, err := decode[template](b)
		if err != nil {
			return nil, err
		}
		if t != nil && slices.Contains(t.AppliedFor, purpose) {
			return t, nil
		}
		if slash < 0 {
			return nil, nil
		}
	}
}

// CreateFromTemplate creates a private repository on behalf of the registry, as the
// template says that is for the purpose, or with ECR's defaults if there is none. One that
// is made at the same time is as good. Whether the caller of ctx may is asked before.
//
// A template's role must be one that ecr.amazonaws.com may assume and that may create the
// repository with its tags; the error of another is AccessDeniedException.
func (s *Service) CreateFromTemplate(ctx context.Context, n Name, purpose string) (*Repository, error) {
	var t *template
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		t, err = templateFor(ctx, tx, n, purpose)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.create(ctx, n, t)
}

// create creates a repository as a template says, which may be nil. For the audit trail it
// is CreateRepository, whatever the caller asked for.
func (s *Service) create(ctx context.Context, n Name, t *template) (*Repository, error) {
	asked := *wharf.RequestOf(ctx)
	asked.Operation = "CreateRepository"
	ctx = wharf.WithRequest(ctx, &asked)
	r := Repository{Name: n}
	if t != nil {
		r.Tags, r.Mutability, r.Policy, r.Lifecycle = t.Tags, t.Mutability, t.Policy, t.Lifecycle
	}
	if r.Policy != "" {
		// Whom the policy names may have gone since the template was made: then it
		// names nobody there.
		principals, _, err := s.identity.ResourcePolicyPrincipals(ctx, []byte(r.Policy))
		if err != nil {
			return nil, err
		}
		r.Principals = principals
	}
	if t != nil && t.Role != "" {
		acting, err := s.identity.ServiceRole(ctx, t.Role, "ecr.amazonaws.com", "ECRTemplateSession")
		if err == nil {
			err = s.authorizeNew(acting, &r)
		}
		if err != nil {
			return nil, err
		}
	}
	made, err := s.CreateRepository(ctx, r)
	if errors.Is(err, &wharf.Error{Code: "RepositoryAlreadyExistsException"}) {
		return s.Find(ctx, n)
	}
	return made, err
}

// CreateOnPush creates a private repository that the caller of ctx pushes to, if a template
// says so. The caller must be allowed ecr:CreateRepository, with the template's tags
// unless its role gives them. The errors are RepositoryNotFoundException if no template is
// for it, and AccessDeniedException.
func (s *Service) CreateOnPush(ctx context.Context, n Name) (*Repository, error) {
	var t *template
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		t, err = templateFor(ctx, tx, n, ForPush)
		return err
	})
	if err == nil && t == nil {
		err = repositoryNotFound(n)
	}
	if err != nil {
		return nil, err
	}
	asked := Repository{Name: n}
	if t.Role == "" {
		asked.Tags = t.Tags
	}
	if err := s.authorizeNew(ctx, &asked); err != nil {
		return nil, err
	}
	return s.create(ctx, n, t)
}

// authorizeTemplate asks policy whether the caller may have the registry create
// repositories as a template says: with it one does what it will do.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates-create.html
func (s *Service) authorizeTemplate(ctx context.Context, registry Name, operation string, t *template) error {
	covered := registry
	if covered.Name = strings.TrimSuffix(t.Prefix, "/") + "/*"; t.Prefix == rootPrefix {
		covered.Name = "*"
	}
	checks := []identity.Check{
		{Action: registry.action(operation), Resource: "*"},
		{Action: registry.action("CreateRepository"), Resource: covered.ARN(), Conditions: requestTags(t.Tags)},
	}
	if t.Policy != "" {
		checks = append(checks, check(covered, nil, "SetRepositoryPolicy"))
	}
	if t.Lifecycle != "" {
		checks = append(checks, check(covered, nil, "PutLifecyclePolicy"))
	}
	if err := s.identity.Authorize(ctx, checks...); err != nil {
		return err
	}
	if t.Role != "" {
		return s.identity.PassRole(ctx, t.Role, "ecr.amazonaws.com")
	}
	return nil
}

// checkTemplate refuses a template that cannot be: by InvalidParameterException or the
// errors of tags.
func (s *Service) checkTemplate(ctx context.Context, registry Name, t *template) error {
	if len(t.AppliedFor) == 0 {
		return invalid("appliedFor", "must have at least one value")
	}
	if err := t.Mutability.check(); err != nil {
		return err
	}
	if err := checkReserved(ctx, maps.Keys(t.Tags)); err != nil {
		return err
	}
	if err := checkTags(t.Tags); err != nil {
		return err
	}
	if t.Policy != "" {
		if _, err := s.readRepositoryPolicy(ctx, registry, t.Policy); err != nil {
			return err
		}
	}
	if t.Lifecycle != "" {
		if _, err := readLifecycle(t.Lifecycle); err != nil {
			return err
		}
	}
	return nil
}

// changeTemplate changes a template in one transaction, in which fn is given the present
// one, or nil, and returns the next, or nil for none.
func (s *Service) changeTemplate(ctx context.Context, registry Name, prefix string, fn func(old *template) (*template, error)) error {
	return s.update(ctx, func(tx kv.Txn) error {
		k := templateKey(registry, prefix)
		b, err := tx.Get(ctx, k)
		if err != nil {
			return err
		}
		old, err := decode[template](b)
		if err != nil {
			return err
		}
		next, err := fn(old)
		if err != nil {
			return err
		}
		details := map[string]any{"prefix": prefix}
		if next == nil {
			tx.Delete(k)
		} else {
			tx.Put(k, encode(next))
			details["template"] = next
		}
		s.recordRegistry(ctx, tx, registry, details)
		return nil
	})
}

func templateNotFound(registry Name, prefix string) *wharf.Error {
	return failed("TemplateNotFoundException",
		"The repository creation template with prefix '%s' does not exist in the registry with id '%s'", prefix, registry.Account)
}
