package predictions

import (
	"github.com/prometheus/client_golang/prometheus"
)

// source is where an answer came from.
type source string

const (
	fromMemory source = "memory"
	fromTable  source = "table"
	fromModel  source = "model"
)

// operation is what a table was asked for.
type operation string

const (
	reading operation = "read"
	leasing operation = "lease"
	filling operation = "fill"
)

// What becomes of the answers that might be kept.
const (
	fillKept      = "kept"
	fillNoSuccess = "no-success" // the status is not 2xx
	fillMoved     = "moved"      // the endpoint has another generation
	fillTooLarge  = "too-large"
	fillLost      = "lost" // another server took the lease over
	fillFailed    = "failed"
)

// meters are the numbers of the cache.
type meters struct {
	predictions *prometheus.CounterVec
	fills       *prometheus.CounterVec
	errors      *prometheus.CounterVec
}

func newMeters(r prometheus.Registerer, m *memory) *meters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "modelwharf_prediction_cache_" + name, Help: help}, labels)
	}
	x := &meters{
		predictions: counter("predictions_total", "Predictions by what the cache did (hit, miss, bypass) and where the answer came from (memory, table, model).",
			"account", "region", "endpoint", "outcome", "source"),
		fills: counter("fills_total", "Answers of models by whether they were kept, and if not, why.",
			"account", "region", "endpoint", "result"),
		errors: counter("errors_total", "Operations on cache tables that failed, which no prediction does thereby.",
			"account", "region", "table", "operation"),
	}
	if r != nil {
		r.MustRegister(x.predictions, x.fills, x.errors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "modelwharf_prediction_cache_memory_bytes",
			Help: "Memory that answers are held in.",
		}, func() float64 { return float64(m.bytes()) }))
	}
	return x
}

func (m *meters) count(q *Question, o Outcome, from source) {
	m.predictions.WithLabelValues(q.Account, q.Region, q.Endpoint, string(o), string(from)).Inc()
}

func (m *meters) filled(q *Question, result string) {
	m.fills.WithLabelValues(q.Account, q.Region, q.Endpoint, result).Inc()
}

func (m *meters) failed(of *tier, what operation) {
	m.errors.WithLabelValues(of.Account, of.Region, of.Table, string(what)).Inc()
}

// forget is for an endpoint that is gone.
func (m *meters) forget(account, region, endpoint string) {
	labels := prometheus.Labels{"account": account, "region": region, "endpoint": endpoint}
	m.predictions.DeletePartialMatch(labels)
	m.fills.DeletePartialMatch(labels)
}
