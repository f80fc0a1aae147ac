package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/deps"
)

type modelRegister struct {
	catalogFlags
	versionArg
	Image       string            `help:"The image that serves it, as docker pulls it, or NAME:TAG of a repository of the caller's; a tag is resolved to its digest." placeholder:"NAME"`
	Type        string            `help:"What kind of model it is." placeholder:"TYPE"`
	Description string            `help:"What it is." placeholder:"TEXT"`
	Domain      string            `help:"The domain of the repository of packages it was built from." placeholder:"NAME"`
	DomainOwner string            `help:"The account that has the domain; by default the caller's." placeholder:"DIGITS"`
	Repository  string            `help:"The repository of packages, in which its dependencies were locked (modelwharf deps lock)." placeholder:"NAME"`
	LockModel   string            `help:"The model whose lock it is; by default the same." placeholder:"NAME"`
	LockVersion string            `help:"The version whose lock it is; by default the same." placeholder:"VERSION"`
	Metric      map[string]string `help:"A measure: accuracy=0.97." placeholder:"NAME=NUMBER"`
	Metrics     string            `help:"A file of measures: one JSON object of numbers." placeholder:"FILE"`
	File        []string          `help:"A file of the model, whose SHA-256 is recorded." placeholder:"FILE" sep:"none"`
	Product     string            `help:"The product's id in the service catalog." placeholder:"ID"`
	Artifact    string            `help:"The provisioning artifact's id." placeholder:"ID"`
	Endpoint    string            `help:"The endpoint's name." placeholder:"NAME"`
	Draft       time.Duration     `help:"Register a draft that expires after this time (36h), unless it is confirmed." placeholder:"TIME"`
	Adopt       bool              `help:"Register an item that another client of the table wrote, and keep what it says."`
}

// Help tells what flags cannot.
func (modelRegister) Help() string {
	return `A version is written once. Registered again with the same words, it stays as it is; with others, that is refused.`
}

func (c *modelRegister) Run(ctx context.Context) error {
	in := &api.RegisterModelVersionInput{
		TableName: &c.Table, ModelId: &c.Model, ModelVersion: &c.Version, ModelType: orNil(c.Type), ModelDescription: orNil(c.Description),
		ImageUri: orNil(c.Image), ProductId: orNil(c.Product), ProvisioningArtifactId: orNil(c.Artifact), EndpointName: orNil(c.Endpoint),
	}
	var err error
	if in.Metrics, err = c.metrics(); err != nil {
		return err
	}
	if in.Files, err = hashed(c.File); err != nil {
		return err
	}
	if in.Dependencies, err = c.dependencies(ctx); err != nil {
		return err
	}
	if c.Draft > 0 {
		in.ExpiresAt = new(time.Now().Add(c.Draft).UTC().Format(time.RFC3339))
	}
	if c.Adopt {
		in.Adopt = &c.Adopt
	}
	out, err := ask[api.RegisterModelVersionOutput](ctx, &c.catalogFlags, "RegisterModelVersion", in)
	if err != nil {
		return err
	}
	d := out.ModelVersion
	line := fmt.Sprintf("%s %s is registered", c.Model, c.Version)
	if c.Draft > 0 {
		line = fmt.Sprintf("%s %s is a draft until %s", c.Model, c.Version, orDash(d.ExpiresAt))
	}
	switch n := len(d.Dependencies); {
	case d.ImageDigest != nil && n > 0:
		line += fmt.Sprintf(": it holds the image %s and %s", short(*d.ImageDigest), packages(n))
	case d.ImageDigest != nil:
		line += fmt.Sprintf(": it holds the image %s", short(*d.ImageDigest))
	case n > 0:
		line += fmt.Sprintf(": it holds %s, and has no image yet: it cannot be promoted", packages(n))
	}
	return c.say(d, line)
}

// packages says how many there are.
func packages(n int) string {
	if n == 1 {
		return "1 package"
	}
	return strconv.Itoa(n) + " packages"
}

// metrics are those of the flags and of the file.
func (c *modelRegister) metrics() (map[string]string, error) {
	all := map[string]string{}
	if c.Metrics != "" {
		text, err := os.ReadFile(c.Metrics)
		if err != nil {
			return nil, err
		}
		var numbers map[string]json.Number
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&numbers); err != nil {
			return nil, fmt.Errorf("--metrics %s: it is no JSON object of numbers: %w", c.Metrics, err)
		}
		for name, n := range numbers {
			all[name] = n.String()
		}
	}
	for name, text := range c.Metric {
		all[name] = text
	}
	return all, nil
}

// dependencies are what was locked for the version; nil if no repository is named.
func (c *modelRegister) dependencies(ctx context.Context) (*api.Dependencies, error) {
	if c.Domain == "" && c.Repository == "" {
		return nil, nil
	}
	if c.Domain == "" || c.Repository == "" {
		return nil, errors.New("--domain and --repository go together")
	}
	flags := repositoryFlags{Domain: c.Domain, DomainOwner: c.DomainOwner, Repository: c.Repository}
	r, err := flags.packagesOf(ctx, &c.clientFlags)
	if err != nil {
		return nil, err
	}
	model, version := cmp.Or(c.LockModel, c.Model), cmp.Or(c.LockVersion, c.Version)
	lock, err := r.Load(ctx, model, version)
	if errors.Is(err, deps.ErrAbsent) {
		return nil, fmt.Errorf("%w: lock it first, with `modelwharf deps lock --domain %s --repository %s --model %s --model-version %s FILE`", err, c.Domain, c.Repository, model, version)
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(lock.Text())
	in := &api.Dependencies{Domain: &c.Domain, DomainOwner: flags.owner(), Repository: &c.Repository, Packages: []*api.LockedPackage{}, Lock: &api.LockedPackage{
		Format: new("generic"), Namespace: new(deps.Namespace), Name: &model, Version: &version,
		Assets: []*api.LockedAsset{{Name: new(deps.AssetName), SHA256: new(hex.EncodeToString(sum[:]))}},
	}}
	for _, p := range lock.Packages {
		one := &api.LockedPackage{Format: &p.Format, Namespace: orNil(p.Namespace), Name: &p.Name, Version: &p.Version}
		for _, a := range p.Assets {
			one.Assets = append(one.Assets, &api.LockedAsset{Name: &a.Name, SHA256: &a.SHA256})
		}
		in.Packages = append(in.Packages, one)
	}
	return in, nil
}

// hashed are files with their SHA-256.
func hashed(paths []string) (all []*api.ModelFile, err error) {
	progress := progress("hashing")
	for i, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			progress(i, len(paths), path)
		}
		h := sha256.New()
		n, err := io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, &api.ModelFile{Name: new(filepath.Base(path)), Size: &n, SHA256: new(hex.EncodeToString(h.Sum(nil)))})
	}
	if len(paths) > 0 {
		progress(len(paths), len(paths), "")
	}
	return all, nil
}
