package dynamodb_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func key(name string, kind types.KeyType) types.KeySchemaElement {
	return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
}

func defined(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
	return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
}

// TestControlPlaneCreateTableErrors has what CreateTable refuses, in AWS's words.
func TestControlPlaneCreateTableErrors(t *testing.T) {
	t.Parallel()
	c := start(t).client
	for _, test := range []struct {
		name    string
		in      sdk.CreateTableInput
		message string
	}{{
		"no throughput",
		sdk.CreateTableInput{KeySchema: []types.KeySchemaElement{key("id", "HASH")}, AttributeDefinitions: []types.AttributeDefinition{defined("id", "S")}},
		invalidOpen + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
	}, {
		"throughput on demand",
		sdk.CreateTableInput{
			BillingMode: "PAY_PER_REQUEST", ProvisionedThroughput: throughput(1, 1),
			KeySchema: []types.KeySchemaElement{key("id", "HASH")}, AttributeDefinitions: []types.AttributeDefinition{defined("id", "S")},
		},
		invalidOpen + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
	}, {
		"too much throughput",
		sdk.CreateTableInput{
			ProvisionedThroughput: throughput(1000000000001, 1),
			KeySchema:             []types.KeySchemaElement{key("id", "HASH")}, AttributeDefinitions: []types.AttributeDefinition{defined("id", "S")},
		},
		"Given value 1000000000001 for ReadCapacityUnits is out of bounds",
	}, {
		"unused definition",
		onDemand([]types.KeySchemaElement{key("id", "HASH")}, defined("id", "S"), defined("x", "S")),
		invalidOpen + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
	}, {
		"missing definition",
		onDemand([]types.KeySchemaElement{key("id", "HASH"), key("at", "RANGE")}, defined("id", "S"), defined("x", "N")),
		invalidOpen + "Some index key attributes are not defined in AttributeDefinitions. Keys: [id, at], AttributeDefinitions: [id, x]",
	}, {
		"too few definitions",
		onDemand([]types.KeySchemaElement{key("id", "HASH"), key("at", "RANGE")}, defined("id", "S")),
		"Invalid KeySchema: Some index key attribute have no definition",
	}, {
		"range first",
		onDemand([]types.KeySchemaElement{key("at", "RANGE"), key("id", "HASH")}, defined("id", "S"), defined("at", "N")),
		"Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
	}, {
		"two hashes",
		onDemand([]types.KeySchemaElement{key("id", "HASH"), key("at", "HASH")}, defined("id", "S"), defined("at", "N")),
		"Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
	}, {
		"one attribute twice in the key",
		onDemand([]types.KeySchemaElement{key("id", "HASH"), key("id", "RANGE")}, defined("id", "S"), defined("at", "N")),
		"Both the Hash Key and the Range Key element in the KeySchema have the same name",
	}, {
		"one attribute defined twice",
		onDemand([]types.KeySchemaElement{key("id", "HASH")}, defined("id", "S"), defined("id", "N")),
		"Attribute Name is duplicated: id",
	}, {
		"a stream without a view",
		with2(onDemandID(), func(in *sdk.CreateTableInput) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true)}
		}),
		invalidOpen + "Table is being created with a stream enabled, UpdateViewType is required",
	}, {
		"a view without a stream",
		with2(onDemandID(), func(in *sdk.CreateTableInput) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(false), StreamViewType: "KEYS_ONLY"}
		}),
		invalidOpen + "Table is being created with a stream disabled, UpdateViewType should not be specified",
	}, {
		"a tag of AWS",
		with2(onDemandID(), func(in *sdk.CreateTableInput) {
			in.Tags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}
		}),
		"Tag Key cannot be prefixed with aws:, Key: aws:x",
	}} {
		test.in.TableName = aws.String("refused")
		_, err := c.CreateTable(t.Context(), &test.in)
		t.Run(test.name, func(t *testing.T) { wantError(t, err, validation, test.message) })
	}
	_, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: aws.String("refused")})
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found: Table: refused not found")
}

func throughput(read, write int64) *types.ProvisionedThroughput {
	return &types.ProvisionedThroughput{ReadCapacityUnits: &read, WriteCapacityUnits: &write}
}

