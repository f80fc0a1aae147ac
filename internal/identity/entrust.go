package identity

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// entrusted is what is kept of who asked for work that goes on after the request.
type entrusted struct {
	Account     string `json:"a"`
	Kind        kind   `json:"k"`
	Name        string `json:"n"`
	ID          string `json:"i"`
	AccessKeyID string `json:"c,omitzero"`
	Token       string `json:"t,omitzero"` // of a session, sealed as it always is
}

// Entrust returns who acts in ctx, in a form to be stored, for Act. The error is of a
// caller who is nobody in particular, or a service.
func (s *Service) Entrust(ctx context.Context) ([]byte, error) {
	r := api.RequestOf(ctx)
	who := s.identityOf(ctx, &r.Caller)
	if who == nil {
		var err error
		if who, err = s.acting(ctx, r); err != nil {
			return nil, err
		}
	}
	if who == nil {
		return nil, denial(r, "User: %s is not authorized to perform this request", r.Caller.ARN)
	}
	h := who.subject.holder
	return json.Marshal(entrusted{h.Account, h.Kind, h.Name, h.ID, r.Caller.AccessKeyID, who.token})
}

// Act returns a context in which acts who was entrusted with the work: with what policy
// allows them now, within their session's policies if they had one. That the session has
// expired meanwhile does not matter, as on AWS; that user or role are gone does, and is
// AccessDenied. The context is for one act.
func (s *Service) Act(ctx context.Context, by []byte) (context.Context, error) {
	r := new(*api.RequestOf(ctx))
	var e entrusted
	if err := json.Unmarshal(by, &e); err != nil {
		return nil, api.Internal(err)
	}
	var who *Identity
	var err error
	if e.Token != "" {
		who, err = s.Recall(ctx, e.AccessKeyID, e.Token)
	} else {
		who, err = s.entrusted(ctx, e)
	}
	if _, wrong := errors.AsType[sigv4.Kind](err); wrong || err == nil && who == nil {
		return nil, denial(r, "The security token included in the request is invalid.")
	}
	if err != nil {
		return nil, api.Internal(err)
	}
	r.Caller = who.Caller
	return context.WithValue(api.WithRequest(ctx, r), identityKey{}, who), nil
}

// entrusted is the user or root of work that no session asked for; nil if they are gone.
// That their key was deleted meanwhile does not matter.
func (s *Service) entrusted(ctx context.Context, e entrusted) (who *Identity, err error) {
	err = s.store.View(ctx, func(tx kv.Reader) error {
		sub, err := s.subject(ctx, tx, e.Account, e.Kind, e.Name)
		if err != nil || sub == nil || sub.holder.ID != e.ID {
			return err
		}
		who = &Identity{Caller: callerOf(sub.holder), subject: sub, tags: sub.holder.Tags}
		who.Caller.AccessKeyID = e.AccessKeyID
		return nil
	})
	return who, err
}
