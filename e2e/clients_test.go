package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// client returns the path of a real client: the one that e2e/setup installed, or
// the machine's own. Without one the test is skipped, but not in CI.
func client(t *testing.T, name string) string {
	t.Helper()
	for _, folder := range []string{"../.tools/clients/bin", "../.tools/registry"} {
		if own, err := filepath.Abs(filepath.Join(folder, name)); err == nil {
			if _, err := os.Stat(own); err == nil {
				return own
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not here (run e2e/setup)")
	}
	return path
}

// missing skips a test for want of a client, or fails it in CI.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// aws is the aws command, pointed at a server.
type awsCommand struct {
	t    *testing.T
	path string
	env  []string
}

func (s *server) aws(t *testing.T) *awsCommand {
	return &awsCommand{t, client(t, "aws"), s.env()}
}

// as returns the command with other credentials.
func (a *awsCommand) as(id, secret, token string) *awsCommand {
	env := append(a.env[:len(a.env):len(a.env)], "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token)
	return &awsCommand{a.t, a.path, env}
}

func (a *awsCommand) try(args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(a.t.Context(), a.path, append(args, "--output", "json")...)
	cmd.Env = a.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// run runs a command that must succeed and returns what it printed, as JSON.
func (a *awsCommand) run(args ...string) map[string]any {
	a.t.Helper()
	stdout, stderr, err := a.try(args...)
	if err != nil {
		a.t.Fatalf("aws %q: %v\n%s", args, err, stderr)
	}
	if stdout == "" {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(stdout), &out); err != nil {
		a.t.Fatalf("aws %q printed no JSON: %v\n%s", args, err, stdout)
	}
	return out
}

// fails runs a command that must fail and returns what it said.
func (a *awsCommand) fails(args ...string) string {
	a.t.Helper()
	stdout, stderr, err := a.try(args...)
	if err == nil {
		a.t.Fatalf("aws %q succeeded: %s", args, stdout)
	}
	return stderr
}

// at walks a JSON document by member names and list indexes.
func at(t *testing.T, doc any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := doc.(map[string]any)
			if !ok {
				t.Fatalf("%v: %v is not an object", path, doc)
			}
			doc = m[step]
		case int:
			l, ok := doc.([]any)
			if !ok || step >= len(l) {
				t.Fatalf("%v: no element %d in %v", path, step, doc)
			}
			doc = l[step]
		}
	}
	return doc
}
