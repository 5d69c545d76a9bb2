package judge

import (
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
)

// origins knows who stamps under which name, and how far it has come.
type origins struct{ all map[crdt.Origin]*originBook }

type originBook struct {
	site  *site
	began int // the boot of the site
	last  crdt.Stamp
}

func (o *origins) init() { o.all = map[crdt.Origin]*originBook{} }

// judgeStamp is O9: what a node writes is above all that it has shown for the
// key, and its origin is its alone.
func (j *Judge) judgeStamp(s *site, k *key, x *replica.Execution) {
	if x.Delta == nil {
		return
	}
	if shown := s.mark(k).high; x.Op.Compare(shown) <= 0 {
		j.accuse("O9", s, k.name, []crdt.Dot{x.Op, shown}, "a write is stamped %v, and the node has shown %v for the key", x.Op.Stamp, shown.Stamp)
	}
	if len(x.Observed.Cells()) <= fewCells {
		x.Observed.Dots(func(d crdt.Dot) {
			if d.Compare(x.Op) >= 0 {
				j.accuse("O9", s, k.name, []crdt.Dot{x.Op, d}, "a write is stamped %v, and its node shows %v", x.Op.Stamp, d.Stamp)
			}
		})
	}
	j.judgeOrigin(s, k, x.Op)
}

func (j *Judge) judgeOrigin(s *site, k *key, op crdt.Dot) {
	book := j.origins.all[op.Origin]
	if book == nil {
		book = &originBook{site: s, began: s.began}
		j.origins.all[op.Origin] = book
	}
	switch {
	case book.site != s || book.began != s.began:
		j.accuse("O9", s, k.name, []crdt.Dot{op}, "origin %v stamps for %s, and stamped for %s in another boot", op.Origin, s.name, book.site.name)
	case op.Stamp <= book.last:
		j.accuse("O9", s, k.name, []crdt.Dot{op}, "origin %v stamps %v after %v", op.Origin, op.Stamp, book.last)
	}
	book.last = max(book.last, op.Stamp)
}
