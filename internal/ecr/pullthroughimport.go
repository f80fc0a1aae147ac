package ecr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// A pull through a cache has two halves. The one that a client waits for fetches the
// manifest, and writes down in one transaction that it is being imported, which blobs are
// wanted for it, and the job that sees to it. From then on the manifest is served from
// that record, and the wanted blobs are served while they come (see fetch). The job
// fetches what no client asked for, the images of an index among it, and puts the
// manifest into the repository as a push does. So nothing is an image before all of it is
// there, and a crash loses nothing but time.
const importJob = "ecr.ImportUpstreamImage"

// pullThroughPrincipal is who does it, in the audit trail.
const pullThroughPrincipal = "pullthroughcache.ecr.amazonaws.com"

// importing is a manifest that is being imported; its bytes lie apart.
type importing struct {
	MediaType string   `json:"m"`
	Tags      []string `json:"t,omitempty"`
}

// wanted is a blob that an image needs which is being imported.
type wanted struct {
	Size   int64  `json:"s"`
	Upload string `json:"u,omitempty"` // where it comes to, if it began to
}

// How long a failure is answered without asking again, of what the upstream does not have
// and of anything else.
const (
	missingFor = time.Minute
	failedFor  = 10 * time.Second
)

// PullThrough returns a repository of which a manifest is asked, and the manifest if it
// is not, or not yet, in the repository. Without a rule for the name that is just the
// repository, and RepositoryNotFoundException if there is none (r is nil). With one, the
// image is imported from upstream if it is not there, or if its tag moved there in the
// meantime, which is looked up once a day. What is there is served when the upstream
// cannot be asked, or the caller may not import.
//
// The errors are RepositoryNotFoundException, ImageNotFoundException, AccessDeniedException
// if the caller may not import, and UnableToGetUpstreamImageException.
func (s *Service) PullThrough(ctx context.Context, n Name, r *Repository, reference string) (*Repository, *Manifest, error) {
	var rule *cacheRule
	var state cacheState
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		if rule, err = ruleFor(ctx, tx, n); err == nil && rule != nil && r != nil {
			state, err = s.cacheState(ctx, tx, r, reference)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case rule == nil && r == nil:
		return nil, nil, repositoryNotFound(n)
	case rule == nil || state.fixed:
		return r, state.manifest, nil
	}
	err = s.authorizeImport(ctx, n, r)
	if err == nil {
		var got pulled
		if got, err = s.pullOnce(ctx, n, rule, reference); err == nil {
			return got.r, got.m, nil
		}
	}
	if state.digest != "" {
		return r, state.manifest, nil
	}
	if r == nil && errors.Is(err, &api.Error{Code: "ImageNotFoundException"}) {
		err = repositoryNotFound(n)
	}
	return nil, nil, err
}

// authorizeImport asks policy whether the caller may have an image imported.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
func (s *Service) authorizeImport(ctx context.Context, n Name, r *Repository) error {
	if err := s.Authorize(ctx, n, r, "BatchImportUpstreamImage"); err != nil || r != nil {
		return err
	}
	return s.authorizeNew(ctx, &Repository{Name: n})
}

// pulled is what came of a pull: the repository, and the manifest if it is not in it yet.
type pulled struct {
	r *Repository
	m *Manifest
}

// pullOnce asks upstream, once for all who ask for the same at the same time.
func (s *Service) pullOnce(ctx context.Context, n Name, rule *cacheRule, reference string) (pulled, error) {
	flight := n.ARN() + "\x00" + reference + "\x00" + rule.Updated.String()
	if err := s.pulls.failures.get(flight, s.now()); err != nil {
		return pulled{}, err
	}
	done := s.pulls.flights.DoChan(flight, func() (any, error) {
		var r *Repository
		var state cacheState
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*upstreamTime)
		defer cancel()
		var got pulled
		err := guarded(func() (err error) {
			// A pull that ended after this one looked may have brought the image.
			if r, state, err = s.cachedNow(ctx, n, reference); err != nil || state.fixed {
				got = pulled{r, state.manifest}
				return err
			}
			got, err = s.pull(ctx, n, r, rule, state, reference)
			return err
		})
		if err != nil {
			long := failedFor
			if errors.Is(err, errUpstreamMissing) {
				long = missingFor
			}
			s.log.WarnContext(ctx, "ecr: an image cannot be imported", "repository", n.ARN(), "reference", reference, "error", err)
			err = upstreamFailed(err)
			s.pulls.failures.set(flight, err, s.now().Add(long))
		}
		return got, err
	})
	select {
	case <-ctx.Done():
		return pulled{}, ctx.Err()
	case result := <-done:
		got, _ := result.Val.(pulled)
		return got, result.Err
	}
}

