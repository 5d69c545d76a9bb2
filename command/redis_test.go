package command

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// redisServer is a Redis of its own for a test, and a connection to it.
type redisServer struct {
	conn net.Conn
	read *bufio.Reader
}

// startRedis runs redis-server on a socket in a directory, not on a port, and
// ends it with the test.
func startRedis(t *testing.T) *redisServer {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not on PATH; install it (apt-get install redis-server) to compare with it")
	}
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // t.TempDir can be too long for the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	server := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})

	deadline := time.Now().Add(10 * time.Second)
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return &redisServer{conn, bufio.NewReader(conn)}
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not come up: %v", err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// do sends a command and shows its reply.
func (r *redisServer) do(t *testing.T, words ...string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	r.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(r.conn, b.String()); err != nil {
		t.Fatal(err)
	}
	reply, err := r.reply()
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func (r *redisServer) reply() (string, error) {
	line, err := r.read.ReadString('\n')
	if err != nil || len(line) < 3 {
		return "", fmt.Errorf("read %q: %w", line, err)
	}
	sort, rest := line[0], line[1:len(line)-2]
	if sort == '+' {
		return rest, nil
	}
	if sort == '-' {
		return "(error) " + rest, nil
	}
	n, err := strconv.Atoi(rest)
	if err != nil {
		return "", err
	}
	switch {
	case sort == ':':
		return "(integer) " + rest, nil
	case n < 0:
		return "(nil)", nil
	case sort == '$':
		text := make([]byte, n+2)
		_, err := io.ReadFull(r.read, text)
		return strconv.Quote(string(text[:n])), err
	case sort == '*':
		list := make([]string, n)
		for i := range list {
			if list[i], err = r.reply(); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(list, " ") + "]", nil
	}
	return "", fmt.Errorf("unknown reply %q", line)
}
