package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// claims is what a session token holds, sealed: all that there is to know of a
// session, so that nothing is stored of it. What it may do is read from its role
// or user at each request, by name and unique id: a role that was deleted, or made
// again under its name, ends its sessions.
type claims struct {
	AccessKeyID string `json:"k"`
	Secret      string `json:"s"`
	Account     string `json:"a"`
	Kind        kind   `json:"t"`          // roleKind, or userKind and rootKind for GetSessionToken
	Name        string `json:"n"`          // of the role or user
	ID          string `json:"i"`          // of the role or user
	Session     string `json:"r,omitzero"` // RoleSessionName
	Issued      int64  `json:"f"`          // seconds since 1970
	Expires     int64  `json:"e"`

	Policy         string   `json:"p,omitzero"` // an inline session policy
	PolicyARNs     []string `json:"m,omitzero"`
	Tags           []tag    `json:"g,omitzero"`
	Transitive     []string `json:"v,omitzero"` // keys of the tags that a chained session keeps
	SourceIdentity string   `json:"o,omitzero"`
	// Issuer is the access key that a GetSessionToken was signed with: the
	// session ends with it.
	Issuer string `json:"u,omitzero"`
}

// credentials are what a session is used with.
type credentials struct {
	accessKeyID, secret, token string
	expires                    time.Time
}

// newSession gives a session its key, secret and token. c says whose it is.
func (s *Service) newSession(c claims, lasts time.Duration) (credentials, error) {
	now := s.now()
	id, err := newAccessKeyID(temporaryKey, c.Account)
	if err != nil {
		return credentials{}, err
	}
	c.AccessKeyID, c.Secret = id, newSecret()
	c.Issued, c.Expires = now.Unix(), now.Add(lasts).Unix()
	plain, err := json.Marshal(c)
	if err != nil {
		return credentials{}, err
	}
	token := base64.StdEncoding.EncodeToString(s.sealer.seal(inToken, plain, []byte(id)))
	return credentials{id, c.Secret, token, time.Unix(c.Expires, 0).UTC()}, nil
}

// openSession returns the identity of a session.
func (s *Service) openSession(ctx context.Context, r kv.Reader, id, token string) (*Identity, error) {
	if token == "" {
		return nil, sigv4.UnknownKey
	}
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil, sigv4.InvalidToken
	}
	plain, err := s.sealer.open(inToken, sealed, []byte(id))
	if err != nil {
		return nil, sigv4.InvalidToken
	}
	var c claims
	if err := json.Unmarshal(plain, &c); err != nil || c.AccessKeyID != id {
		return nil, sigv4.InvalidToken
	}
	sub, err := s.subject(ctx, r, c.Account, c.Kind, c.Name)
	if err != nil {
		return nil, err
	}
	if sub == nil || sub.holder.ID != c.ID {
		return nil, sigv4.InvalidToken
	}
	if c.Issuer != "" {
		k, err := load[accessKey](ctx, r, accessKeyKey(c.Issuer))
		if err != nil {
			return nil, err
		}
		if k == nil || !k.Active {
			return nil, sigv4.InvalidToken
		}
	}
	who := &Identity{
		Caller: callerOf(sub.holder), subject: sub, secret: c.Secret, token: token, claims: &c,
		expires: time.Unix(c.Expires, 0), tags: mergeTags(sub.holder.Tags, c.Tags),
	}
	who.Caller.AccessKeyID = id
	if c.Kind == roleKind {
		who.Caller.Type = api.RoleCaller
		who.Caller.ARN = sessionARN(c.Account, sub.holder.Name, c.Session)
		who.Caller.UserID = c.ID + ":" + c.Session
	}
	switch who.session, err = sessionPolicies(ctx, r, &c); {
	case errors.Is(err, errNoPolicy):
		return nil, sigv4.InvalidToken // what the session may do can no longer be told
	case err != nil:
		return nil, err
	}
	s.identities.set(id, who)
	return who, nil
}

// sessionPolicies compiles the policies that were passed when a session was made.
func sessionPolicies(ctx context.Context, r kv.Reader, c *claims) ([]policy.Attached, error) {
	var all []policy.Attached
	if c.Policy != "" {
		p, err := policy.Parse([]byte(c.Policy), policy.Identity)
		if err != nil {
			return nil, err
		}
		all = append(all, policy.Attached{Name: "session policy", Policy: p})
	}
	for _, arn := range c.PolicyARNs {
		p, err := managedPolicy(ctx, r, arn)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// mergeTags returns tags with those of a session over them. Keys are compared
// without regard to case.
func mergeTags(tags, over []tag) []tag {
	if len(over) == 0 {
		return tags
	}
	merged := slices.Clone(over)
	for _, t := range tags {
		if !slices.ContainsFunc(over, func(o tag) bool { return strings.EqualFold(o.Key, t.Key) }) {
			merged = append(merged, t)
		}
	}
	return merged
}
