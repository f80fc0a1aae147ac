package platform

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// PredictionCache is the table of answers that models have given.
type PredictionCache struct {
	pulumi.ResourceState

	Table     *dynamodb.Table
	TableName pulumi.StringOutput
	TableArn  pulumi.StringOutput
}

// PredictionCacheArgs are the settings of a PredictionCache.
type PredictionCacheArgs struct {
	TableName string            // "predictionCacheTable"
	Tags      map[string]string // beside Environment and Purpose
}

// NewPredictionCache makes the table. An answer's range key is the second at which it expires.
func NewPredictionCache(ctx *pulumi.Context, name string, args *PredictionCacheArgs, opts ...pulumi.ResourceOption) (*PredictionCache, error) {
	if args == nil {
		args = &PredictionCacheArgs{}
	}
	c := &PredictionCache{}
	if err := ctx.RegisterComponentResource("modelwharf:platform:PredictionCache", name, c, opts...); err != nil {
		return nil, err
	}
	table, err := dynamodb.NewTable(ctx, name, &dynamodb.TableArgs{
		Name:        pulumi.String(named(args.TableName, "predictionCacheTable")),
		BillingMode: pulumi.String("PAY_PER_REQUEST"),
		HashKey:     pulumi.String("predictionId"),
		RangeKey:    pulumi.String("timestamp"),
		Attributes: dynamodb.TableAttributeArray{
			dynamodb.TableAttributeArgs{Name: pulumi.String("predictionId"), Type: pulumi.String("S")},
			dynamodb.TableAttributeArgs{Name: pulumi.String("timestamp"), Type: pulumi.String("N")},
		},
		Ttl:  dynamodb.TableTtlArgs{AttributeName: pulumi.String("timestamp"), Enabled: pulumi.Bool(true)},
		Tags: tagged(args.Tags, map[string]string{"Environment": "Production", "Purpose": "CachePredictionOutputs"}),
	}, pulumi.Parent(c))
	if err != nil {
		return nil, err
	}
	c.Table, c.TableName, c.TableArn = table, table.Name, table.Arn
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{"tableName": c.TableName, "tableArn": c.TableArn})
}
