package membership

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]struct {
		level slog.Level
		text  string
	}{
		"[WARN] memberlist: Refuting a suspect message\n": {slog.LevelWarn, "Refuting a suspect message"},
		"[ERR] memberlist: Failed to send":                {slog.LevelWarn, "Failed to send"},
		"[INFO] memberlist: Marking b as failed":          {slog.LevelDebug, "Marking b as failed"},
		"Err: Could not set the deadline":                 {slog.LevelDebug, "Err: Could not set the deadline"},
		"":                                                {slog.LevelDebug, ""},
	} {
		if level, text := parseLine(line); level != want.level || text != want.text {
			t.Errorf("%q: %v %q, want %v %q", line, level, text, want.level, want.text)
		}
	}
}

func TestLogFloodIsBounded(t *testing.T) {
	var out bytes.Buffer
	w := newLogWriter(slog.New(slog.NewTextHandler(&out, nil)))
	for range 10_000 {
		if _, err := w.Write([]byte("[ERR] memberlist: garbage\n")); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(out.String(), "\n"); lines < 50 || lines > 200 {
		t.Errorf("%d lines of 10000 are logged", lines)
	}
}
