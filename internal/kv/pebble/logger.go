package pebble

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// logger hands Pebble's messages to slog: what it does all day at the debug level.
type logger struct{ *slog.Logger }

func (l logger) Infof(format string, args ...any) {
	if l.Enabled(context.Background(), slog.LevelDebug) {
		l.Debug(fmt.Sprintf(format, args...))
	}
}

func (l logger) Errorf(format string, args ...any) { l.Error(fmt.Sprintf(format, args...)) }

// Fatalf must not return. In a commit the panic stops there, see Engine.commit.
func (l logger) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	l.Error(msg)
	panic(msg)
}

// events reports what an operator has to know. A block that fails its checksum is
// an error of the read that met it, and no reason to end the process.
func (l logger) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { l.Error("background work failed, and will be tried again", "error", err) },
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			l.Error("a file is damaged: restore a backup", "details", info.String())
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			l.Warn("writes wait for the disk", "reason", info.Reason)
		},
	}
}
