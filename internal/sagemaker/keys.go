package sagemaker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The key space of this room. Every key is a tuple that begins with "sagemaker" and one of
// these; names are in lower case there, since two that differ in their case alone are one:
//
//	model | account | region | name             → a model
//	endpoint-config | account | region | name   → an endpoint configuration
//	endpoint | account | region | name          → an endpoint
//	route | account | region | name             → the revision of an endpoint
//	model-package-group | account | region | name
//	model-package | account | region | name or group | version
//	token | account | region | client token     → the model package that was made with it
const room = "sagemaker"

func keyOf(kind, account, region, name string) []byte {
	return tuple.Of(room, kind, account, region, name)
}

func keysOf(kind, account, region string) []byte { return tuple.Of(room, kind, account, region) }

// read returns a record, nil if there is none.
func read[T any](ctx context.Context, r kv.Reader, key []byte) (*T, error) {
	b, err := r.Get(ctx, key)
	if err != nil || b == nil {
		return nil, err
	}
	return decode[T](b)
}

func decode[T any](b []byte) (*T, error) {
	x := new(T)
	if err := json.Unmarshal(b, x); err != nil {
		return nil, fmt.Errorf("sagemaker: a record: %w", err)
	}
	return x, nil
}

// put writes a record.
func put(tx kv.Txn, key []byte, x any) error {
	b, err := json.Marshal(x)
	if err == nil {
		tx.Put(key, b)
	}
	return err
}

// each calls fn for every record below a prefix.
func each[T any](ctx context.Context, r kv.Reader, prefix []byte, fn func(*T) error) error {
	for p, err := range r.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return err
		}
		x, err := decode[T](bytes.Clone(p.Val))
		if err != nil {
			return err
		}
		if err := fn(x); err != nil {
			return err
		}
	}
	return nil
}

// kept is a shape of the API as records keep it: in the form in which it came.
type kept[T any, P interface {
	*T
	codec.Shape
}] struct{ Shape P }

// keep makes it of a shape.
func keep[T any, P interface {
	*T
	codec.Shape
}](shape P) kept[T, P] {
	return kept[T, P]{shape}
}

// MarshalJSON writes the shape, or null.
func (k kept[T, P]) MarshalJSON() ([]byte, error) {
	if k.Shape == nil {
		return []byte("null"), nil
	}
	var e jx.Encoder
	k.Shape.EncodeJSON(&e)
	return e.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (k *kept[T, P]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	k.Shape = new(T)
	return k.Shape.DecodeJSON(jx.DecodeBytes(b))
}
