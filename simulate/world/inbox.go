package world

import "time"

// nodeSpeed is one reason why a node is slow.
type nodeSpeed struct {
	each    time.Duration // that a message takes
	waiting int           // messages that may wait
}

// inboxBytes is what may wait at the door of a process before more is dropped,
// as a NATS server drops for a slow consumer; inboxLetters the same for one that
// is overloaded.
const (
	inboxBytes   = 8 << 20
	inboxLetters = 4096
)

// line has a letter wait for its turn.
func (n *Node) line(slot int32) {
	m := &n.w.letters[slot].m
	if n.held+m.Size > inboxBytes || len(n.inbox) >= n.room() {
		n.w.mark(MarkInboxOverflow)
		n.w.lose(m, "inbox overflow")
		n.w.release(slot)
		return
	}
	n.inbox = append(n.inbox, slot)
	n.held += m.Size
	if len(n.inbox) == 1 && n.pauses == 0 {
		n.serveAt(max(n.busyTill, n.w.now))
	}
}

func (n *Node) serveAt(t time.Duration) {
	tie := n.w.seed.draw(forTie, n.id+3, uint64(t))
	n.w.queue.push(event{at: t, tie: uint64(tie), what: serve, slot: int32(n.index), gen: n.gen})
}

// serve takes the next letter that waits.
func (n *Node) serve(gen uint32) {
	if n.gen != gen || n.pauses > 0 || len(n.inbox) == 0 {
		return
	}
	slot := n.inbox[0]
	n.inbox = n.inbox[1:]
	n.held -= n.w.letters[slot].m.Size
	n.busyTill = n.w.now + n.pace()
	n.w.hand(slot)
	if n.gen == gen && len(n.inbox) > 0 {
		n.serveAt(n.busyTill)
	}
}

// pace is what a message takes: nothing worth counting on a healthy node.
func (n *Node) pace() time.Duration {
	each := time.Duration(0)
	for _, s := range n.speeds {
		each = max(each, s.each)
	}
	return each
}

// room is how many messages may wait.
func (n *Node) room() int {
	room := inboxLetters
	for _, s := range n.speeds {
		room = min(room, s.waiting)
	}
	return room
}

// emptyInbox loses what waits for a process that has ended.
func (n *Node) emptyInbox() {
	for _, slot := range n.inbox {
		n.w.lose(&n.w.letters[slot].m, "nobody there")
		n.w.release(slot)
	}
	n.inbox, n.held = nil, 0
}
