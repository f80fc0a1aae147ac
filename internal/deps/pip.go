package deps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
)

// errNoPip says that there is no pip that could resolve.
var errNoPip = errors.New("there is no pip here")

// findPip returns the command of a pip: that of a Python, or the first one there is.
func findPip(python string) ([]string, error) {
	if python != "" {
		return []string{python, "-m", "pip"}, nil
	}
	for _, c := range [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"pip"}, {"python", "-m", "pip"}} {
		path, err := exec.LookPath(c[0])
		if err != nil {
			continue
		}
		c[0] = path
		if exec.Command(c[0], append(c[1:], "--version")...).Run() == nil {
			return c, nil
		}
	}
	return nil, errNoPip
}

// network are the settings of pip that say how servers are reached, and not which.
var network = []string{"PIP_CERT", "PIP_CLIENT_CERT", "PIP_TRUSTED_HOST", "PIP_PROXY", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"}

// Pip is a command of a pip, such as "python3 -m pip", that knows one index alone, whatever the
// user's settings say. The index's URL has a token in it (see Repository.Index), so it is handed
// over where no other user of the machine sees it.
func Pip(ctx context.Context, pip []string, index *url.URL, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, pip[0], append(pip[1:len(pip):len(pip)], args...)...)
	bundle := os.Getenv("AWS_CA_BUNDLE") // by which the server is known here
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		if !strings.HasPrefix(name, "PIP_") || slices.Contains(network, name) {
			cmd.Env = append(cmd.Env, v)
		}
		if name == "PIP_CERT" {
			bundle = ""
		}
	}
	if bundle != "" {
		cmd.Env = append(cmd.Env, "PIP_CERT="+bundle)
	}
	cmd.Env = append(cmd.Env, "PIP_CONFIG_FILE="+os.DevNull, "PIP_INDEX_URL="+index.String(), "PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1")
	return cmd
}

// resolve lets pip choose the versions of all that is needed, from an index alone. It installs
// nothing.
func (in *pipInput) resolve(ctx context.Context, python string, index *url.URL, where string) ([]wanted, error) {
	command, err := findPip(python)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "modelwharf-deps-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	args := []string{"install", "--dry-run", "--ignore-installed", "--quiet", "--no-cache-dir", "--report", "-"}
	for option, lines := range map[string][]string{"-r": in.requirements, "-c": in.constraints} {
		path := filepath.Join(folder, "pip"+option+".txt")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return nil, err
		}
		args = append(args, option, path)
	}
	cmd := Pip(ctx, command, index, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pip cannot resolve it (%w):\n%s", err, strings.TrimSpace(strings.ReplaceAll(errs.String(), index.String(), "the repository's index")))
	}
	return readReport(out.Bytes(), where)
}

// readReport reads pip's installation report, version 1.
func readReport(text []byte, where string) (all []wanted, err error) {
	var report struct {
		Version string `json:"version"`
		Install []struct {
			Direct   bool `json:"is_direct"`
			Metadata struct {
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"metadata"`
			Download struct {
				Archive struct {
					Hash   string            `json:"hash"`
					Hashes map[string]string `json:"hashes"`
				} `json:"archive_info"`
			} `json:"download_info"`
		} `json:"install"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("pip's report: %w", err)
	}
	if report.Version != "1" {
		return nil, fmt.Errorf("pip's report is of version %q, and 1 is known here", report.Version)
	}
	for _, one := range report.Install {
		name, err := pypi.Normalize(one.Metadata.Name)
		if err != nil {
			return nil, fmt.Errorf("pip's report: %w", err)
		}
		if one.Direct {
			return nil, fmt.Errorf("%s comes from a URL, and not from the repository: publish it there", name)
		}
		version, err := pypi.Version(one.Metadata.Version)
		if err != nil {
			return nil, fmt.Errorf("pip's report: %w", err)
		}
		w := wanted{format: "pypi", name: name, version: version, where: where}
		if sum := one.Download.Archive.Hashes["sha256"]; sum != "" {
			d, err := parseHash("sha256:" + sum)
			if err != nil {
				return nil, fmt.Errorf("pip's report: %w", err)
			}
			w.hashes = []digest{d}
		}
		all = append(all, w)
	}
	return all, nil
}
