package cloudformation

import "github.com/prometheus/client_golang/prometheus"

// metrics are the numbers that the service shows.
type metrics struct {
	running    prometheus.Gauge
	operations *prometheus.CounterVec
	steps      *prometheus.CounterVec
}

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
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_stack_steps_total",
			Help: "Resources created, updated and deleted by stacks, by type and outcome; a step that a crash interrupted counts each time.",
		}, []string{"type", "action", "outcome"}),
	}
	if r != nil {
		r.MustRegister(m.running, m.operations, m.steps)
	}
	return m
}
