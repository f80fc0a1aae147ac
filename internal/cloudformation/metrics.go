package cloudformation

import "github.com/prometheus/client_golang/prometheus"

// metrics are the numbers that the service shows.
type metrics struct {
	running    prometheus.Gauge
	operations *prometheus.CounterVec
	lasted     *prometheus.HistogramVec
	steps      *prometheus.CounterVec
	took       *prometheus.HistogramVec
}

// seconds are the buckets of how long things last: from a repository to an endpoint.
var seconds = []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 900, 3600}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "modelwharf_stack_operations_running",
			Help: "Operations on stacks that are being carried out.",
		}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_stack_operations_total",
			Help: "Operations on stacks that ended, by the status that they ended in.",
		}, []string{"status"}),
		lasted: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modelwharf_stack_operation_seconds", Buckets: seconds,
			Help: "How long operations on stacks lasted, by what was asked for: create, update or delete.",
		}, []string{"operation"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_stack_steps_total",
			Help: "Resources created, updated and deleted by stacks, by type and outcome; a step that a crash interrupted counts each time.",
		}, []string{"type", "action", "outcome"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modelwharf_stack_step_seconds", Buckets: seconds,
			Help: "How long the creation, update and deletion of resources took, by type.",
		}, []string{"type", "action"}),
	}
	if r != nil {
		r.MustRegister(m.running, m.operations, m.lasted, m.steps, m.took)
	}
	return m
}
