package dynamodb

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are the counters of all tables.
type meters struct {
	read, written, checksFailed, reads, writes, expired, records *prometheus.CounterVec
	recordAge                                                    *prometheus.GaugeVec

	mu     sync.Mutex
	tables map[tableName]*meter
}

// meter are the counters of one table, resolved once, since finding a counter by
// its labels costs more than a read of an item may.
type meter struct {
	readUnits, writeUnits prometheus.Counter
	checksFailed          prometheus.Counter
	reads, writes         prometheus.Counter
	expired               prometheus.Counter
}

func newMeters(reg prometheus.Registerer) *meters {
	labels := []string{"account", "region", "table"}
	vec := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "modelwharf", Subsystem: "dynamodb", Name: name, Help: help,
		}, labels)
	}
	m := &meters{
		read:         vec("consumed_read_capacity_units_total", "Read capacity units that operations consumed."),
		written:      vec("consumed_write_capacity_units_total", "Write capacity units that operations consumed."),
		checksFailed: vec("conditional_check_failed_total", "Writes whose condition did not hold."),
		reads:        vec("items_read_total", "Items that were read and examined."),
		writes:       vec("items_written_total", "Items that were put, updated or deleted."),
		expired:      vec("items_expired_total", "Items that were deleted since their time had come."),
		records:      vec("stream_records_read_total", "Records of streams that GetRecords returned."),
		recordAge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "modelwharf", Subsystem: "dynamodb", Name: "stream_iterator_age_seconds",
			Help: "Age of the last record that the last GetRecords returned; 0 if none followed it.",
		}, labels),
		tables: map[tableName]*meter{},
	}
	if reg != nil {
		reg.MustRegister(m.read, m.written, m.checksFailed, m.reads, m.writes, m.expired, m.records, m.recordAge)
	}
	return m
}

func (m *meters) of(n tableName) *meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tables[n]
	if t == nil {
		l := []string{n.account, n.region, n.name}
		t = &meter{
			readUnits:    m.read.WithLabelValues(l...),
			writeUnits:   m.written.WithLabelValues(l...),
			checksFailed: m.checksFailed.WithLabelValues(l...),
			reads:        m.reads.WithLabelValues(l...),
			writes:       m.writes.WithLabelValues(l...),
			expired:      m.expired.WithLabelValues(l...),
		}
		m.tables[n] = t
	}
	return t
}

// read counts items that were read, and what it cost.
func (m *meter) read(items int64, units float64) {
	m.reads.Add(float64(items))
	m.readUnits.Add(units)
}

// followed counts records of a table's stream that were returned, and how far behind
// the table their reader is. Only tables with such readers have these numbers.
func (m *meters) followed(n tableName, records int, behind time.Duration) {
	m.records.WithLabelValues(n.account, n.region, n.name).Add(float64(records))
	m.recordAge.WithLabelValues(n.account, n.region, n.name).Set(behind.Seconds())
}

// drop forgets the counters of a table that is gone.
func (m *meters) drop(n tableName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tables, n)
	for _, v := range []*prometheus.CounterVec{m.read, m.written, m.checksFailed, m.reads, m.writes, m.expired, m.records} {
		v.DeleteLabelValues(n.account, n.region, n.name)
	}
	m.recordAge.DeleteLabelValues(n.account, n.region, n.name)
}
