package cloudformation

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

func joined(texts []string) string { return strings.Join(texts, ", ") }

// ListExports lists the exports of the account and region, by name.
func (s *Service) ListExports(ctx context.Context, in *cloudformation.ListExportsInput) (*cloudformation.ListExportsOutput, error) {
	if err := s.authorize(ctx, "*", nil, nil, "ListExports"); err != nil {
		return nil, err
	}
	r := api.RequestOf(ctx)
	out := &cloudformation.ListExportsOutput{Exports: []*cloudformation.Export{}}
	var err error
	out.NextToken, err = s.page(ctx, "ListExports", nil, exportsOf(r.Caller.Account, r.Region), in.NextToken, func(tx kv.Reader, name string, val []byte) error {
		e, err := decode[export](val)
		if err != nil {
			return err
		}
		st, err := readStack(ctx, tx, e.Stack)
		if err != nil {
			return err
		}
		out.Exports = append(out.Exports, &cloudformation.Export{ExportingStackId: new(st.arn()), Name: &name, Value: &e.Value})
		return nil
	})
	return out, err
}

// ListImports lists the stacks that import an export.
func (s *Service) ListImports(ctx context.Context, in *cloudformation.ListImportsInput) (*cloudformation.ListImportsOutput, error) {
	if err := s.authorize(ctx, "*", nil, nil, "ListImports"); err != nil {
		return nil, err
	}
	r := api.RequestOf(ctx)
	name := text(in.ExportName)
	out := &cloudformation.ListImportsOutput{Imports: []string{}}
	var err error
	out.NextToken, err = s.page(ctx, "ListImports", []byte(name), importsOf(r.Caller.Account, r.Region, name), in.NextToken, func(_ kv.Reader, _ string, val []byte) error {
		out.Imports = append(out.Imports, string(val))
		return nil
	})
	if err == nil && len(out.Imports) == 0 && in.NextToken == nil {
		return nil, invalid("Export '%s' is not imported by any stack.", name)
	}
	return out, err
}

// page calls fn with the keys below prefix, which end in a text, for one page.
func (s *Service) page(ctx context.Context, operation string, parameters, prefix []byte, token *string, fn func(tx kv.Reader, name string, val []byte) error) (next *string, err error) {
	r := api.RequestOf(ctx)
	page := pagetoken.Listing{Account: r.Caller.Account, Region: r.Region, Operation: "cloudformation:" + operation, Parameters: parameters}
	from, err := s.position(page, token, prefix)
	if err != nil {
		return nil, err
	}
	n := 0
	err = s.store.View(ctx, func(tx kv.Reader) error {
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix), Limit: stackPage + 1}) {
			if err != nil {
				return err
			}
			if n++; n > stackPage {
				next = new(s.seal.Seal(page, p.Key))
				return nil
			}
			name, _, err := tuple.String(p.Key[len(prefix):])
			if err != nil {
				return err
			}
			if err := fn(tx, name, p.Val); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}
