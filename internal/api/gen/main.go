// Command gen writes the packages below internal/api, one a service, from AWS's
// own service models: shapes, checks, codecs, errors and the operation table.
//
// The models come from the release of AWS's botocore package that botocore.pin
// names by version and SHA-256. What the models lack (the order in which a service
// reports violations, which members carry stored JSON) is in services.go. No
// documentation text is copied.
//
//	go run ./internal/api/gen [-wheel botocore.whl] [-out internal/api]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	wheel := flag.String("wheel", "", "use this `file` instead of fetching the pinned release")
	out := flag.String("out", "internal/api", "write the packages below this `folder`")
	flag.Parse()
	if err := run(*wheel, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(wheel, out string) error {
	release, err := openRelease(wheel)
	if err != nil {
		return err
	}
	for _, s := range services {
		read, source := release.model, "botocore "+release.version
		if s.Own {
			read, source = ownModel, "its model"
		}
		m, err := read(cmp.Or(s.Folder, s.Package), s.Version)
		if err != nil {
			return err
		}
		files, err := generate(s, m, source)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Package, err)
		}
		folder := filepath.Join(out, s.Package)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
