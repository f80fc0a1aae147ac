package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/modelwharf/modelwharf/internal/deps"
)

type dependencies struct {
	Lock   depsLock   `cmd:"" help:"Record the packages, with the hashes of their files, that a repository resolves for a model's version."`
	Verify depsVerify `cmd:"" help:"Prove that all that was locked is installable, byte for byte; exit with 1 if it is not."`
	Show   depsShow   `cmd:"" help:"Show what is locked for a model's version."`
	List   depsList   `cmd:"" help:"List the models and versions that are locked in a repository."`
}

// lockFlags name the lock of a model's version.
type lockFlags struct {
	clientFlags
	repositoryFlags
	Model        string `help:"The model." required:"" placeholder:"NAME"`
	ModelVersion string `help:"The model's version." required:"" placeholder:"VERSION"`
}

func (r *repositoryFlags) packagesOf(ctx context.Context, c *clientFlags) (*deps.Repository, error) {
	client, err := c.packages(ctx)
	if err != nil {
		return nil, err
	}
	return &deps.Repository{Client: client, Domain: r.Domain, Owner: r.DomainOwner, Name: r.Repository}, nil
}

type depsLock struct {
	lockFlags
	Files   []string `arg:"" name:"file" help:"requirements.txt, pylock.toml, uv.lock, package-lock.json." placeholder:"FILE"`
	Resolve bool     `help:"Let pip find what the lines of a requirements file need, also if all have versions."`
	Needed  bool     `help:"Lock only the files that are wanted by hash, or that pip has chosen, and not all of a version."`
	Python  string   `help:"The Python whose pip resolves; by default the first one that is found." placeholder:"FILE"`
	DryRun  bool     `help:"Print the lock, and publish nothing."`
}

// Help tells what flags cannot.
func (depsLock) Help() string {
	return `What has versions (NAME==VERSION, lock files) is locked as it is. For requirements without, pip resolves them against the
repository, with all that they need, without installing anything; then the result is for its Python and this machine.`
}

func (c *depsLock) Run(ctx context.Context) error {
	r, err := c.packagesOf(ctx, &c.clientFlags)
	if err != nil {
		return err
	}
	lock, notes, err := r.Make(ctx, deps.Request{
		Model: c.Model, ModelVersion: c.ModelVersion, Files: c.Files, Resolve: c.Resolve, Needed: c.Needed, Python: c.Python, Progress: progress("locking"),
	})
	for _, note := range notes {
		fmt.Fprintln(os.Stderr, note)
	}
	if err != nil {
		return err
	}
	if c.DryRun {
		_, err := os.Stdout.Write(lock.Text())
		return err
	}
	fresh, err := r.Publish(ctx, lock)
	if err != nil {
		return err
	}
	files, size := lock.Files()
	said := "is locked"
	if !fresh {
		said = "was locked already, alike"
	}
	fmt.Printf("%s %s %s: %d packages, %d files, %s\n", c.Model, c.ModelVersion, said, len(lock.Packages), files, inBytes(size))
	return nil
}

type depsVerify struct {
	lockFlags
	Fast bool `help:"Compare with the hashes that the server tells, instead of reading every byte."`
	JSON bool `name:"json" help:"Print the problems as JSON."`
}

func (c *depsVerify) Run(ctx context.Context) error {
	r, err := c.packagesOf(ctx, &c.clientFlags)
	if err != nil {
		return err
	}
	lock, err := r.Load(ctx, c.Model, c.ModelVersion)
	if err != nil {
		return err
	}
	problems, err := r.Verify(ctx, lock, c.Fast, progress("verifying"))
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(append([]deps.Problem{}, problems...)); err != nil {
			return err
		}
	} else {
		for _, p := range problems {
			fmt.Println(p)
		}
	}
	files, size := lock.Files()
	if len(problems) > 0 {
		return fmt.Errorf("%s %s: %d of %d files: %w", c.Model, c.ModelVersion, len(problems), files, deps.ErrProblems)
	}
	if !c.JSON {
		how := "read and compared"
		if c.Fast {
			how = "there, by their hashes"
		}
		fmt.Printf("%s %s: %d packages, %d files, %s: all %s\n", c.Model, c.ModelVersion, len(lock.Packages), files, inBytes(size), how)
	}
	return nil
}

type depsShow struct {
	lockFlags
	JSON         bool `name:"json" help:"Print the lock itself." xor:"form"`
	Requirements bool `help:"Print what pip and uv install with --require-hashes." xor:"form"`
}

func (c *depsShow) Run(ctx context.Context) error {
	r, err := c.packagesOf(ctx, &c.clientFlags)
	if err != nil {
		return err
	}
	lock, err := r.Load(ctx, c.Model, c.ModelVersion)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		_, err = os.Stdout.Write(lock.Text())
		return err
	case c.Requirements:
		_, err = fmt.Print(lock.Requirements())
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FORMAT\tPACKAGE\tFILE\tBYTES\tSHA-256")
	for _, p := range lock.Packages {
		for _, a := range p.Assets {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", p.Format, p, a.Name, a.Size, a.SHA256)
		}
	}
	return w.Flush()
}

type depsList struct {
	clientFlags
	repositoryFlags
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *depsList) Run(ctx context.Context) error {
	r, err := c.packagesOf(ctx, &c.clientFlags)
	if err != nil {
		return err
	}
	all, err := r.List(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(append([]deps.Locked{}, all...))
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tVERSION\tSTATUS")
	for _, l := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", l.Model, l.ModelVersion, l.Status)
	}
	return w.Flush()
}

// progress shows how far something is: on a terminal in one line that changes, elsewhere a line
// for each hundred.
func progress(what string) deps.Progress {
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	return func(done, total int, name string) {
		switch {
		case terminal && done == total:
			fmt.Fprint(os.Stderr, "\r\x1b[K")
		case terminal:
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s: %d of %d, %.60s", what, done, total, name)
		case done%100 == 0 && done < total:
			fmt.Fprintf(os.Stderr, "%s: %d of %d\n", what, done, total)
		}
	}
}

// inBytes is a size for people.
func inBytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
