package catalog

import (
	"context"
	"strconv"

	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

// Aliases and their history are items beside the versions, under hash keys of their own, so
// that a query of a model's versions does not meet them:
//
//	ModelId              ModelVersion
//	fraud#aliases        champion                               what the alias names now
//	fraud#history        champion#2026-11-21T14:33:19.123456Z   each of its moves
//
// Both have the same attributes. One without TargetVersion says that the alias was taken
// away. Nobody but this service writes them.
const (
	aliasesSuffix = "#aliases"
	historySuffix = "#history"
)

// moveItem is an item of an alias or of its history.
func moveItem(model, sort string, c *modelwharf.AliasChange) ddb.Attributes {
	a := keyOf(model, sort)
	for name, text := range map[string]*string{
		"Alias": c.Alias, "TargetVersion": c.ModelVersion, "PreviousVersion": c.PreviousVersion, "ImageDigest": c.ImageDigest,
		"ChangedAt": c.ChangedAt, "ChangedBy": c.ChangedBy, "Reason": c.Reason, "RequestId": c.RequestId,
	} {
		a = setText(a, name, text)
	}
	return a.Set("Revision", numberValue(strconv.FormatInt(*c.Revision, 10)))
}

// moveOf reads such an item.
func moveOf(model string, a ddb.Attributes) *modelwharf.AliasChange {
	c := &modelwharf.AliasChange{
		ModelId: &model, Alias: getText(a, "Alias"), ModelVersion: getText(a, "TargetVersion"), PreviousVersion: getText(a, "PreviousVersion"),
		ImageDigest: getText(a, "ImageDigest"), ChangedAt: getText(a, "ChangedAt"), ChangedBy: getText(a, "ChangedBy"),
		Reason: getText(a, "Reason"), RequestId: getText(a, "RequestId"),
	}
	if n, ok := a.Get("Revision"); ok {
		if revision, err := strconv.ParseInt(n.S, 10, 64); err == nil {
			c.Revision = &revision
		}
	}
	return c
}

// alias returns the last move of an alias, nil if there never was one.
func (s *Service) alias(ctx context.Context, table, model, alias string) (*modelwharf.AliasChange, error) {
	a, err := s.item(ctx, table, model+aliasesSuffix, alias)
	if err != nil || a == nil {
		return nil, err
	}
	return moveOf(model, a), nil
}

// ListModelAliases lists the aliases that name a version of a model.
func (s *Service) ListModelAliases(ctx context.Context, in *modelwharf.ListModelAliasesInput) (*modelwharf.ListModelAliasesOutput, error) {
	if err := s.authorize(ctx, *in.TableName, *in.ModelId); err != nil {
		return nil, err
	}
	t, err := s.findTable(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	out := &modelwharf.ListModelAliasesOutput{Aliases: []*modelwharf.AliasChange{}}
	next := s.query(ctx, ddb.QueryInput{
		TableName: in.TableName, KeyConditionExpression: new(hashName + " = :m"),
		ExpressionAttributeValues: ddb.Attributes{{Name: ":m", Value: textValue(*in.ModelId + aliasesSuffix)}},
	})
	out.NextToken, err = s.pages(ctx, page{"ListModelAliases", []string{t.UUID, *in.ModelId}, in.MaxResults, in.NextToken}, next, func(a ddb.Attributes) bool {
		c := moveOf(*in.ModelId, a)
		if c.ModelVersion == nil {
			return false
		}
		out.Aliases = append(out.Aliases, c)
		return true
	})
	return out, err
}
