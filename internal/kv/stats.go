package kv

import "sync/atomic"

// Stats are the numbers of a store since it was opened.
type Stats struct {
	Commits   int64 // that were applied
	Conflicts int64 // runs of transactions that had to be repeated
	Groups    int64 // batches: Commits/Groups is how many share a sync
	Turns     int64 // transactions that had conflicted so often that they ran alone
	Stopped   bool  // the store takes no more writes, see ErrStopped
}

// Stats returns the present numbers.
func (db *DB) Stats() Stats {
	return Stats{
		Commits:   db.stats.commits.Load(),
		Conflicts: db.stats.conflicts.Load(),
		Groups:    db.stats.groups.Load(),
		Turns:     db.stats.turns.Load(),
		Stopped:   db.stopped.Load() != nil,
	}
}

type stats struct{ commits, conflicts, groups, turns atomic.Int64 }

func (s *stats) count(g *group) {
	s.conflicts.Add(int64(len(g.conflicts)))
	if g.err == nil && len(g.committed) > 0 {
		s.commits.Add(int64(len(g.committed)))
		s.groups.Add(1)
	}
}
