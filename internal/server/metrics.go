package server

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/modelwharf/modelwharf/internal/kv/pebble"
)

// metrics are the numbers that /metrics shows.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	inFlight prometheus.Gauge
	panics   prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_requests_total",
			Help: "Answered requests by service, operation and HTTP status.",
		}, []string{"service", "operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modelwharf_request_duration_seconds",
			Help: "Time from a request's headers to the end of its answer.",
			// 100 µs to 25 s in steps of about 2.4: from a cached read to a client that gives up.
			Buckets: []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 25},
		}, []string{"service", "operation"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_request_bytes_total",
			Help: "Bytes of request bodies (in) and of answers' bodies (out).",
		}, []string{"service", "direction"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "modelwharf_requests_in_flight",
			Help: "Requests being answered.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelwharf_panics_total",
			Help: "Requests that ended in a panic: each is a defect.",
		}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.bytes, m.inFlight, m.panics,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// operationMetrics are an operation's, looked up once: a look-up by labels costs
// as much as the rest of what is measured here.
type operationMetrics struct {
	all     *metrics
	service string
	name    string
	ok      prometheus.Counter
	bad     prometheus.Counter // status 400, which most errors have
	seconds prometheus.Observer
	in, out prometheus.Counter
}

func (m *metrics) of(service, operation string) *operationMetrics {
	return &operationMetrics{
		all: m, service: service, name: operation,
		ok:      m.requests.WithLabelValues(service, operation, "200"),
		bad:     m.requests.WithLabelValues(service, operation, "400"),
		seconds: m.seconds.WithLabelValues(service, operation),
		in:      m.bytes.WithLabelValues(service, "in"),
		out:     m.bytes.WithLabelValues(service, "out"),
	}
}

func (o *operationMetrics) observe(status, in, out int, took time.Duration) {
	switch status {
	case http.StatusOK:
		o.ok.Inc()
	case http.StatusBadRequest:
		o.bad.Inc()
	default:
		o.all.requests.WithLabelValues(o.service, o.name, strconv.Itoa(status)).Inc()
	}
	o.seconds.Observe(took.Seconds())
	o.in.Add(float64(in))
	o.out.Add(float64(out))
}

// storeCollector shows the numbers of the store's engine.
type storeCollector struct {
	mu     sync.Mutex
	read   func() pebble.Metrics
	closed bool // the engine must not be asked any more
}

func (c *storeCollector) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
}

type storeMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*pebble.Metrics) float64
}

func storeGauge(name, help string, value func(*pebble.Metrics) float64) storeMetric {
	return storeMetric{prometheus.NewDesc("modelwharf_store_"+name, help, nil, nil), prometheus.GaugeValue, value}
}

func storeCounter(name, help string, value func(*pebble.Metrics) float64) storeMetric {
	return storeMetric{prometheus.NewDesc("modelwharf_store_"+name, help, nil, nil), prometheus.CounterValue, value}
}

var storeMetrics = []storeMetric{
	storeGauge("disk_bytes", "Size of the store on disk.", func(m *pebble.Metrics) float64 { return float64(m.DiskBytes) }),
	storeGauge("table_files", "Sorted files of the store.", func(m *pebble.Metrics) float64 { return float64(m.TableFiles) }),
	storeGauge("l0_sublevels", "Overlapping layers at the top; more than a few: compaction lags behind.", func(m *pebble.Metrics) float64 { return float64(m.L0Sublevels) }),
	storeGauge("compaction_debt_bytes", "What compaction has yet to move.", func(m *pebble.Metrics) float64 { return float64(m.CompactionDebtBytes) }),
	storeCounter("compactions_total", "Compactions since the start.", func(m *pebble.Metrics) float64 { return float64(m.Compactions) }),
	storeCounter("flushes_total", "Flushes of memory to a file since the start.", func(m *pebble.Metrics) float64 { return float64(m.Flushes) }),
	storeCounter("log_bytes_total", "Bytes written to the log since the start.", func(m *pebble.Metrics) float64 { return float64(m.LogBytes) }),
	storeGauge("memtable_bytes", "Memory that holds what is not yet flushed.", func(m *pebble.Metrics) float64 { return float64(m.MemTableBytes) }),
	storeGauge("cache_bytes", "Memory of the block cache.", func(m *pebble.Metrics) float64 { return float64(m.CacheBytes) }),
	storeCounter("cache_hits_total", "Reads of blocks that were in the cache.", func(m *pebble.Metrics) float64 { return float64(m.CacheHits) }),
	storeCounter("cache_misses_total", "Reads of blocks that were not in the cache.", func(m *pebble.Metrics) float64 { return float64(m.CacheMisses) }),
	storeGauge("snapshots", "Open snapshots.", func(m *pebble.Metrics) float64 { return float64(m.Snapshots) }),
}

func (c *storeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range storeMetrics {
		ch <- m.desc
	}
}

func (c *storeCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	now := c.read()
	for _, m := range storeMetrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&now))
	}
}
