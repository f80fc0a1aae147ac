package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

// moveFlags are those of the commands that move an alias.
type moveFlags struct {
	Expect string `help:"Only if the alias names this version now." placeholder:"VERSION"`
	Reason string `help:"Why: it is in the history." placeholder:"TEXT"`
}

type modelPromote struct {
	catalogFlags
	versionArg
	Alias string `arg:"" optional:"" help:"The alias, such as champion or staging." default:"champion"`
	moveFlags
}

func (c *modelPromote) Run(ctx context.Context) error {
	out, err := ask[api.PromoteModelVersionOutput](ctx, &c.catalogFlags, "PromoteModelVersion", &api.PromoteModelVersionInput{
		TableName: &c.Table, ModelId: &c.Model, ModelVersion: &c.Version, Alias: &c.Alias, ExpectedVersion: orNil(c.Expect), Reason: orNil(c.Reason),
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printShape(out.Change)
	}
	instead := ""
	if before := orEmpty(out.Change.PreviousVersion); before != "" {
		instead = ", before it was " + before
	}
	fmt.Printf("%s of %s is %s since %s%s\n", c.Alias, c.Model, c.Version, second(out.Change.ChangedAt), instead)
	return nil
}

type modelDemote struct {
	catalogFlags
	modelArg
	Alias string `arg:"" help:"The alias."`
	moveFlags
}

func (c *modelDemote) Run(ctx context.Context) error {
	out, err := ask[api.RemoveModelAliasOutput](ctx, &c.catalogFlags, "RemoveModelAlias", &api.RemoveModelAliasInput{
		TableName: &c.Table, ModelId: &c.Model, Alias: &c.Alias, ExpectedVersion: orNil(c.Expect), Reason: orNil(c.Reason),
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printShape(out.Change)
	}
	fmt.Printf("%s of %s names nothing since %s, before it was %s\n", c.Alias, c.Model, second(out.Change.ChangedAt), orDash(out.Change.PreviousVersion))
	return nil
}

type modelHistory struct {
	catalogFlags
	modelArg
	Alias string `help:"Of this alias; of all by default." placeholder:"NAME"`
	At    string `help:"What was live at this time: RFC 3339, a date, or how long ago (90m, 36h, 7d)." placeholder:"TIME"`
	Limit uint   `help:"Show so many changes at the most, 0 for all." default:"100"`
}

func (c *modelHistory) Run(ctx context.Context) error {
	at, err := parseTime(c.At, time.Now())
	if err != nil {
		return fmt.Errorf("--at: %w", err)
	}
	in := &api.ListModelHistoryInput{TableName: &c.Table, ModelId: &c.Model, Alias: orNil(c.Alias), MaxResults: new(int64(1000))}
	if c.At != "" {
		in.At = new(at.UTC().Format(time.RFC3339Nano))
	}
	all := &api.ListModelHistoryOutput{Changes: []*api.AliasChange{}}
	for {
		out, err := ask[api.ListModelHistoryOutput](ctx, &c.catalogFlags, "ListModelHistory", in)
		if err != nil {
			return err
		}
		all.Changes = append(all.Changes, out.Changes...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if c.At == "" { // the aliases come one after the other
		slices.SortStableFunc(all.Changes, func(a, b *api.AliasChange) int { return cmp.Compare(*b.ChangedAt, *a.ChangedAt) })
	}
	if c.Limit > 0 {
		all.Changes = all.Changes[:min(len(all.Changes), int(c.Limit))]
	}
	if c.JSON {
		return printShape(all)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	heads := "TIME\tALIAS\tVERSION\tBEFORE\tIMAGE\tBY\tREASON"
	if c.At != "" {
		heads = "SINCE\tALIAS\tVERSION\tBEFORE\tIMAGE\tBY\tREASON"
	}
	fmt.Fprintln(w, heads)
	for _, x := range all.Changes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", second(x.ChangedAt), *x.Alias, orDash(x.ModelVersion), orDash(x.PreviousVersion),
			short(orDash(x.ImageDigest)), who(x.ChangedBy), orEmpty(x.Reason))
	}
	return w.Flush()
}
