package ecr

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// A push leaves in its own transaction what is to be copied, and a job that copies it. So
// that many pushes need few jobs, those to one registry join a batch, whose number they
// read. The job first closes its batch by raising that number, which no push that joined
// it can miss; then it copies until the batch is empty. What is pushed meanwhile is in the
// next one.
//
// A copy reads the source in the transaction that writes the destination: a tag is copied
// only if it still points to the image. So copies may run in any order, and again.
const replicationJob = "ecr.Replicate"

// replicationPrincipal is who does it, in the audit trail.
const replicationPrincipal = "replication.ecr.amazonaws.com"

// copying is an image that is to be copied, with the tags that it was pushed by.
type copying struct {
	From Name         `json:"from"`
	Tags []string     `json:"tags,omitempty"`
	To   []registryID `json:"to"`
}

// copied is how far the copy of an image to a registry is.
type copied struct {
	To      registryID `json:"to"`
	Status  string     `json:"s"`
	Failure string     `json:"f,omitempty"` // the code of the error
}

// The states of a copy, in the words of the API.
const (
	copyInProgress = "IN_PROGRESS"
	copyComplete   = "COMPLETE"
	copyFailed     = "FAILED"
)

func copiedKey(id uint64, d blob.Digest, to registryID) []byte {
	return key(copiedPrefix, id, string(d), to.Account, to.Region)
}

// batchKey is the prefix of what is to be copied by a job.
func (p registryID) batchKey(batch uint64) []byte {
	return tuple.AppendUint(p.key(copiesPrefix), batch)
}

// replicate has an image copied that was pushed in the transaction.
func (s *Service) replicate(ctx context.Context, tx kv.Txn, r *Repository, d blob.Digest, tags []string) error {
	if r.Name.Public {
		return nil
	}
	own := r.Name.registry()
	c, err := replicationOf(ctx, tx, own)
	if err != nil {
		return err
	}
	to := c.destinations(r.Name.Name)
	if len(to) == 0 {
		return nil
	}
	b, err := tx.Get(ctx, own.key(batchesPrefix))
	if err != nil {
		return err
	}
	batch := decodeID(b)
	k := tuple.AppendString(tuple.AppendUint(own.batchKey(batch), r.ID), string(d))
	if b, err = tx.Get(ctx, k); err != nil {
		return err
	}
	joined, err := decode[copying](b)
	if err != nil {
		return err
	}
	if joined != nil { // pushed by another tag a moment ago
		tags = slices.Concat(joined.Tags, tags)
	}
	tx.Put(k, encode(copying{r.Name, slices.Compact(slices.Sorted(slices.Values(tags))), to}))
	for _, p := range to {
		tx.Put(copiedKey(r.ID, d, p), encode(copied{To: p, Status: copyInProgress}))
	}
	return jobs.Enqueue(ctx, tx, replicationJob, own.Account+"/"+own.Region+"/"+strconv.FormatUint(batch, 10), nil)
}

// replicateFailed is replicate for an image that was pushed as it is, if a copy of it failed.
func (s *Service) replicateFailed(ctx context.Context, tx kv.Txn, r *Repository, d blob.Digest, tags []string) error {
	prefix := key(copiedPrefix, r.ID, string(d))
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return err
		}
		c, err := decode[copied](p.Val)
		if err != nil {
			return err
		}
		if c.Status == copyFailed {
			return s.replicate(ctx, tx, r, d, tags)
		}
	}
	return nil
}

// forgetCopies forgets how far the copies of a deleted image are.
func forgetCopies(ctx context.Context, tx kv.Txn, id uint64, d blob.Digest) error {
	prefix := key(copiedPrefix, id, string(d))
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return err
		}
		tx.Delete(slices.Clone(p.Key))
	}
	return nil
}

