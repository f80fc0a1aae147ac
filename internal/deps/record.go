package deps

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
)

// atOnce is how many packages are asked for at a time.
const atOnce = 6

// Progress is told what is done, one call after the other.
type Progress func(done, total int, name string)

// Request says what is to be locked.
type Request struct {
	Model, ModelVersion string
	Files               []string // paths
	// Resolve lets pip choose also where a requirements file has versions for all it names.
	Resolve bool
	Python  string // whose pip resolves; "" is the first one there is
	// Needed locks only the files that the wishes have hashes of, and not all of a version.
	Needed   bool
	Progress Progress
}

// Make finds out what the repository has for the files of a request. It publishes nothing, but
// what was only upstream is in the repository afterwards. Notes are what the user should know.
func (r *Repository) Make(ctx context.Context, q Request) (lock *Lock, notes []string, err error) {
	index, err := r.Index(ctx)
	if err != nil {
		return nil, nil, err
	}
	lock = &Lock{Schema: Schema, Model: q.Model, ModelVersion: q.ModelVersion}
	var all []wanted
	for _, path := range q.Files {
		f, err := readFile(path)
		if err != nil {
			return nil, notes, err
		}
		notes = append(notes, f.notes...)
		sum := sha256.Sum256(f.text)
		source := Source{Name: f.name, SHA256: hex.EncodeToString(sum[:])}
		if f.pip != nil && (q.Resolve || len(f.unpinned) > 0) {
			source.ResolvedBy = "pip"
			if err := r.choose(ctx, f, index, q.Python); err != nil {
				return nil, notes, fmt.Errorf("%s: %w", path, err)
			}
			notes = append(notes, fmt.Sprintf("%s: pip has chosen %d packages, with all that they need, for its Python and this machine", f.name, len(f.wanted)))
		} else if !f.hashed {
			notes = append(notes, fmt.Sprintf("%s: its lines are taken as they are; --resolve locks what they need as well", f.name))
		}
		lock.Sources = append(lock.Sources, source)
		all = append(all, f.wanted...)
	}
	if lock.Packages, err = r.resolveAll(ctx, index, merged(all), q); err != nil {
		return nil, notes, err
	}
	lock.sort()
	return lock, notes, nil
}

// choose lets pip choose the versions that a requirements file leaves open.
func (r *Repository) choose(ctx context.Context, f *file, index *url.URL, python string) (err error) {
	// pip takes an outage for a project that has no versions, and does not say why.
	for _, name := range f.pip.names {
		if _, err := r.project(ctx, index, name); err != nil {
			return err
		}
	}
	f.wanted, err = f.pip.resolve(ctx, python, index, f.name)
	if errors.Is(err, errNoPip) && len(f.unpinned) > 0 {
		return fmt.Errorf("without pip, each requirement needs a version (NAME==VERSION):\n  %s", strings.Join(f.unpinned, "\n  "))
	}
	return err
}

