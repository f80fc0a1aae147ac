package dynamodb

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxMetered is how many tables have series of their own. Those that are used after
// them share one set, whose labels are empty, until others are dropped.
const maxMetered = 1000

// meters are the series of all tables.
type meters struct {
	// By index, which is empty of the table itself and its local indexes.
	readUnits, writeUnits, readThrottles, writeThrottles *prometheus.CounterVec
	// By table.
	reads, returned, writes, checksFailed, conflicts, expired *prometheus.CounterVec
	// By operation.
	seconds                              *prometheus.HistogramVec
	throttled, userErrors, serviceErrors *prometheus.CounterVec

	// Of tables whose streams are read.
	records   *prometheus.CounterVec
	recordAge *prometheus.GaugeVec

	vecs []vec

	mu      sync.Mutex
	tables  map[tableName]*meter
	rest    *meter             // of the tables that have none of their own
	dropped map[uint64]bool    // the numbers of tables that this process dropped
	left    map[tableName]bool // their names, until there are others under them
	nobody  *meter             // of dropped tables, which who began before still reads; shown nowhere
}

type vec interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

// meter are the series of one table, resolved once, since finding one by its labels
// costs more than a read of an item may.
type meter struct {
	all    *meters
	labels []string
	sourceMeter
	reads, returned, writes, checksFailed, conflicts, expired prometheus.Counter

	indexes    map[string]*sourceMeter // guarded by all.mu
	gone       bool                    // guarded by all.mu
	operations [measuredOperations]atomic.Pointer[operationMeter]
}

// sourceMeter are the series of a table without its global indexes, or of one of them.
type sourceMeter struct {
	readUnits, writeUnits, readThrottles, writeThrottles prometheus.Counter
}

// operationMeter are the series of an operation on a table.
type operationMeter struct {
	seconds                              prometheus.Observer
	throttled, userErrors, serviceErrors prometheus.Counter
}

// durations are from a read that is cached to a client that gives up.
var durations = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10}

func newMeters(reg prometheus.Registerer) *meters {
	m := &meters{tables: map[tableName]*meter{}, dropped: map[uint64]bool{}, left: map[tableName]bool{}}
	table := []string{"account", "region", "table"}
	byIndex, byOperation := append(slices.Clone(table), "index"), append(slices.Clone(table), "operation")
	counter := func(labels []string, name, help string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "modelwharf", Subsystem: "dynamodb", Name: name, Help: help}, labels)
		m.vecs = append(m.vecs, v)
		return v
	}
	m.readUnits = counter(byIndex, "consumed_read_capacity_units_total", "Read capacity units that operations consumed.")
	m.writeUnits = counter(byIndex, "consumed_write_capacity_units_total", "Write capacity units that operations consumed.")
	m.readThrottles = counter(byIndex, "read_throttle_events_total", "Reads of items or pages that found no capacity.")
	m.writeThrottles = counter(byIndex, "write_throttle_events_total", "Writes of items that found no capacity.")
	m.reads = counter(table, "items_read_total", "Items that were read and examined.")
	m.returned = counter(table, "items_returned_total", "Items that queries and scans returned or counted.")
	m.writes = counter(table, "items_written_total", "Items that were put, updated or deleted.")
	m.checksFailed = counter(table, "conditional_check_failed_total", "Writes whose condition did not hold.")
	m.conflicts = counter(table, "transaction_conflicts_total", "Writes that ran again since another had been in the way.")
	m.expired = counter(table, "items_expired_total", "Items that were deleted since their time had come.")
	m.throttled = counter(byOperation, "throttled_requests_total", "Requests that were refused for want of capacity.")
	m.userErrors = counter(byOperation, "user_errors_total", "Requests that were refused for other reasons than capacity or a condition.")
	m.serviceErrors = counter(byOperation, "system_errors_total", "Requests that failed by no fault of the client's.")
	m.records = counter(table, "stream_records_read_total", "Records of streams that GetRecords returned.")
	m.recordAge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "modelwharf", Subsystem: "dynamodb", Name: "stream_iterator_age_seconds",
		Help: "Age of the last record that the last GetRecords returned; 0 if none followed it.",
	}, table)
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "modelwharf", Subsystem: "dynamodb", Name: "request_duration_seconds",
		Help: "Time that the operations on a table's items took.", Buckets: durations,
	}, byOperation)
	m.vecs = append(m.vecs, m.seconds, m.recordAge)
	if reg != nil {
		for _, v := range m.vecs {
			reg.MustRegister(v)
		}
	}
	return m
}

