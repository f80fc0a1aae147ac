package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/modelwharf/modelwharf/internal/server/control"
	"github.com/modelwharf/modelwharf/internal/server/folder"
)

type account struct {
	Create accountCreate `cmd:"" help:"Make an account and show the access key of its root, once."`
	List   accountList   `cmd:"" help:"List the accounts."`
}

type accountCreate struct {
	dataFolder
	Name  string `arg:"" help:"What the account is called."`
	ID    string `help:"Its number, 12 digits; random by default." placeholder:"DIGITS"`
	Email string `help:"Whom to write to about it." placeholder:"ADDRESS"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

func (c *accountCreate) Run(ctx context.Context) error {
	a, err := control.NewClient(c.Data).CreateAccount(ctx, control.NewAccount{ID: c.ID, Name: c.Name, Email: c.Email})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a)
	}
	key := folder.AccessKey{ID: a.AccessKeyID, Secret: a.SecretAccessKey}
	fmt.Printf("# Account %s. The access key of its root is not shown again.\n%s", a.ID, key.Profile(c.Name))
	return nil
}

type accountList struct {
	dataFolder
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *accountList) Run(ctx context.Context) error {
	all, err := control.NewClient(c.Data).Accounts(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(all)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACCOUNT\tNAME\tE-MAIL\tCREATED")
	for _, a := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.ID, a.Name, a.Email, a.Created.Format(time.DateOnly))
	}
	return w.Flush()
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