func onDemand(schema []types.KeySchemaElement, defined ...types.AttributeDefinition) sdk.CreateTableInput {
	return sdk.CreateTableInput{BillingMode: "PAY_PER_REQUEST", KeySchema: schema, AttributeDefinitions: defined}
}

func onDemandID() sdk.CreateTableInput {
	return onDemand([]types.KeySchemaElement{key("id", "HASH")}, defined("id", "S"))
}

func with2(in sdk.CreateTableInput, change func(*sdk.CreateTableInput)) sdk.CreateTableInput {
	change(&in)
	return in
}

// TestControlPlaneLifeOfATable follows a table from its creation, through its
// changes, to its end and a new beginning.
func TestControlPlaneLifeOfATable(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	name := aws.String("modelCatalogTable")
	create := &sdk.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest, DeletionProtectionEnabled: aws.Bool(true),
		KeySchema:            []types.KeySchemaElement{key("ModelId", "HASH"), key("ModelVersion", "RANGE")},
		AttributeDefinitions: []types.AttributeDefinition{defined("ModelId", "S"), defined("ModelVersion", "S")},
		StreamSpecification:  &types.StreamSpecification{StreamEnabled: aws.Bool(false)},
		SSESpecification:     &types.SSESpecification{Enabled: aws.Bool(false)},
		Tags:                 []types.Tag{{Key: aws.String("Environment"), Value: aws.String("production")}},
	}
	created, err := c.CreateTable(ctx, create)
	if err != nil {
		t.Fatal(err)
	}
	if got := created.TableDescription.TableStatus; got != types.TableStatusCreating {
		t.Errorf("status in the answer is %s", got)
	}
	if err := sdk.NewTableExistsWaiter(c).Wait(ctx, &sdk.DescribeTableInput{TableName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateTable(ctx, create)
	wantError(t, err, "ResourceInUseException", "Table already exists: modelCatalogTable")

	for i := range 3 {
		mustPut(t, c, *name, attrs{"ModelId": str("iris"), "ModelVersion": str(fmt.Sprint(i))})
	}
	described, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: name})
	if err != nil {
		t.Fatal(err)
	}
	d := described.Table
	arn := "arn:aws:dynamodb:us-east-1:000000000000:table/modelCatalogTable"
	switch {
	case d.TableStatus != types.TableStatusActive, *d.TableArn != arn, len(*d.TableId) != 36, *d.TableId != *created.TableDescription.TableId,
		!d.CreationDateTime.Equal(f.clock.now()),
		*d.ItemCount != 3, *d.TableSizeBytes != 3*int64(len("ModelIdirisModelVersion0")),
		!*d.DeletionProtectionEnabled, d.BillingModeSummary.BillingMode != types.BillingModePayPerRequest,
		*d.ProvisionedThroughput.ReadCapacityUnits != 0, *d.ProvisionedThroughput.WriteCapacityUnits != 0,
		*d.WarmThroughput.ReadUnitsPerSecond != 12000, *d.WarmThroughput.WriteUnitsPerSecond != 4000,
		*d.KeySchema[1].AttributeName != "ModelVersion", d.KeySchema[1].KeyType != types.KeyTypeRange,
		len(d.AttributeDefinitions) != 2, d.StreamSpecification != nil, d.SSEDescription != nil:
		t.Errorf("description: %+v", d)
	}
	byARN, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &arn})
	if err != nil || *byARN.Table.TableName != *name {
		t.Errorf("by ARN: %+v, %v", byARN, err)
	}

	_, err = c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: name})
	wantError(t, err, validation, "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	updated, err := c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: name, DeletionProtectionEnabled: aws.Bool(false)})
	if err != nil || updated.TableDescription.TableStatus != types.TableStatusUpdating {
		t.Fatal(updated, err)
	}
	deleted, err := c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: name})
	if err != nil || deleted.TableDescription.TableStatus != types.TableStatusDeleting {
		t.Fatal(deleted, err)
	}
	if err := sdk.NewTableNotExistsWaiter(c).Wait(ctx, &sdk.DescribeTableInput{TableName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetItem(ctx, &sdk.GetItemInput{TableName: name, Key: attrs{"ModelId": str("iris"), "ModelVersion": str("0")}})
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found")
	_, err = c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: name})
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found: Table: modelCatalogTable not found")

	// A table made again under the name inherits nothing, before and after the old
	// one's data is removed.
	create.Tags, create.DeletionProtectionEnabled = nil, nil
	if _, err := c.CreateTable(ctx, create); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		scanned, err := c.Scan(ctx, &sdk.ScanInput{TableName: name})
		if err != nil || scanned.ScannedCount != 0 {
			t.Fatal(scanned, err)
		}
		described, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: name})
		if err != nil || *described.Table.ItemCount != 0 || *described.Table.DeletionProtectionEnabled ||
			*described.Table.TableId == *d.TableId {
			t.Fatal(described.Table, err)
		}
		tags, err := c.ListTagsOfResource(ctx, &sdk.ListTagsOfResourceInput{ResourceArn: &arn})
		if err != nil || len(tags.Tags) != 0 {
			t.Fatal(tags, err)
		}
		if err := f.service.Tidy(ctx, true); err != nil {
			t.Fatal(err)
		}
	}
}

