package dynamodb

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// checkIndexUpdates checks the GlobalSecondaryIndexUpdates of an UpdateTable as far as
// they do not depend on the table. See
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html.
func checkIndexUpdates(in *dynamodb.UpdateTableInput) error {
	named, online, created := map[string]bool{}, 0, false
	for _, u := range in.GlobalSecondaryIndexUpdates {
		var names []string
		if u.Create != nil {
			names, created = append(names, *u.Create.IndexName), true
		}
		if u.Delete != nil {
			names = append(names, *u.Delete.IndexName)
		}
		online += len(names)
		if u.Update != nil {
			names = append(names, *u.Update.IndexName)
		}
		switch {
		case len(names) == 0:
			return invalid("One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null")
		case len(names) > 1:
			return invalid("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
		case named[names[0]]:
			return invalid("Only one global secondary index update per index is allowed simultaneously. Index: %s", names[0])
		}
		named[names[0]] = true
	}
	switch {
	case created && in.WarmThroughput != nil:
		return invalid("Create global secondary index cannot be specified when updating WarmThroughput")
	case online > 0 && in.StreamSpecification != nil:
		return invalid("You cannot create or delete index while changing stream status")
	case online > 0 && in.ProvisionedThroughput != nil:
		return invalid("You cannot create or delete index while updating table IOPS")
	case online > 1:
		return errOneOnlineIndex()
	}
	return nil
}

func errOneOnlineIndex() error {
	return dynamodb.LimitExceededException("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
}

// stillInUse is the ResourceInUseException of what cannot be changed now.
func stillInUse(format string, args ...any) error {
	return dynamodb.ResourceInUseException("Attempt to change a resource which is still in use: "+format, args...)
}

// index returns the index of a name, also one that is being deleted; nil if there is none.
func (st *tableState) index(name string) *indexState {
	for i := range st.Indexes {
		if st.Indexes[i].Name == name {
			return &st.Indexes[i]
		}
	}
	return nil
}

// changing returns the index that is being created or deleted; nil if none is.
func (st *tableState) changing() *indexState {
	for i := range st.Indexes {
		if st.Indexes[i].Status != "" {
			return &st.Indexes[i]
		}
	}
	return nil
}

// checkDeleting returns the ResourceInUseException of a change of a table's capacity
// while one of its indexes is being deleted.
func (st *tableState) checkDeleting(n tableName, in *dynamodb.UpdateTableInput) error {
	x := st.changing()
	if x == nil || x.Status != indexDeleting {
		return nil
	}
	switch {
	case in.ProvisionedThroughput != nil, in.BillingMode != nil && is(in.BillingMode, "PAY_PER_REQUEST") != st.Billing.OnDemand:
		return stillInUse("Can't change table IOPS when an index is being deleted. Table: %s Indexes: [%s]", n.name, x.Name)
	case in.OnDemandThroughput != nil:
		return stillInUse("OnDemandThroughput cannot be updated while index deletion is in progress for indexes: [%s]", x.Name)
	}
	return nil
}

// updateIndexes applies GlobalSecondaryIndexUpdates, after what the same request asks
// for of the table. It returns the index that is created or deleted, if one is: the rest
// of that is left to a job.
func (st *tableState) updateIndexes(n tableName, in *dynamodb.UpdateTableInput, now time.Time) (online *indexState, err error) {
	for _, u := range in.GlobalSecondaryIndexUpdates {
		switch {
		case u.Create != nil:
			online, err = st.createIndex(n, u.Create, in.AttributeDefinitions)
		case u.Delete != nil:
			online, err = st.deleteIndex(n, *u.Delete.IndexName)
		default:
			err = st.changeIndex(n, u.Update, now)
		}
		if err != nil {
			return nil, err
		}
	}
	if online != nil {
		online = st.index(online.Name) // where it is after all of them
	}
	return online, nil
}

func (st *tableState) createIndex(n tableName, in *dynamodb.CreateGlobalSecondaryIndexAction, attributes []*dynamodb.AttributeDefinition) (*indexState, error) {
	name := *in.IndexName
	if x := st.index(name); x != nil {
		switch x.Status {
		case indexDeleting:
			return nil, errIndexDeleting(n, name)
		case indexCreating:
			return nil, stillInUse("Index is being created. Table: %s Index: %s", n.name, name)
		}
		return nil, api.ValidationException("Attempting to create an index which already exists")
	}
	global := 0
	for _, x := range st.Indexes {
		if !x.Local {
			global++
		}
	}
	switch {
	case st.changing() != nil:
		return nil, errOneOnlineIndex()
	case global >= maxGlobalIndexes:
		return nil, dynamodb.LimitExceededException("Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of %d", maxGlobalIndexes)
	case attributes == nil:
		return nil, invalid("AttributeDefinitions is not specified for index: %s", name)
	case st.Billing.OnDemand && in.ProvisionedThroughput != nil:
		return nil, invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: %s when BillingMode is PAY_PER_REQUEST", name)
	case !st.Billing.OnDemand && in.ProvisionedThroughput == nil:
		return nil, invalid("Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", name)
	}
	defined, err := definedBy(attributes)
	if err != nil {
		return nil, err
	}
	x := indexState{Name: name, Status: indexCreating}
	if err := x.setCapacity(st, in.ProvisionedThroughput, in.OnDemandThroughput, in.WarmThroughput); err != nil {
		return nil, err
	}
	if err := st.addIndex(x, in.KeySchema, in.Projection, defined); err != nil {
		return nil, err
	}
	added := &st.Indexes[len(st.Indexes)-1]
	return added, st.define(added)
}

// define adds the attributes of a new index's key to those that are defined. Other
// definitions of the request are ignored, as by AWS.
func (st *tableState) define(added *indexState) error {
	st.Defined = slices.Clone(st.Defined)
	for _, k := range added.keys() {
		was := slices.IndexFunc(st.Defined, func(a keyAttribute) bool { return a.Name == k.Name })
		switch {
		case was < 0:
			st.Defined = append(st.Defined, k)
		case st.Defined[was] != k:
			return invalid("Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. "+
				"Existing schema: %s New schema: %s", schemaText(st.keyedBy(k.Name)), schemaText(added.schemaElements()))
		}
	}
	return nil
}

// keyedBy is the first key of the table or an index that an attribute is part of.
func (st *tableState) keyedBy(name string) []schemaElement {
	table := indexState{Hash: []keyAttribute{st.Hash}}
	if st.Range != nil {
		table.Range = []keyAttribute{*st.Range}
	}
	for _, x := range slices.Concat([]indexState{table}, st.Indexes) {
		if all := x.schemaElements(); slices.ContainsFunc(all, func(e schemaElement) bool { return e.Name == name }) {
			return all
		}
	}
	return nil
}

func schemaText(all []schemaElement) string {
	text := make([]string, len(all))
	for i, e := range all {
		text[i] = fmt.Sprintf("SchemaElement: key{%s:%s:%s}", e.Name, e.Type, e.kind)
	}
	return "Schema:[" + strings.Join(text, ", ") + "]"
}

// undefine forgets the definitions of attributes that are part of no key any more.
func (st *tableState) undefine() {
	keyed := st.keyedNames()
	st.Defined = slices.DeleteFunc(slices.Clone(st.Defined), func(a keyAttribute) bool { return !slices.Contains(keyed, a.Name) })
}

func (st *tableState) deleteIndex(n tableName, name string) (*indexState, error) {
	x, err := st.globalIndex(n, name, "delete")
	if err != nil {
		return nil, err
	}
	if other := st.changing(); other != nil && other != x {
		return nil, errOneOnlineIndex()
	}
	x.Status = indexDeleting
	return x, nil
}

// globalIndex returns the global index that an update names.
func (st *tableState) globalIndex(n tableName, name, verb string) (*indexState, error) {
	switch x := st.index(name); {
	case x == nil:
		return nil, dynamodb.ResourceNotFoundException("Requested resource not found: Index %s for table %s", name, n.name)
	case x.Local:
		return nil, api.ValidationException("Cannot %s an index that is not a GlobalSecondaryIndex: %s", verb, name)
	case x.Status == indexDeleting:
		return nil, errIndexDeleting(n, name)
	default:
		return x, nil
	}
}

func errIndexDeleting(n tableName, name string) error {
	return stillInUse("Index is being deleted. Table: %s Index: %s", n.name, name)
}

// changeIndex changes what an index is able to do.
func (st *tableState) changeIndex(n tableName, in *dynamodb.UpdateGlobalSecondaryIndexAction, now time.Time) error {
	x, err := st.globalIndex(n, *in.IndexName, "update")
	if err != nil {
		return err
	}
	p := in.ProvisionedThroughput
	nothing := in.OnDemandThroughput == nil && in.WarmThroughput == nil
	switch {
	case st.Billing.OnDemand && (p != nil || nothing):
		return invalid("The only Updates for index: %s when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput", x.Name)
	case p == nil && nothing:
		return invalid("Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", x.Name)
	}
	x.Warm = x.Warm.atLeast(x.Throughput, st.Billing)
	switch {
	case p == nil:
	case x.Throughput.Read == 0: // the table becomes a provisioned one
		x.Throughput.Read, x.Throughput.Write = *p.ReadCapacityUnits, *p.WriteCapacityUnits
		err = checkThroughput(p)
	default:
		if err = checkThroughput(p); err == nil {
			err = x.Throughput.change(*p.ReadCapacityUnits, *p.WriteCapacityUnits, x.Name, now)
		}
	}
	if err != nil {
		return err
	}
	if err := x.Maximum.change(in.OnDemandThroughput, st.Billing, x.Name); err != nil {
		return err
	}
	return x.Warm.raise(in.WarmThroughput, x.Throughput, st.Billing, x.Name)
}

// provisions returns the throughput that an UpdateTable gives an index.
func provisions(in *dynamodb.UpdateTableInput, name string) *dynamodb.ProvisionedThroughput {
	for _, u := range in.GlobalSecondaryIndexUpdates {
		if u.Update != nil && *u.Update.IndexName == name {
			return u.Update.ProvisionedThroughput
		}
	}
	return nil
}

// answerIndexUpdates makes of a description the one that UpdateTable answers with.
func answerIndexUpdates(d *dynamodb.TableDescription, in *dynamodb.UpdateTableInput) {
	for _, x := range d.GlobalSecondaryIndexes {
		switch {
		case x.Backfilling != nil:
			// On AWS it begins some time after the answer.
			if slices.ContainsFunc(in.GlobalSecondaryIndexUpdates, func(u *dynamodb.GlobalSecondaryIndexUpdate) bool {
				return u.Create != nil && *u.Create.IndexName == *x.IndexName
			}) {
				x.Backfilling = new(false)
			}
		case slices.ContainsFunc(in.GlobalSecondaryIndexUpdates, func(u *dynamodb.GlobalSecondaryIndexUpdate) bool {
			return u.Update != nil && *u.Update.IndexName == *x.IndexName
		}):
			x.IndexStatus = new("UPDATING")
		}
	}
}
