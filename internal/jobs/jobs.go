// Package jobs does work in the background that must be finished: it survives a
// crash, is done by one owner at a time, and resumes where it was.
//
// A job is enqueued in the transaction that makes it necessary, so that neither
// exists without the other. A Runner takes a lease on a due job, runs its Kind and
// renews the lease meanwhile. Each transaction of a job goes through Job.Update,
// which reads the lease key: if another owner has taken the job, the commit of the
// deposed one conflicts, and nothing of it is written. A job that returns nil is
// gone; one that fails is tried again, ever later; one whose process dies is taken
// up by the next owner when the lease ends. So a job may run more than once, and
// what it does outside of the store must bear that.
package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Kind is a sort of work.
type Kind struct {
	Name string // "dynamodb.DropTable"
	// Run does the work of one job. It resumes from job.Progress, and returns when
	// the work is done, on an error, or soon after ctx ends, which it does when the
	// runner stops or the lease is lost.
	Run func(ctx context.Context, job *Job) error
	// Every makes a periodic kind: it has one job, named like the kind, which runs
	// that long after it last ended. Zero for a kind whose jobs are enqueued.
	Every time.Duration
	// AtOnce is how many jobs of the kind one runner runs at once, so that long ones do
	// not keep the others waiting; as many as it has workers if zero.
	AtOnce int
}

// Enqueue adds a job to the transaction tx. It does nothing if one of the same kind
// and id is there already, waiting or running.
func Enqueue(ctx context.Context, tx kv.Txn, kind, id string, input []byte) error {
	key := recordKey(kind, id)
	val, err := tx.Get(ctx, key)
	if err != nil || val != nil {
		return err
	}
	tx.Put(key, encode(record{Input: input}))
	return nil
}

// Status is a job as seen from outside.
type Status struct {
	Kind, ID  string
	Input     []byte
	Progress  []byte
	NotBefore time.Time // when it is due: zero for at once
	Failures  int       // in a row
	LastError string
	Owner     string // who runs it, or ran it last; "" for nobody
}

// List yields the jobs of r, ordered by kind and id.
func List(ctx context.Context, r kv.Reader) iter.Seq2[Status, error] {
	return func(yield func(Status, error) bool) {
		prefix := tuple.Of("jobs", "record")
		for p, err := range r.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				yield(Status{}, err)
				return
			}
			s, err := status(ctx, r, p, len(prefix))
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

func status(ctx context.Context, r kv.Reader, p kv.KV, prefix int) (Status, error) {
	kind, rest, err := tuple.String(p.Key[prefix:])
	if err != nil {
		return Status{}, err
	}
	id, _, err := tuple.String(rest)
	if err != nil {
		return Status{}, err
	}
	rec, err := decode[record](p.Val)
	if err != nil {
		return Status{}, err
	}
	held, err := readLease(ctx, r, kind, id)
	return Status{
		Kind: kind, ID: id, Input: rec.Input, Progress: rec.Progress, NotBefore: rec.NotBefore,
		Failures: rec.Failures, LastError: rec.LastError, Owner: held.Owner,
	}, err
}

// record is what is stored of a job, beside its lease. After it is enqueued only
// the owner of the lease writes it.
type record struct {
	Input     []byte    `json:"input,omitempty"`
	Progress  []byte    `json:"progress,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	Failures  int       `json:"failures,omitempty"`
	LastError string    `json:"lastError,omitempty"`
}

func recordKey(kind, id string) []byte { return tuple.Of("jobs", "record", kind, id) }

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, bytes and times of four-digit years always have a form
	}
	return b
}

func decode[T any](b []byte) (v T, err error) {
	if b == nil {
		return v, nil
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("jobs: a stored record is malformed: %w", err)
	}
	return v, nil
}
