package identity

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// chainedMax is the longest session of a role that another role's session assumes.
const chainedMax = time.Hour

// AssumeRole makes a session of a role for a caller whom the role trusts and, in
// another account or without being named by the trust policy itself, whose own
// policies allow it.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	r := api.RequestOf(ctx)
	if r.Caller.Type == api.RootCaller {
		return nil, denial(r, "Roles may not be assumed by root accounts.")
	}
	who, err := s.acting(ctx, r)
	if err != nil {
		return nil, err
	}
	arn := text(in.RoleArn)
	parts, ok := parseARN(arn)
	if !ok || parts.kind != string(roleKind) {
		return nil, validationError("%s is invalid", arn)
	}
	asked := claims{
		Session: text(in.RoleSessionName), Policy: text(in.Policy), SourceIdentity: text(in.SourceIdentity), Transitive: in.TransitiveTagKeys,
	}
	for _, t := range in.Tags {
		asked.Tags = append(asked.Tags, tag{text(t.Key), text(t.Value)})
	}
	for _, p := range in.PolicyArns {
		asked.PolicyARNs = append(asked.PolicyARNs, text(p.Arn))
	}
	// The role must trust the caller with what comes along, too. It is asked before
	// anybody looks whether there is such a role.
	if err := asked.inherit(who); err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleOutput{}
	_, err = s.store.Update(ctx, func(tx kv.Txn) error {
		sub, err := s.subject(ctx, tx, parts.account, roleKind, parts.name)
		if err != nil {
			return err
		}
		if sub == nil || sub.holder.arn() != arn {
			return untrusted(r, "sts:AssumeRole", arn)
		}
		c := asked
		c.Account, c.Kind, c.Name, c.ID = parts.account, roleKind, sub.holder.Name, sub.holder.ID
		if err := s.trusts(ctx, r, who, sub.holder, &c, in.ExternalId); err != nil {
			return err
		}
		if err := s.checkSession(ctx, tx, &c); err != nil {
			return err
		}
		lasts, err := sessionLength(in.DurationSeconds, who, sub.holder)
		if err != nil {
			return err
		}
		made, err := s.newSession(c, lasts)
		if err != nil {
			return err
		}
		*out = sts.AssumeRoleOutput{
			Credentials:     made.describe(),
			AssumedRoleUser: &sts.AssumedRoleUser{Arn: new(sessionARN(c.Account, c.Name, c.Session)), AssumedRoleId: new(c.ID + ":" + c.Session)},
		}
		if c.SourceIdentity != "" {
			out.SourceIdentity = &c.SourceIdentity
		}
		if n := c.packed(); n > 0 {
			out.PackedPolicySize = new(n)
		}
		event := Event{
			Resources:  []Resource{{roleKind.resourceType(), arn}},
			Parameters: parameters(in),
			Response:   parameters(&issued{made.public(), out.AssumedRoleUser}),
		}
		s.record(ctx, tx, event)
		if c.Account != r.Caller.Account {
			event.Account = c.Account
			s.record(ctx, tx, event)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// trusts asks the role's trust policy and the caller's own policies about each
// thing that the session asks for.
func (s *Service) trusts(ctx context.Context, r *api.Request, who *Identity, h *holder, c *claims, externalID *string) error {
	p, err := s.trustPolicy(h.Trust)
	if err != nil {
		return api.Internal(err)
	}
	conditions := map[string][]string{"sts:RoleSessionName": {c.Session}}
	if externalID != nil {
		conditions["sts:ExternalId"] = []string{*externalID}
	}
	if c.SourceIdentity != "" {
		conditions["sts:SourceIdentity"] = []string{c.SourceIdentity}
	}
	for _, t := range h.Tags {
		conditions["aws:ResourceTag/"+t.Key] = []string{t.Value}
		conditions["iam:ResourceTag/"+t.Key] = []string{t.Value}
	}
	for _, t := range c.Tags {
		conditions["aws:RequestTag/"+t.Key] = []string{t.Value}
		conditions["aws:TagKeys"] = append(conditions["aws:TagKeys"], t.Key)
	}
	if len(c.Transitive) > 0 {
		conditions["sts:TransitiveTagKeys"] = c.Transitive
	}
	actions := []string{"sts:AssumeRole"}
	if len(c.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if c.SourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	trust := &policy.Attached{Name: h.Name, Policy: p}
	for _, action := range actions {
		check := Check{Action: action, Resource: h.arn(), Conditions: conditions}
		if err := s.authorize(ctx, r, who, &check, trust); err != nil {
			if h.Account != r.Caller.Account && api.AsError(err).HTTPStatus() == http.StatusForbidden {
				return untrusted(r, action, h.arn())
			}
			return err
		}
	}
	// A caller that took the name of one whom the policy meant is not trusted.
	if id, named := h.Trusted[r.Caller.Principal]; named && who != nil && who.subject.holder.ID != id {
		return untrusted(r, "sts:AssumeRole", h.arn())
	}
	return nil
}

// untrusted refuses a role without a reason: to another account the answer is the
// same whether there is such a role or not.
func untrusted(r *api.Request, action, role string) error {
	return denial(r, "User: %s is not authorized to perform: %s on resource: %s", r.Caller.ARN, action, role)
}

// trustPolicy compiles a trust policy, once.
func (s *Service) trustPolicy(document string) (*policy.Policy, error) {
	key := "trust\x00" + document
	if p, ok := s.resources.get(key); ok {
		return p, nil
	}
	p, err := policy.Parse([]byte(document), policy.Trust)
	if err != nil {
		return nil, err
	}
	s.resources.set(key, p)
	return p, nil
}

// inherit takes over what a chained session keeps of the one that makes it.
func (c *claims) inherit(who *Identity) error {
	if who == nil || who.claims == nil {
		return nil
	}
	old := who.claims
	if old.SourceIdentity != "" {
		if c.SourceIdentity != "" && c.SourceIdentity != old.SourceIdentity {
			return validationError("The source identity of a session cannot be changed by role chaining.")
		}
		c.SourceIdentity = old.SourceIdentity
	}
	for _, t := range old.Tags {
		transitive := slices.ContainsFunc(old.Transitive, func(k string) bool { return strings.EqualFold(k, t.Key) })
		if !transitive {
			continue
		}
		if slices.ContainsFunc(c.Tags, t.sameKey) {
			return api.Errorf("InvalidParameterValue", http.StatusBadRequest, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		c.Tags = append(c.Tags, t)
		c.Transitive = append(c.Transitive, t.Key)
	}
	return nil
}

// checkSession refuses a session whose policies or tags are not as they must be.
func (s *Service) checkSession(ctx context.Context, r kv.Reader, c *claims) error {
	if c.Policy != "" {
		if _, err := policy.Parse([]byte(c.Policy), policy.Identity); err != nil {
			return sts.MalformedPolicyDocumentException("%s", err)
		}
	}
	if len(c.PolicyARNs) > sessionPolicyARNs {
		return validationError("The number of policy ARNs must be at most %d.", sessionPolicyARNs)
	}
	for _, arn := range c.PolicyARNs {
		parts, ok := parseARN(arn)
		if !ok || parts.kind != "policy" || parts.account != "aws" && parts.account != c.Account {
			return validationError("The policy ARN %s is invalid.", arn)
		}
		switch _, err := managedPolicy(ctx, r, arn); {
		case errors.Is(err, errNoPolicy):
			return validationError("The policy %s does not exist.", arn)
		case err != nil:
			return err
		}
	}
	if len(c.Tags) > sessionTags {
		return validationError("The number of session tags must be at most %d.", sessionTags)
	}
	for i, t := range c.Tags {
		if slices.ContainsFunc(c.Tags[:i], t.sameKey) {
			return api.Errorf("InvalidParameterValue", http.StatusBadRequest, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
	}
	if n := c.packed(); n > 100 {
		return sts.PackedPolicyTooLargeException("PackedPolicySize must be at most 100 percent; it is %d.", n)
	}
	return nil
}

// packed is how much of the room for policies and tags a session takes, in percent.
func (c *claims) packed() int64 {
	n := size(c.Policy)
	for _, arn := range c.PolicyARNs {
		n += len(arn)
	}
	for _, t := range c.Tags {
		n += len(t.Key) + len(t.Value)
	}
	if n == 0 {
		return 0
	}
	return int64(max(1, n*100/(2*sessionPolicySize)))
}

// sessionLength is how long a session lasts.
func sessionLength(seconds *int64, who *Identity, role *holder) (time.Duration, error) {
	lasts := time.Hour
	if seconds != nil {
		lasts = time.Duration(*seconds) * time.Second
	}
	chained := who != nil && who.claims != nil && who.claims.Kind == roleKind
	switch {
	case lasts > role.MaxSession:
		return 0, validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case chained && lasts > chainedMax:
		return 0, validationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	return lasts, nil
}

func (c *credentials) describe() *sts.Credentials {
	return &sts.Credentials{AccessKeyId: &c.accessKeyID, SecretAccessKey: &c.secret, SessionToken: &c.token, Expiration: &c.expires}
}
