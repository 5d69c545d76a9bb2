package judge

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/simulate/model"
	"github.com/atollcache/atoll/wire"
)

// handover is O4 where a partition is given up in order: what the node holds then,
// its region must hold without it, or another one where it sees no owner in its own.
type handover struct {
	s    *site
	part *part
	at   time.Duration
	sole []*model.Write // that none of the heirs has heard of
}

// handedOff looks at partitions which a node may drop as soon as it reads that its
// owners have them.
func (j *Judge) handedOff(s, from *site, payload []byte) {
	env, err := wire.Open(payload)
	if err != nil {
		return
	}
	m, err := wire.ReadHandedOff(env.Body)
	if err != nil {
		return
	}
	heirs := slices.DeleteFunc(j.others(s), func(o *site) bool { return from.region == s.region && o.region != s.region })
	for _, number := range m.Partitions {
		if int(number) >= len(j.parts) || j.parts[number] == nil || !s.up {
			continue
		}
		h := &handover{s: s, part: j.parts[number], at: j.now()}
		s.look(number, func(v *view) {
			if v.state == "leaving" {
				h.sole = j.soleOf(v, h.part, heirs)
			}
		})
		if len(h.sole) > 0 {
			j.given = append(j.given, h)
		}
	}
}

// soleOf lists what a site shows of a partition, lives, and none of its heirs has
// heard of.
func (j *Judge) soleOf(v *view, p *part, heirs []*site) (sole []*model.Write) {
	for _, k := range p.keys {
		if k.known == nil {
			continue
		}
		for _, w := range k.known.Writes {
			if w.Lives() && !w.Past && !j.losses.unsure(w) && fateOf(v, k, w) == alive && !heardBy(heirs, k, w) {
				sole = append(sole, w)
			}
		}
	}
	return sole
}

func heardBy(sites []*site, k *key, w *model.Write) (yes bool) {
	for _, s := range sites {
		s.look(k.part.number, func(v *view) { yes = yes || fateOf(v, k, w) != unheard })
	}
	return yes
}

// judgeHandovers accuses who has dropped what it should have kept. Where a node of
// the region has lost its memory lately, it may be one that had taken over.
func (j *Judge) judgeHandovers() {
	for _, h := range j.given {
		if !h.s.up || h.s.look(h.part.number, func(*view) {}) {
			continue
		}
		if j.lostMemory(h.s.region, h.at-takeTime) {
			j.excuse("O4", excuseMemory)
			continue
		}
		w := h.sole[0]
		j.accuse("O4", h.s, w.Cell.Key.Name, nil, "partition %d was dropped with %d writes that none of its heirs has heard of, such as that at %v", h.part.number, len(h.sole), w.Dot.Stamp)
	}
	j.given = j.given[:0]
}

// takeTime is how long before a partition is dropped its new owners may have said
// that they have it.
const takeTime = 10 * time.Second

// lostMemory says whether a node of a region has ended since.
func (j *Judge) lostMemory(region string, since time.Duration) bool {
	return slices.ContainsFunc(j.sites, func(s *site) bool { return s.region == region && s.ended > 0 && s.ended >= since })
}
