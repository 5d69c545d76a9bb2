package wan

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

const greeting = "INFO {\"gateway\":\"us\"}\r\n"

// fakes opens a switch between eu and us with a server behind the door of us that greets, and hands over each
// connection after the first line has been read from it.
func fakes(t *testing.T) (*Switch, <-chan *bufio.Reader) {
	t.Helper()
	sw, err := New("eu", "us")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sw.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })

	served := make(chan *bufio.Reader, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			_, _ = io.WriteString(conn, greeting)
			go func() {
				lines := bufio.NewReader(conn)
				if line, err := lines.ReadString('\n'); err == nil && strings.HasPrefix(line, "CONNECT") {
					served <- lines
				}
			}()
		}
	}()
	if err := sw.Attach("us", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return sw, served
}

// call knocks at the door of us and says the line when greeted.
func call(t *testing.T, sw *Switch, line string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", sw.Doors()["us"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	heard := make([]byte, len(greeting))
	if _, err := io.ReadFull(conn, heard); err != nil || string(heard) != greeting {
		t.Fatalf("the door greets with %q, %v", heard, err)
	}
	if _, err := io.WriteString(conn, line); err != nil {
		t.Fatal(err)
	}
	return conn
}

const fromEU = "CONNECT {\"gateway\":\"eu\"}\r\n"

func isHungUp(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := conn.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestDelayDoesNotLimitThroughput(t *testing.T) {
	const size, delay = 96 << 20, 200 * time.Millisecond
	sw, served := fakes(t)
	if err := sw.Delay("eu", "us", delay); err != nil {
		t.Fatal(err)
	}
	conn := call(t, sw, fromEU)
	began := time.Now()
	go func() {
		block := bytes.Repeat([]byte{7}, 1<<20)
		for range size / len(block) {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	}()
	lines := <-served
	if took := time.Since(began); took < delay/2 {
		t.Errorf("the first line took %v through a delay of %v", took, delay)
	}
	n, err := io.CopyN(io.Discard, lines, size)
	took := time.Since(began)
	t.Logf("%d MiB in %v with a delay of %v", n>>20, took.Round(time.Millisecond), delay)

	// Without reading ahead, one chunk per delay would take ten minutes; with half the window, still seconds.
	if err != nil || took > 5*time.Second {
		t.Errorf("%d of %d bytes in %v, %v", n, size, took, err)
	}
	eventually(t, "all bytes to be counted", func() bool { return sw.Status()[0].Bytes == uint64(size+len(fromEU)) })
}

func TestOnlyKnownGatewaysAreLetThrough(t *testing.T) {
	sw, served := fakes(t)
	for _, line := range []string{
		"CONNECT {\"gateway\":\"mars\"}\r\n",
		"CONNECT {\"gateway\":\"us\"}\r\n",
		"CONNECT {\"verbose\":false}\r\n",
		"CONNECT nonsense\r\n",
		"PING\r\n",
		strings.Repeat("x", maxLine+1),
	} {
		if !isHungUp(call(t, sw, line)) {
			t.Errorf("%.40q is not refused", line)
		}
	}
	call(t, sw, fromEU)
	<-served
	if len(served) != 0 {
		t.Error("a stranger was let through")
	}
}

func TestCutResetsWhatIsOpenAndRefusesMore(t *testing.T) {
	sw, served := fakes(t)
	conn := call(t, sw, fromEU)
	lines := <-served
	if err := sw.Cut("us", "eu"); err != nil {
		t.Fatal(err)
	}
	if !isHungUp(conn) {
		t.Error("the caller's connection survives the cut")
	}
	if _, err := lines.ReadByte(); err == nil {
		t.Error("the server's connection survives the cut")
	}
	if !isHungUp(call(t, sw, fromEU)) || len(served) != 0 {
		t.Error("a new connection is let through the cut")
	}
	sw.HealAll()
	call(t, sw, fromEU)
	<-served
}

func TestBlackHoleHoldsFewConnections(t *testing.T) {
	sw, served := fakes(t)
	if err := sw.BlackHole("eu", "us"); err != nil {
		t.Fatal(err)
	}
	first := call(t, sw, fromEU)
	eventually(t, "the first to be held", func() bool { return linksOn(sw, "eu", "us") == 1 })
	for range maxHeldLinks + 3 {
		call(t, sw, fromEU)
	}
	if !isHungUp(first) {
		t.Error("the oldest connection is not given up")
	}
	eventually(t, "the switch to let go of those", func() bool { return linksOf(sw) == maxHeldLinks })
	if held := linksOn(sw, "eu", "us"); held != maxHeldLinks {
		t.Errorf("%d connections are held, want %d", held, maxHeldLinks)
	}
	if len(served) != 0 {
		t.Error("something came through the black hole")
	}
}

// When both sides have hung up, a connection in a black hole ends.
func TestBlackHoleForgetsWhatBothSidesHaveLeft(t *testing.T) {
	sw, err := New("eu", "us")
	if err != nil {
		t.Fatal(err)
	}
	defer sw.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := sw.Attach("us", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if err := sw.BlackHole("eu", "us"); err != nil {
		t.Fatal(err)
	}

	answered := make(chan net.Conn)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, _ = io.WriteString(conn, greeting)
		}
		answered <- conn
	}()
	conn := call(t, sw, fromEU)
	server := <-answered
	eventually(t, "the link", func() bool { return linksOf(sw) == 1 })
	_ = conn.Close()
	_ = server.Close()
	eventually(t, "the end of the link", func() bool { return linksOf(sw) == 0 })
}

func linksOn(sw *Switch, from, to string) int {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	return len(sw.paths[pair{from, to}].links)
}

func linksOf(sw *Switch) int {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	return len(sw.links)
}

func TestDoorWaitsForItsServer(t *testing.T) {
	sw, err := New("eu", "us")
	if err != nil {
		t.Fatal(err)
	}
	defer sw.Close()
	conn, err := net.Dial("tcp", sw.Doors()["us"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		server, err := listener.Accept()
		if err == nil {
			_, _ = io.WriteString(server, greeting)
			_ = server.Close()
		}
	}()
	if err := sw.Attach("us", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, len(greeting))
	if _, err := io.ReadFull(conn, heard); err != nil {
		t.Errorf("who knocked before the server was attached heard %q, %v", heard, err)
	}
}

func FuzzGatewayName(f *testing.F) {
	for _, line := range []string{fromEU, greeting, "CONNECT", "CONNECT ", "CONNECT {}", "connect {\"gateway\":\"eu\"}", "CONNECT {\"gateway\":7}", ""} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		name, err := gatewayName(line)
		if (name == "") != (err != nil) {
			t.Errorf("gatewayName(%q) = %q, %v", line, name, err)
		}
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
