package ecr

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
)

// metrics are the numbers of all repositories together. What single requests take is
// measured where the server answers them.
type metrics struct {
	pushes, pulls, refused prometheus.Counter
	received               prometheus.Counter
	collections            *prometheus.CounterVec
	collected              *prometheus.CounterVec
	freed                  prometheus.Counter
	uploads                prometheus.Gauge
	seconds                prometheus.Histogram
}

func newMetrics(to prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "modelwharf_ecr_" + name, Help: help})
	}
	m := &metrics{
		pushes:   counter("image_pushes_total", "Manifests that were put, also those that changed nothing."),
		pulls:    counter("image_pulls_total", "Manifests that clients of the registry got."),
		refused:  counter("refused_tag_writes_total", "Pushes that would have moved a tag which must not move."),
		received: counter("layer_bytes_received_total", "Bytes of layers that came in."),
		collections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_ecr_collections_total", Help: "Collections of what nobody needs, by their end: ok or failed.",
		}, []string{"end"}),
		collected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelwharf_ecr_collected_total", Help: "What collections took away: layers of repositories, blobs with their bytes, uploads.",
		}, []string{"what"}),
		freed:   counter("collected_bytes_total", "Bytes of the blobs that collections took away."),
		uploads: prometheus.NewGauge(prometheus.GaugeOpts{Name: "modelwharf_ecr_open_uploads", Help: "Uploads that were not ended when the last collection looked."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "modelwharf_ecr_collection_duration_seconds", Help: "How long collections took.",
			Buckets: []float64{0.001, 0.01, 0.1, 1, 10, 60, 600, 3600},
		}),
	}
	if to != nil {
		to.MustRegister(m.pushes, m.pulls, m.refused, m.received, m.collections, m.collected, m.freed, m.uploads, m.seconds)
	}
	return m
}

// pushed notes what became of a push.
func (m *metrics) pushed(err error) {
	if err == nil {
		m.pushes.Inc()
	} else if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "ImageTagAlreadyExistsException" {
		m.refused.Inc()
	}
}

// freedBlob notes that a collection deleted a blob.
func (m *metrics) freedBlob(bytes int64) {
	m.collected.WithLabelValues("blobs").Inc()
	m.freed.Add(float64(bytes))
}

// NotePull notes that a client got a manifest.
func (s *Service) NotePull() { s.metrics.pulls.Inc() }

// collectNoted is Collect with its metrics and, if it took something away, a line in the log.
func (s *Service) collectNoted(ctx context.Context) error {
	began := s.now()
	c, err := s.Collect(ctx)
	took := s.now().Sub(began)
	end := "ok"
	if err != nil {
		end = "failed"
	}
	s.metrics.collections.WithLabelValues(end).Inc()
	s.metrics.seconds.Observe(took.Seconds())
	s.metrics.collected.WithLabelValues("uploads").Add(float64(c.Uploads))
	if err == nil {
		s.metrics.uploads.Set(float64(c.Open))
	}
	if c.Layers+c.Blobs+c.Uploads > 0 {
		s.log.LogAttrs(ctx, slog.LevelInfo, "collected images", slog.Int("layers", c.Layers), slog.Int("blobs", c.Blobs),
			slog.Int64("bytes", c.Bytes), slog.Int("uploads", c.Uploads), slog.Duration("took", took.Round(time.Millisecond)))
	}
	return err
}
