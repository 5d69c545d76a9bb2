package httpdoor_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/server/httpdoor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// open opens a door on a free port.
func open(t *testing.T, change func(*httpdoor.Config)) (door *httpdoor.Door, metrics *httpdoor.Metrics) {
	t.Helper()
	metrics = httpdoor.NewMetrics(func() httpdoor.Snapshot {
		return httpdoor.Snapshot{
			Partitions: map[string]int{"ready": 1024}, Keys: 7, Bytes: 700, Stubs: 2, StubBytes: 40, RepairRounds: 3,
			Links:   []httpdoor.Link{{Region: "us", Node: "n1", Up: true, Lag: 1500 * time.Millisecond, OutboxBytes: 64, Unacked: 2}},
			Dropped: map[string]uint64{"malformed": 5}, ClockOffset: -400 * time.Millisecond, ClockStopped: true,
		}
	})
	cfg := httpdoor.Config{Addr: "127.0.0.1:0", Ready: func() string { return "" }, Metrics: metrics, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	door, err := httpdoor.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := door.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return door, metrics
}

// visit asks for a path and gives the status and the body.
func visit(t *testing.T, door *httpdoor.Door, method, path, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+door.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestHealthAndReadiness(t *testing.T) {
	reason := "joining"
	door, _ := open(t, func(c *httpdoor.Config) { c.Ready = func() string { return reason } })
	check := func(method, path string, wantStatus int, wantBody string) {
		t.Helper()
		if status, body := visit(t, door, method, path, ""); status != wantStatus || body != wantBody {
			t.Errorf("%s %s gave %d %q", method, path, status, body)
		}
	}
	check("GET", "/healthz", 200, "alive\n")
	check("GET", "/readyz", 503, "joining\n")
	reason = ""
	check("GET", "/readyz", 200, "ready\n")
	check("HEAD", "/readyz", 200, "")
	check("POST", "/readyz", 405, "Method Not Allowed\n")
	check("GET", "/debug/pprof/", 404, "404 page not found\n")
}

func TestMetrics(t *testing.T) {
	door, metrics := open(t, nil)
	get, _ := command.Lookup("get")
	metrics.Command(get, &command.Reply{}, time.Millisecond)
	metrics.Command(get, &command.Reply{Type: command.Error, Code: "WRONGTYPE"}, time.Millisecond)
	metrics.Command(nil, &command.Reply{Type: command.Error, Code: "ERR"}, time.Millisecond)
	metrics.Command(nil, &command.Reply{Type: command.Error, Code: "ERR"}, time.Millisecond)

	status, body := visit(t, door, "GET", "/metrics", "")
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	for _, want := range []string{
		`atoll_commands_total{command="get",outcome="ok"} 1`,
		`atoll_commands_total{command="get",outcome="WRONGTYPE"} 1`,
		`atoll_commands_total{command="unknown",outcome="ERR"} 2`,
		`atoll_command_seconds_count{command="get"} 2`,
		`atoll_command_seconds_sum{command="get"} 0.002`,
		`atoll_command_seconds_bucket{command="get",le="0.0005"} 0`,
		`atoll_command_seconds_bucket{command="get",le="0.001"} 2`,
		`atoll_command_seconds_bucket{command="get",le="+Inf"} 2`,
		`atoll_partitions{state="ready"} 1024`,
		`atoll_keys 7`,
		`atoll_bytes 700`,
		`atoll_stubs 2`,
		`atoll_stub_bytes 40`,
		`atoll_link_up{peer="n1",region="us"} 1`,
		`atoll_link_lag_seconds{peer="n1",region="us"} 1.5`,
		`atoll_link_outbox_bytes{peer="n1",region="us"} 64`,
		`atoll_repair_rounds_total 3`,
		`atoll_dropped_total{reason="malformed"} 5`,
		`atoll_clock_offset_seconds -0.4`,
		`atoll_clock_stopped 1`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestMetricsWantTheToken(t *testing.T) {
	door, _ := open(t, func(c *httpdoor.Config) { c.Token = "secret" })
	for token, want := range map[string]int{"": 401, "guess": 401, "secret": 200} {
		if status, _ := visit(t, door, "GET", "/metrics", token); status != want {
			t.Errorf("the token %q gave %d", token, status)
		}
	}
	if status, _ := visit(t, door, "GET", "/healthz", ""); status != 200 {
		t.Errorf("health wants a token: %d", status)
	}
}

// A header that is too large is refused, and the connection with it.
func TestLargeHeadersAreRefused(t *testing.T) {
	door, _ := open(t, nil)
	conn, err := net.Dial("tcp", door.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, " 431 ") {
		t.Errorf("the answer is %q, %v", line, err)
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	door, metrics := open(t, nil)
	_, err := httpdoor.Open(httpdoor.Config{Addr: door.Addr(), Metrics: metrics})
	if err == nil || !strings.Contains(err.Error(), door.Addr()) || !strings.Contains(err.Error(), "--http") {
		t.Errorf("the error is %v", err)
	}
}
