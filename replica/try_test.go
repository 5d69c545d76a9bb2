package replica

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/region"
)

// What Try answers is what Do answers, and leaves the same behind: two replicas that are alike but for that are driven
// with the same commands, on partitions of all states.
func TestTryIsDo(t *testing.T) {
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		now := Time{Wall: wallStart}
		usual, quick := alike(now), alike(now)
		token, foreign := []byte{}, elsewhere(now)
		for i := range rapid.IntRange(1, 40).Draw(t, "commands") {
			now.Wall += rapid.Int64Range(0, 3000).Draw(t, "ms")
			now.Mono = time.Duration(now.Wall-wallStart) * time.Millisecond
			req := someRequest(t)
			switch rapid.IntRange(0, 5).Draw(t, "session") {
			case 0, 1, 2:
				req.Session = token
			case 3:
				req.Session = foreign
			}

			want, answered := perform(usual, now, req)
			if got, ok := quick.Try(now, req); ok {
				tried++
				if !answered || !reflect.DeepEqual(got, want) {
					t.Fatalf("command %d, %q, is answered %+v, want %+v (%v)", i, req.Args, got, want, answered)
				}
			} else if got, again := perform(quick, now, req); again != answered || !reflect.DeepEqual(got, want) {
				t.Fatalf("command %d, %q, that was tried first is answered %+v (%v), want %+v (%v)", i, req.Args, got, again, want, answered)
			}
			if want.Session != nil {
				token = want.Session
			}
			if usual.Idle() != quick.Idle() || usual.Idle() && len(usual.Outgoing()) > 0 {
				t.Fatalf("after %q one is idle and the other is not", req.Args)
			}
		}
		if !reflect.DeepEqual(usual.Digests(), quick.Digests()) || !reflect.DeepEqual(usual.Outgoing(), quick.Outgoing()) || !reflect.DeepEqual(usual.Changes(), quick.Changes()) {
			t.Fatal("what is kept, sent or told differs")
		}
	})
	if tried == 0 {
		t.Error("nothing could be tried")
	}
}

// alike gives a replica with a co-owner that says nothing, of whose partitions some are ready, some boot and some are
// neither owned nor held.
func alike(now Time) *Replica {
	r := New(Config{Cluster: "try", Region: "a", Name: "a1", Boot: 1, Instance: 1, Changes: Changes{Pending: 1 << 12}})
	r.Members(now, []region.Node{r.Self(), {Name: "a2", ID: region.NodeID("a", "a2"), Boot: 1, Weight: 1}})
	for p := range r.parts {
		if p%4 > 0 {
			r.parts[p].state, r.parts[p].whole = ready, true
		}
		if p%16 == 0 {
			r.parts[p].drop()
		}
	}
	r.mu.Lock()
	r.relead()
	r.mu.Unlock()
	return r
}

// elsewhere gives the token of a session that has seen what no other node has yet.
func elsewhere(now Time) []byte {
	r := New(Config{Cluster: "try", Region: "a", Name: "a2", Boot: 1, Instance: 1})
	r.Members(now, []region.Node{r.Self()})
	for p := range r.parts {
		r.parts[p].state, r.parts[p].whole = ready, true
	}
	token := []byte{}
	for i := range 4 {
		a, _ := perform(r, now, &Request{Args: [][]byte{[]byte("set"), fmt.Appendf(nil, "k%d", i), []byte("seen")}, Session: token})
		token = a.Session
	}
	return token
}

// perform runs a command, and says whether it was answered at once.
func perform(r *Replica, now Time, req *Request) (answer Answer, answered bool) {
	r.Do(now, req, func(a Answer) { answer, answered = a, true })
	return answer, answered
}

func someRequest(t *rapid.T) *Request {
	key := fmt.Sprintf("k%d", rapid.IntRange(0, 7).Draw(t, "key"))
	words := rapid.SampledFrom([][]string{
		{"get", key},
		{"get", key},
		{"GET", key},
		{"strlen", key},
		{"type", key},
		{"pttl", key},
		{"hgetall", key},
		{"smembers", key},
		{"set", key, "v"},
		{"set", key, "5", "PX", "1500"},
		{"incr", key},
		{"hset", key, "f", "v"},
		{"sadd", key, "m"},
		{"zadd", key, "1", "m"},
		{"pexpire", key, "900"},
		{"persist", key},
		{"del", key},
		{"exists", key, "k1"},
		{"ping"},
		{"scan", "0"},
		{"get"},
		{"fly", key},
		{"set", key, "v", "EX", "0"},
		{},
	}).Draw(t, "command")
	req := &Request{Wait: rapid.SampledFrom([]time.Duration{0, -1, 2 * time.Second}).Draw(t, "wait")}
	for _, w := range words {
		req.Args = append(req.Args, []byte(w))
	}
	if rapid.IntRange(0, 5).Draw(t, "level") == 0 {
		req.Level = Region
	}
	return req
}

// A refusal needs nobody else either.
func TestTryRefuses(t *testing.T) {
	r := alike(Time{Wall: wallStart})
	a, ok := r.Try(Time{Wall: wallStart}, &Request{Args: [][]byte{[]byte("get"), make([]byte, 513)}})
	if !ok || a.Reply.Type != command.Error || a.Reply.Code != "TOOLARGE" {
		t.Errorf("%+v, %v", a, ok)
	}
}
