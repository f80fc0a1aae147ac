package ecr

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/api/ecrpublic"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// policyStatement is of a statement what ECR asks for beside a policy's own rules.
type policyStatement struct {
	Resource    json.RawMessage
	NotResource json.RawMessage
	Action      json.RawMessage
	NotAction   json.RawMessage
}

// names tells whether the statement says on which resources it is.
func (st *policyStatement) names() bool { return st.Resource != nil || st.NotResource != nil }

// actions tells whether all actions that the statement speaks of are of a service.
func (st *policyStatement) actions(service string) bool {
	for _, raw := range []json.RawMessage{st.Action, st.NotAction} {
		if raw == nil {
			continue
		}
		var many []string
		if json.Unmarshal(raw, &many) != nil {
			many = make([]string, 1)
			if json.Unmarshal(raw, &many[0]) != nil {
				return false
			}
		}
		for _, a := range many {
			if a != "*" && !strings.HasPrefix(strings.ToLower(a), service+":") {
				return false
			}
		}
	}
	return true
}

// readPolicy checks a policy document and returns the unique ids of the principals that it
// names. kind is "repository" or "registry"; fits says of each statement whether it may
// be in one. The error is InvalidParameterException.
func (s *Service) readPolicy(ctx context.Context, document, kind string, fits func(*policyStatement) bool) (principals map[string]string, err error) {
	bad := invalid("PolicyText", "Invalid %s policy provided", kind)
	principals, unknown, err := s.identity.ResourcePolicyPrincipals(ctx, []byte(document))
	if _, ok := errors.AsType[*policy.MalformedError](err); ok {
		return nil, bad.Because(err)
	}
	if err != nil {
		return nil, err
	}
	var one struct{ Statement policyStatement }
	var many struct{ Statement []policyStatement }
	if json.Unmarshal([]byte(document), &many) != nil {
		if err := json.Unmarshal([]byte(document), &one); err != nil {
			return nil, bad.Because(err)
		}
		many.Statement = append(many.Statement[:0], one.Statement)
	}
	for i := range many.Statement {
		if !fits(&many.Statement[i]) {
			return nil, bad
		}
	}
	if len(unknown) > 0 {
		return nil, invalid("PolicyText", "Principal not found")
	}
	return principals, nil
}

// readRepositoryPolicy is readPolicy of a repository's: it says nothing of resources,
// since it is on one.
func (s *Service) readRepositoryPolicy(ctx context.Context, n Name, document string) (map[string]string, error) {
	service, _, _ := strings.Cut(n.action(""), ":")
	return s.readPolicy(ctx, document, "repository", func(st *policyStatement) bool { return !st.names() && st.actions(service) })
}

// authorizePolicing asks policy for an operation on a repository's policy. Who locked
// everybody out is let in again by the account's root: no policy of a repository keeps
// root from changing that policy.
func (s *Service) authorizePolicing(ctx context.Context, n Name, operation string) error {
	c := wharf.RequestOf(ctx).Caller
	if c.Type == wharf.RootCaller && c.Account == n.Account {
		return s.Authorize(ctx, n, nil, operation)
	}
	return s.authorizeNamed(ctx, n, operation)
}

// setPolicy gives a repository a policy. Without force, one that would not let the caller
// set another is refused. The errors are RepositoryNotFoundException and
// InvalidParameterException.
func (s *Service) setPolicy(ctx context.Context, n Name, document string, force bool) error {
	if err := s.authorizePolicing(ctx, n, "SetRepositoryPolicy"); err != nil {
		return err
	}
	r, err := s.Find(ctx, n)
	if err != nil {
		return err
	}
	principals, err := s.readRepositoryPolicy(ctx, n, document)
	if err != nil {
		return err
	}
	if !force {
		next := *r
		next.Policy, next.Principals = document, principals
		err := s.Authorize(ctx, n, &next, "SetRepositoryPolicy")
		if errors.Is(err, &wharf.Error{Code: "AccessDeniedException"}) {
			return invalid("PolicyText", "The policy would prevent you from setting another repository policy in the future: set force to apply it all the same")
		}
		if err != nil {
			return err
		}
	}
	_, err = s.change(ctx, n, map[string]any{"policyText": document, "force": force}, func(r *Repository) error {
		r.Policy, r.Principals = document, principals
		return nil
	})
	return err
}

