package deps

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// readPackageLock reads npm's package-lock.json of version 2 or 3. What a package brings with
// it (bundled dependencies) is in its own tarball; the folders of a workspace are the project's.
func (f *file) readPackageLock() error {
	var lock struct {
		Version  int `json:"lockfileVersion"`
		Packages map[string]struct {
			Name      string `json:"name"`
			Version   string `json:"version"`
			Resolved  string `json:"resolved"`
			Integrity string `json:"integrity"`
			Link      bool   `json:"link"`
			InBundle  bool   `json:"inBundle"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(f.text, &lock); err != nil {
		return err
	}
	if lock.Version != 2 && lock.Version != 3 {
		return fmt.Errorf("its lockfileVersion is %d, and 2 and 3 are known here: `npm install --lockfile-version 3 --package-lock-only` writes it anew", lock.Version)
	}
	f.hashed = true
	for path, p := range lock.Packages {
		const modules = "node_modules/"
		at := strings.LastIndex(path, modules)
		if at < 0 || p.Link || p.InBundle {
			continue
		}
		name := path[at+len(modules):]
		if p.Name != "" { // under an alias
			name = p.Name
		}
		if strings.HasPrefix(p.Resolved, "git") || strings.HasPrefix(p.Resolved, "file:") || p.Version == "" {
			return fmt.Errorf("%s (%s) is no version of a package: publish it to the repository", name, p.Resolved)
		}
		w := wanted{format: "npm", name: name, version: p.Version, where: f.name}
		if scope, rest, ok := strings.Cut(strings.TrimPrefix(name, "@"), "/"); ok {
			w.namespace, w.name = scope, rest
		}
		if p.Integrity == "" {
			return fmt.Errorf("%s %s has no integrity", name, p.Version)
		}
		var err error
		if w.hashes, err = parseIntegrity(p.Integrity); err != nil {
			return fmt.Errorf("%s %s: %w", name, p.Version, err)
		}
		f.wanted = append(f.wanted, w)
	}
	slices.SortFunc(f.wanted, func(a, b wanted) int { return strings.Compare(a.String(), b.String()) })
	return nil
}
