package dynamodb

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestMeterBound has more tables than there are series for.
func TestMeterBound(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m := newMeters(registry)
	name := func(i int) tableName { return tableName{"000000000000", "us-east-1", fmt.Sprint("table-", i)} }
	for i := range maxMetered + 50 {
		x := m.of(name(i), uint64(i), []string{"index"})
		x.index("index").readUnits.Inc()
		x.operation(0).seconds.Observe(1)
	}
	count := func() (tables int, rest float64) {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			switch f.GetName() {
			case "modelwharf_dynamodb_items_read_total":
				tables = len(f.GetMetric())
			case "modelwharf_dynamodb_consumed_read_capacity_units_total":
				for _, s := range f.GetMetric() {
					if s.GetLabel()[0].GetValue() == "" {
						rest += s.GetCounter().GetValue()
					}
				}
			}
		}
		return tables, rest
	}
	if tables, rest := count(); tables != maxMetered+1 || rest != 50 {
		t.Errorf("%d tables have series, and the rest %v units", tables, rest)
	}
	// Of tables that are dropped, a place is free again; what is shared stays.
	m.drop(name(1), 1)
	m.drop(name(maxMetered+1), maxMetered+1)
	m.of(name(maxMetered+2), maxMetered+2, nil).operation(0).seconds.Observe(1)
	if tables, rest := count(); tables != maxMetered+1 || rest != 50 {
		t.Errorf("%d tables have series, and the rest %v units", tables, rest)
	}
	// Who still reads a table that was dropped brings nothing back.
	late := m.of(name(1), 1, nil)
	late.operation(0).seconds.Observe(1)
	late.index("index").readUnits.Inc()
	if tables, rest := count(); tables != maxMetered+1 || rest != 50 {
		t.Errorf("%d tables have series, and the rest %v units", tables, rest)
	}
	// An index that is gone has none.
	if x := m.of(name(0), 0, nil); len(x.indexes) != 0 {
		t.Errorf("%v are left", x.indexes)
	}
}
