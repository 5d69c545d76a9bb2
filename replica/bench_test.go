package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/atollcache/atoll/internal/stopwatch"
	"github.com/atollcache/atoll/region"
)

// lone is a replica with all partitions ready and a link to each of some peers,
// one in its own region and one in each other, that nobody acknowledges: what is
// measured is the work of this node.
func lone(b *testing.B, peers int) (*Replica, Time) {
	r := New(Config{Cluster: "bench", Region: "a", Name: "a1", Boot: 1, Instance: 1})
	now := Time{Wall: wallStart}
	home := []region.Node{r.Self()}
	for i := range peers {
		in := string(rune('a' + i))
		node := region.Node{Name: in + "2", ID: region.NodeID(in, in+"2"), Boot: 1, Weight: 1}
		if i == 0 {
			home = append(home, node)
			continue
		}
		r.learnView(now, region.View{Region: in, Instance: 1, Version: 1, Nodes: []region.Node{node}})
	}
	r.Members(now, home)
	for p := range r.parts {
		r.parts[p].state, r.parts[p].whole = ready, true
	}
	now.Mono += time.Millisecond
	r.Tick(now)
	r.Outgoing()
	if len(r.parts[0].links) != peers {
		b.Fatalf("%d links to %d peers", len(r.parts[0].links), peers)
	}
	return r, now
}

func BenchmarkGet(b *testing.B) {
	r, now := lone(b, 0)
	done := func(Answer) {}
	keys := make([][]byte, 10_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%012d", i)
		r.Do(now, &Request{Args: [][]byte{[]byte("set"), keys[i], make([]byte, 64)}}, done)
	}
	req := Request{Args: [][]byte{[]byte("get"), nil}}
	for name, run := range map[string]func(){
		"do":  func() { r.Do(now, &req, done) },
		"try": func() { r.Try(now, &req) },
	} {
		b.Run(name, func(b *testing.B) {
			i := 0
			stopwatch.Loop(b, func() {
				req.Args[1] = keys[i%len(keys)]
				run()
				i++
			})
		})
	}
}

func BenchmarkSet(b *testing.B) {
	for _, peers := range []int{0, 1, 3} {
		b.Run(fmt.Sprintf("links=%d", peers), func(b *testing.B) {
			r, now := lone(b, peers)
			done := func(Answer) {}
			keys := make([][]byte, 10_000)
			for i := range keys {
				keys[i] = fmt.Appendf(nil, "key:%012d", i)
			}
			req := Request{Args: [][]byte{[]byte("set"), nil, make([]byte, 64)}}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				req.Args[1] = keys[i%len(keys)]
				r.Do(now, &req, done)
				if i%64 == 0 {
					now.Mono += 64 * time.Microsecond
					r.Outgoing()
					for _, l := range r.out { // as if acknowledged
						l.unacked, l.flying = l.unacked[:0], 0
					}
				}
			}
		})
	}
}
