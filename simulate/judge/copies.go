package judge

import (
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// copies is O19: messages of the run, of every class, that are delivered again
// when it is over, in reverse, to replicas that have long heard them.
type copies struct {
	kept  []letter
	count int
}

type letter struct {
	to      *site
	began   int // the boot of the receiver
	class   wire.Kind
	payload []byte
}

// maxCopies are kept, evenly spread over the run: whenever there are twice as many
// every other one goes.
const maxCopies = 32

func (c *copies) delivered(to *site, class wire.Kind, payload []byte) {
	switch class {
	case wire.KindBatch, wire.KindAnswer, wire.KindAck, wire.KindAnnounce, wire.KindHandedOff:
	default:
		return // what asks for an answer may have one
	}
	if c.count++; c.count%c.step() != 0 {
		return
	}
	if len(c.kept) == 2*maxCopies {
		for i := range maxCopies {
			c.kept[i] = c.kept[2*i+1]
		}
		c.kept = c.kept[:maxCopies]
	}
	c.kept = append(c.kept, letter{to, to.began, class, slices.Clone(payload)})
}

// step is how many messages there are to one that is kept.
func (c *copies) step() int {
	step := 1
	for c.count > step*2*maxCopies {
		step *= 2
	}
	return step
}

// judgeCopies delivers the copies, and compares what the replicas own. What a node
// does not own, it may take in to hand it on.
func (j *Judge) judgeCopies() {
	owned, held := map[*site][]uint16{}, map[*site]uint64{}
	for _, m := range slices.Backward(j.copies.kept) {
		if !m.to.up || m.to.began != m.began {
			continue
		}
		if _, looked := held[m.to]; !looked {
			owned[m.to] = j.owned(m.to)
			held[m.to] = j.imprint(m.to, owned[m.to])
		}
		before := held[m.to]
		m.to.receive(m.payload)
		held[m.to] = j.imprint(m.to, owned[m.to])
		if held[m.to] != before {
			j.accuse("O19", m.to, "", nil, "a copy of a message (%v, %d bytes) that had come before changed the replica", m.class, len(m.payload))
		}
	}
}

// owned lists the partitions that a site owns, and has fetched.
func (j *Judge) owned(s *site) (all []uint16) {
	for _, number := range j.scope {
		s.look(number, func(v *view) {
			if v.state == "ready" {
				all = append(all, number)
			}
		})
	}
	return all
}

// imprint sums up what a site holds of some partitions.
func (j *Judge) imprint(s *site, parts []uint16) (sum uint64) {
	for _, number := range parts {
		s.look(number, func(v *view) {
			sum += fold(uint64(number), v.root)
			v.Each(func(hash uint64, _ []byte, e *crdt.Entry) bool {
				sum += fingerprint(hash, e, e.Alive(j.wall()))
				return true
			})
		})
	}
	return sum
}
