package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

type modelDiff struct {
	catalogFlags
	modelArg
	From string `arg:"" help:"The one version, or @ALIAS."`
	To   string `arg:"" help:"The other version, or @ALIAS."`
}

// difference is something that is not alike in two versions; From or To is "" of what only
// one of them has.
type difference struct {
	Of   string `json:"of"` // "image", "dependency", "metric", "file", "type", "description"
	Name string `json:"name,omitempty"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

func (c *modelDiff) Run(ctx context.Context) error {
	from, err := c.describe(ctx, c.Model, c.From)
	if err != nil {
		return err
	}
	to, err := c.describe(ctx, c.Model, c.To)
	if err != nil {
		return err
	}
	all := differences(from, to)
	if c.JSON {
		return printJSON(append([]difference{}, all...))
	}
	if len(all) == 0 {
		fmt.Printf("%s %s and %s have the same image, packages, metrics and files\n", c.Model, *from.ModelVersion, *to.ModelVersion)
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\t\t%s\t%s\t\n", *from.ModelVersion, *to.ModelVersion)
	for _, d := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.Of, d.Name, dash(short(d.From)), dash(short(d.To)), d.change())
	}
	return w.Flush()
}

// change is by how much a metric changed.
func (d difference) change() string {
	from, err1 := strconv.ParseFloat(d.From, 64)
	to, err2 := strconv.ParseFloat(d.To, 64)
	if d.Of != "metric" || err1 != nil || err2 != nil {
		return ""
	}
	return fmt.Sprintf("%+.4g", to-from)
}

// differences are what is not alike in two versions.
func differences(from, to *api.ModelVersionDescription) (all []difference) {
	one := func(of string, a, b *string) {
		if orEmpty(a) != orEmpty(b) {
			all = append(all, difference{Of: of, From: orEmpty(a), To: orEmpty(b)})
		}
	}
	many := func(of string, a, b map[string]string) {
		names := maps.Clone(a)
		maps.Copy(names, b)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if a[name] != b[name] {
				all = append(all, difference{Of: of, Name: name, From: a[name], To: b[name]})
			}
		}
	}
	one("image", from.ImageDigest, to.ImageDigest)
	many("dependency", packageVersions(from.Dependencies), packageVersions(to.Dependencies))
	many("metric", orEmptyMap(from.Metrics), orEmptyMap(to.Metrics))
	many("file", fileSums(from.Files), fileSums(to.Files))
	one("type", from.ModelType, to.ModelType)
	one("description", from.ModelDescription, to.ModelDescription)
	return all
}

// packageVersions are the versions of packages by "pypi numpy"; of several of one package, all.
func packageVersions(list []string) map[string]string {
	all := map[string]string{}
	for _, text := range list {
		i := strings.LastIndexByte(text, ' ')
		name, version := text[:max(i, 0)], text[i+1:]
		if all[name] != "" {
			version = all[name] + ", " + version
		}
		all[name] = version
	}
	return all
}

func fileSums(files []*api.ModelFile) map[string]string {
	all := map[string]string{}
	for _, f := range files {
		all[orEmpty(f.Name)] = "sha256:" + orEmpty(f.SHA256)
	}
	return all
}

func orEmptyMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func metricLines(m map[string]string) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		lines = append(lines, name+" = "+m[name])
	}
	return lines
}

func fileLines(files []*api.ModelFile) (lines []string) {
	for _, f := range files {
		size := ""
		if f.Size != nil {
			size = ", " + inBytes(*f.Size)
		}
		lines = append(lines, orEmpty(f.Name)+" sha256:"+orEmpty(f.SHA256)+size)
	}
	return lines
}

// What follows is how tables show what an answer has, or has not.

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func orDash(s *string) string { return dash(orEmpty(s)) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// short is a digest cut to what people compare.
func short(digest string) string {
	if algorithm, hex, ok := strings.Cut(digest, ":"); ok && len(hex) > 12 && strings.HasPrefix(algorithm, "sha") {
		return algorithm + ":" + hex[:12]
	}
	return digest
}

// second is a time to the second.
func second(t *string) string {
	text, rest, ok := strings.Cut(orDash(t), ".")
	if ok && strings.HasSuffix(rest, "Z") {
		return text + "Z"
	}
	return text
}

// who is the last part of a caller's ARN: user/ada, root.
func who(arn *string) string {
	text := orDash(arn)
	return text[strings.LastIndexByte(text, ':')+1:]
}
