// Command service keeps a note for each user, in three regions, and counts their requests over all of them.
//
//	atoll up                                                      # in a first terminal
//	go run ./examples/service --home eu --listen 127.0.0.1:8101   # one in each region
//	go run ./examples/service --home us --listen 127.0.0.1:8102
//	go run ./examples/service --home ap --listen 127.0.0.1:8103
//
//	curl -c jar -b jar -T - http://127.0.0.1:8101/notes/ada <<< 'buy milk'
//	curl -c jar -b jar http://127.0.0.1:8102/notes/ada            # ada has moved; her cookie brings the session along
//	curl http://127.0.0.1:8103/rate/ada                           # how many requests she sent in this minute, anywhere
//
// A note is read and written in a session, whose token is in a cookie: whoever sends it sees what they wrote, in every
// region, or is told by the header Stale that it may be missing. Requests are counted by a counter of the minute, to
// which all regions add, also while they are cut off; then each counts what it knows, and later all know the sum.
//
// It is an example: it knows no passwords, and takes the name of the user as it comes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/atollcache/atoll/client"
)

// config is what the flags say.
type config struct {
	listen string
	seeds  string
	home   string
	rules  rules
}

func main() { os.Exit(run(os.Args[1:])) }

// run gives the exit code.
func run(args []string) int {
	c, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // it was told with the usage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, c, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		return 1
	}
	return 0
}

func parse(args []string) (config, error) {
	var c config
	f := flag.NewFlagSet("service", flag.ContinueOnError)
	f.StringVar(&c.listen, "listen", "127.0.0.1:8101", "`host:port` to listen on")
	f.StringVar(&c.seeds, "seeds", "", "NATS `servers` of all regions, with commas (default those of atoll up)")
	f.StringVar(&c.home, "home", "", "`region` to ask as long as it answers (default the nearest)")
	f.Int64Var(&c.rules.limit, "limit", 100, "requests of a user in each window")
	f.DurationVar(&c.rules.window, "window", time.Minute, "how long requests are counted together")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 || c.rules.limit < 1 || c.rules.window < time.Second {
		err := errors.New("takes no arguments, a --limit of at least 1 and a --window of at least 1s")
		fmt.Fprintln(f.Output(), "service:", err)
		return c, err
	}
	return c, nil
}

// serve runs until the context ends, and then answers what it has begun.
func serve(ctx context.Context, c config, out io.Writer) error {
	o := client.Options{Home: c.home, Name: "notes"}
	if c.seeds != "" {
		o.Seeds = strings.Split(c.seeds, ",")
	}
	cache, err := client.Connect(ctx, o)
	if err != nil {
		return err
	}
	defer cache.Close()

	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(cache, c.rules), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Fprintf(out, "listening on http://%s\n", listener.Addr())

	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(stopping)
}
