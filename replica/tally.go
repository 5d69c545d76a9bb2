package replica

import "time"

// Tally is how far this node has told the changes of a partition. Who hears the
// changes sees by it that the last of them was lost, which no later one shows.
type Tally struct {
	Partition  uint16
	Epoch, Seq uint64        // of the latest Change
	Age        time.Duration // since that was told, at least
}

// notTallied is no number of an event: nothing has been tallied yet.
const notTallied = ^uint64(0)

// Tallies gives how far this node has told the partitions that it tells: those
// that have got further since it was asked last, or all. What is given here has
// been given by Changes, or is given by the next call of it.
func (r *Replica) Tallies(now Time, all bool) []Tally {
	var out []Tally
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		if p.leads {
			news := p.told != p.tallied
			if news {
				p.tallied, p.tallyAt = p.told, now.Mono
			}
			if news || all {
				out = append(out, Tally{part, p.lead, p.told, now.Mono - p.tallyAt})
			}
		}
		p.data.Unlock()
	}
	return out
}
