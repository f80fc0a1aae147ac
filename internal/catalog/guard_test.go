package catalog_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

func str(s string) ddb.AttributeValue { return &ddb.AttributeValueMemberS{Value: s} }

// TestTableClients: a registered version is neither overwritten nor deleted by a client of the
// tables, by whichever operation; attributes of its own it may add.
func TestTableClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.push("1.0")
	w.register("1.0", "ml-model-repo:1.0")
	w.promote("1.0", "champion")
	ctx := t.Context()
	forged := key("1.0")
	forged["ImageDigest"] = str("sha256:0")
	history := map[string]ddb.AttributeValue{"ModelId": str("fraud#history"), "ModelVersion": str("champion#2001-01-01T00:00:00.000000Z"), "TargetVersion": str("0.9")}
	alias := map[string]ddb.AttributeValue{"ModelId": str("fraud#aliases"), "ModelVersion": str("champion")}
	for name, try := range map[string]func() error{
		"put": func() error {
			_, err := w.tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: new(table), Item: forged})
			return err
		},
		"delete": func() error {
			_, err := w.tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: new(table), Key: key("1.0")})
			return err
		},
		"update": func() error {
			_, err := w.tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: new(table), Key: key("1.0"), UpdateExpression: new("SET TimeToLive = :t"), ExpressionAttributeValues: map[string]ddb.AttributeValue{":t": &ddb.AttributeValueMemberN{Value: "1"}},
			})
			return err
		},
		"batch": func() error {
			_, err := w.tables.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]ddb.WriteRequest{table: {{DeleteRequest: &ddb.DeleteRequest{Key: key("1.0")}}}}})
			return err
		},
		"transaction": func() error {
			_, err := w.tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []ddb.TransactWriteItem{{Delete: &ddb.Delete{TableName: new(table), Key: key("1.0")}}}})
			return err
		},
		"statement": func() error {
			_, err := w.tables.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: new(`DELETE FROM "modelCatalogTable" WHERE ModelId = 'fraud' AND ModelVersion = '1.0'`)})
			return err
		},
		"history": func() error {
			_, err := w.tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: new(table), Item: history})
			return err
		},
		"alias": func() error {
			_, err := w.tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: new(table), Key: alias})
			return err
		},
	} {
		err := try()
		t.Log(name, err)
		w.refused(err, "AccessDeniedException")
	}
	_, err := w.tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: new(table)})
	w.refused(err, "ResourceInUseException", "1.0", "fraud", "Retire")
	_, err = w.tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: new(table), Item: forged, ConditionExpression: new("attribute_not_exists(ModelId)")})
	w.refused(err, "ConditionalCheckFailedException")
	_, err = w.tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: new(table), Key: key("1.0"), UpdateExpression: new("SET Ticket = :t"), ExpressionAttributeValues: map[string]ddb.AttributeValue{":t": str("ML-7")},
	})
	w.must(err)
	if d := w.describe("1.0"); *d.ImageDigest != digest || len(d.Aliases) != 1 {
		t.Errorf("described as %+v", d)
	}

	_, err = call[api.RetireModelVersionOutput](w, "RetireModelVersion", &api.RetireModelVersionInput{TableName: new(table), ModelId: new("fraud"), ModelVersion: new("1.0")})
	w.refused(err, "ConflictException", "champion")
	do[api.RemoveModelAliasOutput](w, "RemoveModelAlias", &api.RemoveModelAliasInput{TableName: new(table), ModelId: new("fraud"), Alias: new("champion")})
	w.retire("1.0")
	_, err = w.tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: new(table), Key: key("1.0")})
	w.must(err)
	_, err = w.tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: new(table), Item: forged})
	w.refused(err, "AccessDeniedException", "written once")
	_, err = w.tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: new(table)})
	w.must(err)
}

// TestUnregisteredItem: an item that a client of the tables wrote is what it is, holds
// nothing, cannot be promoted, whatever it says of itself, and can be adopted.
func TestUnregisteredItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.push("1.0")
	it := key("1.0")
	it["Status"], it["ModelType"], it["CreationDate"], it["Owner"] = str("REGISTERED"), str("classifier"), str("2020-01-01"), str("risk")
	_, err := w.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(table), Item: it, ConditionExpression: new("attribute_not_exists(ModelId)")})
	w.must(err)
	if d := w.describe("1.0"); *d.Status != "UNREGISTERED" {
		t.Errorf("status %s", *d.Status)
	}
	_, err = call[api.PromoteModelVersionOutput](w, "PromoteModelVersion", promotion("1.0", "champion"))
	w.refused(err, "ResourceNotFoundException", "Adopt")
	_, err = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration("1.0", "ml-model-repo:1.0"))
	w.refused(err, "ConflictException", "Adopt")
	in := registration("1.0", "ml-model-repo:1.0")
	in.Adopt, in.ModelType = new(true), new("regressor")
	_, err = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", in)
	w.refused(err, "ConflictException", "ModelType")
	in.ModelType = nil
	d := do[api.RegisterModelVersionOutput](w, "RegisterModelVersion", in).ModelVersion
	if *d.CreationDate != "2020-01-01" || *d.ModelType != "classifier" || *d.ImageDigest != digest || *d.Status != "REGISTERED" {
		t.Errorf("adopted as %+v", d)
	}
	if it := w.item("1.0"); it["Owner"].(*ddb.AttributeValueMemberS).Value != "risk" {
		t.Errorf("item %v", it)
	}
	w.promote("1.0", "champion")
	in.ModelVersion = new("3.0")
	_, err = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", in)
	w.refused(err, "ResourceNotFoundException")
}