// policyOf returns the policy of a repository. The errors are RepositoryNotFoundException
// and RepositoryPolicyNotFoundException.
func (s *Service) policyOf(ctx context.Context, n Name) (string, error) {
	if err := s.authorizeNamed(ctx, n, "GetRepositoryPolicy"); err != nil {
		return "", err
	}
	r, err := s.Find(ctx, n)
	if err == nil && r.Policy == "" {
		err = policyNotFound(n)
	}
	if err != nil {
		return "", err
	}
	return r.Policy, nil
}

// deletePolicy takes away the policy of a repository, and returns it. The errors are those
// of policyOf.
func (s *Service) deletePolicy(ctx context.Context, n Name) (old string, err error) {
	if err := s.authorizePolicing(ctx, n, "DeleteRepositoryPolicy"); err != nil {
		return "", err
	}
	_, err = s.change(ctx, n, nil, func(r *Repository) error {
		if old = r.Policy; old == "" {
			return policyNotFound(n)
		}
		r.Policy, r.Principals = "", nil
		return nil
	})
	return old, err
}

func policyNotFound(n Name) *wharf.Error {
	return failed("RepositoryPolicyNotFoundException",
		"Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", n.Name, n.Account)
}

func (a privateAPI) SetRepositoryPolicy(ctx context.Context, in *ecr.SetRepositoryPolicyInput) (*ecr.SetRepositoryPolicyOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.setPolicy(ctx, n, *in.PolicyText, in.Force != nil && *in.Force); err != nil {
		return nil, err
	}
	return &ecr.SetRepositoryPolicyOutput{RegistryId: &n.Account, RepositoryName: &n.Name, PolicyText: in.PolicyText}, nil
}

func (a privateAPI) GetRepositoryPolicy(ctx context.Context, in *ecr.GetRepositoryPolicyInput) (*ecr.GetRepositoryPolicyOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	document, err := a.policyOf(ctx, n)
	if err != nil {
		return nil, err
	}
	return &ecr.GetRepositoryPolicyOutput{RegistryId: &n.Account, RepositoryName: &n.Name, PolicyText: &document}, nil
}

func (a privateAPI) DeleteRepositoryPolicy(ctx context.Context, in *ecr.DeleteRepositoryPolicyInput) (*ecr.DeleteRepositoryPolicyOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	document, err := a.deletePolicy(ctx, n)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryPolicyOutput{RegistryId: &n.Account, RepositoryName: &n.Name, PolicyText: &document}, nil
}

func (a publicAPI) SetRepositoryPolicy(ctx context.Context, in *ecrpublic.SetRepositoryPolicyInput) (*ecrpublic.SetRepositoryPolicyOutput, error) {
	n := publicName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.setPolicy(ctx, n, *in.PolicyText, in.Force != nil && *in.Force); err != nil {
		return nil, err
	}
	return &ecrpublic.SetRepositoryPolicyOutput{RegistryId: &n.Account, RepositoryName: &n.Name, PolicyText: in.PolicyText}, nil
}

func (a publicAPI) GetRepositoryPolicy(ctx context.Context, in *ecrpublic.GetRepositoryPolicyInput) (*ecrpublic.GetRepositoryPolicyOutput, error) {
	n := publicName(ctx, in.RegistryId, in.RepositoryName)
	document, err := a.policyOf(ctx, n)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.GetRepositoryPolicyOutput{RegistryId: &n.Account, RepositoryName: &n.Name, PolicyText: &document}, nil
}

func (a publicAPI) DeleteRepositoryPolicy(ctx context.Context, in *ecrpublic.DeleteRepositoryPolicyInput) (*ecrpublic.DeleteRepositoryPolicyOutput, error) {
	n := publicName(ctx, in.RegistryId, in.RepositoryName)
	document, err := a.deletePolicy(ctx, n)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.DeleteRepositoryPolicyOutput{RegistryId: &n.Account, RepositoryName: &n.Name, PolicyText: &document}, nil
}
