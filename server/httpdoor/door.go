// Package httpdoor shows over HTTP how a node is.
//
//	metrics := httpdoor.NewMetrics(func() httpdoor.Snapshot { … })
//	door, err := httpdoor.Open(httpdoor.Config{Addr: "127.0.0.1:8080", Ready: node.ready, Metrics: metrics})
//	…
//	err = door.Close(ctx)
//
// Paths, for GET and HEAD alone:
//
//	/healthz   200 while the process is alive
//	/readyz    200 if the node can be given requests, else 503 and the reason
//	/metrics   for Prometheus; with the token as a bearer, if there is one
//
// It does not encrypt, and it changes nothing.
package httpdoor

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config says where a door is and what it shows.
type Config struct {
	Addr    string        // host:port; with port 0 the system picks a free one
	Token   string        // that /metrics wants; empty for none
	Ready   func() string // why the node takes no requests, "" if it does
	Metrics *Metrics
	Logger  *slog.Logger // slog.Default if nil
}

// What a visitor may take.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10
	maxScrapes    = 4
)

// A Door is a running HTTP server. It has one goroutine of its own, and those of net/http for each connection; Close
// ends them.
type Door struct {
	listener net.Listener
	server   *http.Server
	ended    chan struct{}
}

// Open listens and serves.
func Open(cfg Config) (*Door, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("open the HTTP door: %s is already in use by another process; choose another with --http: %w", cfg.Addr, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the HTTP door, which --http chooses: %w", err)
	}

	d := &Door{
		listener: listener,
		server: &http.Server{
			Handler:           http.MaxBytesHandler(cfg.routes(), 0),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       bodyTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(d.ended)
		if err := d.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cfg.Logger.Error("the HTTP door has failed", "error", err)
		}
	}()
	return d, nil
}

// Addr gives the host:port that the door listens on.
func (d *Door) Addr() string { return d.listener.Addr().String() }

// Close stops listening and waits for the answers under way until ctx ends; then it cuts them off.
func (d *Door) Close(ctx context.Context) error {
	err := d.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("close the HTTP door: %w", errors.Join(err, d.server.Close()))
	}
	<-d.ended
	return err
}

func (c *Config) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", c.readyz)
	mux.Handle("GET /metrics", c.guard(promhttp.HandlerFor(c.Metrics.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		Timeout:             bodyTimeout,
		ErrorLog:            slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
	})))
	return mux
}

func (c *Config) readyz(w http.ResponseWriter, _ *http.Request) {
	if reason := c.Ready(); reason != "" {
		say(w, http.StatusServiceUnavailable, reason)
		return
	}
	say(w, http.StatusOK, "ready")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// guard asks for the token. The comparison takes the same time whatever is offered.
func (c *Config) guard(next http.Handler) http.Handler {
	if c.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(c.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offered, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(offered))
		if !found || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			say(w, http.StatusUnauthorized, "give the token as Authorization: Bearer …")
			return
		}
		next.ServeHTTP(w, r)
	})
}
