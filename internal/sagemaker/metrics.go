package sagemaker

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
)

// metrics are the numbers that the service shows.
type metrics struct {
	calls   *prometheus.CounterVec
	latency *prometheus.HistogramVec
	deaths  prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_model_calls_total",
			Help: "Calls of models, by what came of them: ok, or the code of the error. What a prediction cache answered is no call.",
		}, []string{"account", "region", "endpoint", "variant", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modelwharf_model_call_seconds",
			Help: "How long models took to answer.", Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}, []string{"account", "region", "endpoint", "variant"}),
		deaths: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelwharf_model_container_ends_total",
			Help: "Containers of models that ended by themselves after they had answered, and were started again.",
		}),
	}
	if r != nil {
		r.MustRegister(m.calls, m.latency, m.deaths)
	}
	return m
}

// invoked counts a call of a model.
func (m *metrics) invoked(v *variant, r *route, began time.Time, err error) {
	n, outcome := r.endpoint.at(), "ok"
	if e, ok := errors.AsType[*api.Error](err); ok {
		outcome = e.Code
	} else if errors.Is(err, context.Canceled) {
		outcome = "canceled"
	} else if err != nil {
		outcome = strconv.Itoa(500)
	}
	m.calls.WithLabelValues(n.account, n.region, n.name, v.Name, outcome).Inc()
	if err == nil {
		m.latency.WithLabelValues(n.account, n.region, n.name, v.Name).Observe(time.Since(began).Seconds())
	}
}

// forget takes an endpoint that is gone out of the numbers.
func (m *metrics) forget(n endpointName) {
	of := prometheus.Labels{"account": n.account, "region": n.region, "endpoint": n.name}
	m.calls.DeletePartialMatch(of)
	m.latency.DeletePartialMatch(of)
}
