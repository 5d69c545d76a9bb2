package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/atollcache/atoll/region"
)

// lone is a replica with all partitions ready and, if it has peers, a link to
// each that nobody acknowledges: what is measured is the work of this node.
func lone(b *testing.B, peers int) (*Replica, Time) {
	r := New(Config{Cluster: "bench", Region: "a", Name: "a1", Boot: 1, Instance: 1})
	now := Time{Wall: wallStart}
	nodes := []region.Node{r.Self()}
	for i := range peers {
		name := fmt.Sprint("a", i+2)
		nodes = append(nodes, region.Node{Name: name, ID: region.NodeID("a", name), Boot: 1, Weight: 1})
	}
	r.Members(now, nodes)
	for p := range r.parts {
		r.parts[p].state, r.parts[p].whole = ready, true
	}
	now.Mono += time.Millisecond
	r.Tick(now)
	r.Outgoing()
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
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		req.Args[1] = keys[i%len(keys)]
		r.Do(now, &req, done)
	}
}

func BenchmarkSet(b *testing.B) {
	for _, peers := range []int{0, 1} {
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
