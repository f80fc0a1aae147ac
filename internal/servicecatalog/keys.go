package servicecatalog

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The key space of this room. Every key is a tuple that begins with "servicecatalog", one of
// these and the region:
//
//	product      | region | id                      → see product, with its artifacts
//	products     | region | account | id            → empty: the products of an account
//	template     | region | artifact                → the text of a frozen template
//	portfolio    | region | id                      → see portfolio, with who and what belongs to it
//	portfolios   | region | account | id            → empty: the portfolios of an account
//	shared       | region | account | portfolio     → empty: the portfolios that are shared with an account
//	constraint   | region | id                      → see constraint
//	constraints  | region | portfolio | product | id → empty: the constraints of a product in a portfolio
//	tagoption    | region | account | id            → see tagOption
//	tagpair      | region | account | key | value   → the ID of the tag option of this pair
//	action       | region | account | id            → see action
//	launched     | region | account | id            → see provisioned
//	launchedname | region | account | name          → the ID of the provisioned product of this name
//	record       | region | account | id            → see record
//	history      | region | account | number | id   → empty: the records, the newest first
//	plan         | region | account | id            → see plan
//	copy         | region | account | token         → see copied
//	token        | region | account | operation | token → see answered
const room = "servicecatalog"

const (
	productKind      = "product"
	productsKind     = "products"
	templateKind     = "template"
	portfolioKind    = "portfolio"
	portfoliosKind   = "portfolios"
	sharedKind       = "shared"
	constraintKind   = "constraint"
	constraintsKind  = "constraints"
	tagOptionKind    = "tagoption"
	tagPairKind      = "tagpair"
	actionKind       = "action"
	launchedKind     = "launched"
	launchedNameKind = "launchedname"
	recordKind       = "record"
	historyKind      = "history"
	plansKind        = "plan"
	copyKind         = "copy"
	tokenKind        = "token"
)

func key(kind string, texts ...string) []byte {
	return tuple.Of(append([]string{room, kind}, texts...)...)
}

// idOf is the last text of a key.
func idOf(k []byte) (id string, err error) {
	for rest := k; len(rest) > 0; {
		if id, rest, err = tuple.String(rest); err != nil {
			return "", err
		}
	}
	return id, nil
}

// below yields what lies below a key, in order.
func below(ctx context.Context, tx kv.Reader, prefix []byte) iter.Seq2[kv.KV, error] {
	return tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)})
}

// ids are the last texts of the keys below a key.
func ids(ctx context.Context, tx kv.Reader, prefix []byte) (list []string, err error) {
	for p, err := range below(ctx, tx, prefix) {
		if err != nil {
			return nil, err
		}
		id, err := idOf(p.Key)
		if err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, nil
}

// encode and decode are the form of the values.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers and times of four-digit years always have a form
	}
	return b
}

func decode[T any](b []byte) (*T, error) {
	if b == nil {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("servicecatalog: a stored record is malformed: %w", err)
	}
	return v, nil
}

// get reads a record, nil if there is none.
func get[T any](ctx context.Context, tx kv.Reader, k []byte) (*T, error) {
	b, err := tx.Get(ctx, k)
	if err != nil {
		return nil, err
	}
	return decode[T](b)
}

// all reads the records below a key, in the order of their keys.
func all[T any](ctx context.Context, tx kv.Reader, prefix []byte) (list []*T, err error) {
	for p, err := range below(ctx, tx, prefix) {
		if err != nil {
			return nil, err
		}
		one, err := decode[T](p.Val)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// with adds a text to a set that is a list; without takes it out.
func with(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(list, func(x string) bool { return x == s })
}
