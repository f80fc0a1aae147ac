package servicecatalog

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// metrics are the numbers that the service shows.
type metrics struct {
	operations *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer, store kv.Store) *metrics {
	m := &metrics{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_catalog_operations_total",
			Help: "Launches, updates and terminations of provisioned products that ended, by the status that their record ended in.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "modelwharf_catalog_operation_seconds",
			Help:    "How long launches, updates and terminations took, from the request to the end of the record.",
			Buckets: []float64{0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000},
		}, []string{"operation"}),
	}
	if r != nil {
		r.MustRegister(m.operations, m.seconds, launchedNow{store})
	}
	return m
}

// ended counts a record that has ended.
func (m *metrics) ended(r *record) {
	operation := map[string]string{provisionRecord: "launch", updateRecord: "update", terminateRecord: "terminate"}[r.Type]
	m.operations.WithLabelValues(operation, r.Status).Inc()
	m.seconds.WithLabelValues(operation).Observe(r.Updated.Sub(r.Created).Seconds())
}

// launchedNow counts what is launched when it is asked: there are few, and a count that is kept
// would have to survive crashes.
type launchedNow struct{ store kv.Store }

var provisionedProducts = prometheus.NewDesc("modelwharf_catalog_provisioned_products", "Provisioned products that there are, by status.", []string{"status"}, nil)

func (launchedNow) Describe(to chan<- *prometheus.Desc) { to <- provisionedProducts }

func (c launchedNow) Collect(to chan<- prometheus.Metric) {
	ctx := context.Background()
	count := map[string]float64{available: 0, underChange: 0, tainted: 0, broken: 0, planInProgress: 0}
	err := c.store.View(ctx, func(tx kv.Reader) error {
		for p, err := range below(ctx, tx, key(launchedKind)) {
			if err != nil {
				return err
			}
			one, err := decode[provisioned](p.Val)
			if err != nil {
				return err
			}
			count[one.Status]++
		}
		return nil
	})
	if err != nil {
		to <- prometheus.NewInvalidMetric(provisionedProducts, err)
		return
	}
	for status, n := range count {
		to <- prometheus.MustNewConstMetric(provisionedProducts, prometheus.GaugeValue, n, status)
	}
}
