// Modelwharf is a model platform in one program: see `modelwharf serve --help`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/modelwharf/modelwharf/internal/login"
	"github.com/modelwharf/modelwharf/internal/runtime/engine"
)

// program is the command line.
type program struct {
	Serve   serve        `cmd:"" help:"Run the server."`
	Account account      `cmd:"" help:"Make and list accounts of a running server."`
	Login   loginTool    `cmd:"" help:"Let a package tool use a repository of packages."`
	Deps    dependencies `cmd:"" help:"Lock what a model's version is built from, and verify it."`
	Model   model        `cmd:"" help:"Register versions of models, promote them, and show what was live when."`
	Audit   audit        `cmd:"" help:"Show who did what, when."`
	Backup  backup       `cmd:"" help:"Copy a running server's store and images to a file, as of one moment."`
	Restore restore      `cmd:"" help:"Make a new data folder of a backup."`
	Health  health       `cmd:"" help:"Exit with 0 if the server on a data folder answers requests."`
	Version version      `cmd:"" help:"Show the version."`
}

// variables are the parts of help texts that other packages know.
var variables = kong.Vars{"tools": strings.Join(login.Names(), ",")}

// dataFolder is the flag of the commands that need to know where the data is.
type dataFolder struct {
	Data string `help:"The data folder." default:"./modelwharf-data" env:"MODELWHARF_DATA" placeholder:"DIR"`
}

func main() {
	// Containers of models are reached through copies of this program, which are no commands
	// of anybody's.
	if len(os.Args) > 1 && os.Args[1] == engine.DialerCommand {
		fmt.Fprintln(os.Stderr, "modelwharf:", engine.Dialer(os.Args[2:]))
		os.Exit(1)
	}

	// The first signal asks to stop; the second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	cli := kong.Parse(&program{},
		kong.Name("modelwharf"),
		kong.Description("A model platform that speaks AWS's protocols, on your own machines."),
		kong.UsageOnError(),
		variables,
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err := cli.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "modelwharf:", err)
		os.Exit(1)
	}
}
