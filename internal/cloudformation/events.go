package cloudformation

import (
	"cmp"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// event is something that happened to a stack or a resource of it.
type event struct {
	ID         string
	LogicalID  string
	PhysicalID string `json:",omitzero"`
	Type       string
	Status     string
	Reason     string `json:",omitzero"`
	Time       time.Time
	Token      string `json:",omitzero"`
	Properties []byte `json:",omitempty"`
}

// sequence tells apart the events of one transaction, in their order.
var sequence atomic.Uint32

func putEvent(tx kv.Txn, s *stack, e event) {
	e.ID, e.Token = uuid.NewString(), s.Token
	tx.PutStamped(eventsOf(s.UUID), binary.BigEndian.AppendUint32(nil, sequence.Add(1)), encode(e))
}

// eventOf is the event that a resource has got another status.
func (r *run) eventOf(rec *resource) event {
	e := event{LogicalID: rec.ID, Type: rec.Type, Status: rec.Status, Reason: rec.Reason, Time: rec.Updated}
	p := rec.Now
	if rec.Step != nil {
		p = rec.Step.Physical
	} else if p == nil && len(rec.Doomed) > 0 {
		p = rec.Doomed[len(rec.Doomed)-1]
	}
	if p == nil {
		e.PhysicalID = rec.Last
	} else {
		e.PhysicalID = p.ID
		if at := cmp.Or(p.Shown, p.Properties); at != nil {
			e.Properties = encode(at)
		}
	}
	return e
}

// turn gives a stack another status, with an event.
func (s *Service) turn(tx kv.Txn, st *stack, status, reason string) {
	st.Status, st.Reason = status, reason
	putEvent(tx, st, event{LogicalID: st.Name, PhysicalID: st.arn(), Type: "AWS::CloudFormation::Stack", Status: status, Reason: reason, Time: s.now().UTC()})
	tx.Put(stackKey(st.UUID), encode(st))
}
