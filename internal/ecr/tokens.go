package ecr

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// TokenLife is how long an authorization token is good.
const TokenLife = 12 * time.Hour

// token is what a token says, sealed: which access key it stands for, nobody's if it is
// "". What the key's owner may do is asked at each request; a key that is deleted, and a
// session that ends, take their tokens with them.
type token struct {
	AccessKeyID string `json:"k,omitempty"`
	Session     string `json:"s,omitempty"`
	Expires     int64  `json:"e"` // seconds since 1970
}

// ErrToken says that a token is none, or no longer good.
var ErrToken = errors.New("ecr: the token is not valid or has expired")

var tokens = pagetoken.Listing{Operation: "ecr:Token"}

// NewToken returns a token for the caller of ctx, and when it expires.
func (s *Service) NewToken(ctx context.Context) (text string, expires time.Time, err error) {
	caller := api.RequestOf(ctx).Caller
	expires = s.now().Add(TokenLife).UTC().Truncate(time.Second)
	t := token{Expires: expires.Unix()}
	if caller.Type != api.AnonymousCaller {
		t.AccessKeyID, t.Session = caller.AccessKeyID, s.identity.SessionToken(ctx)
	}
	b, err := json.Marshal(t)
	if err != nil {
		return "", time.Time{}, err
	}
	return s.seal.Seal(tokens, b), expires, nil
}

// Admit lets the owner of a token into the request that ctx carries. The error is ErrToken,
// or the store's.
func (s *Service) Admit(ctx context.Context, text string) (context.Context, error) {
	b, err := s.seal.Open(tokens, text)
	if err != nil {
		return ctx, ErrToken
	}
	return s.admit(ctx, b)
}

// admit lets the owner of a token, opened, into the request that ctx carries.
func (s *Service) admit(ctx context.Context, b []byte) (context.Context, error) {
	var t token
	if json.Unmarshal(b, &t) != nil || s.now().Unix() >= t.Expires {
		return ctx, ErrToken
	}
	if t.AccessKeyID == "" {
		return AdmitAnonymous(ctx), nil
	}
	who, _, err := s.identity.Lookup(ctx, t.AccessKeyID, t.Session)
	if errors.Is(err, sigv4.UnknownKey) || errors.Is(err, sigv4.InvalidToken) || errors.Is(err, sigv4.ExpiredToken) {
		return ctx, ErrToken
	}
	if err != nil {
		return ctx, err
	}
	return s.identity.Admit(ctx, who), nil
}

// AdmitAnonymous lets nobody in particular into the request that ctx carries.
func AdmitAnonymous(ctx context.Context) context.Context {
	api.RequestOf(ctx).Caller = api.Caller{Type: api.AnonymousCaller}
	return ctx
}
