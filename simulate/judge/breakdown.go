package judge

// judgeRefused is O22 for messages: whoever is healthy sends none that cannot be
// read.
func (j *Judge) judgeRefused(s *site, class string, err error) {
	if j.damaged {
		j.excuse("O22", excuseDamage)
		return
	}
	j.accuse("O22", s, "", nil, "a message (%s) was refused: %v", class, err)
}

// judgeStats is O22 for what a replica counts of messages that it cannot read.
func (j *Judge) judgeStats() {
	for _, s := range j.others(nil) {
		st := s.status().Stats
		if st.Malformed+st.Foreign == 0 {
			continue
		}
		if j.damaged {
			j.excuse("O22", excuseDamage)
			continue
		}
		j.accuse("O22", s, "", nil, "%d messages could not be read, %d were of another cluster", st.Malformed, st.Foreign)
	}
}
