package servicecatalog

import (
	"context"
	"maps"
	"slices"
	"strings"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// copied is what became of a CopyProduct.
type copied struct{ Target string }

// CopyProduct copies versions of a product into a new one, or into one that there is: of the
// caller's account, or of a portfolio that is shared with it. It is done when it answers.
func (s *Service) CopyProduct(ctx context.Context, in *shapes.CopyProductInput) (out *shapes.CopyProductOutput, err error) {
	source := (*in.SourceProductArn)[strings.LastIndexByte(*in.SourceProductArn, '/')+1:]
	if err := s.onProduct(ctx, "CopyProduct", source); err != nil {
		return nil, err
	}
	account, region := home(ctx)
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "CopyProduct", in.IdempotencyToken, in, func() (*shapes.CopyProductOutput, error) {
			list, err := adminProducts(ctx, tx, nil)
			if err != nil {
				return nil, err
			}
			i := slices.IndexFunc(list, func(p *product) bool { return p.arn() == *in.SourceProductArn })
			if i < 0 {
				return nil, missing("Product %s not found.", *in.SourceProductArn)
			}
			from := list[i]
			to := new(*from)
			to.ID, to.Account, to.Region, to.Created = newID("prod"), account, region, s.instant()
			to.Artifacts, to.Portfolios, to.TagOptions, to.Budgets, to.Tags = nil, nil, nil, nil, map[string]string{}
			if slices.Contains(in.CopyOptions, "CopyTags") {
				to.Tags = maps.Clone(from.Tags)
			}
			fresh := in.TargetProductId == nil
			if !fresh {
				if to, err = ownProduct(ctx, tx, *in.TargetProductId); err != nil {
					return nil, err
				}
			}
			set(&to.Name, in.TargetProductName)
			if err := s.copyArtifacts(ctx, tx, from, to, in.SourceProvisioningArtifactIdentifiers); err != nil {
				return nil, err
			}
			tx.Put(to.key(), encode(to))
			if fresh {
				if err := s.putProduct(ctx, tx, to); err != nil {
					return nil, err
				}
			}
			token := newID("copyproduct")
			tx.Put(key(copyKind, region, account, token), encode(copied{to.ID}))
			to.trail(ctx, tx, map[string]any{"sourceProductArn": from.arn()})
			return &shapes.CopyProductOutput{CopyProductToken: &token}, nil
		})
		return err
	})
	return out, err
}

// copyArtifacts copies the versions that are named, or all.
func (s *Service) copyArtifacts(ctx context.Context, tx kv.Txn, from, to *product, named []map[string]string) error {
	for _, n := range named {
		if from.artifact(n["Id"]) == nil {
			return missing("Provisioning artifact %s not found.", n["Id"])
		}
	}
	for _, a := range from.Artifacts {
		if len(named) > 0 && !slices.ContainsFunc(named, func(n map[string]string) bool { return n["Id"] == a.ID }) {
			continue
		}
		b, err := tx.Get(ctx, key(templateKind, from.Region, a.ID))
		if err != nil {
			return err
		}
		c := new(*a)
		c.ID, c.Actions = newID("pa"), nil
		to.Artifacts = append(to.Artifacts, c)
		tx.Put(key(templateKind, to.Region, c.ID), b)
	}
	return s.room(artifactsQuota, len(to.Artifacts)-1)
}

// DescribeCopyProductStatus tells what became of a copy.
func (s *Service) DescribeCopyProductStatus(ctx context.Context, in *shapes.DescribeCopyProductStatusInput) (out *shapes.DescribeCopyProductStatusOutput, err error) {
	if err := s.ask(ctx, "DescribeCopyProductStatus", "*", nil); err != nil {
		return nil, err
	}
	account, region := home(ctx)
	err = s.view(ctx, func(tx kv.Reader) error {
		c, err := get[copied](ctx, tx, key(copyKind, region, account, *in.CopyProductToken))
		if err != nil {
			return err
		}
		if c == nil {
			return missing("Copy %s not found.", *in.CopyProductToken)
		}
		out = &shapes.DescribeCopyProductStatusOutput{CopyProductStatus: new("SUCCEEDED"), TargetProductId: &c.Target}
		return nil
	})
	return out, err
}
