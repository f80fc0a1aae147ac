package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/modelwharf/modelwharf/internal/server/control"
)

// release is set by the linker; see the Makefile.
var release string

type version struct{}

func (version) Run() error {
	var revision string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " (" + s.Value + ")"
			}
		}
	}
	fmt.Printf("modelwharf %s%s %s %s/%s\n", cmp.Or(release, "devel"), revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

type health struct{ dataFolder }

func (c *health) Run(ctx context.Context) error {
	return control.NewClient(c.Data).Ready(ctx)
}
