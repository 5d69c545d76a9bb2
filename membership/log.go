package membership

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// logWriter hands the lines of memberlist to slog. Strangers can make memberlist
// log with every packet they send, so it passes ten lines per second and counts
// the rest.
type logWriter struct {
	logger  *slog.Logger
	limit   *rate.Limiter
	dropped atomic.Int64
}

func newLogWriter(logger *slog.Logger) *logWriter {
	return &logWriter{logger: logger, limit: rate.NewLimiter(10, 50)}
}

// Write logs one line, such as "[WARN] memberlist: Refuting a suspect message".
func (w *logWriter) Write(line []byte) (int, error) {
	level, text := parseLine(string(line))
	if !w.logger.Enabled(context.Background(), level) {
		return len(line), nil
	}
	if !w.limit.Allow() {
		w.dropped.Add(1)
		return len(line), nil
	}
	if n := w.dropped.Swap(0); n > 0 {
		w.logger.Warn("gossip log lines dropped", "lines", n)
	}
	w.logger.Log(context.Background(), level, text, "from", "memberlist")
	return len(line), nil
}

// parseLine splits off the level. Nothing that memberlist reports is an error of
// this process, and what it calls information is detail here.
func parseLine(line string) (slog.Level, string) {
	level := slog.LevelDebug
	text := strings.TrimSpace(line)
	if tag, rest, found := strings.Cut(text, "] "); found && strings.HasPrefix(tag, "[") {
		text = rest
		if tag == "[WARN" || tag == "[ERR" {
			level = slog.LevelWarn
		}
	}
	return level, strings.TrimPrefix(text, "memberlist: ")
}
