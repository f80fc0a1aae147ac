package platform

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ModelCatalog is the table of the versions of all models, in order. A version is written
// once: with the condition attribute_not_exists(ModelId).
type ModelCatalog struct {
	pulumi.ResourceState

	Table     *dynamodb.Table
	TableName pulumi.StringOutput
	TableArn  pulumi.StringOutput
	StreamArn pulumi.StringOutput // follows each change, with what was before it
}

// ModelCatalogArgs are the settings of a ModelCatalog.
type ModelCatalogArgs struct {
	TableName string // "modelCatalogTable"
	// DeletionProtection refuses to delete the table until it is set to false.
	DeletionProtection bool
	Tags               map[string]string // beside Environment and Purpose
}

// NewModelCatalog makes the table, with its index of the models of a type, its stream, its
// expiry and its recovery to any second.
func NewModelCatalog(ctx *pulumi.Context, name string, args *ModelCatalogArgs, opts ...pulumi.ResourceOption) (*ModelCatalog, error) {
	if args == nil {
		args = &ModelCatalogArgs{}
	}
	c := &ModelCatalog{}
	if err := ctx.RegisterComponentResource("modelwharf:platform:ModelCatalog", name, c, opts...); err != nil {
		return nil, err
	}
	attribute := func(name string) dynamodb.TableAttributeArgs {
		return dynamodb.TableAttributeArgs{Name: pulumi.String(name), Type: pulumi.String("S")}
	}
	table, err := dynamodb.NewTable(ctx, name, &dynamodb.TableArgs{
		Name:        pulumi.String(named(args.TableName, "modelCatalogTable")),
		BillingMode: pulumi.String("PAY_PER_REQUEST"),
		HashKey:     pulumi.String("ModelId"),
		RangeKey:    pulumi.String("ModelVersion"),
		Attributes: dynamodb.TableAttributeArray{
			attribute("ModelId"), attribute("ModelVersion"), attribute("ModelType"), attribute("CreationDate"),
		},
		GlobalSecondaryIndexes: dynamodb.TableGlobalSecondaryIndexArray{dynamodb.TableGlobalSecondaryIndexArgs{
			Name: pulumi.String("ByType"), HashKey: pulumi.String("ModelType"), RangeKey: pulumi.String("CreationDate"),
			ProjectionType: pulumi.String("ALL"),
		}},
		StreamEnabled:             pulumi.Bool(true),
		StreamViewType:            pulumi.String("NEW_AND_OLD_IMAGES"),
		Ttl:                       dynamodb.TableTtlArgs{AttributeName: pulumi.String("TimeToLive"), Enabled: pulumi.Bool(true)},
		PointInTimeRecovery:       dynamodb.TablePointInTimeRecoveryArgs{Enabled: pulumi.Bool(true)},
		DeletionProtectionEnabled: pulumi.Bool(args.DeletionProtection),
		Tags:                      tagged(args.Tags, map[string]string{"Environment": "production", "Purpose": "ML Model Catalog"}),
	}, pulumi.Parent(c))
	if err != nil {
		return nil, err
	}
	c.Table, c.TableName, c.TableArn, c.StreamArn = table, table.Name, table.Arn, table.StreamArn
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{"tableName": c.TableName, "tableArn": c.TableArn, "streamArn": c.StreamArn})
}
