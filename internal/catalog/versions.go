package catalog

import (
	"context"
	"strings"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// registrationOf returns the registration of a version, nil if there is none.
func (s *Service) registrationOf(ctx context.Context, v versionID) (r *registration, err error) {
	err = s.store.View(ctx, func(tx kv.Reader) error {
		r, err = find(ctx, tx, v)
		return err
	})
	return r, err
}

// read returns the item of a version and its registration, nil what is not there.
func (s *Service) read(ctx context.Context, table string, v versionID) (ddb.Attributes, *registration, error) {
	a, err := s.item(ctx, table, v.model, v.version)
	if err != nil || a == nil {
		return nil, nil, err
	}
	r, err := s.registrationOf(ctx, v)
	return a, r, err
}

// DescribeModelVersion describes a version, or the one that an alias names, with what is
// missing of it.
func (s *Service) DescribeModelVersion(ctx context.Context, in *modelwharf.DescribeModelVersionInput) (*modelwharf.DescribeModelVersionOutput, error) {
	if err := s.authorize(ctx, *in.TableName, *in.ModelId); err != nil {
		return nil, err
	}
	if (in.ModelVersion == nil) == (in.Alias == nil) {
		return nil, invalid("One of ModelVersion and Alias is needed.")
	}
	t, err := s.findTable(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	v := versionID{table: t, model: *in.ModelId}
	if in.ModelVersion != nil {
		v.version = *in.ModelVersion
	} else {
		c, err := s.alias(ctx, *in.TableName, v.model, *in.Alias)
		if err != nil {
			return nil, err
		}
		if c == nil || c.ModelVersion == nil {
			return nil, notFound("The model %s has no alias %s.", v.model, *in.Alias)
		}
		v.version = *c.ModelVersion
	}
	a, r, err := s.read(ctx, *in.TableName, v)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, versionNotFound(v)
	}
	d := describe(v, a, r)
	if r != nil {
		err = s.store.View(ctx, func(tx kv.Reader) error {
			d.Missing, err = s.missing(ctx, tx, r)
			return err
		})
	}
	return &modelwharf.DescribeModelVersionOutput{ModelVersion: d}, err
}

// defaultPage is how many entries a page has if nobody says.
const defaultPage = 100

// page is a listing of items.
type page struct {
	operation  string
	parameters []string
	limit      *int64
	token      *string
}

func (s *Service) listing(ctx context.Context, p page) pagetoken.Listing {
	q := api.RequestOf(ctx)
	return pagetoken.Listing{Account: q.Caller.Account, Region: q.Region, Operation: "modelwharf:" + p.operation, Parameters: []byte(strings.Join(p.parameters, "\x00"))}
}

// pages reads items until a page is full, and returns the token of the next one. next returns
// items that follow a key, and the key of the last one; take tells whether it keeps an item.
func (s *Service) pages(ctx context.Context, p page, next func(after ddb.Attributes, limit int64) ([]ddb.RawAttributes, ddb.Attributes, error), take func(ddb.Attributes) bool) (token *string, err error) {
	var after ddb.Attributes
	if p.token != nil {
		b, err := s.seal.Open(s.listing(ctx, p), *p.token)
		if err != nil {
			return nil, invalid("The NextToken is not of this listing.")
		}
		if err := after.DecodeJSON(jx.DecodeBytes(b)); err != nil {
			return nil, err
		}
	}
	limit := int64(defaultPage)
	if p.limit != nil {
		limit = *p.limit
	}
	for left := limit; left > 0; {
		items, last, err := next(after, left)
		if err != nil {
			return nil, err
		}
		for _, raw := range items {
			a, err := decodeItem(raw)
			if err != nil {
				return nil, err
			}
			if take(a) {
				left--
			}
		}
		if after = last; last == nil {
			return nil, nil
		}
	}
	var e jx.Encoder
	after.EncodeJSON(&e)
	return new(s.seal.Seal(s.listing(ctx, p), e.Bytes())), nil
}

// ListModelVersions lists the versions of a model in the order of their names, or those of
// all models of a table in no particular order.
func (s *Service) ListModelVersions(ctx context.Context, in *modelwharf.ListModelVersionsInput) (*modelwharf.ListModelVersionsOutput, error) {
	model, kind := "*", ""
	if in.ModelId != nil {
		model = *in.ModelId
	}
	if in.ModelType != nil {
		kind = *in.ModelType
	}
	if err := s.authorize(ctx, *in.TableName, model); err != nil {
		return nil, err
	}
	t, err := s.findTable(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	next := func(after ddb.Attributes, limit int64) ([]ddb.RawAttributes, ddb.Attributes, error) {
		out, err := s.tables.Scan(inside(ctx, "Scan"), &ddb.ScanInput{TableName: in.TableName, ExclusiveStartKey: after, Limit: &limit, ConsistentRead: new(true)})
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.LastEvaluatedKey, nil
	}
	if in.ModelId != nil {
		next = s.query(ctx, ddb.QueryInput{
			TableName: in.TableName, KeyConditionExpression: new(hashName + " = :m"),
			ExpressionAttributeValues: ddb.Attributes{{Name: ":m", Value: textValue(model)}},
		})
	}
	var items []ddb.Attributes
	token, err := s.pages(ctx, page{"ListModelVersions", []string{t.UUID, model, kind}, in.MaxResults, in.NextToken}, next, func(a ddb.Attributes) bool {
		id, _ := a.Get(hashName)
		is, _ := a.Get("ModelType")
		if kept(id.S) || kind != "" && is.S != kind {
			return false
		}
		items = append(items, a)
		return true
	})
	if err != nil {
		return nil, err
	}
	out := &modelwharf.ListModelVersionsOutput{ModelVersions: []*modelwharf.ModelVersionDescription{}, NextToken: token}
	err = s.store.View(ctx, func(tx kv.Reader) error {
		for _, a := range items {
			id, _ := a.Get(hashName)
			version, _ := a.Get(sortName)
			v := versionID{t, id.S, version.S}
			r, err := find(ctx, tx, v)
			if err != nil {
				return err
			}
			out.ModelVersions = append(out.ModelVersions, describe(v, a, r))
		}
		return nil
	})
	return out, err
}

// query returns the pages of a query in the name of the caller.
func (s *Service) query(ctx context.Context, q ddb.QueryInput) func(after ddb.Attributes, limit int64) ([]ddb.RawAttributes, ddb.Attributes, error) {
	q.ConsistentRead = new(true)
	return func(after ddb.Attributes, limit int64) ([]ddb.RawAttributes, ddb.Attributes, error) {
		q.ExclusiveStartKey, q.Limit = after, &limit
		out, err := s.tables.Query(inside(ctx, "Query"), &q)
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.LastEvaluatedKey, nil
	}
}
