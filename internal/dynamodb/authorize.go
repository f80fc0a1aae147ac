package dynamodb

import (
	"context"
	"encoding/base64"
	"maps"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// use is what an operation wants of a table's items, as far as policies ask.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html.
type use struct {
	action string // "dynamodb:PutItem"
	// index is the one that is read; nil if it is the table.
	index *string
	// enclosing is the transaction that the action is a part of, or "".
	enclosing string
	// leading are the hash keys that the operation is about.
	leading func(t *table) []dynamodb.AttributeValue
	// attributes are the top-level attributes that it reads or writes; nil for all.
	attributes func(t *table) []string
	// fullScan is whether a SELECT reads the whole table; nil of anything else.
	fullScan     func(t *table) bool
	sel          *string // Select
	returnValues *string
	consumed     *string // ReturnConsumedCapacity
}

// authorizeItems asks policy for the use of a table's items and returns the table
// as it was just now, nil if there is none.
func (s *Service) authorizeItems(ctx context.Context, n tableName, u use) (*table, error) {
	t, err := s.peek(ctx, n)
	if err != nil {
		return nil, err
	}
	check := identity.Check{Action: u.action}
	if t != nil {
		touches(ctx, t)
		check.Resource, check.ResourcePolicy, check.ResourcePrincipals = t.arn, t.policy, t.Policy.Principals
	} else {
		check.Resource = n.arn()
	}
	if u.index != nil {
		check.Resource = indexARN(check.Resource, *u.index)
	}
	check.Late = func() map[string][]string { return u.conditions(t) }
	return t, s.identity.Authorize(ctx, check)
}

// conditions are the condition keys of the use.
func (u use) conditions(t *table) map[string][]string {
	c := map[string][]string{}
	if t != nil {
		maps.Copy(c, t.tagConditions)
		if u.leading != nil {
			for _, v := range u.leading(t) {
				c["dynamodb:LeadingKeys"] = append(c["dynamodb:LeadingKeys"], keyText(v))
			}
		}
		if u.attributes != nil {
			if names := u.attributes(t); names != nil {
				c["dynamodb:Attributes"] = names
			}
		}
	}
	if t != nil && u.fullScan != nil {
		c["dynamodb:FullTableScan"] = []string{strconv.FormatBool(u.fullScan(t))}
	}
	if u.enclosing != "" {
		c["dynamodb:EnclosingOperation"] = []string{u.enclosing}
	}
	for key, v := range map[string]*string{
		"dynamodb:Select":                 u.sel,
		"dynamodb:ReturnValues":           u.returnValues,
		"dynamodb:ReturnConsumedCapacity": u.consumed,
	} {
		if v != nil {
			c[key] = []string{*v}
		}
	}
	return c
}

// keyText is a key's value as policies write it.
func keyText(v dynamodb.AttributeValue) string {
	if v.Type == dynamodb.TypeB {
		return base64.StdEncoding.EncodeToString([]byte(v.S))
	}
	return v.S
}

// authorizeTable asks policy for an action on a table as a whole.
func (s *Service) authorizeTable(ctx context.Context, action string, n tableName, conditions map[string][]string) error {
	t, err := s.peek(ctx, n)
	if err != nil {
		return err
	}
	check := identity.Check{Action: "dynamodb:" + action, Resource: n.arn(), Conditions: conditions}
	if t != nil {
		check.ResourcePolicy, check.ResourcePrincipals = t.policy, t.Policy.Principals
		if len(t.tagConditions) > 0 {
			check.Conditions = maps.Clone(t.tagConditions)
			maps.Copy(check.Conditions, conditions)
		}
	}
	return s.identity.Authorize(ctx, check)
}
