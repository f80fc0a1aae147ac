package deps

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	pydeps "deps.dev/util/pypi"

	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
)

// pipInput is what pip is to resolve: the lines of a requirements file and of those that it
// includes, without what would lead pip elsewhere.
type pipInput struct {
	requirements, constraints []string
	names                     []string // of the projects that are required
}

// readRequirements reads a requirements file: its form is pip's.
func (f *file) readRequirements(path string) error {
	f.pip = &pipInput{}
	f.hashed = true
	err := f.readRequirementsOf(path, f.text, false, []string{filepath.Clean(path)})
	f.hashed = f.hashed && len(f.wanted) > 0
	return err
}

var comment = regexp.MustCompile(`(^|\s+)#.*$`)

func (f *file) readRequirementsOf(path string, text []byte, constraints bool, within []string) error {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	var whole string
	began := 0
	all := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	for i, line := range all {
		if whole == "" {
			began = i + 1
		}
		// A line goes on after a backslash, and ends at a comment.
		if head, more := strings.CutSuffix(line, "\\"); more && i+1 < len(all) && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			whole += head + " "
			continue
		}
		one := strings.TrimSpace(comment.ReplaceAllString(whole+line, ""))
		whole = ""
		if one == "" {
			continue
		}
		where := fmt.Sprintf("%s:%d", filepath.Base(path), began)
		var err error
		if strings.HasPrefix(one, "-") {
			err = f.option(path, one, where, constraints, within)
		} else {
			err = f.requirement(one, where, constraints)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", began, err)
		}
	}
	return nil
}

// elsewhere are the options that lead pip to other places than the repository.
var elsewhere = []string{"-i", "--index-url", "--pypi-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--trusted-host"}

// kept are the options that pip is given as they are.
var kept = []string{"--pre", "--prefer-binary", "--no-binary", "--only-binary", "--require-hashes", "--use-feature"}

func (f *file) option(path, line, where string, constraints bool, within []string) error {
	name, value, _ := strings.Cut(strings.Replace(line, "=", " ", 1), " ")
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	if len(name) > 2 && name[1] != '-' { // -rother.txt
		name, value = name[:2], line[2:]
	}
	switch {
	case slices.Contains(elsewhere, name):
		f.notes = append(f.notes, fmt.Sprintf("%s: %s does not count: everything comes from the repository", where, name))
		return nil
	case slices.Contains(kept, name):
		f.pip.requirements = append(f.pip.requirements, line)
		return nil
	case name == "-r" || name == "--requirement" || name == "-c" || name == "--constraint":
		if strings.Contains(value, "://") {
			return fmt.Errorf("%s is not read from a URL", value)
		}
		included := filepath.Clean(value)
		if !filepath.IsAbs(included) {
			included = filepath.Join(filepath.Dir(path), value)
		}
		if slices.Contains(within, included) {
			return fmt.Errorf("%s includes itself", value)
		}
		text, err := os.ReadFile(included)
		if err != nil {
			return err
		}
		// What is included is part of what the lock is of.
		f.text = append(append(f.text, 0), text...)
		err = f.readRequirementsOf(included, text, constraints || strings.HasPrefix(strings.TrimLeft(name, "-"), "c"), append(within, included))
		if err != nil {
			return fmt.Errorf("%s: %w", value, err)
		}
		return nil
	case name == "-e" || name == "--editable":
		return errors.New("what is editable is no version of a package: publish it to the repository")
	}
	return fmt.Errorf("the option %s is not known here", name)
}

// ownOptions begins the options of one requirement.
var ownOptions = regexp.MustCompile(`\s--?[a-z]`)

func (f *file) requirement(line, where string, constraint bool) error {
	text, options := line, ""
	if at := ownOptions.FindStringIndex(line); at != nil {
		text, options = strings.TrimSpace(line[:at[0]]), strings.TrimSpace(line[at[0]:])
	}
	if strings.Contains(text, "://") || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "/") || strings.Contains(text, " @ ") {
		return fmt.Errorf("%q is no version of a package: publish it to the repository", text)
	}
	d, err := pydeps.ParseDependency(text)
	if err != nil {
		return fmt.Errorf("%q is no requirement: %w", text, err)
	}
	if d.Constraint != "" && !strings.ContainsRune("(<>=!~", rune(d.Constraint[0])) {
		return fmt.Errorf("%q is no requirement", text)
	}
	name, err := pypi.Normalize(d.Name)
	if err != nil {
		return fmt.Errorf("%q is no requirement: %w", text, err)
	}
	if constraint {
		f.pip.constraints = append(f.pip.constraints, line)
		return nil
	}
	f.pip.requirements, f.pip.names = append(f.pip.requirements, line), append(f.pip.names, name)
	w := wanted{format: "pypi", name: name, where: where}
	words := strings.Fields(strings.ReplaceAll(options, "--hash=", "--hash "))
	for i, word := range words {
		if word == "--hash" && i+1 < len(words) {
			d, err := parseHash(words[i+1])
			if err != nil {
				return err
			}
			w.hashes = append(w.hashes, d)
		}
	}
	f.hashed = f.hashed && len(w.hashes) > 0
	if w.version = pin(d.Constraint); w.version == "" {
		f.unpinned = append(f.unpinned, where+": "+text)
		return nil
	}
	f.wanted = append(f.wanted, w)
	return nil
}

// pin is the one version that a constraint allows, "" if that is not one.
func pin(constraint string) string {
	constraint = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(constraint), "("), ")"))
	version, ok := strings.CutPrefix(constraint, "==")
	if !ok {
		return ""
	}
	version = strings.TrimSpace(strings.TrimPrefix(version, "="))
	if strings.ContainsAny(version, "*,<>=!~ ") {
		return ""
	}
	if version, err := pypi.Version(version); err == nil {
		return version
	}
	return ""
}
