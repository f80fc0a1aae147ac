package dynamodb

import (
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// warm is the WarmThroughput of a table or an index: what it is able to do at once. Here
// there is nothing to be prepared for it, so every table can do what the server can;
// what is kept is what AWS tells: the most that was ever provisioned or asked for.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html.
type warm struct {
	Read  int64 `json:"read,omitempty"`
	Write int64 `json:"write,omitempty"`
}

// What an on-demand table can do at once before it has ever been used.
const (
	warmReads  = 12000
	warmWrites = 4000
)

// atLeast is w, or what the billing mode and throughput bring if that is more.
func (w warm) atLeast(p throughput, b billing) warm {
	if b.OnDemand {
		p = throughput{Read: warmReads, Write: warmWrites}
	}
	return warm{max(w.Read, p.Read), max(w.Write, p.Write)}
}

// keepWarm remembers what the table and its indexes can do now.
func (st *tableState) keepWarm() {
	st.Warm = st.Warm.atLeast(st.Throughput, st.Billing)
	for i := range st.Indexes {
		if x := &st.Indexes[i]; !x.Local {
			x.Warm = x.Warm.atLeast(x.Throughput, st.Billing)
		}
	}
}

// set takes over the WarmThroughput of a new table, or of the new index of a name.
func (w *warm) set(in *dynamodb.WarmThroughput, p throughput, b billing, index string) error {
	if b.OnDemand {
		return w.change(in, p, b, index, "lower than initial throughput for OnDemand. "+
			"See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial")
	}
	return w.change(in, p, b, index, "lower than %s of ProvisionedThroughput")
}

// raise changes the WarmThroughput of a table or index that is there.
func (w *warm) raise(in *dynamodb.WarmThroughput, p throughput, b billing, index string) error {
	return w.change(in, p, b, index, "lower than current WarmThroughput, decreasing WarmThroughput is not supported")
}

func (w *warm) change(in *dynamodb.WarmThroughput, p throughput, b billing, index, tooLow string) error {
	least := w.atLeast(p, b)
	*w = least
	if in == nil {
		return nil
	}
	for _, side := range []struct {
		name, capacity string
		asked          *int64
		now            *int64
	}{
		{"ReadUnitsPerSecond", "ReadCapacityUnits", in.ReadUnitsPerSecond, &w.Read},
		{"WriteUnitsPerSecond", "WriteCapacityUnits", in.WriteUnitsPerSecond, &w.Write},
	} {
		switch {
		case side.asked == nil:
		case *side.asked < *side.now:
			return invalid("Requested %s for WarmThroughput for %s is %s", side.name, resource(index, "index "), strings.ReplaceAll(tooLow, "%s", side.capacity))
		default:
			*side.now = *side.asked
		}
	}
	return nil
}

// resource is what messages call a table, or the index of a name.
func resource(index, kind string) string {
	if index == "" {
		return "table"
	}
	return kind + index
}
