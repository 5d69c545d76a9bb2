package replica

import (
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// bids is what a node knows of the versions under which its region was
// announced. Nodes that disagree about who is alive announce different views,
// and the other regions believe the highest. So that they do not go above each
// other for ever, a view is raised once at most: above what somebody left behind
// who is not there any more. What is left after that is decided by those who
// hear the views, who drop one that nobody repeats.
type bids struct {
	highest uint64 // that anybody announced
	other   bool   // a higher one than the view of this node, that says something else
	raised  bool   // the view has been raised
}

// hear notes a version of the region, and whether the view of this node, of
// another version, says the same.
func (b *bids) hear(version, own uint64, same bool) {
	b.highest = max(b.highest, version)
	b.other = b.other || version > own && !same
}

// due says whether the view is to be raised.
func (b *bids) due() bool { return b.other && !b.raised }

// made notes that the view was given a version above all, raised or new.
func (b *bids) made(raised bool) { b.other, b.raised = false, raised }

// hearBids notes what others say of this region: a node of it, or one of another
// region, which may remember a view that nobody here does, since all nodes of
// this region may have restarted with clocks set back.
func (r *Replica) hearBids(now Time, from region.Peer, m *wire.Announce) {
	if r.pending == nil {
		return
	}
	own := r.dir.View(r.cfg.Region)
	if from.Region == r.cfg.Region {
		said := region.View{Instance: own.Instance, Nodes: viewNodes(m)}
		r.announce.bids.hear(m.Version, own.Version, own.Says(&said))
	}
	for _, k := range m.Regions {
		if k.Region == r.cfg.Region && k.Version <= furthest(now) {
			r.announce.bids.hear(k.Version, own.Version, k.Sum == r.dir.Sum(r.cfg.Region))
		}
	}
}

// nextVersion is above everything that was announced of this region, if the
// others would believe that; a clock may have been far ahead.
func (r *Replica) nextVersion(now Time, own uint64) uint64 {
	wall := uint64(max(now.Wall, 0))
	next := max(own+1, r.announce.bids.highest+1, wall)
	if next > furthest(now) {
		return wall
	}
	return next
}

// furthest is above every epoch and every version that a healthy node takes.
func furthest(now Time) uint64 { return uint64(max(now.Wall, 0)) + maxEpochAhead }

// maxEpochAhead is how far, in milliseconds, epochs and versions may be ahead of
// the clock: every restart without a clock that has moved on adds a minute.
const maxEpochAhead = 365 * 24 * 3600 * 1000

// telling is what another region has said of itself.
type telling struct {
	held        time.Duration // when it last said what is believed of it
	since, last time.Duration // from when to when it said something older, without a break
}

// A view is forsaken when nobody has repeated it for so many announcements, and
// for as many another one was.
const forsakenAfter = 5

// learnView takes over what another region says of itself, and says whether it
// was news. The newest view counts, unless it is forsaken.
func (r *Replica) learnView(now Time, v region.View) bool {
	held := r.dir.View(v.Region)
	dir, news, err := r.dir.With(v)
	if err != nil {
		return r.install(now, v.Region, dir, news, err)
	}
	told := r.announce.toldBy(v.Region)
	if dir != r.dir || held.Says(&v) {
		told.held = now.Mono
		return r.install(now, v.Region, dir, news, nil)
	}
	if now.Mono-told.last > forsakenAfter*r.t.Announce {
		told.since = now.Mono
	}
	told.last = now.Mono
	if now.Mono-max(told.held, told.since) <= forsakenAfter*r.t.Announce {
		return false
	}
	told.held = now.Mono
	return r.goBy(now, v)
}

func (a *announcer) toldBy(name string) *telling {
	if a.told == nil {
		a.told = map[string]*telling{}
	}
	if a.told[name] == nil {
		a.told[name] = &telling{}
	}
	return a.told[name]
}

// goBy puts a view into the directory, however new the one there is, and says
// whether it was news.
func (r *Replica) goBy(now Time, v region.View) bool {
	dir, news, err := r.dir.Instead(v)
	return r.install(now, v.Region, dir, news, err)
}

// install goes by a directory in which the view of a region is another.
func (r *Replica) install(now Time, name string, dir *region.Directory, news bool, err error) bool {
	if err != nil {
		r.stats.Malformed++
		return false
	}
	if dir != r.dir {
		r.inquiry.begin(r, now) // also by a view that looks the same: others may have come and gone
	}
	if !news {
		r.dir = dir
		return false
	}
	r.absent.compare(now, r.dir.View(name), dir.View(name))
	r.dir = dir
	clear(r.repair.closing)
	r.repair.viewedAt = now.Mono
	r.reown(now)
	r.relead()
	r.rewire(now) // at once: no write must find an audience of nobody
	return true
}
