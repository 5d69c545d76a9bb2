package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// A round under load fetches next to nothing that the links are about to bring:
// when the digests that it compares have travelled, so have the writes that they
// count. Hence no entry has to be left out of a round for being young, and no
// context has to be capped for it.
func TestRoundsUnderLoadFetchLittle(t *testing.T) {
	for name, hostile := range map[string]bool{"quiet network": false, "loss and delays": true} {
		t.Run(name, func(t *testing.T) {
			const writes = 20_000
			w := newWorld(t, 1, 3, 2).few(16)
			w.timing.RoundEvery = 2 * time.Second // five times as often as it is
			w.settled()
			keys := w.keys("k", 5000)
			for i, k := range keys {
				w.do(w.nodes[i%6], "set", k, "0")
				w.run(time.Millisecond / 4)
			}
			w.settle(20 * time.Second)

			rounds, repaired, bytes := w.repairs()
			batches := 0
			w.listen(func(_, _ *node, e wire.Envelope) {
				if e.Kind == wire.KindBatch {
					batches += len(e.Body)
				}
			})
			if hostile {
				w.slow, w.loss = 20, 2
			}
			for i := range writes {
				w.do(w.nodes[i%6], "incr", keys[w.rng.Intn(len(keys))])
				w.run(time.Millisecond / 2)
			}
			r, k, b := w.repairs()
			r, k, b = r-rounds, k-repaired, b-bytes
			t.Logf("%d writes at six nodes: %d rounds changed %d keys with %d bytes, links carried %d bytes", writes, r, k, b, batches)
			most := uint64(writes / 1000)
			if hostile {
				most = writes / 20
			}
			if r < 100 || k > most || b*7 > uint64(batches) {
				t.Errorf("%d rounds changed %d keys with %d bytes, links carried %d bytes", r, k, b, batches)
			}
		})
	}
}

// repairs adds up what all nodes have repaired.
func (w *world) repairs() (rounds, keys, bytes uint64) {
	for _, n := range w.nodes {
		s := n.r.stats
		rounds, keys, bytes = rounds+s.Rounds, keys+s.Repaired, bytes+s.RepairBytes
	}
	return rounds, keys, bytes
}
