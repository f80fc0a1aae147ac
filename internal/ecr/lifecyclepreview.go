package ecr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/lifecycle"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// preview is the newest preview of a lifecycle policy on a repository. Its results are in
// rows below its number.
type preview struct {
	Repository Name   `json:"repository"`
	Number     uint64 `json:"number"`
	Policy     string `json:"policy"`
	Complete   bool   `json:"complete,omitempty"`
	Expiring   int    `json:"expiring,omitempty"`
}

// previewed is an image that would expire.
type previewed struct {
	Digest   string    `json:"d"`
	Tags     []string  `json:"t,omitempty"`
	Pushed   time.Time `json:"p"`
	Priority int64     `json:"r"` // of the rule
}

const (
	previewKind = "ecr.PreviewLifecyclePolicy"
	previewRow  = 500 // images in a row of results
)

// previewKey is where a row of a preview's results is.
func previewKey(id, number uint64, row int) []byte {
	return tuple.AppendUint(previewRows(id, number), uint64(row))
}

// previewRows is the prefix of a preview's results.
func previewRows(id, number uint64) []byte { return tuple.AppendUint(key(previewedPrefix, id), number) }

func (p *preview) status() string {
	if p.Complete {
		return "COMPLETE"
	}
	return "IN_PROGRESS"
}

func readPreview(ctx context.Context, tx kv.Reader, id uint64) (*preview, error) {
	b, err := tx.Get(ctx, key(previewPrefix, id))
	if err != nil {
		return nil, err
	}
	return decode[preview](b)
}

// runPreview does the preview that a job is for. It may run more than once.
func (s *Service) runPreview(ctx context.Context, job *jobs.Job) error {
	id := decodeID(job.Input)
	var p *preview
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		p, err = readPreview(ctx, tx, id)
		return err
	})
	if err != nil || p == nil || p.Complete {
		return err
	}
	r, err := s.Find(ctx, p.Repository)
	if errors.Is(err, &wharf.Error{Code: "RepositoryNotFoundException"}) || err == nil && r.ID != id {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	policy, err := lifecycle.Parse([]byte(p.Policy))
	if err != nil {
		return err
	}
	e, err := s.evaluate(ctx, r, policy)
	if err != nil {
		return err
	}
	row := 0
	for part := range slices.Chunk(e.expiring, previewRow) {
		list := make([]previewed, len(part))
		for i, x := range part {
			list[i] = previewed{x.Image.Digest, x.Image.Tags, x.Image.Pushed, x.Rule.Priority}
		}
		_, err := job.Update(ctx, func(tx kv.Txn) error {
			_, err := r.still(ctx, tx)
			tx.Put(previewKey(id, p.Number, row), encode(list))
			return err
		})
		if err != nil {
			return err
		}
		row++
	}
	p.Complete, p.Expiring = true, len(e.expiring)
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		_, err := r.still(ctx, tx)
		tx.Put(key(previewPrefix, id), encode(p))
		return err
	})
	if err != nil {
		return err
	}
	return s.store.DeleteRange(ctx, key(previewedPrefix, id), previewRows(id, p.Number))
}

func (a privateAPI) StartLifecyclePolicyPreview(ctx context.Context, in *ecr.StartLifecyclePolicyPreviewInput) (*ecr.StartLifecyclePolicyPreviewOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "StartLifecyclePolicyPreview"); err != nil {
		return nil, err
	}
	if in.LifecyclePolicyText != nil {
		if _, err := readLifecycle(*in.LifecyclePolicyText); err != nil {
			return nil, err
		}
	}
	next := preview{Repository: n, Policy: text(in.LifecyclePolicyText)}
	err := a.update(ctx, func(tx kv.Txn) error {
		r, err := find(ctx, tx, n)
		if err != nil {
			return err
		}
		if in.LifecyclePolicyText == nil {
			next.Policy = r.Lifecycle
		}
		if next.Policy == "" {
			return lifecycleNotFound(n)
		}
		old, err := readPreview(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if next.Number = 1; old != nil {
			if !old.Complete {
				return ecr.LifecyclePolicyPreviewInProgressException(
					"A lifecycle policy preview is in progress for the repository with name '%s' in the registry with id '%s'", n.Name, n.Account)
			}
			next.Number = old.Number + 1
		}
		tx.Put(key(previewPrefix, r.ID), encode(next))
		a.record(ctx, tx, r, map[string]any{"lifecyclePolicyText": next.Policy})
		return jobs.Enqueue(ctx, tx, previewKind, fmt.Sprintf("%d.%d", r.ID, next.Number), encodeID(r.ID))
	})
	if err != nil {
		return nil, err
	}
	return &ecr.StartLifecyclePolicyPreviewOutput{
		RegistryId: &n.Account, RepositoryName: &n.Name, LifecyclePolicyText: &next.Policy, Status: new(next.status()),
	}, nil
}

