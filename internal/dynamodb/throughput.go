package dynamodb

import (
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// maxThroughput is the most that AWS takes for a number of capacity units at all.
const maxThroughput = 1000000000000

func checkThroughput(p *dynamodb.ProvisionedThroughput) error {
	if *p.ReadCapacityUnits > maxThroughput {
		return api.ValidationException("Given value %d for ReadCapacityUnits is out of bounds", *p.ReadCapacityUnits)
	}
	if *p.WriteCapacityUnits > maxThroughput {
		return api.ValidationException("Given value %d for WriteCapacityUnits is out of bounds", *p.WriteCapacityUnits)
	}
	return nil
}

// Throughput may be lowered so many times in a UTC day, and after that once in
// every decreaseInterval.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html.
const (
	freeDecreases    = 4
	decreaseInterval = time.Hour
)

// change sets the provisioned throughput of a table, or of the index of a name, at the
// time now.
func (p *throughput) change(read, write int64, index string, now time.Time) error {
	if read == p.Read && write == p.Write {
		the, of := "the table", "the table"
		if index != "" {
			the, of = "the index "+index, "index "+index
		}
		return api.ValidationException("The provisioned throughput for %s will not change. The requested value equals the current value. "+
			"Current ReadCapacityUnits provisioned for %s: %d. Requested ReadCapacityUnits: %d. "+
			"Current WriteCapacityUnits provisioned for %s: %d. Requested WriteCapacityUnits: %d. "+
			"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
			the, of, p.Read, read, of, p.Write, write)
	}
	if read < p.Read || write < p.Write {
		today := p.decreasesToday(now)
		if next := p.Decreased.Add(decreaseInterval); today >= freeDecreases && now.Before(next) {
			if midnight := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour); midnight.Before(next) {
				next = midnight
			}
			const form = "Monday, January 2, 2006 at 3:04:05 PM"
			return dynamodb.LimitExceededException("Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "+
				"After the first %d decreases, each subsequent decrease in the same UTC day can be performed at most once every %d seconds. "+
				"Number of decreases today: %d. Last decrease at %s Coordinated Universal Time. Next decrease can be made at %s Coordinated Universal Time",
				freeDecreases, decreaseInterval/time.Second, today, p.Decreased.UTC().Format(form), next.UTC().Format(form))
		}
		p.Decreased, p.Decreases = now, today+1
	}
	if read > p.Read || write > p.Write {
		p.Increased = now
	}
	p.Read, p.Write = read, write
	return nil
}

// decreasesToday is how often the throughput was lowered in the UTC day of now.
func (p throughput) decreasesToday(now time.Time) int64 {
	if p.Decreased.UTC().Truncate(24 * time.Hour).Equal(now.UTC().Truncate(24 * time.Hour)) {
		return p.Decreases
	}
	return 0
}
