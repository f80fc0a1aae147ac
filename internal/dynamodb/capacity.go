package dynamodb

import (
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

// consumed is the ConsumedCapacity of an answer, if wanted asks for one. The table
// is called what the request called it.
func consumed(wanted *string, table *string, units float64) *dynamodb.ConsumedCapacity {
	if wanted == nil {
		return nil
	}
	c := &dynamodb.ConsumedCapacity{TableName: table, CapacityUnits: new(units)}
	switch *wanted {
	case "TOTAL":
	case "INDEXES":
		c.Table = &dynamodb.Capacity{CapacityUnits: new(units)}
	default:
		return nil
	}
	return c
}

// transactional is how many times as much a transaction's reads and writes of items
// cost: AWS reads or writes each twice, to prepare it and to commit.
const transactional = 2

// bill is what several reads or writes cost, by table.
type bill []*billed

type billed struct {
	table *table
	param *string // the table as the request names it first
	units float64
}

func (b *bill) add(t *table, param *string, units float64) {
	for _, x := range *b {
		if x.table.ID == t.ID {
			x.units += units
			return
		}
	}
	*b = append(*b, &billed{t, param, units})
}

// totals are the ConsumedCapacity of a batch's answer, if wanted asks for one.
func (b bill) totals(wanted *string) (told []*dynamodb.ConsumedCapacity) {
	for _, x := range b {
		if c := consumed(wanted, x.param, x.units); c != nil {
			told = append(told, c)
		}
	}
	return told
}

// reads and writes are the ConsumedCapacity of a transaction's answer, if wanted
// asks for one. Unlike single operations, transactions tell what kind of units it is.
func (b bill) reads(wanted *string) []*dynamodb.ConsumedCapacity {
	return b.told(wanted, func(c *dynamodb.Capacity) **float64 { return &c.ReadCapacityUnits })
}

func (b bill) writes(wanted *string) []*dynamodb.ConsumedCapacity {
	return b.told(wanted, func(c *dynamodb.Capacity) **float64 { return &c.WriteCapacityUnits })
}

func (b bill) told(wanted *string, kind func(*dynamodb.Capacity) **float64) (told []*dynamodb.ConsumedCapacity) {
	told = b.totals(wanted)
	for i, c := range told {
		var total dynamodb.Capacity
		*kind(&total) = new(b[i].units)
		c.ReadCapacityUnits, c.WriteCapacityUnits = total.ReadCapacityUnits, total.WriteCapacityUnits
		if c.Table != nil {
			*kind(c.Table) = new(b[i].units)
		}
	}
	return told
}
