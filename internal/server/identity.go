package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/server/folder"
)

// openIdentity opens the identities and sees to it that the administrator has a key.
func (s *Server) openIdentity(ctx context.Context) error {
	secret, err := s.folder.SecretKey(s.config.SecretKeyFile)
	if err != nil {
		return err
	}
	seal, err := identity.NewSealer(secret)
	if err != nil {
		return err
	}
	s.seal, s.pages = seal, seal.Pages()
	s.identity, err = identity.New(identity.Config{
		Store: s.store, Seal: seal, Now: s.config.Now, Log: s.log, Record: record,
	})
	if err != nil {
		return err
	}
	ctx = s.asRoot(ctx, "serve")
	given := s.config.RootKey
	key, err := s.identity.EnsureRoot(ctx, s.config.Account, given.ID, given.Secret)
	if errors.Is(err, identity.ErrSealed) {
		return fmt.Errorf("the secret key is not the one that sealed the secrets in %s: name the right one's file with --secret-key-file: %w", s.folder.Store(), err)
	}
	if err != nil || given.ID != "" {
		return err
	}
	if key.Created {
		s.NewRootKey = folder.AccessKey{ID: key.AccessKeyID, Secret: key.Secret}
		return s.folder.WriteCredentials(s.NewRootKey)
	}
	if _, ok, err := s.folder.ReadCredentials(); err != nil || !ok {
		facts := []any{"file", s.folder.Credentials(), "access_key_id", key.AccessKeyID}
		if err != nil {
			facts = append(facts, "error", err)
		}
		s.log.Warn("the administrator's credentials are not in the data folder; to give them new ones, start once with MODELWHARF_ROOT_ACCESS_KEY_ID and MODELWHARF_ROOT_SECRET_ACCESS_KEY", facts...)
	}
	return nil
}

// record keeps an act on identities in the audit trail.
func record(ctx context.Context, tx kv.Txn, e identity.Event) {
	resources := make([]audit.Resource, len(e.Resources))
	for i, r := range e.Resources {
		resources[i] = audit.Resource(r)
	}
	audit.Record(ctx, tx, audit.Event{Account: e.Account, Resources: resources, Parameters: e.Parameters, Response: e.Response})
}
