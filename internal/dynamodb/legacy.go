package dynamodb

import (
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
)

// The parameters that did their work before there were expressions; nil if a
// request has none of them.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html.

func legacyCondition(expected map[string]*dynamodb.ExpectedAttributeValue, operator *string) *expr.Legacy {
	if expected == nil && operator == nil {
		return nil
	}
	return &expr.Legacy{Expected: expectedOf(expected), ConditionalOperator: operator}
}

func legacyUpdate(in *dynamodb.UpdateItemInput) *expr.Legacy {
	if in.AttributeUpdates == nil {
		return legacyCondition(in.Expected, in.ConditionalOperator)
	}
	l := &expr.Legacy{
		AttributeUpdates:    make(map[string]expr.AttributeUpdate, len(in.AttributeUpdates)),
		Expected:            expectedOf(in.Expected),
		ConditionalOperator: in.ConditionalOperator,
	}
	for name, u := range in.AttributeUpdates {
		l.AttributeUpdates[name] = expr.AttributeUpdate{Action: u.Action, Value: u.Value}
	}
	return l
}

func legacyQuery(in *dynamodb.QueryInput) *expr.Legacy {
	if in.KeyConditions == nil && in.QueryFilter == nil && in.ConditionalOperator == nil && in.AttributesToGet == nil {
		return nil
	}
	return &expr.Legacy{
		KeyConditions:       comparisonsOf(in.KeyConditions),
		QueryFilter:         comparisonsOf(in.QueryFilter),
		ConditionalOperator: in.ConditionalOperator,
		AttributesToGet:     in.AttributesToGet,
	}
}

func legacyScan(in *dynamodb.ScanInput) *expr.Legacy {
	if in.ScanFilter == nil && in.ConditionalOperator == nil && in.AttributesToGet == nil {
		return nil
	}
	return &expr.Legacy{
		ScanFilter:          comparisonsOf(in.ScanFilter),
		ConditionalOperator: in.ConditionalOperator,
		AttributesToGet:     in.AttributesToGet,
	}
}

func expectedOf(in map[string]*dynamodb.ExpectedAttributeValue) map[string]expr.Expected {
	if in == nil {
		return nil
	}
	out := make(map[string]expr.Expected, len(in))
	for name, e := range in {
		out[name] = expr.Expected{
			Exists:             e.Exists,
			Value:              e.Value,
			ComparisonOperator: e.ComparisonOperator,
			AttributeValueList: e.AttributeValueList,
		}
	}
	return out
}

func comparisonsOf(in map[string]*dynamodb.Condition) map[string]expr.Comparison {
	if in == nil {
		return nil
	}
	out := make(map[string]expr.Comparison, len(in))
	for name, c := range in {
		out[name] = expr.Comparison{ComparisonOperator: c.ComparisonOperator, AttributeValueList: c.AttributeValueList}
	}
	return out
}