// pull asks upstream for a manifest, and begins its import.
func (s *Service) pull(ctx context.Context, n Name, r *Repository, rule *cacheRule, state cacheState, reference string) (pulled, error) {
	up, err := s.upstreamOf(rule)
	if err != nil {
		return pulled{}, err
	}
	name := rule.upstreamName(n.Name)
	byTag := blob.Check(blob.Digest(reference)) != nil
	if byTag && state.digest != "" {
		d, err := up.digest(ctx, name, reference)
		if err != nil {
			return pulled{}, err
		}
		if d == state.digest {
			return pulled{r, state.manifest}, s.update(ctx, func(tx kv.Txn) error {
				tx.Put(key(checkedPrefix, r.ID, reference), encode(checked{d, s.now().UTC()}))
				return nil
			})
		}
	}
	m, err := up.manifest(ctx, name, reference)
	if err != nil {
		return pulled{}, err
	}
	parsed, err := parseManifest(m.Bytes, m.MediaType)
	if err != nil {
		return pulled{}, fmt.Errorf("ecr: the upstream registry's manifest: %v", err)
	}
	m.MediaType = parsed.MediaType
	if r == nil {
		if r, err = s.CreateFromTemplate(s.pullThroughContext(ctx, n), n, ForPullThrough); err != nil {
			return pulled{}, err
		}
	}
	tags := []string(nil)
	if byTag {
		tags = []string{reference}
	}
	if err := s.beginImport(ctx, r, m, parsed, tags); err != nil {
		return pulled{}, err
	}
	return pulled{r, &m}, nil
}

// pullThroughContext is the context of what the registry itself does.
func (s *Service) pullThroughContext(ctx context.Context, n Name) context.Context {
	return api.WithRequest(ctx, &api.Request{
		ID: api.RequestOf(ctx).ID, Service: "ecr", Operation: "BatchImportUpstreamImage", Region: n.Region, Secure: true, Time: s.now(),
		UserAgent: pullThroughPrincipal,
		Caller:    api.Caller{Account: n.Account, ARN: pullThroughPrincipal, Principal: pullThroughPrincipal, Type: api.ServiceCaller},
	})
}

// beginImport writes down that a manifest is to be imported.
func (s *Service) beginImport(ctx context.Context, r *Repository, m Manifest, parsed *manifest, tags []string) error {
	for _, d := range parsed.blobs {
		if d.Size > maxLayer {
			return errors.New("ecr: the upstream registry's manifest has a layer that is too large")
		}
	}
	return s.update(ctx, func(tx kv.Txn) error {
		r, err := r.still(ctx, tx)
		if err != nil {
			return err
		}
		k := key(importsPrefix, r.ID, string(m.Digest))
		b, err := tx.Get(ctx, k)
		if err != nil {
			return err
		}
		old, err := decode[importing](b)
		if err != nil {
			return err
		}
		all := tags
		if old != nil {
			all = slices.Concat(old.Tags, tags)
		}
		tx.Put(k, encode(importing{m.MediaType, slices.Compact(slices.Sorted(slices.Values(all)))}))
		tx.Put(key(importBytesPrefix, r.ID, string(m.Digest)), m.Bytes)
		for _, name := range tags {
			tx.Put(key(checkedPrefix, r.ID, name), encode(checked{m.Digest, s.now().UTC()}))
		}
		for _, d := range parsed.blobs {
			if d.foreign() {
				continue
			}
			k := key(wantedPrefix, r.ID, string(d.Digest))
			got, err := tx.GetMany(ctx, [][]byte{k, key(layersPrefix, r.ID, string(d.Digest))})
			if err != nil {
				return err
			}
			if got[0] == nil && got[1] == nil {
				tx.Put(k, encode(wanted{Size: d.Size}))
			}
		}
		return jobs.Enqueue(ctx, tx, importJob, strconv.FormatUint(r.ID, 10)+"/"+string(m.Digest), encode(r.Name))
	})
}

// maxLayersAtOnce is how many blobs of an image are fetched at once, as docker does.
const maxLayersAtOnce = 3

// maxImportFailures is how often in a row an import may fail, over about two hours.
const maxImportFailures = 20

// runImport completes an import.
func (s *Service) runImport(ctx context.Context, job *jobs.Job) error {
	n, err := decode[Name](job.Input)
	if err != nil {
		return err
	}
	id, d, ok := cutID(job.ID)
	if !ok {
		return nil
	}
	r := &Repository{Name: *n, ID: id}
	err = s.completeImport(s.pullThroughContext(ctx, *n), r, d, 0)
	refused, final := errors.AsType[*api.Error](err)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case final && refused.HTTPStatus() < http.StatusInternalServerError, errors.Is(err, blob.ErrDigest), job.Failures >= maxImportFailures:
		s.log.WarnContext(ctx, "ecr: an import is given up", "repository", n.ARN(), "digest", d, "error", err)
		return s.giveUpImport(ctx, job, r, d)
	}
	return err
}

