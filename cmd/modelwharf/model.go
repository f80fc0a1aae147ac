package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/go-faster/jx"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"

	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/models"
)

type model struct {
	Register modelRegister `cmd:"" help:"Register a version, once; from then on its image and its packages are held."`
	List     modelList     `cmd:"" help:"List the versions of a model, or of all models."`
	Show     modelShow     `cmd:"" help:"Show all that is known of a version, and what is missing of it."`
	Promote  modelPromote  `cmd:"" help:"Let an alias, such as champion, name a version."`
	Demote   modelDemote   `cmd:"" help:"Take an alias away."`
	History  modelHistory  `cmd:"" help:"Show what an alias named when, and who changed it."`
	Diff     modelDiff     `cmd:"" help:"Show what is not alike in two versions."`
	Link     modelLink     `cmd:"" help:"Record the product and the endpoint that serve a version."`
	Confirm  modelConfirm  `cmd:"" help:"Make a draft a version that does not expire."`
	Retire   modelRetire   `cmd:"" help:"Retire a version: its image and packages may be deleted again."`
}

// catalogFlags are those of all commands about models.
type catalogFlags struct {
	clientFlags
	Table string `help:"The table of the models." default:"modelCatalogTable" env:"MODELWHARF_MODEL_TABLE" placeholder:"NAME"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// modelArg and versionArg are what most commands are about.
type modelArg struct {
	Model string `arg:"" help:"The model."`
}

type versionArg struct {
	modelArg
	Version string `arg:"" help:"The version."`
}

// ask asks the server for an operation of the catalog.
func ask[Out any, PO interface {
	*Out
	codec.Shape
}](ctx context.Context, f *catalogFlags, operation string, in codec.Shape) (*Out, error) {
	client, err := f.models(ctx)
	if err != nil {
		return nil, err
	}
	return models.Call[Out, PO](ctx, client, operation, in)
}

// printShape prints an answer as it came.
func printShape(s codec.Shape) error {
	var e jx.Encoder
	s.EncodeJSON(&e)
	var b bytes.Buffer
	if err := json.Indent(&b, e.Bytes(), "", "  "); err != nil {
		return err
	}
	_, err := fmt.Println(b.String())
	return err
}

// describe returns a version of a model, which "@champion" names by an alias.
func (f *catalogFlags) describe(ctx context.Context, model, version string) (*api.ModelVersionDescription, error) {
	in := &api.DescribeModelVersionInput{TableName: &f.Table, ModelId: &model}
	if alias, ok := strings.CutPrefix(version, "@"); ok {
		in.Alias = &alias
	} else {
		in.ModelVersion = &version
	}
	out, err := ask[api.DescribeModelVersionOutput](ctx, f, "DescribeModelVersion", in)
	if err != nil {
		return nil, err
	}
	return out.ModelVersion, nil
}

// say prints a version as JSON, or a line about it.
func (f *catalogFlags) say(d *api.ModelVersionDescription, line string) error {
	if f.JSON {
		return printShape(d)
	}
	_, err := fmt.Println(line)
	return err
}

type modelList struct {
	catalogFlags
	Model string `arg:"" optional:"" help:"The model; all by default."`
	Type  string `help:"Only models of this type." placeholder:"TYPE"`
}

func (c *modelList) Run(ctx context.Context) error {
	in := &api.ListModelVersionsInput{TableName: &c.Table, ModelId: orNil(c.Model), ModelType: orNil(c.Type), MaxResults: new(int64(1000))}
	all := &api.ListModelVersionsOutput{ModelVersions: []*api.ModelVersionDescription{}}
	for {
		out, err := ask[api.ListModelVersionsOutput](ctx, &c.catalogFlags, "ListModelVersions", in)
		if err != nil {
			return err
		}
		all.ModelVersions = append(all.ModelVersions, out.ModelVersions...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if c.JSON {
		return printShape(all)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tVERSION\tSTATUS\tALIASES\tTYPE\tIMAGE\tPACKAGES\tCREATED\tBY")
	for _, d := range all.ModelVersions {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", *d.ModelId, *d.ModelVersion, *d.Status, strings.Join(d.Aliases, ","),
			orDash(d.ModelType), short(orDash(d.ImageDigest)), len(d.Dependencies), second(d.CreationDate), who(d.RegisteredBy))
	}
	return w.Flush()
}

type modelShow struct {
	catalogFlags
	modelArg
	Version string `arg:"" help:"The version, or @ALIAS."`
}

func (c *modelShow) Run(ctx context.Context) error {
	d, err := c.describe(ctx, c.Model, c.Version)
	if err != nil {
		return err
	}
	if c.JSON {
		return printShape(d)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	line := func(name string, texts ...string) {
		for i, text := range texts {
			if i > 0 {
				name = ""
			}
			if text != "" {
				fmt.Fprintf(w, "%s\t%s\n", name, text)
			}
		}
	}
	line("model", *d.ModelId)
	line("version", *d.ModelVersion)
	line("status", *d.Status)
	line("aliases", strings.Join(d.Aliases, ", "))
	line("type", orEmpty(d.ModelType))
	line("description", orEmpty(d.ModelDescription))
	line("created", orEmpty(d.CreationDate))
	line("by", orEmpty(d.RegisteredBy))
	line("expires", orEmpty(d.ExpiresAt))
	line("image", orEmpty(d.ImageUri))
	line("repository", orEmpty(d.ImageRepository))
	line("packages of", orEmpty(d.DependencyRepository))
	line("lock", orEmpty(d.DependencyLock))
	line("packages", d.Dependencies...)
	line("product", strings.TrimSpace(orEmpty(d.ProductId)+" "+orEmpty(d.ProvisioningArtifactId)))
	line("endpoint", orEmpty(d.EndpointName))
	line("metrics", metricLines(d.Metrics)...)
	line("files", fileLines(d.Files)...)
	line("retired", strings.TrimSpace(orEmpty(d.RetiredAt)+" "+orEmpty(d.RetiredBy)))
	line("because", orEmpty(d.RetirementReason))
	line("MISSING", d.Missing...)
	return w.Flush()
}

type modelLink struct {
	catalogFlags
	versionArg
	Product  string `help:"The product's id in the service catalog." placeholder:"ID"`
	Artifact string `help:"The provisioning artifact's id." placeholder:"ID"`
	Endpoint string `help:"The endpoint's name." placeholder:"NAME"`
}

func (c *modelLink) Run(ctx context.Context) error {
	out, err := ask[api.LinkModelVersionOutput](ctx, &c.catalogFlags, "LinkModelVersion", &api.LinkModelVersionInput{
		TableName: &c.Table, ModelId: &c.Model, ModelVersion: &c.Version,
		ProductId: orNil(c.Product), ProvisioningArtifactId: orNil(c.Artifact), EndpointName: orNil(c.Endpoint),
	})
	if err != nil {
		return err
	}
	return c.say(out.ModelVersion, fmt.Sprintf("%s %s is linked", c.Model, c.Version))
}

type modelConfirm struct {
	catalogFlags
	versionArg
}

func (c *modelConfirm) Run(ctx context.Context) error {
	out, err := ask[api.ConfirmModelVersionOutput](ctx, &c.catalogFlags, "ConfirmModelVersion", &api.ConfirmModelVersionInput{TableName: &c.Table, ModelId: &c.Model, ModelVersion: &c.Version})
	if err != nil {
		return err
	}
	return c.say(out.ModelVersion, fmt.Sprintf("%s %s is registered and does not expire", c.Model, c.Version))
}

type modelRetire struct {
	catalogFlags
	versionArg
	Reason string `help:"Why." placeholder:"TEXT"`
}

func (c *modelRetire) Run(ctx context.Context) error {
	out, err := ask[api.RetireModelVersionOutput](ctx, &c.catalogFlags, "RetireModelVersion", &api.RetireModelVersionInput{
		TableName: &c.Table, ModelId: &c.Model, ModelVersion: &c.Version, Reason: orNil(c.Reason),
	})
	if err != nil {
		return err
	}
	return c.say(out.ModelVersion, fmt.Sprintf("%s %s is retired: its image and packages may be deleted", c.Model, c.Version))
}
