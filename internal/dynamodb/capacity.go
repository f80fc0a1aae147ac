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
