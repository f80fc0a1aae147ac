package servicecatalog

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// launchPath is a way in which a caller may launch a product: a portfolio that has it and
// of which the caller is a principal.
type launchPath struct {
	portfolio   *portfolio
	product     *product
	constraints []*constraint
}

// id is the same for the same portfolio and product.
func (p *launchPath) id() string {
	sum := sha256.Sum256([]byte(p.portfolio.ID + p.product.ID))
	return "lpv3-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:13]
}

// launchPaths are the ways in which the caller may launch products, or one of them.
//
// A portfolio of the caller's account that took the product from a shared one has that
// one's constraints, too: its own LAUNCH constraint takes the other's place, TEMPLATE
// constraints add up.
func launchPaths(ctx context.Context, tx kv.Reader, who launcher, product string) (list []*launchPath, err error) {
	known, err := knownPortfolios(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, p := range known {
		if !p.admits(who) || product != "" && p.content(product) == nil {
			continue
		}
		some, err := productsIn(ctx, tx, p)
		if err != nil {
			return nil, err
		}
		for _, x := range some {
			if product != "" && x.ID != product {
				continue
			}
			path := &launchPath{portfolio: p, product: x}
			if path.constraints, err = constraintsOf(ctx, tx, p.Region, p.ID, x.ID); err != nil {
				return nil, err
			}
			if from := p.content(x.ID).Source; from != "" {
				inherited, err := constraintsOf(ctx, tx, p.Region, from, x.ID)
				if err != nil {
					return nil, err
				}
				own := slices.Clone(path.constraints)
				for _, c := range inherited {
					if c.Type == templateConstraint || !slices.ContainsFunc(own, func(o *constraint) bool { return !c.besides(o) }) {
						path.constraints = append(path.constraints, c)
					}
				}
			}
			list = append(list, path)
		}
	}
	return list, nil
}

// of returns the constraint of a type that a path has one of, nil if it has none.
func (p *launchPath) of(kind string) *constraint {
	i := slices.IndexFunc(p.constraints, func(c *constraint) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return p.constraints[i]
}

// rules are the rules of the path's TEMPLATE constraints.
func (p *launchPath) rules() (list []*template.Rule, err error) {
	for _, c := range p.constraints {
		if c.Type == templateConstraint {
			some, err := template.ParseRules([]byte(c.Parameters))
			if err != nil {
				return nil, err
			}
			list = append(list, some...)
		}
	}
	return list, nil
}

func (p *launchPath) constraintSummaries() []*shapes.ConstraintSummary {
	list := []*shapes.ConstraintSummary{}
	for _, c := range p.constraints {
		list = append(list, &shapes.ConstraintSummary{Type: &c.Type, Description: optional(c.Description)})
	}
	return list
}

// sought says which product, version and path a request means, by ID or by name.
type sought struct {
	product, productName   *string
	artifact, artifactName *string
	path, pathName         *string
}

// found finds a product that the caller may launch and one of its paths. Where several lead
// to it, the caller must choose.
func (q *sought) find(ctx context.Context, tx kv.Reader, who launcher) (*launchPath, error) {
	if (q.product == nil) == (q.productName == nil) {
		return nil, invalid("Exactly one of ProductId and ProductName is required.")
	}
	if q.path != nil && q.pathName != nil {
		return nil, invalid("At most one of PathId and PathName can be given.")
	}
	paths, err := launchPaths(ctx, tx, who, text(q.product))
	if err != nil {
		return nil, err
	}
	paths = slices.DeleteFunc(paths, func(p *launchPath) bool { return q.productName != nil && p.product.Name != *q.productName })
	if len(paths) == 0 {
		return nil, missing("No launch paths found for resource: %s", text(q.product)+text(q.productName))
	}
	if q.path != nil || q.pathName != nil {
		paths = slices.DeleteFunc(paths, func(p *launchPath) bool {
			return q.path != nil && p.id() != *q.path || q.pathName != nil && p.portfolio.Name != *q.pathName
		})
		if len(paths) == 0 {
			return nil, missing("Launch path %s not found for resource: %s", text(q.path)+text(q.pathName), text(q.product)+text(q.productName))
		}
	}
	if len(paths) > 1 {
		return nil, invalid("More than one launch path found for resource: %s. Please provide a PathId.", text(q.product)+text(q.productName))
	}
	return paths[0], nil
}

// version finds the version of a product: an active one.
func (q *sought) version(p *product) (*artifact, error) {
	if (q.artifact == nil) == (q.artifactName == nil) {
		return nil, invalid("Exactly one of ProvisioningArtifactId and ProvisioningArtifactName is required.")
	}
	for _, a := range p.Artifacts {
		if a.Active && (a.ID == text(q.artifact) || q.artifactName != nil && a.Name == *q.artifactName) {
			return a, nil
		}
	}
	return nil, missing("Provisioning artifact %s not found.", text(q.artifact)+text(q.artifactName))
}

// ListLaunchPaths lists the ways in which the caller may launch a product.
func (s *Service) ListLaunchPaths(ctx context.Context, in *shapes.ListLaunchPathsInput) (*shapes.ListLaunchPathsOutput, error) {
	if err := s.onProduct(ctx, "ListLaunchPaths", *in.ProductId); err != nil {
		return nil, err
	}
	who, err := s.launcher(ctx)
	if err != nil {
		return nil, err
	}
	var paths []*launchPath
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		paths, err = launchPaths(ctx, tx, who, *in.ProductId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, missing("No launch paths found for resource: %s", *in.ProductId)
	}
	some, next, err := paged(ctx, s, paths, in.PageSize, in.PageToken, (*launchPath).id, *in.ProductId)
	out := &shapes.ListLaunchPathsOutput{LaunchPathSummaries: []*shapes.LaunchPathSummary{}, NextPageToken: next}
	for _, p := range some {
		out.LaunchPathSummaries = append(out.LaunchPathSummaries, &shapes.LaunchPathSummary{
			Id: new(p.id()), Name: &p.portfolio.Name, ConstraintSummaries: p.constraintSummaries(), Tags: tagsOf(p.portfolio.Tags),
		})
	}
	return out, err
}
