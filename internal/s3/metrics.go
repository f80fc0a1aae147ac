package s3

import "github.com/prometheus/client_golang/prometheus"

// metrics are the numbers of all buckets together. What single requests take is measured
// where the server answers them.
type metrics struct {
	in, out          prometheus.Counter
	collectedBlobs   prometheus.Counter
	collectedBytes   prometheus.Counter
	abandonedUploads prometheus.Counter
}

func newMetrics(to prometheus.Registerer) *metrics {
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "modelwharf_s3_object_bytes_total", Help: "Bytes of objects and parts, in (written) and out (read)."}, []string{"direction"})
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "modelwharf_s3_" + name, Help: help})
	}
	m := &metrics{
		in: bytes.WithLabelValues("in"), out: bytes.WithLabelValues("out"),
		collectedBlobs:   counter("collected_blobs_total", "Blobs that no object needed any more and that were deleted."),
		collectedBytes:   counter("collected_bytes_total", "Bytes of those blobs."),
		abandonedUploads: counter("abandoned_uploads_total", "Multipart uploads that ended since nobody went on with them."),
	}
	if to != nil {
		to.MustRegister(bytes, m.collectedBlobs, m.collectedBytes, m.abandonedUploads)
	}
	return m
}

func (m *metrics) freed(bytes int64) {
	m.collectedBlobs.Inc()
	m.collectedBytes.Add(float64(bytes))
}