// of returns the meter of a table with a number. Its global indexes are those with
// names: what there is of others goes.
func (m *meters) of(n tableName, id uint64, indexes []string) *meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dropped[id] {
		if m.nobody == nil {
			m.nobody = newMeters(nil).make("", "", "")
		}
		return m.nobody
	}
	delete(m.left, n)
	t := m.tables[n]
	switch {
	case t != nil:
	case len(m.tables) < maxMetered:
		t = m.make(n.account, n.region, n.name)
		m.tables[n] = t
	default:
		if m.rest == nil {
			m.rest = m.make("", "", "")
		}
		return m.rest
	}
	for name := range t.indexes {
		if !slices.Contains(indexes, name) {
			delete(t.indexes, name)
			for _, v := range []vec{m.readUnits, m.writeUnits, m.readThrottles, m.writeThrottles} {
				v.DeletePartialMatch(prometheus.Labels{"account": n.account, "region": n.region, "table": n.name, "index": name})
			}
		}
	}
	return t
}

func (m *meters) make(labels ...string) *meter {
	return &meter{
		all: m, labels: labels, sourceMeter: m.source(labels, ""), indexes: map[string]*sourceMeter{},
		reads:        m.reads.WithLabelValues(labels...),
		returned:     m.returned.WithLabelValues(labels...),
		writes:       m.writes.WithLabelValues(labels...),
		checksFailed: m.checksFailed.WithLabelValues(labels...),
		conflicts:    m.conflicts.WithLabelValues(labels...),
		expired:      m.expired.WithLabelValues(labels...),
	}
}

func (m *meters) source(labels []string, index string) sourceMeter {
	l := append(slices.Clone(labels), index)
	return sourceMeter{
		readUnits:      m.readUnits.WithLabelValues(l...),
		writeUnits:     m.writeUnits.WithLabelValues(l...),
		readThrottles:  m.readThrottles.WithLabelValues(l...),
		writeThrottles: m.writeThrottles.WithLabelValues(l...),
	}
}

// index returns the meter of one of the table's global indexes.
func (t *meter) index(name string) *sourceMeter {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	if t.gone || t == t.all.rest {
		return &t.sourceMeter
	}
	x := t.indexes[name]
	if x == nil {
		x = new(t.all.source(t.labels, name))
		t.indexes[name] = x
	}
	return x
}

// operation returns the meter of an operation on the table; nil if the table is gone.
func (t *meter) operation(i int) *operationMeter {
	if o := t.operations[i].Load(); o != nil {
		return o
	}
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	if t.gone {
		return nil
	}
	l := append(slices.Clone(t.labels), operationNames[i])
	o := &operationMeter{
		seconds:       t.all.seconds.WithLabelValues(l...),
		throttled:     t.all.throttled.WithLabelValues(l...),
		userErrors:    t.all.userErrors.WithLabelValues(l...),
		serviceErrors: t.all.serviceErrors.WithLabelValues(l...),
	}
	t.operations[i].Store(o)
	return o
}

// followed counts records of a table's stream that were returned, and how far behind
// the table their reader is. Only tables with such readers have these numbers, and none
// that are gone.
func (m *meters) followed(n tableName, records int, behind time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left[n] || m.tables[n] == nil && len(m.tables) >= maxMetered {
		return
	}
	m.records.WithLabelValues(n.account, n.region, n.name).Add(float64(records))
	m.recordAge.WithLabelValues(n.account, n.region, n.name).Set(behind.Seconds())
}

// drop forgets the series of a table that is gone.
func (m *meters) drop(n tableName, id uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped[id], m.left[n] = true, true
	if t := m.tables[n]; t != nil {
		t.gone = true
		delete(m.tables, n)
	}
	for _, v := range m.vecs {
		v.DeletePartialMatch(prometheus.Labels{"account": n.account, "region": n.region, "table": n.name})
	}
}
