package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// eventJob is the job of an asynchronous invocation. Its id is the request's.
const eventJob = "lambda.Invoke"

const (
	// eventRetries is how often an asynchronous invocation is tried again, as on AWS.
	eventRetries = 2
	// eventLife is how long an event waits for its function at the most, as on AWS.
	eventLife = 6 * time.Hour
)

// event is what an asynchronous invocation carries. It lies apart from its job, so that
// to look for jobs does not read payloads.
type event struct {
	Account   string          `json:"account"`
	Region    string          `json:"region"`
	Name      string          `json:"name"`
	Qualifier string          `json:"qualifier,omitempty"`
	Payload   json.RawMessage `json:"payload"`
	Client    json.RawMessage `json:"client,omitempty"`
	Time      time.Time       `json:"time"`
}

// enqueue sees to it that a function will be invoked, also if this process ends.
func (s *Service) enqueue(ctx context.Context, id string, n functionName, payload, client []byte) error {
	b, err := json.Marshal(event{n.account, n.region, n.name, n.qualifier, payload, client, s.now().UTC()})
	if err != nil {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		tx.Put(eventKey(id), b)
		return jobs.Enqueue(ctx, tx, eventJob, id, nil)
	})
	s.events.Wake()
	return err
}

// errFunction says that a function failed and is to be invoked again.
var errFunction = errors.New("lambda: the function failed")

// runEvent is the job of an asynchronous invocation.
func (s *Service) runEvent(ctx context.Context, job *jobs.Job) error {
	var e *event
	var f *function
	err := s.store.View(ctx, func(r kv.Reader) error {
		b, err := r.Get(ctx, eventKey(job.ID))
		if err != nil || b == nil {
			return err
		}
		e = new(event)
		if err := json.Unmarshal(b, e); err != nil {
			return err
		}
		f, err = readFunction(ctx, r, functionName{account: e.Account, region: e.Region, name: e.Name})
		return err
	})
	if err != nil || e == nil {
		return err
	}
	if f != nil && s.now().Sub(e.Time) < eventLife {
		f.name.qualifier = e.Qualifier
		r := s.call(ctx, f, job.ID, e.Payload, e.Client)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case r.failure != "" && job.Failures < eventRetries:
			return errFunction
		case r.failure != "":
			s.meters.dropped(f.name)
			s.log.WarnContext(ctx, "an event is given up", "function", f.name.arn(), "request_id", job.ID, "reason", r.reason)
		}
	}
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		tx.Delete(eventKey(job.ID))
		return nil
	})
	return err
}
