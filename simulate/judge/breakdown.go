package judge

import "github.com/atollcache/atoll/wire"

// damaged notes a message that comes otherwise than it was sent. Nobody may take
// it, so to all oracles it is a lost one.
func (j *Judge) damaged(s *site, class wire.Kind, whole []byte, hears bool) {
	j.struck++
	j.repairs.lost(class, whole)
	if hears {
		s.damaged++
	}
}

// judgeRefused is O22 for messages: whoever is healthy sends none that cannot be
// read.
func (j *Judge) judgeRefused(s *site, class string, damaged bool, err error) {
	if damaged {
		s.refused++
		return
	}
	j.accuse("O22", s, "", nil, "a message (%s) was refused: %v", class, err)
}

// judgeDamaged is O22 for messages that were damaged on their way: all are
// refused, whatever they say.
func (j *Judge) judgeDamaged(s *site) {
	if s.damaged != s.refused {
		j.accuse("O22", s, "", nil, "%d damaged messages came, and %d of them were refused", s.damaged, s.refused)
	}
}

// judgeStats is O22 for what a replica counts of messages that it cannot read:
// those that were damaged, and no others.
func (j *Judge) judgeStats() {
	for _, s := range j.others(nil) {
		j.judgeDamaged(s)
		if st := s.status().Stats; st.Malformed+st.Foreign != s.refused {
			j.accuse("O22", s, "", nil, "%d messages could not be read, %d were of another cluster, and %d were damaged on their way", st.Malformed, st.Foreign, s.refused)
		}
	}
}
