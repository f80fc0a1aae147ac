package dynamodb

import "github.com/modelwharf/modelwharf/internal/api/dynamodb"

// maximum is the OnDemandThroughput of a table or an index: how many units of requests
// a second it takes on demand; 0 is any number.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode-max-throughput.html.
type maximum struct {
	Read  int64 `json:"read,omitempty"`
	Write int64 `json:"write,omitempty"`
}

// noMaximum is the value that takes a maximum away.
const noMaximum = -1

// set takes over the OnDemandThroughput of a new table, or of the new index of a name.
func (m *maximum) set(in *dynamodb.OnDemandThroughput, b billing, index string) error {
	return m.apply(in, b, index, func(units int64) bool { return units >= 1 }, "table BillingMode is PROVISIONED.")
}

// change changes that of a table or index that is there.
func (m *maximum) change(in *dynamodb.OnDemandThroughput, b billing, index string) error {
	valid := func(units int64) bool { return units >= 1 || units == noMaximum }
	return m.apply(in, b, index, valid, "the table BillingMode is PROVISIONED")
}

func (m *maximum) apply(in *dynamodb.OnDemandThroughput, b billing, index string, valid func(int64) bool, provisioned string) error {
	if in == nil {
		return nil
	}
	for _, side := range []struct {
		name  string
		asked *int64
		now   *int64
	}{
		{"MaxReadRequestUnits", in.MaxReadRequestUnits, &m.Read},
		{"MaxWriteRequestUnits", in.MaxWriteRequestUnits, &m.Write},
	} {
		switch {
		case side.asked == nil:
		case !b.OnDemand && index != "":
			return invalid("%s for OnDemandThroughput for index: %s cannot be specified when %s", side.name, index, provisioned)
		case !b.OnDemand:
			return invalid("%s for OnDemandThroughput cannot be specified when %s", side.name, provisioned)
		case !valid(*side.asked) || *side.asked > maxThroughput:
			return invalid("Requested %s for OnDemandThroughput for %s is outside of valid range", side.name, resource(index, "index : "))
		default:
			*side.now = max(*side.asked, 0)
		}
	}
	return nil
}

// describe is nil if there is no maximum.
func (m maximum) describe() *dynamodb.OnDemandThroughput {
	if m == (maximum{}) {
		return nil
	}
	d := &dynamodb.OnDemandThroughput{}
	if m.Read > 0 {
		d.MaxReadRequestUnits = &m.Read
	}
	if m.Write > 0 {
		d.MaxWriteRequestUnits = &m.Write
	}
	return d
}
