package codeartifact

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
)

// metrics are the numbers of all repositories together, by format. What single requests take
// is measured where the server answers them.
type metrics struct {
	publications *prometheus.CounterVec
	downloads    *prometheus.CounterVec
	bytes        *prometheus.CounterVec
	asked        *prometheus.CounterVec
	fetched      *prometheus.CounterVec
	indexes      *prometheus.CounterVec
	documents    *prometheus.CounterVec
}

func newMetrics(to prometheus.Registerer) *metrics {
	var all []prometheus.Collector
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "modelwharf_codeartifact_" + name, Help: help}, append([]string{"format"}, labels...))
		all = append(all, c)
		return c
	}
	m := &metrics{
		publications: counter("publications_total", "Publications, by their end: ok (also of what was there already), refused, failed.", "end"),
		downloads:    counter("downloads_total", "Assets that clients got, whole or a range."),
		bytes:        counter("asset_bytes_total", "Bytes of assets, in (published) and out (downloaded).", "direction"),
		asked:        counter("upstream_requests_total", "Requests through external connections, by what was asked for (index, asset, metadata) and their end: ok, unchanged, missing, failed.", "what", "end"),
		fetched:      counter("upstream_bytes_total", "Bytes of assets that came through external connections."),
		indexes:      counter("upstream_indexes_total", "Looks at what an external connection has of a package, by whether what was known was fresh, was known to be missing or down (remembered), or was asked for.", "end"),
		documents:    counter("documents_total", "Documents of packages for package tools, by whether the client had it (unchanged), it was in memory (kept), or was made.", "end"),
	}
	if to != nil {
		to.MustRegister(all...)
	}
	return m
}

// published notes what became of a publication.
func (m *metrics) published(format string, err error) {
	end := "ok"
	if err != nil {
		end = "failed"
		if e, ok := errors.AsType[*api.Error](err); ok && e.HTTPStatus() < http.StatusInternalServerError {
			end = "refused"
		}
	}
	m.publications.WithLabelValues(format, end).Inc()
}

// question notes what became of a request through an external connection.
func (m *metrics) question(format, what string, err error) {
	end := "ok"
	switch {
	case errors.Is(err, errMissing):
		end = "missing"
	case err != nil:
		end = "failed"
	}
	m.asked.WithLabelValues(format, what, end).Inc()
}

// receive stages an asset that a client publishes, up to as many bytes as the quota has it.
func (s *Service) receive(ctx context.Context, format string, r io.Reader) (*Staged, error) {
	in := &counted{r: r}
	staged, err := s.Stage(ctx, in, s.quotas.Of(assetBytesQuota))
	s.metrics.bytes.WithLabelValues(format, "in").Add(float64(in.n))
	return staged, err
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// sent notes that a client got bytes of an asset.
func (m *metrics) sent(format string, bytes int64) {
	m.downloads.WithLabelValues(format).Inc()
	m.bytes.WithLabelValues(format, "out").Add(float64(bytes))
}
