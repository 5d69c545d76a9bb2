package server

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/atollcache/atoll/wire"
)

// That a node of another cluster, or of another release, sends here is told, with what to do, and not with every message.
func TestStrangersAreTold(t *testing.T) {
	var log strings.Builder
	n := &Node{log: slog.New(slog.NewTextHandler(&log, nil)), strangers: rate.Sometimes{Interval: time.Hour}}
	for range 3 {
		n.refused(nil, (&wire.Envelope{Cluster: "other"}).Check("shop"))
	}
	if told := log.String(); strings.Count(told, "\n") != 1 || !strings.Contains(told, "level=WARN") || !strings.Contains(told, "give both one --cluster") {
		t.Errorf("told is %q", told)
	}
}
