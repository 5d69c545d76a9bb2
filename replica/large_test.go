package replica

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// A hash that fits into no answer is compared and fetched part by part, by a
// node that lost its memory and by a region that was cut off, removals included.
func TestKeyLargerThanAnAnswer(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8)
	w.timing.AskBytes = 4 << 10
	w.settled()
	big := w.keys("big", 1)[0]
	value := strings.Repeat("v", 100)
	for i := range 1500 {
		w.do(w.at("a1"), "hset", big, fmt.Sprint("f", i), value)
	}
	w.run(time.Second)

	w.sever("a", "b")
	for i := range 300 {
		w.do(w.at("a1"), "hdel", big, fmt.Sprint("f", i))
		w.do(w.at("b1"), "hset", big, fmt.Sprint("f", i+200), "from b")
		w.do(w.at("a2"), "hset", big, fmt.Sprint("g", i), value)
	}
	w.run(time.Minute) // the outboxes' links are given up
	w.at("b2").crash()
	w.at("b2").start()
	w.membership("b")
	w.run(time.Second)
	w.heal()
	t.Log("equal after", w.settle(30*time.Second))
	w.run(time.Second)
	w.everywhere("1600", "hlen", big)
	w.everywhere("(nil)", "hget", big, "f7")
	w.everywhere("from b", "hget", big, "f250")
	w.everywhere(value, "hget", big, "g299")
	for _, n := range w.nodes {
		if n.r.stats.TooLarge > 0 {
			t.Errorf("%s refused %d entries", n.name, n.r.stats.TooLarge)
		}
	}
}

// A large hash that one side removed is not brought back by its parts.
func TestLargeKeyRemovedDuringACut(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(8)
	w.timing.AskBytes = 4 << 10
	w.timing.OutboxBytes = 1 << 10
	w.settled()
	big := w.keys("big", 1)[0]
	for i := range 500 {
		w.do(w.at("a1"), "hset", big, fmt.Sprint("f", i), strings.Repeat("v", 100))
		w.run(time.Millisecond)
	}
	w.settle(20 * time.Second)
	w.sever("a", "b")
	w.do(w.at("a1"), "del", big)
	w.do(w.at("b1"), "hset", big, "f7", "new")
	for i := range 100 { // so that the outboxes overflow
		w.do(w.at("a1"), "set", w.keys("x", 100)[i], strings.Repeat("v", 100))
	}
	w.run(10 * time.Second)
	w.heal()
	t.Log("equal after", w.settle(30*time.Second))
	w.everywhere("1", "hlen", big)
	w.everywhere("new", "hget", big, "f7")
}

// An entry of a few cells that are far larger than an answer is fetched in as many
// round trips as it has cells, within a bound, and not as many as it has answers.
func TestLargeCellsTakeFewRoundTrips(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1)
	w.timing.AskBytes = 1 << 10
	w.settled()
	big := w.keys("big", 1)[0]
	for i := range 4 {
		w.do(w.at("a1"), "hset", big, fmt.Sprint("f", i), strings.Repeat("v", 1<<20))
	}
	w.run(5 * time.Second)
	w.at("a2").crash()
	w.at("a2").start()
	asks := 0
	w.listen(func(_, to *node, e wire.Envelope) {
		if to == w.at("a1") && e.Kind == wire.KindAsk {
			asks++
		}
	})
	w.membership("a")
	w.settle(30 * time.Second)
	w.everywhere("4", "hlen", big)
	if most := 5 * partsPerCell; asks > most {
		t.Errorf("it takes %d asks, more than %d", asks, most)
	}
}
