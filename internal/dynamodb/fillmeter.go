package dynamodb

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// fillMeter tells how many restores, backups, exports and imports are under way, in the
// whole store.
type fillMeter struct {
	*Service
	underWay map[string]*prometheus.Desc // by what a filling is noted to be
}

// fillMeterWait is how long a look at the store may take before it is left out.
const fillMeterWait = 5 * time.Second

func newFillMeter(s *Service) *fillMeter {
	name := func(n string) string { return prometheus.BuildFQName("modelwharf", "dynamodb", n) }
	return &fillMeter{s, map[string]*prometheus.Desc{
		noteRestore: prometheus.NewDesc(name("restores_in_progress"), "Tables that are being restored.", nil, nil),
		noteBackup:  prometheus.NewDesc(name("backups_in_progress"), "Backups that are being made.", nil, nil),
		noteExport:  prometheus.NewDesc(name("exports_in_progress"), "Exports of tables that are being made.", nil, nil),
		noteImport:  prometheus.NewDesc(name("imports_in_progress"), "Tables that are being imported.", nil, nil),
	}}
}

// Describe implements prometheus.Collector.
func (m *fillMeter) Describe(to chan<- *prometheus.Desc) {
	for _, d := range m.underWay {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *fillMeter) Collect(to chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), fillMeterWait)
	defer stop()
	counts := map[string]int{}
	err := m.view(ctx, func(r kv.Reader) error {
		for p, err := range r.Scan(ctx, kv.Range{From: fillingsPrefix, To: above(fillingsPrefix)}) {
			if err != nil {
				return err
			}
			counts[string(p.Val)]++
		}
		return nil
	})
	for note, d := range m.underWay {
		if err != nil {
			to <- prometheus.NewInvalidMetric(d, err)
			continue
		}
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(counts[note]))
	}
}
