package deps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"golang.org/x/sync/errgroup"
)

// Problem is a locked file that is not installable as it was.
type Problem struct {
	Format  string `json:"format"`
	Package string `json:"package"` // "@team/model 1.0.0"
	Asset   string `json:"asset"`
	Reason  string `json:"reason"` // "missing", "changed", "archived", "disposed" or "unreadable"
	Detail  string `json:"detail"`
}

// String is the problem for people.
func (p Problem) String() string {
	return fmt.Sprintf("%s %s: %s is %s: %s", p.Format, p.Package, p.Asset, p.Reason, p.Detail)
}

// Verify reads every locked file to its end, and compares size and SHA-256. If fast is set, it
// takes the server's word for the files that the repository has, and reads those alone of which
// the server says nothing. An error means that it could not be found out at all.
func (r *Repository) Verify(ctx context.Context, lock *Lock, fast bool, progress Progress) ([]Problem, error) {
	total, _ := lock.Files()
	var mu sync.Mutex
	var problems []Problem
	done := 0
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	verify := func(p Package, a Asset, listed map[string]content) error {
		c, known := listed[a.Name]
		var err error
		if !known {
			c, err = r.read(ctx, p, a.Name)
		}
		problem := r.judge(ctx, p, a, c, err)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		mu.Lock()
		defer mu.Unlock()
		if problem != nil {
			problems = append(problems, *problem)
		}
		if done++; progress != nil {
			progress(done, total, p.String())
		}
		return nil
	}
	for _, p := range lock.Packages {
		if !fast {
			for _, a := range p.Assets {
				work.Go(func() error { return verify(p, a, nil) })
			}
			continue
		}
		work.Go(func() error {
			listed, err := r.listedReadable(ctx, p)
			if err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			for _, a := range p.Assets {
				if err := verify(p, a, listed); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Format, b.Format), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Asset, b.Asset))
	})
	return problems, nil
}

// listedReadable is listed, of a version that can be downloaded.
func (r *Repository) listedReadable(ctx context.Context, p Package) (map[string]content, error) {
	switch status, err := r.status(ctx, p); {
	case err != nil:
		return nil, err
	case status == types.PackageVersionStatusArchived || status == types.PackageVersionStatusDisposed || status == "":
		return nil, nil // a read tells what is the matter, or finds it upstream
	}
	return r.listed(ctx, p)
}

// judge compares what a file is with what was locked.
func (r *Repository) judge(ctx context.Context, p Package, a Asset, is content, err error) *Problem {
	problem := Problem{Format: p.Format, Package: p.String(), Asset: a.Name}
	switch {
	case isAbsent(err):
		problem.Reason, problem.Detail = "missing", fmt.Sprintf("neither repository %s nor an upstream has the file", r.Name)
		switch status, statusErr := r.status(ctx, p); {
		case statusErr != nil:
			problem.Detail = inShort(err)
		case status == "":
			problem.Detail = fmt.Sprintf("neither repository %s nor an upstream has the version", r.Name)
		case status == types.PackageVersionStatusArchived:
			problem.Reason, problem.Detail = "archived", "the version can be published again (update-package-versions-status)"
		case status == types.PackageVersionStatusDisposed:
			problem.Reason, problem.Detail = "disposed", "the version's files have been deleted for good"
		}
	case err != nil:
		problem.Reason, problem.Detail = "unreadable", inShort(err)
	case is.hashes["SHA-256"] != a.SHA256:
		problem.Reason, problem.Detail = "changed", fmt.Sprintf("its sha256 is %s (%d bytes), and %s (%d bytes) was locked", is.hashes["SHA-256"], is.size, a.SHA256, a.Size)
	case is.size != a.Size:
		problem.Reason, problem.Detail = "changed", fmt.Sprintf("it has %d bytes, and %d were locked", is.size, a.Size)
	default:
		return nil
	}
	return &problem
}

// ErrProblems says that something that was locked is not as it was.
var ErrProblems = errors.New("not everything that was locked is installable as it was")
