package dynamodb

import (
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// overrides are what the settings of a restored table are other than its source's.
type overrides struct {
	billing    *string
	throughput *dynamodb.ProvisionedThroughput
	// global and local are the indexes to restore: all if nil.
	global     []*dynamodb.GlobalSecondaryIndex
	local      []*dynamodb.LocalSecondaryIndex
	onDemand   *dynamodb.OnDemandThroughput
	encryption *dynamodb.SSESpecification
	vector     []*dynamodb.VectorIndex
}

// restored is a new table like st: with its key, its capacity and its indexes, but
// without tags, expiry, stream, recovery and protection, as on AWS.
func (st *tableState) restored(o overrides, now time.Time) (*tableState, error) {
	if o.vector != nil {
		return nil, unavailable("VectorIndexOverride")
	}
	if err := checkEncryption(o.encryption); err != nil {
		return nil, err
	}
	next := &tableState{
		UUID: newTableID(), Created: now,
		Hash: st.Hash, Range: st.Range, Class: st.Class, LastIndex: st.LastIndex,
		Billing: st.Billing, Throughput: throughput{Read: st.Throughput.Read, Write: st.Throughput.Write}, Maximum: st.Maximum,
	}
	if next.Class != "" {
		next.ClassSet = now
	}
	if err := next.bill(o, now); err != nil {
		return nil, err
	}
	if err := next.chooseIndexes(st, o); err != nil {
		return nil, err
	}
	keys := next.keyedNames()
	for _, a := range st.Defined {
		if slices.Contains(keys, a.Name) {
			next.Defined = append(next.Defined, a)
		}
	}
	return next, nil
}

// bill sets the billing mode and the throughput of a restored table.
func (st *tableState) bill(o overrides, now time.Time) error {
	onDemand := st.Billing.OnDemand
	if o.billing != nil {
		onDemand = *o.billing == "PAY_PER_REQUEST"
	}
	switch {
	case onDemand && o.throughput != nil:
		return invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case onDemand:
		st.Billing, st.Throughput = billing{OnDemand: true, OnDemandSince: now}, throughput{}
		return st.Maximum.set(o.onDemand, st.Billing, "")
	case o.throughput != nil:
		if err := checkThroughput(o.throughput); err != nil {
			return err
		}
		st.Throughput.Read, st.Throughput.Write = *o.throughput.ReadCapacityUnits, *o.throughput.WriteCapacityUnits
	case st.Throughput.Read == 0:
		return invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	st.Billing, st.Maximum = billing{}, maximum{}
	return st.Maximum.set(o.onDemand, st.Billing, "")
}

// chooseIndexes takes over those indexes of a source that are asked for. One that the
// source is still filling is complete in the restored table.
func (st *tableState) chooseIndexes(source *tableState, o overrides) error {
	d := source.describe(tableName{}, holding{}, st.Created)
	global, local := map[string]*dynamodb.GlobalSecondaryIndex{}, map[string]bool{}
	for _, x := range o.global {
		was := slices.IndexFunc(d.GlobalSecondaryIndexes, func(y *dynamodb.GlobalSecondaryIndexDescription) bool {
			return *x.IndexName == *y.IndexName && sameIndex(x.KeySchema, y.KeySchema, x.Projection, y.Projection)
		})
		switch {
		case was < 0:
			return noSuchSourceIndex("GlobalSecondaryIndexOverride", *x.IndexName)
		case global[*x.IndexName] != nil:
			return invalid("Duplicate index name: %s", *x.IndexName)
		}
		global[*x.IndexName] = x
	}
	for _, x := range o.local {
		was := slices.IndexFunc(d.LocalSecondaryIndexes, func(y *dynamodb.LocalSecondaryIndexDescription) bool {
			return *x.IndexName == *y.IndexName && sameIndex(x.KeySchema, y.KeySchema, x.Projection, y.Projection)
		})
		switch {
		case was < 0:
			return noSuchSourceIndex("LocalSecondaryIndexOverride", *x.IndexName)
		case local[*x.IndexName]:
			return invalid("Duplicate index name: %s", *x.IndexName)
		}
		local[*x.IndexName] = true
	}
	for _, x := range source.Indexes {
		switch asked := global[x.Name]; {
		case x.Status == indexDeleting,
			x.Local && o.local != nil && !local[x.Name],
			!x.Local && o.global != nil && asked == nil:
			continue
		case !x.Local:
			if asked == nil {
				asked = &dynamodb.GlobalSecondaryIndex{}
			}
			p := asked.ProvisionedThroughput
			if p == nil && !st.Billing.OnDemand {
				p = throughputOf(x.Throughput)
			}
			if !st.Billing.OnDemand {
				x.Maximum = maximum{}
			}
			x.Warm = warm{}
			if err := x.setCapacity(st, p, asked.OnDemandThroughput, asked.WarmThroughput); err != nil {
				return err
			}
		}
		x.Status = ""
		st.Indexes = append(st.Indexes, x)
	}
	return nil
}

// throughputOf is what an index was given, nil if it was nothing.
func throughputOf(p throughput) *dynamodb.ProvisionedThroughput {
	if p.Read == 0 {
		return nil
	}
	return &dynamodb.ProvisionedThroughput{ReadCapacityUnits: new(p.Read), WriteCapacityUnits: new(p.Write)}
}

func noSuchSourceIndex(param, index string) error {
	return invalid("%s: the source has no index like %s", param, index)
}

// sameIndex reports whether an index that is asked for is one that there is.
func sameIndex(asked, is []*dynamodb.KeySchemaElement, projection, has *dynamodb.Projection) bool {
	if projection.ProjectionType == nil || *projection.ProjectionType != *has.ProjectionType {
		return false
	}
	sameKey := slices.EqualFunc(asked, is, func(a, b *dynamodb.KeySchemaElement) bool {
		return *a.AttributeName == *b.AttributeName && *a.KeyType == *b.KeyType
	})
	a, b := slices.Clone(projection.NonKeyAttributes), slices.Clone(has.NonKeyAttributes)
	slices.Sort(a)
	slices.Sort(b)
	return sameKey && slices.Equal(a, b)
}
