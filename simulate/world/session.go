package world

import "time"

// stay is how long a session stays in a region before it moves on.
const stay = 4 * time.Second

// session is one client who moves between regions. It asks one thing at a time.
type session struct {
	number int
	token  []byte // of the last answer that had one; empty before, and never nil
	busy   bool
}

// enroll gives the sessions of a load, which all its clients share.
func (w *World) enroll(load int, count int) []*session {
	for len(w.sessions) <= load {
		w.sessions = append(w.sessions, nil)
	}
	for len(w.sessions[load]) < count {
		w.enrolled++
		w.sessions[load] = append(w.sessions[load], &session{number: w.enrolled, token: []byte{}})
	}
	return w.sessions[load]
}

// heard takes the token of an answer along. After none, or one without, the last
// one still holds.
func (s *session) heard(op *Op) {
	s.busy = false
	if op.Outcome == Answered && op.Answer.Session != nil {
		s.token = op.Answer.Session
	}
}

// whereabouts is the region of a session, by its place in the list.
func (c *client) whereabouts(s *session) int {
	period := uint64(c.w.now / stay)
	return int(c.w.seed.draw(forSession, uint64(s.number), period).below(uint64(len(c.w.regions))))
}

// session picks one that is in this region and waits for nothing, nil if there
// is none.
func (c *client) session(number uint64) *session {
	count := len(c.sessions)
	if count == 0 {
		return nil
	}
	first := int(c.w.seed.draw(forSession, c.id, number).below(uint64(count)))
	for i := range c.sessions {
		s := c.sessions[(first+i)%count]
		if !s.busy && c.whereabouts(s) == c.region.index {
			return s
		}
	}
	return nil
}