// runReplication copies a batch. What cannot be copied for now stays in it for the next
// run.
func (s *Service) runReplication(ctx context.Context, job *jobs.Job) error {
	own, batch, err := parseBatch(job.ID)
	if err != nil {
		return err
	}
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		b, err := tx.Get(ctx, own.key(batchesPrefix))
		if err == nil && decodeID(b) == batch {
			tx.Put(own.key(batchesPrefix), encodeID(batch+1))
		}
		return err
	})
	if err != nil {
		return err
	}
	prefix := own.batchKey(batch)
	var failures error
	err = s.keysBelow(ctx, prefix, func(k, val []byte) error {
		c, err := decode[copying](val)
		if err != nil {
			return err
		}
		id, rest, err := tuple.Uint(k[len(prefix):])
		if err != nil {
			return err
		}
		digest, _, err := tuple.String(rest)
		if err != nil {
			return err
		}
		from := &Repository{Name: c.From, ID: id}
		for _, to := range c.To {
			if err := s.copyTo(ctx, job, from, blob.Digest(digest), c.Tags, to); err != nil {
				failures = errors.Join(failures, err)
				return ctx.Err()
			}
		}
		_, err = job.Update(ctx, func(tx kv.Txn) error { tx.Delete(k); return nil })
		return err
	})
	return errors.Join(err, failures)
}

func parseBatch(id string) (registryID, uint64, error) {
	account, rest, _ := strings.Cut(id, "/")
	region, number, _ := strings.Cut(rest, "/")
	batch, err := strconv.ParseUint(number, 10, 64)
	return registryID{account, region}, batch, err
}

// copyTo copies an image to a registry, and writes what became of it. The error is of a
// failure that may pass.
func (s *Service) copyTo(ctx context.Context, job *jobs.Job, from *Repository, d blob.Digest, tags []string, to registryID) error {
	ctx = api.WithRequest(ctx, &api.Request{
		ID: "replication-" + job.ID, Service: "ecr", Operation: "ReplicateImage", Region: to.Region, Secure: true, Time: s.now(),
		UserAgent: replicationPrincipal,
		Caller:    api.Caller{Account: from.Name.Account, ARN: replicationPrincipal, Principal: replicationPrincipal, Type: api.ServiceCaller},
	})
	target, err := s.replica(ctx, from.Name, to)
	if err == nil {
		c := copier{s: s, update: job.Update, from: from, to: target}
		err = c.copy(ctx, d, func(ctx context.Context, tx kv.Reader) ([]string, error) {
			return stillTagged(ctx, tx, from, d, tags)
		}, func(tx kv.Txn) {
			tx.Put(copiedKey(from.ID, d, to), encode(copied{To: to, Status: copyComplete}))
		}, 0)
	}
	if errors.Is(err, errSourceGone) {
		return nil
	}
	refused, ok := errors.AsType[*api.Error](err)
	if !ok || refused.HTTPStatus() >= http.StatusInternalServerError {
		return err
	}
	s.log.WarnContext(ctx, "ecr: an image cannot be replicated", "repository", from.Name.ARN(), "digest", d, "to", to.named(from.Name.Name).ARN(), "error", refused)
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		image, err := tx.Get(ctx, key(imagesPrefix, from.ID, string(d)))
		if err == nil && image != nil {
			tx.Put(copiedKey(from.ID, d, to), encode(copied{to, copyFailed, refused.Code}))
		}
		return err
	})
	return err
}

// replica returns the repository to which one is copied, and creates it if it is not there.
// Within an account that needs no permission; the registry of another one must allow it.
func (s *Service) replica(ctx context.Context, from Name, to registryID) (*Repository, error) {
	n := to.named(from.Name)
	r, err := s.Find(ctx, n)
	missing := errors.Is(err, &api.Error{Code: "RepositoryNotFoundException"})
	if err != nil && !missing {
		return nil, err
	}
	if from.Account != to.Account {
		operations := []string{"ReplicateImage"}
		if missing {
			operations = append(operations, "CreateRepository")
		}
		q := new(*api.RequestOf(ctx))
		q.Caller = api.Caller{Account: from.Account, ARN: rootARN(from.Account), UserID: from.Account, Principal: rootARN(from.Account), Type: api.RootCaller}
		if err := s.Authorize(api.WithRequest(ctx, q), n, nil, operations...); err != nil {
			return nil, err
		}
	}
	if missing {
		return s.CreateFromTemplate(ctx, n, ForReplication)
	}
	return r, nil
}

func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// stillTagged returns those of an image's tags that point to it.
func stillTagged(ctx context.Context, tx kv.Reader, r *Repository, d blob.Digest, tags []string) (still []string, err error) {
	for _, name := range tags {
		b, err := tx.Get(ctx, key(tagsPrefix, r.ID, name))
		if err != nil {
			return nil, err
		}
		t, err := decode[tag](b)
		if err != nil {
			return nil, err
		}
		if t != nil && t.Digest == d {
			still = append(still, name)
		}
	}
	return still, nil
}
