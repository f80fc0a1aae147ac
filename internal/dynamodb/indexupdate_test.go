package dynamodb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func createIndex(name, hash, at string, capacity ...int64) types.GlobalSecondaryIndexUpdate {
	in := &types.CreateGlobalSecondaryIndexAction{IndexName: &name, KeySchema: keySchema(hash, at), Projection: projection("ALL")}
	if len(capacity) > 0 {
		in.ProvisionedThroughput = throughput(capacity[0], capacity[1])
	}
	return types.GlobalSecondaryIndexUpdate{Create: in}
}

func deleteIndex(name string) types.GlobalSecondaryIndexUpdate {
	return types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: &name}}
}

func changeIndex(name string, capacity ...int64) types.GlobalSecondaryIndexUpdate {
	in := &types.UpdateGlobalSecondaryIndexAction{IndexName: &name}
	if len(capacity) > 0 {
		in.ProvisionedThroughput = throughput(capacity[0], capacity[1])
	}
	return types.GlobalSecondaryIndexUpdate{Update: in}
}

// updateIndexes is an UpdateTable of indexes, with definitions, "name:type" each.
func updateIndexes(t *testing.T, c *sdk.Client, table string, defined []string, updates ...types.GlobalSecondaryIndexUpdate) (*types.TableDescription, error) {
	t.Helper()
	in := &sdk.UpdateTableInput{TableName: &table, GlobalSecondaryIndexUpdates: updates, AttributeDefinitions: definitions(defined...)}
	out, err := c.UpdateTable(t.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.TableDescription, nil
}

// indexTexts are a table's status and its global indexes, with their throughput and
// status, and the attributes that are defined.
func indexTexts(d *types.TableDescription) string {
	all := []string{string(d.TableStatus)}
	for _, x := range d.GlobalSecondaryIndexes {
		s := fmt.Sprintf("%s %s %d/%d", *x.IndexName, x.IndexStatus, *x.ProvisionedThroughput.ReadCapacityUnits, *x.ProvisionedThroughput.WriteCapacityUnits)
		if x.Backfilling != nil {
			s += fmt.Sprintf(" backfilling %t", *x.Backfilling)
		}
		all = append(all, s)
	}
	var names []string
	for _, a := range d.AttributeDefinitions {
		names = append(names, *a.AttributeName)
	}
	return strings.Join(append(all, strings.Join(names, " ")), "; ")
}

func describeIndexes(t *testing.T, c *sdk.Client, table string) string {
	t.Helper()
	out, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	return indexTexts(out.Table)
}

func (f *fixture) background(t *testing.T) (stop func()) {
	t.Helper()
	e := &expiryTest{T: t, ctx: rootContext(), store: f.store, s: f.service}
	return e.run()
}

// TestUpdateTableIndexStates has an index created, changed and deleted, while the job of
// each step has not begun, and after it.
func TestUpdateTableIndexStates(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, table := f.client, tableFor(t)
	if _, err := c.CreateTable(t.Context(), &sdk.CreateTableInput{TableName: &table, KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S", "kind:S"),
		ProvisionedThroughput: throughput(5, 5),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("byKind"), KeySchema: keySchema("kind", ""),
			Projection: projection("KEYS_ONLY"), ProvisionedThroughput: throughput(2, 2)}}}); err != nil {
		t.Fatal(err)
	}
	mustPut(t, c, table, attrs{"id": str("a"), "kind": str("k"), "at": num("1")})
	answers := func(want string, defined []string, updates ...types.GlobalSecondaryIndexUpdate) {
		t.Helper()
		d, err := updateIndexes(t, c, table, defined, updates...)
		if err != nil {
			t.Error(err)
		} else if got := indexTexts(d); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	described := func(want string) {
		t.Helper()
		if got := describeIndexes(t, c, table); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	refused := func(code, message string, defined []string, updates ...types.GlobalSecondaryIndexUpdate) {
		t.Helper()
		_, err := updateIndexes(t, c, table, defined, updates...)
		wantError(t, err, code, message)
	}
	const (
		inUse   = "ResourceInUseException"
		limit   = "LimitExceededException"
		open    = "Attempt to change a resource which is still in use: "
		oneOnly = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
	)
	byAt := createIndex("byAt", "kind", "at", 3, 3)
	// What is defined besides, or once more, does not matter; one index may be changed beside.
	answers("UPDATING; byKind UPDATING 4/2; byAt CREATING 3/3 backfilling false; at id kind", []string{"kind:S", "at:N", "none:S"}, byAt, changeIndex("byKind", 4, 2))
	described("ACTIVE; byKind ACTIVE 4/2; byAt CREATING 3/3 backfilling true; at id kind")
	_, err := c.Query(t.Context(), &sdk.QueryInput{TableName: &table, IndexName: aws.String("byAt"), KeyConditionExpression: aws.String("kind = :k"), ExpressionAttributeValues: attrs{":k": str("k")}})
	wantError(t, err, validation, "Cannot read from backfilling global secondary index: byAt")
	_, err = c.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: attrs{"id": str("b"), "at": str("1")}})
	wantError(t, err, validation, invalidOpen+"Type mismatch for Index Key at Expected: N Actual: S IndexName: byAt")
	refused(inUse, open+"Index is being created. Table: "+table+" Index: byAt", []string{"kind:S", "at:N"}, byAt)
	refused(limit, oneOnly, []string{"other:S"}, createIndex("byOther", "other", "", 1, 1))
	refused(limit, oneOnly, nil, deleteIndex("byKind"))
	// While it is filled, its table may be changed, and it itself.
	_, err = c.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: &table, ProvisionedThroughput: throughput(6, 5)})
	if err != nil {
		t.Error(err)
	}
	answers("UPDATING; byKind ACTIVE 4/2; byAt CREATING 5/3 backfilling true; at id kind", nil, changeIndex("byAt", 5, 3))

	stop := f.background(t)
	settled := func(want string) {
		t.Helper()
		for range 1 << 20 {
			if got := describeIndexes(t, c, table); !strings.Contains(got, "ING") {
				break
			}
		}
		described(want)
	}
	settled("ACTIVE; byKind ACTIVE 4/2; byAt ACTIVE 5/3; at id kind")
	stop()
	refused(validation, "Attempting to create an index which already exists", []string{"kind:S", "at:N"}, byAt)

	answers("UPDATING; byKind ACTIVE 4/2; byAt DELETING 5/3; at id kind", nil, deleteIndex("byAt"))
	described("UPDATING; byKind ACTIVE 4/2; byAt DELETING 5/3; at id kind")
	refused(inUse, open+"Index is being deleted. Table: "+table+" Index: byAt", nil, deleteIndex("byAt"))
	refused(inUse, open+"Index is being deleted. Table: "+table+" Index: byAt", nil, changeIndex("byAt", 1, 1))
	refused(inUse, open+"Index is being deleted. Table: "+table+" Index: byAt", []string{"kind:S", "at:N"}, byAt)
	refused(limit, oneOnly, nil, deleteIndex("byKind"))
	answers("UPDATING; byKind UPDATING 5/2; byAt DELETING 5/3; at id kind", nil, changeIndex("byKind", 5, 2))
	for _, in := range []sdk.UpdateTableInput{{ProvisionedThroughput: throughput(1, 1)}, {BillingMode: types.BillingModePayPerRequest}} {
		in.TableName = &table
		_, err := c.UpdateTable(t.Context(), &in)
		wantError(t, err, inUse, open+"Can't change table IOPS when an index is being deleted. Table: "+table+" Indexes: [byAt]")
	}
	// It is not written any more, and binds no value.
	mustPut(t, c, table, attrs{"id": str("b"), "kind": str("k"), "at": str("one")})
	_, err = c.Scan(t.Context(), &sdk.ScanInput{TableName: &table, IndexName: aws.String("byAt")})
	wantError(t, err, validation, "The table does not have the specified index: byAt")
	stop = f.background(t)
	settled("ACTIVE; byKind ACTIVE 5/2; id kind")
	stop()
	if n := countKeys(t, f.store, "entry"); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	refused("ResourceNotFoundException", "Requested resource not found: Index byAt for table "+table, nil, deleteIndex("byAt"))

	// A new one of the name begins anew, and passes over what cannot be in it.
	answers("UPDATING; byKind ACTIVE 5/2; byAt CREATING 3/3 backfilling false; at id kind", []string{"kind:S", "at:N"}, byAt)
	stop = f.background(t)
	settled("ACTIVE; byKind ACTIVE 5/2; byAt ACTIVE 3/3; at id kind")
	stop()
	out, err := c.Scan(t.Context(), &sdk.ScanInput{TableName: &table, IndexName: aws.String("byAt")})
	if err != nil || !slices.Equal(sortedTexts(out.Items), []string{"at=1 id=a kind=k "}) {
		t.Error(sortedTexts(out.Items), err)
	}
	// An item that is older than the index may be changed elsewhere, and be taken in.
	update := func(expression string, values attrs, names ...string) {
		t.Helper()
		in := &sdk.UpdateItemInput{TableName: &table, Key: attrs{"id": str("b")}, UpdateExpression: &expression, ExpressionAttributeValues: values}
		for _, name := range names {
			in.ExpressionAttributeNames = map[string]string{"#" + name: name}
		}
		if _, err := c.UpdateItem(t.Context(), in); err != nil {
			t.Error(err)
		}
	}
	update("SET note = :n", attrs{":n": str("x")})
	update("SET #at = :n", attrs{":n": num("7")}, "at")
	if out, err = c.Scan(t.Context(), &sdk.ScanInput{TableName: &table, IndexName: aws.String("byAt")}); err != nil || len(out.Items) != 2 {
		t.Error(sortedTexts(out.Items), err)
	}
}

