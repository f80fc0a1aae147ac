package dynamodb

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// fillMeter tells how many restores and backups are under way, in the whole store.
type fillMeter struct {
	*Service
	restores, backups *prometheus.Desc
}

// fillMeterWait is how long a look at the store may take before it is left out.
const fillMeterWait = 5 * time.Second

func newFillMeter(s *Service) *fillMeter {
	name := func(n string) string { return prometheus.BuildFQName("modelwharf", "dynamodb", n) }
	return &fillMeter{s,
		prometheus.NewDesc(name("restores_in_progress"), "Tables that are being restored.", nil, nil),
		prometheus.NewDesc(name("backups_in_progress"), "Backups that are being made.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *fillMeter) Describe(to chan<- *prometheus.Desc) {
	to <- m.restores
	to <- m.backups
}

// Collect implements prometheus.Collector.
func (m *fillMeter) Collect(to chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), fillMeterWait)
	defer stop()
	restores, backups := 0, 0
	err := m.view(ctx, func(r kv.Reader) error {
		for p, err := range r.Scan(ctx, kv.Range{From: fillingsPrefix, To: above(fillingsPrefix)}) {
			switch {
			case err != nil:
				return err
			case fillsTable(p.Val):
				restores++
			default:
				backups++
			}
		}
		return nil
	})
	if err != nil {
		to <- prometheus.NewInvalidMetric(m.restores, err)
		return
	}
	to <- prometheus.MustNewConstMetric(m.restores, prometheus.GaugeValue, float64(restores))
	to <- prometheus.MustNewConstMetric(m.backups, prometheus.GaugeValue, float64(backups))
}
