package identity

import (
	"context"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// noteUse remembers that a key, and the role behind a session, was used. It costs
// a comparison, except for the first use in a minute.
func (s *Service) noteUse(who *Identity, service, region string) {
	now := s.now()
	minute := now.Unix() / 60
	if last := who.noted.Load(); last == minute || !who.noted.CompareAndSwap(last, minute) {
		return
	}
	use := lastUse{Time: now.UTC(), Service: service, Region: region}
	s.usesMu.Lock()
	defer s.usesMu.Unlock()
	if who.claims == nil {
		s.uses[who.Caller.AccessKeyID] = use
	}
	if who.subject.holder.Kind == roleKind {
		s.uses[who.subject.holder.ID] = use
	}
}

// FlushLastUsed writes when keys and roles were last used. The server calls it
// every minute or so, and before it stops; what is lost with a crash is no more
// than that minute's.
func (s *Service) FlushLastUsed(ctx context.Context) error {
	s.usesMu.Lock()
	uses := s.uses
	s.uses = map[string]lastUse{}
	s.usesMu.Unlock()
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(uses)), 1000) {
		if _, err := s.store.Update(ctx, func(tx kv.Txn) error {
			for _, id := range ids {
				store(tx, lastUseKey(id), uses[id])
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// lastUsed returns the last use of a key or role by its id, nil if there was none.
func (s *Service) lastUsed(ctx context.Context, r kv.Reader, id string) (*lastUse, error) {
	s.usesMu.Lock()
	use, ok := s.uses[id]
	s.usesMu.Unlock()
	if ok {
		return &use, nil
	}
	return load[lastUse](ctx, r, lastUseKey(id))
}
