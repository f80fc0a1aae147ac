package cloudformation

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// export is an output that other stacks of the account and region may import.
type export struct{ Stack, Value string } // the stack's UUID

// setExports gives the exports of a stack their values. It fails if one has the name of
// another stack's, or if one that another stack imports would change or go.
func setExports(ctx context.Context, tx kv.Txn, s *stack, outputs []output) error {
	now := map[string]string{}
	for _, o := range outputs {
		if o.Export == "" {
			continue
		}
		if _, twice := now[o.Export]; twice {
			return failed("Export with name %s is already exported by stack %s", o.Export, s.Name)
		}
		now[o.Export] = o.Value
		b, err := tx.Get(ctx, exportKey(s.Account, s.Region, o.Export))
		if err != nil {
			return err
		}
		old, err := decode[export](b)
		if err != nil {
			return err
		}
		if old != nil && old.Stack != s.UUID {
			return failed("Export with name %s is already exported by stack %s. Rollback requested by user.", o.Export, stackNamed(ctx, tx, old.Stack))
		}
		tx.Put(exportKey(s.Account, s.Region, o.Export), encode(export{s.UUID, o.Value}))
	}
	for _, o := range s.Outputs {
		value, stays := now[o.Export]
		if o.Export == "" || stays && value == o.Value {
			continue
		}
		importer, err := importerOf(ctx, tx, s, o.Export)
		if err != nil {
			return err
		}
		switch {
		case importer != "" && stays:
			return failed("Export %s cannot be updated as it is in use by %s", o.Export, importer)
		case importer != "":
			return failed("Export %s cannot be deleted as it is in use by %s", o.Export, importer)
		case !stays:
			tx.Delete(exportKey(s.Account, s.Region, o.Export))
		}
	}
	return nil
}

func stackNamed(ctx context.Context, tx kv.Reader, uuid string) string {
	if s, err := readStack(ctx, tx, uuid); err == nil && s != nil {
		return s.Name
	}
	return uuid
}

// importerOf returns the name of a stack that imports an export, "" if none does. Who
// comes to import it writes the export's key, so that this runs again.
func importerOf(ctx context.Context, tx kv.Txn, s *stack, name string) (string, error) {
	if _, err := tx.Get(ctx, exportKey(s.Account, s.Region, name)); err != nil {
		return "", err
	}
	prefix := importsOf(s.Account, s.Region, name)
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix), Limit: 1}) {
		if err != nil {
			return "", err
		}
		return string(p.Val), nil
	}
	return "", nil
}

// setImports notes which exports a stack imports.
func setImports(tx kv.Txn, s *stack, names []string) {
	for _, name := range s.Imports {
		if !slices.Contains(names, name) {
			tx.Delete(importKey(s.Account, s.Region, name, s.UUID))
		}
	}
	for _, name := range names {
		tx.Put(importKey(s.Account, s.Region, name, s.UUID), []byte(s.Name))
	}
	s.Imports = names
}

// importValue returns the value of an export, and notes that the stack imports it from
// before it uses it, so that it stays.
func (r *run) importValue(ctx context.Context, s *stack, name string) (value string, err error) {
	err = r.commit(ctx, func(tx kv.Txn, st *stack) error {
		b, err := tx.Get(ctx, exportKey(s.Account, s.Region, name))
		if err != nil {
			return err
		}
		e, err := decode[export](b)
		if err != nil {
			return err
		}
		if e == nil {
			return failed("No export named %s found.", name)
		}
		value = e.Value
		tx.Put(exportKey(s.Account, s.Region, name), b)
		tx.Put(importKey(s.Account, s.Region, name, s.UUID), []byte(s.Name))
		if !slices.Contains(st.Imports, name) {
			st.Imports = append(st.Imports, name)
			tx.Put(stackKey(st.UUID), encode(st))
		}
		return nil
	})
	return value, err
}
