package catalog

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// change changes a registered version by one transaction: its item by an update, its
// registration by fn, which is called in the transaction.
func (s *Service) change(ctx context.Context, table, model, version string, update *ddb.Update, fn func(tx kv.Txn, v versionID, r *registration) error) (*modelwharf.ModelVersionDescription, error) {
	if err := s.authorize(ctx, table, model); err != nil {
		return nil, err
	}
	t, err := s.findTable(ctx, table)
	if err != nil {
		return nil, err
	}
	v := versionID{t, model, version}
	update.TableName, update.Key, update.ConditionExpression = &table, keyOf(model, version), new("attribute_exists("+hashName+")")
	failed, err := s.write(ctx, func(tx kv.Txn) error {
		if v.table, err = s.table(ctx, tx, table); err != nil {
			return err
		}
		r, err := find(ctx, tx, v)
		if err != nil {
			return err
		}
		if r == nil {
			return notRegistered(v)
		}
		if err := fn(tx, v, r); err != nil {
			return err
		}
		r.put(tx, v)
		return nil
	}, &ddb.TransactWriteItem{Update: update})
	if err != nil {
		return nil, err
	}
	if failed {
		return nil, versionNotFound(v)
	}
	a, r, err := s.read(ctx, table, v)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, versionNotFound(v) // deleted since
	}
	return describe(v, a, r), nil
}

// RetireModelVersion retires a version that no alias names: what it held may be deleted.
func (s *Service) RetireModelVersion(ctx context.Context, in *modelwharf.RetireModelVersionInput) (*modelwharf.RetireModelVersionOutput, error) {
	expression := "SET #s = :s, RetiredAt = :at, RetiredBy = :by"
	values := ddb.Attributes{}.Set(":s", textValue(string(retired))).Set(":at", textValue(s.instant().Format(timeForm))).
		Set(":by", textValue(api.RequestOf(ctx).Caller.ARN))
	if in.Reason != nil {
		expression += ", RetirementReason = :why"
		values = values.Set(":why", textValue(*in.Reason))
	}
	update := &ddb.Update{UpdateExpression: &expression, ExpressionAttributeNames: map[string]string{"#s": "Status"}, ExpressionAttributeValues: values}
	d, err := s.change(ctx, *in.TableName, *in.ModelId, *in.ModelVersion, update, func(tx kv.Txn, v versionID, r *registration) error {
		switch {
		case r.Status == retired:
			return conflict("The version %s of the model %s is retired already.", v.version, v.model)
		case len(r.Aliases) > 0:
			return conflict("The version %s of the model %s is named by %s: promote another version there, or take the alias away, before it is retired.", v.version, v.model, strings.Join(r.Aliases, ", "))
		}
		if err := s.release(ctx, tx, v, r); err != nil {
			return err
		}
		r.Status = retired
		s.record(ctx, tx, v, r, map[string]any{"reason": in.Reason})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &modelwharf.RetireModelVersionOutput{ModelVersion: d}, nil
}

// ConfirmModelVersion makes a draft a version that does not expire.
func (s *Service) ConfirmModelVersion(ctx context.Context, in *modelwharf.ConfirmModelVersionInput) (*modelwharf.ConfirmModelVersionOutput, error) {
	update := &ddb.Update{
		UpdateExpression: new("SET #s = :s REMOVE TimeToLive"), ExpressionAttributeNames: map[string]string{"#s": "Status"},
		ExpressionAttributeValues: ddb.Attributes{{Name: ":s", Value: textValue(string(registered))}},
	}
	d, err := s.change(ctx, *in.TableName, *in.ModelId, *in.ModelVersion, update, func(tx kv.Txn, v versionID, r *registration) error {
		if r.Status != draft {
			return conflict("The version %s of the model %s is %s, and no draft.", v.version, v.model, r.Status)
		}
		r.Status = registered
		s.record(ctx, tx, v, r, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &modelwharf.ConfirmModelVersionOutput{ModelVersion: d}, nil
}

// LinkModelVersion records what serves a version: the product of a service catalog with its
// provisioning artifact, an endpoint. What is not said stays as it is.
func (s *Service) LinkModelVersion(ctx context.Context, in *modelwharf.LinkModelVersionInput) (*modelwharf.LinkModelVersionOutput, error) {
	var set []string
	values, details := ddb.Attributes{}, map[string]any{}
	for name, text := range map[string]*string{"ProductId": in.ProductId, "ProvisioningArtifactId": in.ProvisioningArtifactId, "EndpointName": in.EndpointName} {
		if text != nil {
			set, values, details[name] = append(set, name+" = :"+name), values.Set(":"+name, textValue(*text)), *text
		}
	}
	if len(set) == 0 {
		return nil, invalid("One of ProductId, ProvisioningArtifactId and EndpointName is needed.")
	}
	update := &ddb.Update{UpdateExpression: new("SET " + strings.Join(set, ", ")), ExpressionAttributeValues: values}
	d, err := s.change(ctx, *in.TableName, *in.ModelId, *in.ModelVersion, update, func(tx kv.Txn, v versionID, r *registration) error {
		if r.Status == retired {
			return conflict("The version %s of the model %s is retired.", v.version, v.model)
		}
		s.record(ctx, tx, v, r, details)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &modelwharf.LinkModelVersionOutput{ModelVersion: d}, nil
}
