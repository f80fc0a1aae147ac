package catalog

import (
	"context"
	"time"

	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

// ListModelHistory lists the moves of a model's aliases, the latest of each alias first. With
// At, it lists what each alias named at that instant: the move by which it came to that.
func (s *Service) ListModelHistory(ctx context.Context, in *modelwharf.ListModelHistoryInput) (*modelwharf.ListModelHistoryOutput, error) {
	if err := s.authorize(ctx, *in.TableName, *in.ModelId); err != nil {
		return nil, err
	}
	t, err := s.findTable(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	if in.At != nil {
		at, err := time.Parse(time.RFC3339Nano, *in.At)
		if err != nil {
			return nil, invalid("At is a time such as 2026-01-31T12:00:00Z, and not '%s'.", *in.At)
		}
		changes, err := s.liveAt(ctx, in, at.UTC().Format(timeForm))
		return &modelwharf.ListModelHistoryOutput{Changes: changes}, err
	}
	alias := ""
	if in.Alias != nil {
		alias = *in.Alias + "#"
	}
	out := &modelwharf.ListModelHistoryOutput{Changes: []*modelwharf.AliasChange{}}
	asked := page{"ListModelHistory", []string{t.UUID, *in.ModelId, alias}, in.MaxResults, in.NextToken}
	out.NextToken, err = s.pages(ctx, asked, s.moves(ctx, in, alias, alias+last), func(a ddb.Attributes) bool {
		out.Changes = append(out.Changes, moveOf(*in.ModelId, a))
		return true
	})
	return out, err
}

// last follows each text that an alias and a time can make.
const last = "\U0010FFFF"

// moves are the moves whose sort keys are from one text to another, the last one first.
func (s *Service) moves(ctx context.Context, in *modelwharf.ListModelHistoryInput, from, to string) func(ddb.Attributes, int64) ([]ddb.RawAttributes, ddb.Attributes, error) {
	values := ddb.Attributes{{Name: ":m", Value: textValue(*in.ModelId + historySuffix)}}.Set(":to", textValue(to))
	condition := hashName + " = :m AND " + sortName + " <= :to"
	if from != "" {
		condition = hashName + " = :m AND " + sortName + " BETWEEN :from AND :to"
		values = values.Set(":from", textValue(from))
	}
	return s.query(ctx, ddb.QueryInput{TableName: in.TableName, KeyConditionExpression: &condition, ExpressionAttributeValues: values, ScanIndexForward: new(false)})
}

// one returns the last of some moves, nil if there are none.
func (s *Service) one(ctx context.Context, in *modelwharf.ListModelHistoryInput, from, to string) (*modelwharf.AliasChange, error) {
	items, _, err := s.moves(ctx, in, from, to)(nil, 1)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	a, err := decodeItem(items[0])
	if err != nil {
		return nil, err
	}
	return moveOf(*in.ModelId, a), nil
}

// liveAt returns what the aliases of a model named at a time, whatever became of them since.
func (s *Service) liveAt(ctx context.Context, in *modelwharf.ListModelHistoryInput, at string) ([]*modelwharf.AliasChange, error) {
	all := []*modelwharf.AliasChange{}
	for alias, err := range s.aliasesEver(ctx, in) {
		if err != nil {
			return nil, err
		}
		c, err := s.one(ctx, in, alias+"#", alias+"#"+at)
		if err != nil {
			return nil, err
		}
		if c != nil && c.ModelVersion != nil {
			all = append(all, c)
		}
	}
	return all, nil
}

// aliasesEver yields the aliases that a model ever had, or the one that is asked for.
func (s *Service) aliasesEver(ctx context.Context, in *modelwharf.ListModelHistoryInput) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		if in.Alias != nil {
			yield(*in.Alias, nil)
			return
		}
		for to := last; ; {
			c, err := s.one(ctx, in, "", to)
			if err != nil {
				yield("", err)
				return
			}
			if c == nil || c.Alias == nil || !yield(*c.Alias, nil) {
				return
			}
			to = *c.Alias + "#" // what is before all of this alias's: no alias has a smaller character than '#'
		}
	}
}
