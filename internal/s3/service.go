// Package s3 keeps objects in buckets: the templates, model data and table exports of the
// other services and of their users. Package rest below it speaks S3's protocol.
//
// The bytes of objects are in a blob.Store, once however many objects have them; everything
// else is in the kv.Store. An object is written by one transaction when its bytes are
// durable, so that a reader sees the old one or the new one. The bytes of a replaced or
// deleted object stay for a part of Config.Lease: who has begun to read them reads on.
package s3

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/ledger"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// Config is what a Service is made of. Store, Blobs, Identity and Seal are required.
type Config struct {
	Store    kv.Store
	Blobs    blob.Store
	Identity *identity.Service
	Seal     *pagetoken.Sealer // makes the tokens of pages
	Now      func() time.Time  // time.Now if nil
	// BaseURL is the base of the URLs of objects in path style.
	BaseURL func(context.Context) string
	// Hosts are those below which buckets have hosts of their own, beside AWS's.
	Hosts []string
	// Lease is how long bytes stay that nobody needs: two hours if zero. The bytes of a
	// replaced object stay for half of it at least.
	Lease time.Duration
	// UploadExpiry is after what time without a new part a multipart upload ends: a week
	// if zero.
	UploadExpiry time.Duration
	Log          *slog.Logger          // slog.Default() if nil
	Metrics      prometheus.Registerer // nil for nowhere
}

// Service is the object store. It is safe for concurrent use.
type Service struct {
	store        kv.Store
	blobs        blob.Store
	ledger       *ledger.Ledger
	identity     *identity.Service
	seal         *pagetoken.Sealer
	now          func() time.Time
	baseURL      func(context.Context) string
	hosts        []string
	uploadExpiry time.Duration
	metrics      *metrics
	log          *slog.Logger
}

// New returns a service. Its Jobs should run: without them the bytes of what was deleted
// stay.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, blobs: c.Blobs, identity: c.Identity, seal: c.Seal, now: c.Now, baseURL: c.BaseURL, hosts: c.Hosts,
		uploadExpiry: cmp.Or(c.UploadExpiry, 7*24*time.Hour), metrics: newMetrics(c.Metrics), log: cmp.Or(c.Log, slog.Default()),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.baseURL == nil {
		s.baseURL = func(context.Context) string { return "http://localhost" }
	}
	s.ledger = ledger.New(ledger.Config{
		Store: c.Store, Blobs: c.Blobs, Room: room, Now: s.now, Lease: cmp.Or(c.Lease, 2*time.Hour), Abandoned: 24 * time.Hour,
		Freed: s.metrics.freed,
	})
	return s
}

// Bytes is the ledger of the bytes of objects, for who wants to read them all.
func (s *Service) Bytes() *ledger.Ledger { return s.ledger }

func (s *Service) view(ctx context.Context, fn func(kv.Reader) error) error {
	return s.store.View(ctx, fn)
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	_, err := s.store.Update(ctx, fn)
	return err
}

// instant is the present, as records keep it.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// newID returns the number of a new bucket, upload or piece. It is random: all writers would
// meet at a counter.
func newID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

// record leaves an audit record of an act on a bucket or on objects of it.
func record(ctx context.Context, tx kv.Txn, b *Bucket, keys ...string) {
	e := audit.Event{Resources: []audit.Resource{{Type: "AWS::S3::Bucket", ARN: b.ARN()}}}
	p := struct {
		Bucket string `json:"bucketName"`
		Key    string `json:"key,omitempty"`
	}{Bucket: b.Name}
	for _, k := range keys {
		p.Key = k
		e.Resources = append(e.Resources, audit.Resource{Type: "AWS::S3::Object", ARN: b.objectARN(k)})
	}
	e.Parameters = encode(p)
	audit.Record(ctx, tx, e)
	if b.Account != api.RequestOf(ctx).Caller.Account {
		e.Account = b.Account
		audit.Record(ctx, tx, e)
	}
}

// isCode tells whether an error is the service's answer of a code.
func isCode(err error, code string) bool { return errors.Is(err, &api.Error{Code: code}) }