// resolveAll resolves wishes, some at a time. The error is of all that cannot be locked.
func (r *Repository) resolveAll(ctx context.Context, index *url.URL, all []wanted, q Request) ([]Package, error) {
	var mu sync.Mutex
	found := map[string]Package{}
	var refused []error
	done := 0
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for _, w := range all {
		work.Go(func() error {
			p, err := r.resolve(ctx, index, w, q.Needed)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, errRefused) {
				refused = append(refused, err) // the user wants to know of all of them
			} else if err != nil {
				return err
			}
			id := p.Format + " " + p.String()
			for _, a := range found[id].Assets { // 1.0 and 1.0.0 are one version
				if !slices.Contains(p.Assets, a) {
					p.Assets = append(p.Assets, a)
				}
			}
			found[id] = p
			if done++; q.Progress != nil {
				q.Progress(done, len(all), p.String())
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(refused, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return slices.AppendSeq([]Package{}, maps.Values(found)), errors.Join(refused...)
}

// errRefused says that a wish cannot be locked, whatever becomes of the others.
var errRefused = errors.New("it cannot be locked")

// merged are wishes without repetitions; one of several that has hashes has those of all.
func merged(all []wanted) []wanted {
	byName := map[string]wanted{}
	for _, w := range all {
		id := w.format + " " + w.String()
		if old, ok := byName[id]; ok {
			w.hashes = append(slices.Clone(old.hashes), w.hashes...)
			w.where = old.where
		}
		byName[id] = w
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b wanted) int {
		return cmp.Or(cmp.Compare(a.format, b.format), cmp.Compare(a.String(), b.String()))
	})
}

// resolve returns a version with its files as the repository has them.
func (r *Repository) resolve(ctx context.Context, index *url.URL, w wanted, needed bool) (Package, error) {
	p := Package{Format: w.format, Namespace: w.namespace, Name: w.name, Version: w.version}
	fail := func(err error) (Package, error) {
		return p, fmt.Errorf("%s (%s): %w", w, w.where, err)
	}
	names := []string{"package.tgz"} // npm's
	promised := map[string]string{}
	if w.format == "pypi" {
		found, err := r.project(ctx, index, w.name)
		if err != nil {
			return fail(err)
		}
		names = nil
		for _, f := range filesOf(found, w) {
			names, p.Version = append(names, f.name), f.version
			promised[f.name] = f.sha256
		}
	}
	listed, err := r.listed(ctx, p)
	if err != nil {
		return fail(err)
	}
	if needed {
		for _, name := range names {
			if _, here := listed[name]; !here && !w.mayBe(promised[name]) { // it need not be brought here
				listed[name] = content{hashes: map[string]string{"SHA-256": promised[name]}}
			}
		}
	}
	contents, err := r.contents(ctx, p, w, names, listed)
	if err != nil {
		return fail(err)
	}
	for name, c := range contents {
		if want := promised[name]; want != "" && !c.has(digest{"SHA-256", want}) {
			return fail(fmt.Errorf("%w: the index says that %s is sha256:%s, and it is %s", errRefused, name, want, digest{"SHA-256", c.hashes["SHA-256"]}))
		}
	}
	if len(contents) == 0 {
		return fail(r.whyAbsent(ctx, p))
	}
	matching := 0
	for name, c := range contents {
		matches := slices.ContainsFunc(w.hashes, c.has)
		if matches {
			matching++
		}
		if matches || !needed || len(w.hashes) == 0 {
			p.Assets = append(p.Assets, Asset{Name: name, Size: c.size, SHA256: c.hashes["SHA-256"]})
		}
	}
	if len(w.hashes) > 0 && matching == 0 {
		return fail(falseHash(w, contents))
	}
	return p, nil
}

// contents returns what the files of a version are: those that nothing is known of are read, and
// left out if they are not there.
func (r *Repository) contents(ctx context.Context, p Package, w wanted, names []string, known map[string]content) (map[string]content, error) {
	var algorithms []string
	for _, d := range w.hashes {
		algorithms = append(algorithms, d.algorithm)
	}
	var mu sync.Mutex
	all := map[string]content{}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for _, name := range names {
		work.Go(func() error {
			c, is := known[name]
			if !is {
				var err error
				if c, err = r.read(ctx, p, name, algorithms...); isAbsent(err) {
					return nil
				} else if err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all[name] = c
			return nil
		})
	}
	return all, work.Wait()
}

func falseHash(w wanted, contents map[string]content) error {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		d := w.hashes[0]
		lines = append(lines, fmt.Sprintf("%s is %s", name, digest{d.algorithm, contents[name].hashes[d.algorithm]}))
	}
	return fmt.Errorf("%w: no file of the repository has the hash that is wanted, %s:\n  %s", errRefused, w.hashes[0], strings.Join(lines, "\n  "))
}

type indexed struct{ name, version, sha256 string }

// filesOf are the files of a version in an index. Versions are spelled as in the files' names,
// and the index may have another spelling than the wish: 1.0 is 1.0.0.
func filesOf(p *pypi.Project, w wanted) (all []indexed) {
	if p == nil {
		return nil
	}
	for _, f := range p.Files {
		d, err := pypi.ParseFilename(f.Filename, w.name)
		if err == nil && d.Version == w.version {
			all = append(all, indexed{f.Filename, d.Version, f.SHA256})
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, f := range p.Files {
		d, err := pypi.ParseFilename(f.Filename, w.name)
		if err == nil && pypi.Same(d.Version, w.version) && (len(all) == 0 || all[0].version == d.Version) {
			all = append(all, indexed{f.Filename, d.Version, f.SHA256})
		}
	}
	return all
}

// whyAbsent tells why nothing of a version can be downloaded.
func (r *Repository) whyAbsent(ctx context.Context, p Package) error {
	switch status, err := r.status(ctx, p); {
	case err != nil:
		return err
	case status == "":
		return fmt.Errorf("%w: neither repository %s nor an upstream has it", errRefused, r.Name)
	default:
		return fmt.Errorf("%w: repository %s has it with status %s, and nothing of it can be downloaded", errRefused, r.Name, status)
	}
}
