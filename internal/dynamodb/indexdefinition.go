package dynamodb

import (
	"cmp"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// The quotas of a table's indexes.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html.
const (
	maxLocalIndexes  = 5
	maxGlobalIndexes = 20
	maxProjected     = 100 // NonKeyAttributes of all indexes of a table together
)

// definedAttributes are AttributeDefinitions, by which key schemas are checked.
type definedAttributes struct {
	types map[string]string
	names []string // in the order in which they were given
}

func definedBy(all []*dynamodb.AttributeDefinition) (d definedAttributes, err error) {
	d.types = map[string]string{}
	for _, a := range all {
		if _, ok := d.types[*a.AttributeName]; ok {
			return d, api.ValidationException("Attribute Name is duplicated: %s", *a.AttributeName)
		}
		d.types[*a.AttributeName] = *a.AttributeType
		d.names = append(d.names, *a.AttributeName)
	}
	return d, nil
}

// maxKeyAttributes is how many attributes of a kind the key of a global index has.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.MultiAttributeKeys.
const maxKeyAttributes = 4

// key checks the key schema of a table or a local index, and returns its attributes.
func (d definedAttributes) key(schema []*dynamodb.KeySchemaElement) (hash keyAttribute, rangeKey *keyAttribute, err error) {
	switch err = d.check(schema); {
	case err != nil:
	case len(schema) > 2:
		err = invalid("The KeySchema exceeds the maximum allowed number of RANGE key attributes")
	case *schema[0].KeyType != "HASH":
		err = errNoHashFirst()
	case len(schema) == 2 && *schema[1].KeyType != "RANGE":
		err = api.ValidationException("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	default:
		hash = d.attribute(schema[0])
		if len(schema) == 2 {
			rangeKey = new(d.attribute(schema[1]))
		}
	}
	return hash, rangeKey, err
}

// globalKey checks the key schema of a global index, and returns its attributes.
func (d definedAttributes) globalKey(schema []*dynamodb.KeySchemaElement) (hash, ranges []keyAttribute, err error) {
	if err := d.check(schema); err != nil {
		return nil, nil, err
	}
	for _, k := range schema {
		switch {
		case *k.KeyType != "HASH" && hash == nil:
			return nil, nil, errNoHashFirst()
		case *k.KeyType != "HASH":
			ranges = append(ranges, d.attribute(k))
		case ranges != nil:
			return nil, nil, invalid("All HASH key attributes must precede RANGE key attributes in the KeySchema")
		default:
			hash = append(hash, d.attribute(k))
		}
	}
	switch {
	case len(hash) > maxKeyAttributes:
		err = invalid("The KeySchema exceeds the maximum allowed number of HASH key attributes")
	case len(ranges) > maxKeyAttributes:
		err = invalid("The KeySchema exceeds the maximum allowed number of RANGE key attributes")
	}
	return hash, ranges, err
}

// check checks that the attributes of a key schema are different ones, and defined.
func (d definedAttributes) check(schema []*dynamodb.KeySchemaElement) error {
	var keys []string
	twice := false
	for _, k := range schema {
		twice = twice || slices.Contains(keys, *k.AttributeName)
		keys = append(keys, *k.AttributeName)
	}
	switch {
	case len(schema) == 0:
		return invalid("KeySchema is not specified")
	case len(keys) > len(d.names) && len(keys) <= 2:
		return api.ValidationException("Invalid KeySchema: Some index key attribute have no definition")
	case slices.ContainsFunc(keys, func(k string) bool { return d.types[k] == "" }):
		return invalid("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
			strings.Join(keys, ", "), strings.Join(d.names, ", "))
	case twice && len(keys) == 2:
		return api.ValidationException("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	case twice:
		return api.ValidationException("The KeySchema contains multiple key attributes with the same name")
	}
	return nil
}

func (d definedAttributes) attribute(k *dynamodb.KeySchemaElement) keyAttribute {
	return keyAttribute{*k.AttributeName, d.types[*k.AttributeName]}
}

func errNoHashFirst() error {
	return api.ValidationException("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
}

// setIndexes checks the indexes that CreateTable asks for, once the table's key and
// billing are known, and takes them over.
func (st *tableState) setIndexes(in *dynamodb.CreateTableInput, defined definedAttributes) error {
	switch {
	case in.LocalSecondaryIndexes != nil && len(in.LocalSecondaryIndexes) == 0:
		return invalid("List of LocalSecondaryIndexes is empty")
	case in.GlobalSecondaryIndexes != nil && len(in.GlobalSecondaryIndexes) == 0:
		return invalid("List of GlobalSecondaryIndexes is empty")
	case len(in.LocalSecondaryIndexes) > 0 && st.Range == nil:
		return invalid("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	case len(in.LocalSecondaryIndexes) > maxLocalIndexes:
		return invalid("Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocalIndexes)
	case len(in.GlobalSecondaryIndexes) > maxGlobalIndexes:
		return invalid("GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	}
	for _, x := range in.LocalSecondaryIndexes {
		if err := st.addIndex(indexState{Name: *x.IndexName, Local: true}, x.KeySchema, x.Projection, defined); err != nil {
			return err
		}
	}
	for _, x := range in.GlobalSecondaryIndexes {
		if !st.Billing.OnDemand && x.ProvisionedThroughput == nil {
			return invalid("ProvisionedThroughput is not specified for index: %s", *x.IndexName)
		}
		added := indexState{Name: *x.IndexName}
		if err := added.setCapacity(st, x.ProvisionedThroughput, x.OnDemandThroughput, x.WarmThroughput); err != nil {
			return err
		}
		if err := st.addIndex(added, x.KeySchema, x.Projection, defined); err != nil {
			return err
		}
	}
	return nil
}

// setCapacity checks what a new global index is to be able to do, and takes it over.
func (x *indexState) setCapacity(st *tableState, p *dynamodb.ProvisionedThroughput, most *dynamodb.OnDemandThroughput, asked *dynamodb.WarmThroughput) (err error) {
	if x.Throughput, err = st.indexThroughput(x.Name, p); err != nil {
		return err
	}
	if err := x.Maximum.set(most, st.Billing, x.Name); err != nil {
		return err
	}
	return x.Warm.set(asked, x.Throughput, st.Billing, x.Name)
}

// indexThroughput checks the provisioned throughput of a new global index.
func (st *tableState) indexThroughput(name string, p *dynamodb.ProvisionedThroughput) (throughput, error) {
	switch {
	case st.Billing.OnDemand && p != nil:
		return throughput{}, invalid("ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", name)
	case st.Billing.OnDemand:
		return throughput{}, nil
	case p == nil:
		return throughput{}, invalid("ProvisionedThroughput must be specified for index: %s", name)
	}
	return throughput{Read: *p.ReadCapacityUnits, Write: *p.WriteCapacityUnits}, checkThroughput(p)
}

// addIndex checks a new index and adds it to the table.
func (st *tableState) addIndex(x indexState, schema []*dynamodb.KeySchemaElement, p *dynamodb.Projection, defined definedAttributes) (err error) {
	if x.Local {
		err = x.setLocalKey(st, schema, defined)
	} else {
		x.Hash, x.Range, err = defined.globalKey(schema)
	}
	if err != nil {
		return err
	}
	if p != nil && p.ProjectionType != nil {
		x.Projection, x.Include = *p.ProjectionType, p.NonKeyAttributes
	}
	switch {
	case x.Projection == "":
		return invalid("Unknown ProjectionType: null")
	case x.Projection == "INCLUDE" && len(x.Include) == 0:
		return invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	case x.Projection != "INCLUDE" && x.Include != nil:
		return invalid("ProjectionType is %s, but NonKeyAttributes is specified", x.Projection)
	}
	projected := len(x.Include)
	for _, other := range st.Indexes {
		if other.Name == x.Name {
			return invalid("Duplicate index name: %s", x.Name)
		}
		projected += len(other.Include)
	}
	if projected > maxProjected {
		return invalid("The total number of projected attributes of all indexes exceeds the per-table limit of %d", maxProjected)
	}
	st.LastIndex++
	x.ID = st.LastIndex
	st.Indexes = append(st.Indexes, x)
	return nil
}

func (x *indexState) setLocalKey(st *tableState, schema []*dynamodb.KeySchemaElement, defined definedAttributes) error {
	hash, rangeKey, err := defined.key(schema)
	switch {
	case err != nil:
		return err
	case rangeKey == nil:
		return invalid("Index KeySchema does not have a range key for index: %s", x.Name)
	case hash != st.Hash:
		return invalid("Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. index hash key: %s, table hash key: %s",
			x.Name, hash.Name, st.Hash.Name)
	}
	x.Hash, x.Range = []keyAttribute{hash}, []keyAttribute{*rangeKey}
	return nil
}

// keyedNames are the attributes of the keys of a table and its indexes, sorted.
func (st *tableState) keyedNames() []string {
	names := []string{st.Hash.Name}
	if st.Range != nil {
		names = append(names, st.Range.Name)
	}
	for _, x := range st.Indexes {
		for _, k := range x.schemaElements() {
			names = append(names, k.Name)
		}
	}
	return sortedNames(names)
}

// schemaElement is an attribute of a key, with the part that it plays in it.
type schemaElement struct {
	keyAttribute
	kind string // HASH or RANGE
}

// schemaElements are the attributes of the index's key, in their order.
func (x *indexState) schemaElements() (all []schemaElement) {
	for _, k := range x.Hash {
		all = append(all, schemaElement{k, "HASH"})
	}
	for _, k := range x.Range {
		all = append(all, schemaElement{k, "RANGE"})
	}
	return all
}

func (x *indexState) keys() (all []keyAttribute) {
	for _, e := range x.schemaElements() {
		all = append(all, e.keyAttribute)
	}
	return all
}

// describeIndexes adds the indexes to a table's description.
func (st *tableState) describeIndexes(d *dynamodb.TableDescription, holds holding, now func(throughput) *dynamodb.ProvisionedThroughputDescription) {
	for _, x := range st.Indexes {
		var schema []*dynamodb.KeySchemaElement
		for _, k := range x.schemaElements() {
			schema = append(schema, keyElement(k.keyAttribute, k.kind))
		}
		projection := &dynamodb.Projection{ProjectionType: new(x.Projection), NonKeyAttributes: slices.Sorted(slices.Values(x.Include))}
		holds := holds.indexes[x.ID]
		arn := new(indexARN(*d.TableArn, x.Name))
		if x.Local {
			d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, &dynamodb.LocalSecondaryIndexDescription{
				IndexName: new(x.Name), KeySchema: schema, Projection: projection, IndexArn: arn,
				ItemCount: new(holds.items), IndexSizeBytes: new(holds.bytes),
			})
			continue
		}
		warm := x.Warm.atLeast(x.Throughput, st.Billing)
		g := &dynamodb.GlobalSecondaryIndexDescription{
			IndexName: new(x.Name), KeySchema: schema, Projection: projection, IndexArn: arn, IndexStatus: new("ACTIVE"),
			ItemCount: new(holds.items), IndexSizeBytes: new(holds.bytes),
			ProvisionedThroughput: now(x.Throughput), OnDemandThroughput: x.Maximum.describe(),
			WarmThroughput: &dynamodb.GlobalSecondaryIndexWarmThroughputDescription{
				ReadUnitsPerSecond: &warm.Read, WriteUnitsPerSecond: &warm.Write, Status: new("ACTIVE"),
			},
		}
		if st.beingFilled() {
			g.IndexStatus = new(indexCreating)
		}
		// While an index is filled, its table is ACTIVE.
		switch g.IndexStatus = new(cmp.Or(x.Status, *g.IndexStatus)); x.Status {
		case indexCreating:
			g.Backfilling = new(true)
		case indexDeleting:
			d.TableStatus = new("UPDATING")
		}
		d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, g)
	}
}