// giveUpImport forgets an import, and that its blobs are wanted.
func (s *Service) giveUpImport(ctx context.Context, job *jobs.Job, r *Repository, d blob.Digest) error {
	_, err := job.Update(ctx, func(tx kv.Txn) error {
		m, err := readImport(ctx, tx, r, d)
		if err != nil || m == nil {
			return err
		}
		if parsed, err := parseManifest(m.Bytes, m.MediaType); err == nil {
			for _, l := range parsed.blobs {
				tx.Delete(key(wantedPrefix, r.ID, string(l.Digest)))
			}
		}
		return s.endImport(ctx, tx, r, d)
	})
	return err
}

func cutID(text string) (uint64, blob.Digest, bool) {
	for i := range len(text) {
		if text[i] == '/' {
			id, err := strconv.ParseUint(text[:i], 10, 64)
			return id, blob.Digest(text[i+1:]), err == nil
		}
	}
	return 0, "", false
}

// completeImport fetches what a manifest needs and puts it into its repository. One that
// is no longer being imported, or whose repository is gone, needs nothing.
func (s *Service) completeImport(ctx context.Context, r *Repository, d blob.Digest, depth int) error {
	if depth > maxNesting {
		return failed("InvalidParameterException", "The image %s is nested too deeply in indexes", d)
	}
	var m *Manifest
	var im *importing
	var rule *cacheRule
	gone := false
	err := s.view(ctx, func(tx kv.Reader) error {
		now, err := r.still(ctx, tx)
		if err != nil {
			gone = true
			return nil
		}
		r = now
		if m, err = readImport(ctx, tx, r, d); err != nil || m == nil {
			return err
		}
		b, err := tx.Get(ctx, key(importsPrefix, r.ID, string(d)))
		if err != nil {
			return err
		}
		if im, err = decode[importing](b); err != nil {
			return err
		}
		rule, err = ruleFor(ctx, tx, r.Name)
		return err
	})
	if err != nil || gone || m == nil {
		return err
	}
	parsed, err := parseManifest(m.Bytes, m.MediaType)
	if err != nil {
		return err
	}
	if rule == nil {
		return failed("PullThroughCacheRuleNotFoundException", "The pull through cache rule of the repository '%s' was deleted", r.Name.Name)
	}
	layers, fetching := errgroup.WithContext(ctx)
	layers.SetLimit(maxLayersAtOnce)
	for _, l := range parsed.blobs {
		if !l.foreign() {
			layers.Go(func() error { return s.awaitLayer(fetching, r, l.Digest) })
		}
	}
	if err := layers.Wait(); err != nil {
		return err
	}
	for _, child := range parsed.children {
		if err := s.importChild(ctx, r, rule, child.Digest, depth); err != nil {
			return err
		}
	}
	return s.publishImport(ctx, r, *m, parsed, im.Tags)
}

// importChild imports an image of an index.
func (s *Service) importChild(ctx context.Context, r *Repository, rule *cacheRule, d blob.Digest, depth int) error {
	var state cacheState
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		state, err = s.cacheState(ctx, tx, r, string(d))
		return err
	})
	if err != nil || state.fixed && state.manifest == nil {
		return err
	}
	if !state.fixed {
		if _, err := s.pull(ctx, r.Name, r, rule, state, string(d)); err != nil {
			return err
		}
	}
	return s.completeImport(ctx, r, d, depth+1)
}

// publishImport puts an imported manifest into its repository. A tag that must not move
// stays where it is.
func (s *Service) publishImport(ctx context.Context, r *Repository, m Manifest, parsed *manifest, tags []string) error {
	return s.update(ctx, func(tx kv.Txn) error {
		r, err := r.still(ctx, tx)
		if err != nil {
			return err
		}
		p := Push{Digest: m.Digest, MediaType: m.MediaType, Bytes: m.Bytes}
		if p.Tags, err = movable(ctx, tx, r, m.Digest, tags); err != nil {
			return err
		}
		if err := s.endImport(ctx, tx, r, m.Digest); err != nil {
			return err
		}
		return s.putManifest(ctx, tx, r, parsed, p)
	})
}

// endImport forgets that a manifest is being imported.
func (s *Service) endImport(ctx context.Context, tx kv.Txn, r *Repository, d blob.Digest) error {
	if _, err := tx.Get(ctx, key(importsPrefix, r.ID, string(d))); err != nil { // who adds a tag writes it
		return err
	}
	tx.Delete(key(importsPrefix, r.ID, string(d)))
	tx.Delete(key(importBytesPrefix, r.ID, string(d)))
	return nil
}
