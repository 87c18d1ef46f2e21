package temporal

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger passes the server's warnings and errors on to slog. What the server
// says while it is being stopped, when its parts miss each other, is noise.
type logger struct {
	slog  *slog.Logger
	muted atomic.Bool
}

var _ log.Logger = (*logger)(nil)

func newLogger(l *slog.Logger) *logger { return &logger{slog: l.With("component", "temporal")} }

func (l *logger) mute() { l.muted.Store(true) }

func (l *logger) write(level slog.Level, msg string, tags []tag.Tag) {
	if l.muted.Load() || !l.slog.Enabled(context.Background(), level) {
		return
	}
	attrs := make([]slog.Attr, len(tags))
	for i, t := range tags {
		attrs[i] = slog.Any(t.Key(), t.Value())
	}
	l.slog.LogAttrs(context.Background(), level, msg, attrs...)
}

func (l *logger) Debug(string, ...tag.Tag)           {}
func (l *logger) Info(string, ...tag.Tag)            {}
func (l *logger) Warn(msg string, tags ...tag.Tag)   { l.write(slog.LevelWarn, msg, tags) }
func (l *logger) Error(msg string, tags ...tag.Tag)  { l.write(slog.LevelError, msg, tags) }
func (l *logger) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }
func (l *logger) Panic(msg string, tags ...tag.Tag)  { l.write(slog.LevelError, msg, tags) }
func (l *logger) Fatal(msg string, tags ...tag.Tag)  { l.write(slog.LevelError, msg, tags) }