// TestControlPlaneThroughput changes billing and throughput, up to the limits on
// lowering it.
func TestControlPlaneThroughput(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	name := aws.String("provisioned")
	_, err := c.CreateTable(ctx, &sdk.CreateTableInput{
		TableName: name, ProvisionedThroughput: throughput(10, 10),
		KeySchema: []types.KeySchemaElement{key("id", "HASH")}, AttributeDefinitions: []types.AttributeDefinition{defined("id", "S")},
	})
	if err != nil {
		t.Fatal(err)
	}
	set := func(read, write int64) (*types.TableDescription, error) {
		out, err := c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: name, ProvisionedThroughput: throughput(read, write)})
		if err != nil {
			return nil, err
		}
		return out.TableDescription, nil
	}
	_, err = set(10, 10)
	wantError(t, err, validation, "The provisioned throughput for the table will not change. The requested value equals the current value. "+
		"Current ReadCapacityUnits provisioned for the table: 10. Requested ReadCapacityUnits: 10. "+
		"Current WriteCapacityUnits provisioned for the table: 10. Requested WriteCapacityUnits: 10. "+
		"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.")
	for i := range int64(4) {
		d, err := set(9-i, 11+i)
		if err != nil {
			t.Fatal(err)
		}
		if p := d.ProvisionedThroughput; *p.NumberOfDecreasesToday != i+1 || !p.LastDecreaseDateTime.Equal(f.clock.now()) || !p.LastIncreaseDateTime.Equal(f.clock.now()) {
			t.Errorf("after decrease %d: %+v", i, p)
		}
	}
	_, err = set(5, 14)
	wantError(t, err, "LimitExceededException", "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "+
		"After the first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. "+
		"Number of decreases today: 4. Last decrease at Friday, November 20, 2026 at 10:00:00 AM Coordinated Universal Time. "+
		"Next decrease can be made at Friday, November 20, 2026 at 11:00:00 AM Coordinated Universal Time")
	f.clock.advance(time.Hour)
	if d, err := set(5, 14); err != nil || *d.ProvisionedThroughput.NumberOfDecreasesToday != 5 {
		t.Error(d, err)
	}
	f.clock.advance(24 * time.Hour)
	if d, err := set(4, 14); err != nil || *d.ProvisionedThroughput.NumberOfDecreasesToday != 1 {
		t.Error(d, err)
	}

	_, err = c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: name, BillingMode: "PAY_PER_REQUEST", ProvisionedThroughput: throughput(1, 1)})
	wantError(t, err, validation, invalidOpen+"Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	out, err := c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: name, BillingMode: "PAY_PER_REQUEST"})
	if err != nil {
		t.Fatal(err)
	}
	if d := out.TableDescription; d.BillingModeSummary.BillingMode != "PAY_PER_REQUEST" || !d.BillingModeSummary.LastUpdateToPayPerRequestDateTime.Equal(f.clock.now()) ||
		*d.ProvisionedThroughput.ReadCapacityUnits != 0 {
		t.Errorf("on demand: %+v", d)
	}
	_, err = set(5, 5)
	wantError(t, err, validation, invalidOpen+"Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	_, err = c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: name, BillingMode: "PROVISIONED"})
	wantError(t, err, validation, invalidOpen+"ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	out, err = c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: name, BillingMode: "PROVISIONED", ProvisionedThroughput: throughput(7, 8)})
	if err != nil {
		t.Fatal(err)
	}
	if d := out.TableDescription; d.BillingModeSummary.BillingMode != "PROVISIONED" || *d.ProvisionedThroughput.WriteCapacityUnits != 8 {
		t.Errorf("provisioned again: %+v", d)
	}
}

// TestControlPlaneUpdateTableErrors has what UpdateTable refuses.
func TestControlPlaneUpdateTableErrors(t *testing.T) {
	t.Parallel()
	c := start(t).client
	name := aws.String(hashTable(t, c))
	for _, test := range []struct {
		name, message string
		in            sdk.UpdateTableInput
	}{
		{"nothing", "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, " +
			"MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required",
			sdk.UpdateTableInput{}},
		{"class and protection", invalidOpen + "TableClass modification must be the only operation in the request",
			sdk.UpdateTableInput{TableClass: "STANDARD", DeletionProtectionEnabled: aws.Bool(true)}},
		{"protection and billing", invalidOpen + "DeletionProtection modification must be the only operation in the request",
			sdk.UpdateTableInput{BillingMode: "PAY_PER_REQUEST", DeletionProtectionEnabled: aws.Bool(true)}},
		{"no stream", "Table has no stream to disable: TableName: " + *name,
			sdk.UpdateTableInput{StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)}}},
		{"own key", "SSESpecification with a key of KMS is not available on this server yet",
			sdk.UpdateTableInput{SSESpecification: &types.SSESpecification{Enabled: aws.Bool(true)}}},
	} {
		test.in.TableName = name
		_, err := c.UpdateTable(t.Context(), &test.in)
		t.Run(test.name, func(t *testing.T) { wantError(t, err, validation, test.message) })
	}
	out, err := c.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: name, TableClass: "STANDARD_INFREQUENT_ACCESS"})
	if err != nil || out.TableDescription.TableClassSummary.TableClass != "STANDARD_INFREQUENT_ACCESS" {
		t.Error(out, err)
	}
}

