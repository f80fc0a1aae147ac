package codeartifact

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// The life of a token, in seconds.
const (
	minTokenLife = 900
	maxTokenLife = 43200
)

// token is what an authorization token says, sealed: for which domain it is, and which
// access key it stands for. What the key's owner may do is asked at each request; a key that
// is deleted takes its tokens with it.
type token struct {
	Domain      DomainName `json:"d"`
	AccessKeyID string     `json:"k"`
	Session     string     `json:"s,omitempty"`
	Expires     int64      `json:"e"` // seconds since 1970
}

// errToken says that a token is none, or no longer good.
var errToken = errors.New("codeartifact: the token is not valid or has expired")

var tokens = pagetoken.Listing{Operation: "codeartifact:Token"}

// GetAuthorizationToken returns a token for the caller, with which package tools log in to
// the repositories of a domain.
func (s *Service) GetAuthorizationToken(ctx context.Context, in *codeartifact.GetAuthorizationTokenInput) (*codeartifact.GetAuthorizationTokenOutput, error) {
	n := domainName(ctx, in.Domain, in.DomainOwner)
	if _, err := s.onDomain(ctx, "GetAuthorizationToken", n, nil); err != nil {
		return nil, err
	}
	seconds := int64(maxTokenLife)
	if in.DurationSeconds != nil {
		seconds = *in.DurationSeconds
	}
	if seconds != 0 && (seconds < minTokenLife || seconds > maxTokenLife) {
		return nil, Invalid("durationSeconds must be 0, or between %d and %d.", minTokenLife, maxTokenLife)
	}
	conditions := map[string][]string{"sts:AWSServiceName": {"codeartifact.amazonaws.com"}, "sts:DurationSeconds": {strconv.FormatInt(seconds, 10)}}
	err := s.ask(ctx, identity.Check{Action: "sts:GetServiceBearerToken", Resource: "*", Conditions: conditions})
	if err != nil {
		return nil, err
	}
	expires := s.now().Add(time.Duration(seconds) * time.Second)
	if seconds == 0 { // as long as the caller's own credentials
		expires = s.identity.SessionEnd(ctx)
		if expires.IsZero() {
			expires = s.now().Add(maxTokenLife * time.Second)
		}
	}
	expires = expires.UTC().Truncate(time.Second)
	text, err := s.newToken(ctx, n, expires)
	if err != nil {
		return nil, err
	}
	return &codeartifact.GetAuthorizationTokenOutput{AuthorizationToken: &text, Expiration: &expires}, nil
}

func (s *Service) newToken(ctx context.Context, n DomainName, expires time.Time) (string, error) {
	t := token{Domain: n, AccessKeyID: api.RequestOf(ctx).Caller.AccessKeyID, Session: s.identity.SessionToken(ctx), Expires: expires.Unix()}
	b, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return s.seal.Seal(tokens, b), nil
}

// admit lets the owner of a token into the request that ctx carries, and returns the domain
// that the token is for. The error is errToken, or the store's. A token of a session is good
// until it ends itself, also when the session has ended before, as on AWS.
func (s *Service) admit(ctx context.Context, text string) (context.Context, DomainName, error) {
	var t token
	b, err := s.seal.Open(tokens, text)
	if err != nil || json.Unmarshal(b, &t) != nil || s.now().Unix() >= t.Expires {
		return ctx, DomainName{}, errToken
	}
	who, err := s.identity.Recall(ctx, t.AccessKeyID, t.Session)
	if errors.Is(err, sigv4.UnknownKey) || errors.Is(err, sigv4.InvalidToken) || errors.Is(err, sigv4.ExpiredToken) {
		return ctx, DomainName{}, errToken
	}
	if err != nil {
		return ctx, DomainName{}, err
	}
	return s.identity.Admit(ctx, who), t.Domain, nil
}
