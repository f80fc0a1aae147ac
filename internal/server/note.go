package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// note leaves a request in the metrics and the access log. The log has neither
// bodies nor secrets: who asked for what, and what became of it.
func (s *services) note(ctx context.Context, x *exchange, took time.Duration) {
	x.endpoint.metricsOf(&x.call).observe(x.status, x.bytesIn, x.bytesOut, took)
	level := slog.LevelInfo
	if x.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	q := &x.request
	attrs := [14]slog.Attr{
		slog.String("request_id", q.ID),
		slog.String("service", q.Service),
		slog.String("operation", q.Operation),
		slog.Int("status", x.status),
		slog.Int64("duration_us", took.Microseconds()),
		slog.Int("bytes_in", x.bytesIn),
		slog.Int("bytes_out", x.bytesOut),
		slog.String("region", q.Region),
		slog.String("caller", q.Caller.ARN),
		slog.String("source_ip", q.SourceIP.String()),
	}
	n := 10
	if x.err != nil {
		attrs[n] = slog.String("error_code", x.err.Code)
		n++
		// A client's mistake is its own; why one was refused helps whoever debugs it.
		if x.err.Cause != nil && (level == slog.LevelError || s.log.Enabled(ctx, slog.LevelDebug)) {
			attrs[n] = slog.String("cause", x.err.Cause.Error())
			n++
		}
		if x.call.Operation == nil {
			attrs[n] = slog.String("asked_for", x.call.Name[:min(len(x.call.Name), 64)])
			n++
		}
	}
	// Not LogAttrs, which looks up the source line of its caller for each line.
	line := slog.NewRecord(q.Time.Add(took), level, "request", 0)
	line.AddAttrs(attrs[:n]...)
	_ = s.log.Handler().Handle(ctx, line)
}
