package up

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// ErrNotRunning tells that nothing answers at the address of the switch.
var ErrNotRunning = errors.New(`the switch belongs to "atoll up"; start that, or name its address with --admin`)

// ErrRefused tells that the switch does not do what was asked, for the reason beside it.
var ErrRefused = errors.New("refused")

// Turn changes the switch of an "atoll up" that runs at the given address, and returns the paths as they are then. A
// nil change only looks.
func Turn(ctx context.Context, admin string, change *Change) ([]Path, error) {
	base, err := adminURL(admin)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if change != nil {
		payload, err := json.Marshal(change)
		if err != nil {
			return nil, err
		}
		method, body = http.MethodPost, bytes.NewReader(payload)
	}
	request, err := http.NewRequestWithContext(ctx, method, base+"/wan", body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")

	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("%s does not answer (%s): %w", base, reason(err), ErrNotRunning)
	}
	defer response.Body.Close()
	return readPaths(base, response)
}

func readPaths(base string, response *http.Response) ([]Path, error) {
	body := json.NewDecoder(io.LimitReader(response.Body, 1<<20))
	if response.StatusCode == http.StatusOK {
		var all []Path
		if err := body.Decode(&all); err != nil {
			return nil, fmt.Errorf("%s answers with something else: %w", base, ErrNotRunning)
		}
		return all, nil
	}
	var r refusal
	if err := body.Decode(&r); err != nil || r.Error == "" {
		return nil, fmt.Errorf("%s answers %s: %w", base, response.Status, ErrNotRunning)
	}
	return nil, fmt.Errorf("%w: %s", ErrRefused, r.Error)
}

func adminURL(admin string) (string, error) {
	if !strings.Contains(admin, "://") {
		admin = "http://" + admin
	}
	u, err := url.Parse(admin)
	if err != nil || u.Host == "" || u.Scheme != "http" {
		return "", fmt.Errorf("%q is no address; write http://host:port", admin)
	}
	return "http://" + u.Host, nil
}

// reason is the last part of an error of a connection, which says what happened.
func reason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && !op.Timeout() {
		return strings.TrimPrefix(op.Err.Error(), "connect: ")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}
