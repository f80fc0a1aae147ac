package dynamodb

import (
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// Sizes that a capacity unit pays for, in bytes.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html.
const (
	readUnit  = 4096
	writeUnit = 1024
)

// readUnits is what reading size bytes of items costs. Reading nothing costs as
// much as reading the smallest item.
func readUnits(size int, consistent *bool) float64 {
	units := float64(max(1, (size+readUnit-1)/readUnit))
	if consistent == nil || !*consistent {
		units /= 2
	}
	return units
}

// writeUnits is what replacing an item of one size by one of another costs.
func writeUnits(before, after int) float64 {
	return float64(max(1, (max(before, after)+writeUnit-1)/writeUnit))
}

// cost is what an operation on a table costs: of the table itself, and of the
// indexes that it reads or changes.
type cost struct {
	table float64
	arms  []arm
}

type arm struct {
	index *index
	units float64
}

// total is the sum of all arms.
func (c cost) total() float64 {
	sum := c.table
	for _, a := range c.arms {
		sum += a.units
	}
	return sum
}

// add adds the cost of another operation on the same table.
func (c *cost) add(d cost) {
	c.table += d.table
	for _, a := range d.arms {
		if i := slices.IndexFunc(c.arms, func(b arm) bool { return b.index.ID == a.index.ID }); i >= 0 {
			c.arms[i].units += a.units
		} else {
			c.arms = append(c.arms, a)
		}
	}
}

// consumed is the ConsumedCapacity of an answer, if wanted asks for one. The table
// is called what the request called it.
func consumed(wanted *string, table *string, c cost) *dynamodb.ConsumedCapacity {
	return consumedAs(wanted, table, c, func(*dynamodb.Capacity, float64) {})
}

// consumedAs is consumed, where kind sets the units of its kind besides.
func consumedAs(wanted *string, table *string, c cost, kind func(*dynamodb.Capacity, float64)) *dynamodb.ConsumedCapacity {
	if wanted == nil || *wanted != "TOTAL" && *wanted != "INDEXES" {
		return nil
	}
	units := func(n float64) *dynamodb.Capacity {
		u := &dynamodb.Capacity{CapacityUnits: &n}
		kind(u, n)
		return u
	}
	sum := units(c.total())
	told := &dynamodb.ConsumedCapacity{TableName: table,
		CapacityUnits: sum.CapacityUnits, ReadCapacityUnits: sum.ReadCapacityUnits, WriteCapacityUnits: sum.WriteCapacityUnits}
	if *wanted == "TOTAL" {
		return told
	}
	told.Table = units(c.table)
	for _, a := range c.arms {
		to := &told.GlobalSecondaryIndexes
		if a.index.Local {
			to = &told.LocalSecondaryIndexes
		}
		if *to == nil {
			*to = map[string]*dynamodb.Capacity{}
		}
		(*to)[a.index.Name] = units(a.units)
	}
	return told
}

// transactional is how many times as much a transaction's reads and writes of items
// cost: AWS reads or writes each twice, to prepare it and to commit.
const transactional = 2

// bill is what several reads or writes cost, by table.
type bill []*billed

type billed struct {
	table *table
	param *string // the table as the request names it first
	cost
}

func (b *bill) add(t *table, param *string, c cost) {
	for _, x := range *b {
		if x.table.ID == t.ID {
			x.cost.add(c)
			return
		}
	}
	*b = append(*b, &billed{t, param, c})
}

// totals are the ConsumedCapacity of a batch's answer, if wanted asks for one.
func (b bill) totals(wanted *string) []*dynamodb.ConsumedCapacity {
	return b.told(wanted, func(*dynamodb.Capacity, float64) {})
}

// reads and writes are the ConsumedCapacity of a transaction's answer, if wanted
// asks for one. Unlike single operations, transactions tell what kind of units it is.
func (b bill) reads(wanted *string) []*dynamodb.ConsumedCapacity {
	return b.told(wanted, func(c *dynamodb.Capacity, units float64) { c.ReadCapacityUnits = &units })
}

func (b bill) writes(wanted *string) []*dynamodb.ConsumedCapacity {
	return b.told(wanted, func(c *dynamodb.Capacity, units float64) { c.WriteCapacityUnits = &units })
}

func (b bill) told(wanted *string, kind func(*dynamodb.Capacity, float64)) (told []*dynamodb.ConsumedCapacity) {
	for _, x := range b {
		if c := consumedAs(wanted, x.param, x.cost, kind); c != nil {
			told = append(told, c)
		}
	}
	return told
}