// TestControlPlaneListTables pages through tables, of which each region has its own.
func TestControlPlaneListTables(t *testing.T) {
	t.Parallel()
	c := start(t).client
	var want []string
	for i := range 7 {
		in := onDemandID()
		in.TableName = aws.String(fmt.Sprintf("table-%d", i))
		if _, err := c.CreateTable(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
		want = append(want, *in.TableName)
	}
	var got []string
	pages := sdk.NewListTablesPaginator(c, &sdk.ListTablesInput{Limit: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.TableNames...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	page, err := c.ListTables(t.Context(), &sdk.ListTablesInput{Limit: aws.Int32(7)})
	if err != nil || page.LastEvaluatedTableName != nil {
		t.Error(page, err)
	}
	other, err := c.ListTables(t.Context(), &sdk.ListTablesInput{}, func(o *sdk.Options) { o.Region = "eu-central-1" })
	if err != nil || len(other.TableNames) != 0 {
		t.Error(other, err)
	}
}

// TestControlPlaneDescriptions has the answers that must be true of a table
// without expiry and recovery.
func TestControlPlaneDescriptions(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	name := aws.String(hashTable(t, c))
	ttl, err := c.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: name})
	if err != nil || ttl.TimeToLiveDescription.TimeToLiveStatus != types.TimeToLiveStatusDisabled {
		t.Error(ttl, err)
	}
	backups, err := c.DescribeContinuousBackups(ctx, &sdk.DescribeContinuousBackupsInput{TableName: name})
	if err != nil || backups.ContinuousBackupsDescription.ContinuousBackupsStatus != types.ContinuousBackupsStatusEnabled ||
		backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusDisabled {
		t.Error(backups, err)
	}
	_, err = c.DescribeContinuousBackups(ctx, &sdk.DescribeContinuousBackupsInput{TableName: aws.String("absent")})
	wantError(t, err, "TableNotFoundException", "Table not found: absent")
	limits, err := c.DescribeLimits(ctx, &sdk.DescribeLimitsInput{})
	if err != nil || *limits.TableMaxReadCapacityUnits != 40000 {
		t.Error(limits, err)
	}
	endpoints, err := c.DescribeEndpoints(ctx, &sdk.DescribeEndpointsInput{})
	if err != nil || len(endpoints.Endpoints) != 1 || *endpoints.Endpoints[0].Address == "" {
		t.Error(endpoints, err)
	}
}
