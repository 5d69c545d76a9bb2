package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/atollcache/atoll/crdt"
)

func TestTable(t *testing.T) {
	all := Table()
	if !slices.IsSortedFunc(all, func(a, b *Command) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted")
	}
	for _, cmd := range all {
		found, ok := Lookup(strings.ToUpper(cmd.Name))
		if !ok || found != cmd {
			t.Errorf("%s is not found", cmd.Name)
		}
		if cmd.Name != strings.ToLower(cmd.Name) || cmd.Group == "" || cmd.Summary == "" || cmd.Arity == 0 {
			t.Errorf("%s: a field is missing", cmd.Name)
		}
		if first, _, _ := strings.Cut(cmd.Syntax, " "); first != strings.ToUpper(cmd.Name) {
			t.Errorf("%s: the syntax is %q", cmd.Name, cmd.Syntax)
		}
		if cmd.Grows && !cmd.Write {
			t.Errorf("%s grows, but does not write", cmd.Name)
		}
		if (cmd.run == nil) != (cmd.Keys == AllKeys) {
			t.Errorf("%s: what runs on one key, and only that, has a function", cmd.Name)
		}
	}
	for _, name := range []string{"", "nosuch", strings.Repeat("x", 100), "get ", "GET\x00"} {
		if _, ok := Lookup(name); ok {
			t.Errorf("%q is found", name)
		}
	}
}

// TestTableOfRedis holds arity and write flag to those of a real Redis.
func TestTableOfRedis(t *testing.T) {
	redis := startRedis(t)
	for _, cmd := range Table() {
		info := redis.do(t, "COMMAND", "INFO", cmd.Name)
		if !strings.HasPrefix(info, fmt.Sprintf("[[%q (integer) %d ", cmd.Name, cmd.Arity)) {
			t.Errorf("%s: Redis says %.40s", cmd.Name, info)
		}
		flags, _, _ := strings.Cut(info[2:], "]")
		if strings.Contains(flags, "write") != cmd.Write || strings.Contains(flags, "denyoom") != cmd.Grows {
			t.Errorf("%s: write is %v, grows is %v; Redis says %s", cmd.Name, cmd.Write, cmd.Grows, flags)
		}
	}
}

func TestExecRefusesScan(t *testing.T) {
	scan, _ := Lookup("scan")
	if r := scan.Exec(&Call{Args: bytesOf([]string{"0"})}); r.Type != Error {
		t.Errorf("got %s", show(r))
	}
}

// TestExecChecks: what was not checked before is refused, and leaves no delta of
// an earlier call behind.
func TestExecChecks(t *testing.T) {
	n := newNode(t, 1)
	n.all("SET a 1")
	set, _ := Lookup("set")
	n.call.Args = bytesOf([]string{"a"})
	if r := set.Exec(&n.call); r.Type != Error || !n.delta.Empty() {
		t.Errorf("got %s, and a delta of %d cells", show(r), len(n.delta.Cells()))
	}
}

func TestParseScan(t *testing.T) {
	s, refusal, ok := ParseScan(bytesOf([]string{"7", "match", "a*", "COUNT", "50", "MATCH", "b*"}), Limits{})
	if !ok || s.Cursor != 7 || s.Count != 50 || string(s.Pattern) != "b*" {
		t.Errorf("got %+v, %s", s, show(refusal))
	}
	s, _, ok = ParseScan(bytesOf([]string{"0", "COUNT", "9223372036854775807"}), Limits{})
	if !ok || s.Count != maxScanCount || s.Pattern != nil {
		t.Errorf("got %+v", s)
	}
	if s, _, ok = ParseScan(bytesOf([]string{"0"}), Limits{}); !ok || s.Count != scanCount {
		t.Errorf("got %+v", s)
	}
	if _, refusal, ok = ParseScan(nil, Limits{}); ok || refusal.Type != Error {
		t.Errorf("got %s", show(refusal))
	}
}

func TestOutOfMemory(t *testing.T) {
	const want = "(error) OOM command not allowed when used memory > 'maxmemory'."
	if got := show(OutOfMemory()); got != want {
		t.Errorf("got %s", got)
	}
}

