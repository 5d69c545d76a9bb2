package client

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// The headers of sessions.
const (
	headerSession = "Atoll-Session"
	headerWait    = "Atoll-Session-Wait-Ms"
	newSession    = "new"
)

// sessionWait is how long a node waits for what a session has seen if nothing is said.
const sessionWait = 500 * time.Millisecond

// session adds what a session needs.
func (t *trip) session(c *Call) {
	if c.Session == nil {
		return
	}
	token := newSession
	if len(c.Session) > 0 {
		token = base64.RawURLEncoding.EncodeToString(c.Session)
	}
	t.header = nats.Header{headerSession: {token}}
	wait := sessionWait
	switch {
	case c.Wait < 0:
		wait = 0
		t.header[headerWait] = []string{"0"}
	case c.Wait > 0:
		wait = c.Wait
		t.header[headerWait] = []string{strconv.FormatInt(max(1, c.Wait.Milliseconds()), 10)}
	}
	t.waits = wait
}

func (t *trip) subject(to target) string {
	if to.node != "" {
		return "atoll." + to.place.name + ".node." + to.node + ".v1." + t.op
	}
	return "atoll." + to.place.name + ".v1." + t.op
}

// fit has the node wait for the level for no longer than the command has time left, so that the node can still tell how
// far the write has come. Of little time half is for the way.
func (t *trip) fit(p *place) {
	if t.ack.Level == Local {
		return
	}
	left := t.until - t.m.clock()
	within := min(t.ack.within(), left-min(t.m.patience(p), left/2))
	within = max(within.Truncate(time.Millisecond), time.Millisecond) // 0 would be the default
	if within == t.within {
		return
	}
	t.within = within
	t.payload = t.encode(Ack{Level: t.ack.Level, Regions: t.ack.Regions, Within: within})
}

// encode writes the payload with another level.
func (t *trip) encode(ack Ack) []byte {
	if t.call != nil {
		return appendCall(nil, t.call, ack)
	}
	return appendBatch(nil, t.calls, ack)
}
