package lambda

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are the numbers of functions and mappings.
type meters struct {
	invocations *prometheus.CounterVec
	errors      *prometheus.CounterVec
	drops       *prometheus.CounterVec
	age         *prometheus.GaugeVec
	records     *prometheus.CounterVec
}

func newMeters(r prometheus.Registerer) *meters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "modelwharf_lambda_" + name, Help: help}, labels)
	}
	m := &meters{
		invocations: counter("invocations_total", "Invocations of functions.", "account", "region", "function"),
		errors:      counter("errors_total", "Invocations that failed.", "account", "region", "function"),
		drops:       counter("dropped_events_total", "Asynchronous events that were given up.", "account", "region", "function"),
		records:     counter("mapping_records_total", "Records of streams by what became of them: delivered, filtered or discarded.", "mapping", "outcome"),
		age: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "modelwharf_lambda_iterator_age_seconds",
			Help: "How old the last record was that a mapping was done with.",
		}, []string{"mapping"}),
	}
	if r != nil {
		r.MustRegister(m.invocations, m.errors, m.drops, m.records, m.age)
	}
	return m
}

func (m *meters) invoked(n functionName, failed bool) {
	m.invocations.WithLabelValues(n.account, n.region, n.name).Inc()
	if failed {
		m.errors.WithLabelValues(n.account, n.region, n.name).Inc()
	}
}

func (m *meters) dropped(n functionName) { m.drops.WithLabelValues(n.account, n.region, n.name).Inc() }

func (m *meters) passed(uuid, outcome string, n int) {
	if n > 0 {
		m.records.WithLabelValues(uuid, outcome).Add(float64(n))
	}
}

func (m *meters) behind(uuid string, age time.Duration) {
	m.age.WithLabelValues(uuid).Set(max(0, age.Seconds()))
}

// forget is for a mapping that is gone.
func (m *meters) forget(uuid string) {
	m.age.DeleteLabelValues(uuid)
	m.records.DeletePartialMatch(prometheus.Labels{"mapping": uuid})
}
