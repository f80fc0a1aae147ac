package catalog

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// PromoteModelVersion makes an alias name a version. That and the entry of the history are
// one transaction, in which the version is registered and all is there that it is made of. If
// the alias names it already, nothing changes. Moves of one alias have an order, in which
// each knows the one before it (Revision, PreviousVersion) and is later than that.
func (s *Service) PromoteModelVersion(ctx context.Context, in *modelwharf.PromoteModelVersionInput) (*modelwharf.PromoteModelVersionOutput, error) {
	c, err := s.move(ctx, move{
		table: *in.TableName, model: *in.ModelId, version: *in.ModelVersion, alias: *in.Alias, expected: in.ExpectedVersion, reason: in.Reason,
	})
	if err != nil {
		return nil, err
	}
	return &modelwharf.PromoteModelVersionOutput{Change: c}, nil
}

// RemoveModelAlias takes an alias away, as a move to nothing.
func (s *Service) RemoveModelAlias(ctx context.Context, in *modelwharf.RemoveModelAliasInput) (*modelwharf.RemoveModelAliasOutput, error) {
	c, err := s.move(ctx, move{table: *in.TableName, model: *in.ModelId, alias: *in.Alias, expected: in.ExpectedVersion, reason: in.Reason})
	if err != nil {
		return nil, err
	}
	return &modelwharf.RemoveModelAliasOutput{Change: c}, nil
}

// move is a move of an alias that is asked for.
type move struct {
	table, model, alias string
	version             string  // "" to take the alias away
	expected            *string // the version that the alias must name now
	reason              *string
}

// move moves an alias. Of moves that meet, each begins again that was not the first.
func (s *Service) move(ctx context.Context, m move) (*modelwharf.AliasChange, error) {
	if err := s.authorize(ctx, m.table, m.model); err != nil {
		return nil, err
	}
	t, err := s.findTable(ctx, m.table)
	if err != nil {
		return nil, err
	}
	for {
		c, again, err := s.tryMove(ctx, versionID{t, m.model, m.version}, m)
		if err != nil || !again {
			return c, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// tryMove moves an alias, unless it moves meanwhile: then it is to be tried again.
func (s *Service) tryMove(ctx context.Context, v versionID, m move) (c *modelwharf.AliasChange, again bool, err error) {
	last, err := s.alias(ctx, m.table, m.model, m.alias)
	if err != nil {
		return nil, false, err
	}
	var from *string
	if last != nil {
		from = last.ModelVersion
	}
	if err := m.check(from); err != nil {
		return nil, false, err
	}
	var r *registration // which the transaction looks at again
	if m.version != "" {
		if r, err = s.registrationOf(ctx, v); err != nil {
			return nil, false, err
		}
	}
	// In a table that was restored, an alias may name an item that is not registered there.
	if from != nil && *from == m.version && r != nil && slices.Contains(r.Aliases, m.alias) {
		return last, false, nil
	}
	q := api.RequestOf(ctx)
	at := s.instant()
	c = &modelwharf.AliasChange{
		ModelId: &m.model, Alias: &m.alias, PreviousVersion: from, ChangedBy: &q.Caller.ARN, Reason: m.reason, RequestId: &q.ID, Revision: new(int64(1)),
	}
	condition := ddb.Put{ConditionExpression: new("attribute_not_exists(" + hashName + ")")}
	if last != nil {
		*c.Revision = *last.Revision + 1
		if before, err := time.Parse(timeForm, *last.ChangedAt); err == nil && !at.After(before) {
			at = before.Add(time.Microsecond)
		}
		condition.ConditionExpression = new("Revision = :r")
		condition.ExpressionAttributeValues = ddb.Attributes{{Name: ":r", Value: numberValue(strconv.FormatInt(*last.Revision, 10))}}
	}
	c.ChangedAt = new(at.Format(timeForm))
	if m.version != "" {
		c.ModelVersion = &m.version
		if r != nil && r.Image != nil {
			c.ImageDigest = new(string(r.Image.Digest))
		}
	}
	condition.TableName, condition.Item = &m.table, moveItem(m.model+aliasesSuffix, m.alias, c)
	entry := ddb.Put{
		TableName: &m.table, Item: moveItem(m.model+historySuffix, m.alias+"#"+*c.ChangedAt, c),
		ConditionExpression: new("attribute_not_exists(" + hashName + ")"),
	}
	again, err = s.write(ctx, func(tx kv.Txn) error {
		t, err := s.table(ctx, tx, m.table)
		if err != nil {
			return err
		}
		v.table = t
		return s.rename(ctx, tx, v, m, from)
	}, &ddb.TransactWriteItem{Put: &condition}, &ddb.TransactWriteItem{Put: &entry})
	if err != nil || again {
		return nil, again, err
	}
	return c, false, nil
}

// check tells what the alias is not that is expected of it.
func (m *move) check(from *string) error {
	switch {
	case m.version == "" && from == nil:
		return notFound("The model %s has no alias %s.", m.model, m.alias)
	case m.expected == nil || from != nil && *from == *m.expected:
		return nil
	case from == nil:
		return conflict("The alias %s of the model %s does not name %s: it names no version.", m.alias, m.model, *m.expected)
	}
	return conflict("The alias %s of the model %s does not name %s: it names %s.", m.alias, m.model, *m.expected, *from)
}

// rename notes in the registrations which versions the alias names and no longer names, and
// fails if the new one may not be promoted.
func (s *Service) rename(ctx context.Context, tx kv.Txn, v versionID, m move, from *string) error {
	var target *registration
	if m.version != "" {
		r, err := s.promotable(ctx, tx, v)
		if err != nil {
			return err
		}
		r.name(m.alias)
		r.put(tx, v)
		target = r
	}
	if from != nil && *from != m.version {
		old := versionID{v.table, v.model, *from}
		r, err := find(ctx, tx, old)
		if err != nil {
			return err
		}
		if r != nil {
			r.unname(m.alias)
			r.put(tx, old)
		}
	}
	details := map[string]any{"alias": m.alias}
	if from != nil {
		details["previousVersion"] = *from
	}
	if m.version == "" {
		v.version = *from
	}
	s.record(ctx, tx, v, target, details)
	return nil
}

// promotable returns the registration of a version that may be promoted. The errors are
// ResourceNotFoundException, ConflictException and ModelVersionIncompleteException.
func (s *Service) promotable(ctx context.Context, tx kv.Txn, v versionID) (*registration, error) {
	r, err := find(ctx, tx, v)
	if err != nil {
		return nil, err
	}
	switch {
	case r == nil:
		return nil, notFound("There is no registered version %s of the model %s. See `modelwharf model list %[2]s`; an item that was written by other means is registered with Adopt.", v.version, v.model)
	case r.Status == retired:
		return nil, conflict("The version %s of the model %s is retired and cannot be promoted.", v.version, v.model)
	case r.Status == draft:
		return nil, conflict("The version %s of the model %s is a draft and cannot be promoted: confirm it first (ConfirmModelVersion).", v.version, v.model)
	}
	missing, err := s.missing(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	if r.Image == nil {
		missing = append([]string{"an image: none was registered"}, missing...)
	}
	if len(missing) > 0 {
		return nil, incomplete(v, "promoted", missing)
	}
	return r, nil
}