// TestManyFields goes beyond where entries and deltas search their cells one by
// one, with members that come twice.
func TestManyFields(t *testing.T) {
	n := newNode(t, 1)
	var hset, sadd, zadd, fields []string
	for i := range 1000 {
		name := strconv.Itoa(i % 500)
		fields = append(fields, name)
		hset = append(hset, name, strconv.Itoa(i))
		sadd = append(sadd, name)
		zadd = append(zadd, strconv.Itoa(i), name)
	}
	for _, test := range []struct{ command, want string }{
		{"HSET h " + strings.Join(hset, " "), "(integer) 500"},
		{"HSET h " + strings.Join(hset, " "), "(integer) 0"},
		{"HGET h 7", `"507"`},
		{"SADD s " + strings.Join(sadd, " "), "(integer) 500"},
		{"ZADD z CH " + strings.Join(zadd, " "), "(integer) 1000"},
		{"ZRANGE z 0 0 WITHSCORES", `["0" "500"]`},
		{"HDEL h " + strings.Join(fields, " "), "(integer) 500"},
		{"EXISTS h", "(integer) 0"},
		{"SREM s " + strings.Join(fields[1:], " "), "(integer) 500"},
		{"ZREM z " + strings.Join(fields[:499], " "), "(integer) 499"},
		{"ZRANGE z 0 -1", `["499"]`},
	} {
		if got := n.do(strings.Fields(test.command)...); got != test.want {
			t.Errorf("%.20s: got %s, want %s", test.command, got, test.want)
		}
	}
}

// TestAllocations holds the common commands to what they may allocate: nothing,
// but for the names and counts in a delta, and the lists of long replies.
func TestAllocations(t *testing.T) {
	for _, test := range []struct {
		prepare, command string
		most             float64
	}{
		{"SET k value", "GET k", 0},
		{"SET k 7; INCR k", "GET k", 0},
		{"SET k value", "STRLEN k", 0},
		{"SET k value", "EXISTS k", 0},
		{"SET k value", "TYPE k", 0},
		{"SET k value EX 100", "TTL k", 0},
		{"SET k value", "SET k other", 0},
		{"SET k value EX 100", "SET k other KEEPTTL", 0},
		{"SET k value", "SET k other EX 100 XX", 0},
		{"SET k 7", "INCR k", 0},
		{"HSET k first 1 second 2", "HGET k first", 0},
		{"HSET k first 1 second 2", "HEXISTS k third", 0},
		{"HSET k first 1 second 2", "HSET k first 1", 1},
		{"SADD k first second", "SISMEMBER k first", 0},
		{"SADD k first second", "SADD k first", 1},
		{"ZADD k 1 first", "ZSCORE k first", 0},
		{"HSET k first 1 second 2", "HGETALL k", 3},
	} {
		n := newNode(t, 1)
		n.all(test.prepare)
		cmd, call := n.prepare(test.command)
		if got := testing.AllocsPerRun(100, func() { cmd.Exec(call) }); got > test.most {
			t.Errorf("%s: %v allocations, want at most %v", test.command, got, test.most)
		}
	}
}

// prepare sets a call up, so that it can be executed many times.
func (n *node) prepare(command string) (*Command, *Call) {
	words := strings.Fields(command)
	cmd, _ := Lookup(words[0])
	return cmd, &Call{
		Args: bytesOf(words[1:]), Entry: n.entry(words[1]), Context: &n.ctx, Now: n.now,
		Op: crdt.Dot{Stamp: n.clock.Tick(n.now), Origin: n.origin}, Delta: &crdt.Delta{},
	}
}

var sink Reply

func BenchmarkExec(b *testing.B) {
	for _, bench := range []struct{ prepare, command string }{
		{"SET k value", "GET k"},
		{"SET k 7; INCR k", "GET k"},
		{"SET k value", "SET k value"},
		{"SET k value", "SET k value EX 100"},
		{"SET k 7; INCR k", "INCR k"},
		{"HSET k first 1 second 2", "HGET k first"},
		{"HSET k first 1 second 2", "HSET k first 1"},
		{"ZADD k 1 first", "ZINCRBY k 1 first"},
	} {
		b.Run(bench.command+" after "+bench.prepare, func(b *testing.B) {
			n := newNode(b, 1)
			n.all(bench.prepare)
			cmd, call := n.prepare(bench.command)
			b.ReportAllocs()
			for b.Loop() {
				sink = cmd.Exec(call)
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Lookup("HGETALL")
	}
}

func BenchmarkReplyAppend(b *testing.B) {
	r := bulk([]byte("value"))
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = r.Append(buffer[:0])
	}
}

func BenchmarkDecodeReply(b *testing.B) {
	text := bulk([]byte("value")).Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		sink, _ = DecodeReply(text)
	}
}