func (a privateAPI) GetLifecyclePolicyPreview(ctx context.Context, in *ecr.GetLifecyclePolicyPreviewInput) (*ecr.GetLifecyclePolicyPreviewOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "GetLifecyclePolicyPreview"); err != nil {
		return nil, err
	}
	if len(in.ImageIds) > 0 && (in.NextToken != nil || in.MaxResults != nil) {
		return nil, failed("InvalidParameterException", "nextToken and maxResults cannot be used together with imageIds")
	}
	out := &ecr.GetLifecyclePolicyPreviewOutput{RegistryId: &n.Account, RepositoryName: &n.Name, PreviewResults: []*ecr.LifecyclePolicyPreviewResult{}}
	err := a.view(ctx, func(tx kv.Reader) error {
		r, err := find(ctx, tx, n)
		if err != nil {
			return err
		}
		p, err := readPreview(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if p == nil {
			return ecr.LifecyclePolicyPreviewNotFoundException(
				"Lifecycle policy preview does not exist for the repository with name '%s' in the registry with id '%s'", n.Name, n.Account)
		}
		out.LifecyclePolicyText, out.Status = &p.Policy, new(p.status())
		if !p.Complete {
			return nil
		}
		out.Summary = &ecr.LifecyclePolicyPreviewSummary{ExpiringImageTotalCount: new(int64(p.Expiring))}
		return a.previewPage(ctx, tx, r, p, in, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// previewPage fills an answer with the results that are asked for.
func (a privateAPI) previewPage(ctx context.Context, tx kv.Reader, r *Repository, p *preview, in *ecr.GetLifecyclePolicyPreviewInput, out *ecr.GetLifecyclePolicyPreviewOutput) error {
	page := pagetoken.Listing{
		Account: r.Name.Account, Region: r.Name.Region, Operation: "ecr:GetLifecyclePolicyPreview",
		Parameters: encode([]any{r.ID, p.Number, in.Filter}),
	}
	after, limit, err := a.position(page, in.NextToken, in.MaxResults)
	if err != nil {
		return err
	}
	if len(in.ImageIds) > 0 {
		limit = p.Expiring
	}
	wanted := func(x *previewed) bool {
		if f := in.Filter; f != nil && f.TagStatus != nil {
			if *f.TagStatus == "TAGGED" && len(x.Tags) == 0 || *f.TagStatus == "UNTAGGED" && len(x.Tags) > 0 {
				return false
			}
		}
		return len(in.ImageIds) == 0 || slices.ContainsFunc(in.ImageIds, func(id *ecr.ImageIdentifier) bool {
			return (id.ImageDigest == nil || *id.ImageDigest == x.Digest) && (id.ImageTag == nil || slices.Contains(x.Tags, *id.ImageTag))
		})
	}
	skipping := after != ""
	prefix := previewRows(r.ID, p.Number)
	for row, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return err
		}
		list, err := decode[[]previewed](row.Val)
		if err != nil {
			return err
		}
		for _, x := range *list {
			switch {
			case skipping:
				skipping = x.Digest != after
				continue
			case !wanted(&x):
				continue
			case len(out.PreviewResults) == limit:
				out.NextToken = new(a.seal.Seal(page, []byte(*out.PreviewResults[limit-1].ImageDigest)))
				return nil
			}
			out.PreviewResults = append(out.PreviewResults, &ecr.LifecyclePolicyPreviewResult{
				ImageDigest: &x.Digest, ImageTags: x.Tags, ImagePushedAt: &x.Pushed, AppliedRulePriority: &x.Priority,
				Action: &ecr.LifecyclePolicyRuleAction{Type: new("EXPIRE")}, StorageClass: new("STANDARD"),
			})
		}
	}
	return nil
}