// TestUpdateTableIndexErrors has what UpdateTable refuses of indexes.
func TestUpdateTableIndexErrors(t *testing.T) {
	t.Parallel()
	c := start(t).client
	in := indexedInput(t)
	in.GlobalSecondaryIndexes = in.GlobalSecondaryIndexes[:1]
	table := *in.TableName
	if _, err := c.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	full := indexedInput(t)
	full.TableName = aws.String("full")
	full.GlobalSecondaryIndexes = nil
	for n := range 20 {
		full.GlobalSecondaryIndexes = append(full.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(fmt.Sprint("index", n)), KeySchema: keySchema("kind", "at"), Projection: projection("KEYS_ONLY")})
	}
	if _, err := c.CreateTable(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	byOne := createIndex("byOne", "one", "")
	with := func(change func(*sdk.UpdateTableInput), updates ...types.GlobalSecondaryIndexUpdate) sdk.UpdateTableInput {
		in := sdk.UpdateTableInput{TableName: &table, GlobalSecondaryIndexUpdates: updates, AttributeDefinitions: definitions("one:S")}
		if change != nil {
			change(&in)
		}
		return in
	}
	const limit = "LimitExceededException"
	for name, test := range map[string]struct {
		in            sdk.UpdateTableInput
		code, message string
	}{
		"no action":   {with(nil, types.GlobalSecondaryIndexUpdate{}), validation, invalidOpen + "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null"},
		"two actions": {with(nil, types.GlobalSecondaryIndexUpdate{Create: byOne.Create, Delete: deleteIndex("byKind").Delete}), validation, invalidOpen + "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"},
		"one twice":   {with(nil, deleteIndex("byKind"), createIndex("byKind", "one", "")), validation, invalidOpen + "Only one global secondary index update per index is allowed simultaneously. Index: byKind"},
		"two online":  {with(nil, byOne, deleteIndex("byKind")), limit, "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"},
		"no updates": {with(func(in *sdk.UpdateTableInput) {
			in.GlobalSecondaryIndexUpdates = []types.GlobalSecondaryIndexUpdate{}
			in.DeletionProtectionEnabled = aws.Bool(true)
		}), validation, invalidOpen + "List of GlobalSecondaryIndexUpdates is empty"},
		"the last one of 20": {with(func(in *sdk.UpdateTableInput) { in.TableName = full.TableName }, byOne), limit, "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of 20"},
		"with a stream": {with(func(in *sdk.UpdateTableInput) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: "NEW_IMAGE"}
		}, byOne), validation, invalidOpen + "You cannot create or delete index while changing stream status"},
		"with throughput": {with(func(in *sdk.UpdateTableInput) { in.ProvisionedThroughput = throughput(1, 1) }, byOne), validation, invalidOpen + "You cannot create or delete index while updating table IOPS"},
		"with warm throughput": {with(func(in *sdk.UpdateTableInput) {
			in.WarmThroughput = &types.WarmThroughput{ReadUnitsPerSecond: aws.Int64(13000)}
		}, byOne), validation, invalidOpen + "Create global secondary index cannot be specified when updating WarmThroughput"},
		"with protection": {with(func(in *sdk.UpdateTableInput) { in.DeletionProtectionEnabled = aws.Bool(true) }, byOne), validation, invalidOpen + "DeletionProtection modification must be the only operation in the request"},
		"no definitions":  {with(func(in *sdk.UpdateTableInput) { in.AttributeDefinitions = nil }, byOne), validation, invalidOpen + "AttributeDefinitions is not specified for index: byOne"},
		"not defined":     {with(nil, createIndex("byTwo", "two", "")), validation, invalidOpen + "Some index key attributes are not defined in AttributeDefinitions. Keys: [two], AttributeDefinitions: [one]"},
		"of another type": {with(func(in *sdk.UpdateTableInput) { in.AttributeDefinitions = definitions("kind:N") }, createIndex("again", "kind", "")), validation,
			invalidOpen + "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. " +
				"Existing schema: Schema:[SchemaElement: key{kind:S:HASH}, SchemaElement: key{at:N:RANGE}] New schema: Schema:[SchemaElement: key{kind:N:HASH}]"},
		"throughput on demand": {with(nil, createIndex("byOne", "one", "", 1, 1)), validation, invalidOpen + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: byOne when BillingMode is PAY_PER_REQUEST"},
		"change on demand":     {with(nil, changeIndex("byKind", 1, 1)), validation, invalidOpen + "The only Updates for index: byKind when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput"},
		"a local one deleted":  {with(nil, deleteIndex("byLocal")), validation, "Cannot delete an index that is not a GlobalSecondaryIndex: byLocal"},
		"a local one changed":  {with(nil, changeIndex("byLocal", 1, 1)), validation, "Cannot update an index that is not a GlobalSecondaryIndex: byLocal"},
		"none deleted":         {with(nil, deleteIndex("none")), "ResourceNotFoundException", "Requested resource not found: Index none for table " + table},
		"none changed":         {with(nil, changeIndex("none", 1, 1)), "ResourceNotFoundException", "Requested resource not found: Index none for table " + table},
		"provisioned without indexes": {with(func(in *sdk.UpdateTableInput) {
			in.BillingMode, in.ProvisionedThroughput = "PROVISIONED", throughput(1, 1)
		}), validation, invalidOpen + "ProvisionedThroughput must be specified for index: byKind"},
	} {
		_, err := c.UpdateTable(t.Context(), &test.in)
		t.Log(name)
		wantError(t, err, test.code, test.message)
	}
	if got, want := describeIndexes(t, c, table), "ACTIVE; byKind ACTIVE 0/0; at id kind score"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	// A change of the billing mode gives every index its throughput.
	both := with(func(in *sdk.UpdateTableInput) {
		in.BillingMode, in.ProvisionedThroughput = "PROVISIONED", throughput(5, 5)
	}, changeIndex("byKind", 2, 3))
	if _, err := c.UpdateTable(t.Context(), &both); err != nil {
		t.Fatal(err)
	}
	if got, want := describeIndexes(t, c, table), "ACTIVE; byKind ACTIVE 2/3; at id kind score"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err := updateIndexes(t, c, table, nil, changeIndex("byKind", 2, 3))
	wantError(t, err, validation, "The provisioned throughput for the index byKind will not change. The requested value equals the current value. "+
		"Current ReadCapacityUnits provisioned for index byKind: 2. Requested ReadCapacityUnits: 2. Current WriteCapacityUnits provisioned for index byKind: 3. Requested WriteCapacityUnits: 3. "+
		"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.")
	_, err = updateIndexes(t, c, table, []string{"one:S"}, byOne)
	wantError(t, err, validation, invalidOpen+"Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: byOne")
}
