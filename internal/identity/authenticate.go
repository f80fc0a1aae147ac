package identity

import (
	"context"
	"crypto/subtle"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// Identity is who a request comes from, with what policy says of them. It is
// immutable but for its last use.
type Identity struct {
	Caller api.Caller

	subject *subject
	secret  string

	// Of a session:
	token   string
	claims  *claims
	expires time.Time
	session []policy.Attached
	tags    []tag // the subject's, under those of the session
	noted   atomic.Int64
}

// Lookup is the Lookup of a sigv4.Verifier: it returns the owner and the secret of
// an access key, whose session, if it is one, the token must be that of. For a
// key that it has seen before it costs one read of the store.
//
// Its errors are sigv4's kinds UnknownKey (also for an inactive key), InvalidToken
// and ExpiredToken, or the store's.
func (s *Service) Lookup(ctx context.Context, accessKeyID, sessionToken string) (*Identity, string, error) {
	who, err := s.Recall(ctx, accessKeyID, sessionToken)
	if err != nil {
		return nil, "", err
	}
	if !who.expires.IsZero() && !s.now().Before(who.expires) {
		return nil, "", sigv4.ExpiredToken
	}
	return who, who.secret, nil
}

// Recall returns the owner of an access key as Lookup does, also when the session has ended
// by its time: for tokens of a service that were given to a session and last longer. Its
// other errors are those of Lookup.
func (s *Service) Recall(ctx context.Context, accessKeyID, sessionToken string) (who *Identity, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		if who, err = s.cached(ctx, r, accessKeyID, sessionToken); who != nil || err != nil {
			return err
		}
		if strings.HasPrefix(accessKeyID, temporaryKey) {
			who, err = s.openSession(ctx, r, accessKeyID, sessionToken)
		} else {
			who, err = s.longTerm(ctx, r, accessKeyID, sessionToken)
		}
		return err
	})
	return who, err
}

// cached returns the identity of a key if it is known and its account has not
// changed since.
func (s *Service) cached(ctx context.Context, r kv.Reader, accessKeyID, sessionToken string) (*Identity, error) {
	who, ok := s.identities.get(accessKeyID)
	if !ok || subtle.ConstantTimeCompare([]byte(who.token), []byte(sessionToken)) == 0 {
		return nil, nil
	}
	generation, err := r.GetHot(ctx, generationKey(who.Caller.Account))
	if err != nil || string(generation) != who.subject.generation {
		return nil, err
	}
	return who, nil
}

// longTerm returns the identity behind an access key of a user or root.
func (s *Service) longTerm(ctx context.Context, r kv.Reader, id, sessionToken string) (*Identity, error) {
	if id == "" || len(id) > 128 {
		return nil, sigv4.UnknownKey
	}
	k, err := load[accessKey](ctx, r, accessKeyKey(id))
	switch {
	case err != nil:
		return nil, err
	case k == nil || !k.Active:
		return nil, sigv4.UnknownKey
	case sessionToken != "":
		return nil, sigv4.InvalidToken
	}
	sub, err := s.subject(ctx, r, k.Account, k.Kind, k.User)
	switch {
	case err != nil:
		return nil, err
	case sub == nil || sub.holder.ID != k.UserID:
		return nil, sigv4.UnknownKey
	}
	secret, err := s.sealer.open(atRest, k.Sealed, accessKeyKey(id))
	if err != nil {
		return nil, err
	}
	who := &Identity{Caller: callerOf(sub.holder), subject: sub, secret: string(secret), tags: sub.holder.Tags}
	who.Caller.AccessKeyID = id
	s.identities.set(id, who)
	return who, nil
}

// callerOf is who a user or root is in a request that they sign.
func callerOf(h *holder) api.Caller {
	c := api.Caller{Account: h.Account, ARN: h.arn(), UserID: h.ID, Type: api.UserCaller, Principal: h.arn()}
	if h.Kind == rootKind {
		c.Type = api.RootCaller
	}
	return c
}

type identityKey struct{}

// Admit lets a verified identity into a request: it makes it the caller of the
// request that ctx carries, notes the use of its key, and returns the context that
// Authorize asks for. It must be called after the signature was verified, before
// the request is handed on.
func (s *Service) Admit(ctx context.Context, who *Identity) context.Context {
	r := api.RequestOf(ctx)
	r.Caller = who.Caller
	s.noteUse(who, r.Service, r.Region)
	return context.WithValue(ctx, identityKey{}, who)
}

// identityOf returns the identity that acts in ctx, or nil.
func (s *Service) identityOf(ctx context.Context, caller *api.Caller) *Identity {
	if who, ok := ctx.Value(identityKey{}).(*Identity); ok && who.Caller == *caller {
		return who
	}
	return nil
}

// SessionToken is the token of the session that acts in ctx, "" if it is none: with it and
// the caller's access key a later Lookup finds the same identity.
func (s *Service) SessionToken(ctx context.Context) string {
	if who := s.identityOf(ctx, &api.RequestOf(ctx).Caller); who != nil {
		return who.token
	}
	return ""
}

// SessionEnd is when the session that acts in ctx ends, the zero time if it is none.
func (s *Service) SessionEnd(ctx context.Context) time.Time {
	if who := s.identityOf(ctx, &api.RequestOf(ctx).Caller); who != nil {
		return who.expires
	}
	return time.Time{}
}
