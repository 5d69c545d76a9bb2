package judge

import (
	"github.com/atollcache/atoll/crdt"
)

// judgeEqual is O1: all replicas of a partition have the same digest.
func (j *Judge) judgeEqual() {
	if !j.settled("O1") {
		return
	}
	for _, number := range j.scope {
		if j.ahead(j.parts[number]) {
			j.excuse("O1", excuseFuture)
			continue
		}
		if !j.divergent(number) {
			continue
		}
		if j.gapAnywhere(j.parts[number]) {
			j.excuse("O1", excuseWaits)
			continue
		}
		if j.equalButExpired(number) {
			j.excuse("O1", excuseExpired)
			continue
		}
		var first *site
		var root uint64
		for _, s := range j.others(nil) {
			s.look(number, func(v *view) {
				switch {
				case first == nil:
					first, root = s, v.root
				case v.root != root:
					j.accuse("O1", s, "", nil, "partition %d has digest %x (%s), and %x on %s", number, v.root, v.state, root, first.name)
				}
			})
		}
	}
}

// equalButExpired says whether replicas differ in nothing but keys that have
// expired: each lets those go when its clock and what it has heard allow, and O15
// sees to it that all of them do.
func (j *Judge) equalButExpired(number uint16) bool {
	first, before, equal := true, uint64(0), true
	for _, s := range j.others(nil) {
		s.look(number, func(v *view) {
			var sum uint64
			v.Each(func(hash uint64, _ []byte, e *crdt.Entry) bool {
				if d := e.Deadline(); d == 0 || d > j.wall() {
					sum += v.Digest(hash, e)
				}
				return true
			})
			equal = equal && (first || sum == before)
			first, before = false, sum
		})
	}
	return equal
}

// settled says whether the run leaves time to become equal, and asks for it.
func (j *Judge) settled(oracle string) bool {
	if j.sc.SafetyOnly {
		j.excuse(oracle, excuseSafety)
		return false
	}
	return j.longEnough(oracle)
}

// longEnough says whether the replicas have had the time to become equal.
func (j *Judge) longEnough(oracle string) bool {
	p := j.sc.Phases
	if p.Heal+p.Quiesce < j.heal.bound || p.Quiesce < j.heal.calm {
		j.excuse(oracle, excuseShort)
		return false
	}
	return true
}

// judgeDigests is O2: every root is the sum of what its entries contribute, and
// where roots are equal, so is all that a reader can see.
func (j *Judge) judgeDigests() {
	for _, number := range j.scope {
		shown := map[uint64]uint64{} // by root
		for _, s := range j.others(nil) {
			s.look(number, func(v *view) {
				var sum, content uint64
				v.Each(func(hash uint64, key []byte, e *crdt.Entry) bool {
					sum += v.Digest(hash, e)
					content += fingerprint(hash, e, e.Alive(j.wall()))
					return true
				})
				if sum != v.root {
					j.accuse("O2", s, "", nil, "the digest of partition %d is %x, and its entries amount to %x", number, v.root, sum)
				}
				if before, ok := shown[v.root]; ok && before != content {
					j.accuse("O2", s, "", nil, "partition %d has the digest %x here and elsewhere, and not the same cells", number, v.root)
				}
				shown[v.root] = content
			})
		}
	}
}

// fingerprint sums up what an entry shows: deadlines and counts, and values, which
// a key that has expired may give back, in no order.
func fingerprint(hash uint64, e *crdt.Entry, values bool) (sum uint64) {
	cells := e.Cells()
	for i := range cells {
		c := &cells[i]
		cell := fold(hash, uint64(c.Kind), text(c.Name))
		sum += slotsPrint(cell, c, values) + countsPrint(cell, c)
	}
	return sum
}

func slotsPrint(cell uint64, c *crdt.Cell, values bool) (sum uint64) {
	for _, s := range c.Slots {
		if s.Dead {
			continue
		}
		sum += fold(cell, 1, dot(s.Dot), uint64(s.Deadline))
		if values {
			sum += fold(cell, 2, dot(s.Dot), text(s.Value))
		}
	}
	for _, x := range c.Extensions {
		if !x.Dead {
			sum += fold(cell, 3, dot(x.Dot), dot(x.Of), uint64(x.Deadline))
		}
	}
	return sum
}

func countsPrint(cell uint64, c *crdt.Cell) (sum uint64) {
	for _, n := range c.Counts {
		if !n.Dead {
			sum += fold(cell, 4, dot(n.Dot), uint64(n.Birth), uint64(n.Sum.Int))
		}
	}
	for _, b := range c.Bases {
		sum += fold(cell, 5, b.Origin.Node, b.Origin.Epoch, uint64(b.Seen), uint64(b.Sum.Int))
	}
	return sum
}

const prime = 0x100000001b3

func fold(words ...uint64) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, w := range words {
		h = (h ^ w) * prime
		h ^= h >> 29
	}
	return h
}

func text[T string | []byte](s T) uint64 {
	h := uint64(len(s))
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return h
}

func dot(d crdt.Dot) uint64 { return fold(uint64(d.Stamp), d.Origin.Node, d.Origin.Epoch) }
