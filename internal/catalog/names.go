package catalog

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/hold"
)

// The primary key of a catalog's table.
const (
	hashName = "ModelId"
	sortName = "ModelVersion"
)

// versionID names a version of a model of one table for ever.
type versionID struct {
	table          dynamodb.TableID
	model, version string
}

// holder is the version as the holder of what it is made of.
func (v versionID) holder() hold.Holder {
	return hold.Holder{
		ID:    v.table.UUID + "/" + v.model + "/" + v.version,
		Title: "the model version " + v.model + " " + v.version + " of the table " + tableName(v.table.ARN),
	}
}

// arn is the version's Amazon resource name.
func (v versionID) arn() string { return modelOfTable(v.table.ARN, v.model) + "/" + v.version }

// modelOfTable is the ARN of a model in the table of an ARN: policies about models name it.
func modelOfTable(table, model string) string {
	part := strings.SplitN(table, ":", 6)
	return "arn:aws:modelwharf:" + part[3] + ":" + part[4] + ":catalog/" + tableName(table) + "/" + model
}

// modelARN is the ARN of a model in a table, which a parameter names by name or ARN.
func modelARN(ctx context.Context, table, model string) string {
	if strings.HasPrefix(table, "arn:") && strings.Count(table, ":") >= 5 {
		return modelOfTable(table, model)
	}
	r := api.RequestOf(ctx)
	return "arn:aws:modelwharf:" + r.Region + ":" + r.Caller.Account + ":catalog/" + table + "/" + model
}

// tableName is the last part of a table's ARN.
func tableName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// accountOf is the account of an ARN.
func accountOf(arn string) string { return strings.SplitN(arn, ":", 6)[4] }
