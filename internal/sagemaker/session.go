package sagemaker

import (
	"strings"
	"time"
)

// newSession, as the ID of a session, asks the model for a new one.
const newSession = "NEW_SESSION"

// maxSessions is how many sessions a deployment knows.
const maxSessions = 10_000

// session is where a session of a model is. What the model remembers of it ends with the
// container, so nothing of it is stored.
type session struct {
	i     *instance
	until time.Time
}

// begin notes that an instance has begun a session, in its container's words: the session's
// ID and when it ends, "ID; Expires=2006-01-02T15:04:05Z". It tells whether that could be
// understood, and there was room.
func (d *deployment) begin(i *instance, said string, now time.Time) bool {
	id, rest, _ := strings.Cut(said, ";")
	name, end, _ := strings.Cut(strings.TrimSpace(rest), "=")
	until, err := time.Parse(time.RFC3339, end)
	if id == "" || !strings.EqualFold(name, "Expires") || err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.sessions) >= maxSessions {
		for id, s := range d.sessions {
			if !now.Before(s.until) {
				delete(d.sessions, id)
			}
		}
	}
	if len(d.sessions) >= maxSessions {
		return false
	}
	d.sessions[id] = session{i, until}
	return true
}

// noteSession notes what an answer says of sessions: one that was asked for has begun, or the
// question's has ended.
func (s *Service) noteSession(q *invocation, a *answer, i *instance) {
	d := i.group.d
	if q.session == newSession && a.newSession != "" && !d.begin(i, a.newSession, s.now()) {
		s.log.Warn("a model's new session is bound to no instance: it must say ID; Expires=TIME, and there can be so many",
			"endpoint", d.at.resource().arn(), "most", maxSessions)
	}
	if a.closedSession != "" && a.closedSession == q.session {
		d.endSession(q.session)
	}
}

// endSession forgets a session.
func (d *deployment) endSession(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, id)
}

// host is the instance that has a session, nil if none has. The lock is held.
func (d *deployment) host(id string, now time.Time) *instance {
	s, ok := d.sessions[id]
	switch {
	case !ok:
		return nil
	case !s.i.ready || !now.Before(s.until): // one that is started again remembers nothing
		delete(d.sessions, id)
		return nil
	}
	return s.i
}

// chooseFor chooses the variant that answers: that of the session, or as there were none.
func (s *Service) chooseFor(q *invocation, r *route) (*variant, error) {
	if q.session != "" && q.targetVariant == "" {
		if d := s.fleet.get(r.endpoint.Serving.ID); d != nil {
			d.mu.Lock()
			i := d.host(q.session, s.now())
			d.mu.Unlock()
			if i != nil {
				return r.choose(i.group.variant.Name)
			}
		}
	}
	return r.choose(q.targetVariant)
}
