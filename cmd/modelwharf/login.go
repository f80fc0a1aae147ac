package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/login"
)

type loginTool struct {
	clientFlags
	repositoryFlags
	Tool      string        `help:"The tool: ${tools}." required:"" enum:"${tools}" placeholder:"TOOL"`
	Namespace string        `help:"Use the repository for this npm scope alone." placeholder:"@SCOPE"`
	Duration  time.Duration `help:"How long the login lasts, from 15m to 12h; 0 is as long as the session that asks for it." default:"12h" placeholder:"TIME"`
	DryRun    bool          `help:"Show what would be written, and write nothing."`
}

func (c *loginTool) Run(ctx context.Context) error {
	tool, _ := login.Find(c.Tool)
	if c.Namespace != "" && !strings.HasPrefix(c.Namespace, "@") {
		c.Namespace = "@" + c.Namespace
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	if c.Duration%time.Second != 0 {
		return errors.New("--duration is of whole seconds")
	}
	client, err := c.packages(ctx)
	if err != nil {
		return err
	}
	at, err := client.GetRepositoryEndpoint(ctx, &codeartifact.GetRepositoryEndpointInput{
		Domain: &c.Domain, DomainOwner: c.owner(), Repository: &c.Repository, Format: types.PackageFormat(tool.Format),
	})
	if err != nil {
		return err
	}
	token, err := client.GetAuthorizationToken(ctx, &codeartifact.GetAuthorizationTokenInput{
		Domain: &c.Domain, DomainOwner: c.owner(), DurationSeconds: new(int64(c.Duration / time.Second)),
	})
	if err != nil {
		return err
	}
	r := login.Repository{Endpoint: *at.RepositoryEndpoint, Token: *token.AuthorizationToken, Expires: *token.Expiration, Namespace: c.Namespace}
	user := login.User{Home: home, Getenv: os.Getenv}
	files, err := tool.Plan(user, r)
	if err != nil {
		return err
	}
	for _, f := range files {
		if len(f.Others) > 0 {
			fmt.Fprintf(os.Stderr, "%s has %s, by which packages come from elsewhere as well.\n", f.Path, strings.Join(f.Others, ", "))
		}
		if c.DryRun {
			fmt.Printf("%s would have these lines:\n  %s\n", f.Path, strings.Join(f.Added(), "\n  "))
			continue
		}
		if err := f.Write(); err != nil {
			return err
		}
		fmt.Printf("%s written\n", f.Path)
	}
	if c.DryRun {
		return nil
	}
	what := ""
	if c.Namespace != "" {
		what = " for " + c.Namespace
	}
	fmt.Printf("%s uses %s%s until %s (%v from now).\nNext: %s\n", tool.Name, r.Endpoint, what, r.Expires.Local().Format("2006-01-02 15:04 MST"),
		time.Until(r.Expires).Round(time.Minute), strings.ReplaceAll(tool.Next, "ENDPOINT", r.Endpoint))
	if names := tool.Overridden(user); len(names) > 0 {
		fmt.Fprintf(os.Stderr, "%s counts before these settings, and leads %s elsewhere.\n", strings.Join(names, ", "), tool.Name)
	}
	if plainElsewhere(r.Endpoint) {
		fmt.Fprintln(os.Stderr, "The token goes over the network in plain text, and tools refuse that: serve TLS (see docs/operation.md).")
	}
	return nil
}

// plainElsewhere tells whether a URL leads to another machine without TLS.
func plainElsewhere(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" || slices.Contains([]string{"localhost", "::1"}, u.Hostname()) {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}
