package world

import (
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/replica"
)

func failed(a *replica.Answer) bool { return a.Reply.Type == command.Error }

// Observers gives an observer that passes everything on, in this order.
func Observers(all ...Observer) Observer {
	kept := make(several, 0, len(all))
	for _, o := range all {
		if o != nil {
			kept = append(kept, o)
		}
	}
	if len(kept) == 1 {
		return kept[0]
	}
	return kept
}

type several []Observer

func (s several) Executed(n *Node, x *replica.Execution) {
	for _, o := range s {
		o.Executed(n, x)
	}
}

func (s several) Merged(n *Node, m *replica.Merging) {
	for _, o := range s {
		o.Merged(n, m)
	}
}

func (s several) Asked(op *Op) {
	for _, o := range s {
		o.Asked(op)
	}
}

func (s several) Answered(op *Op) {
	for _, o := range s {
		o.Answered(op)
	}
}

func (s several) Sent(m *Message) {
	for _, o := range s {
		o.Sent(m)
	}
}

func (s several) Delivered(m *Message) {
	for _, o := range s {
		o.Delivered(m)
	}
}

func (s several) Lost(m *Message, why string) {
	for _, o := range s {
		o.Lost(m, why)
	}
}

func (s several) Refused(m *Message, err error) {
	for _, o := range s {
		o.Refused(m, err)
	}
}

func (s several) Crashing(n *Node) {
	for _, o := range s {
		o.Crashing(n)
	}
}

func (s several) Leaving(n *Node, why string) {
	for _, o := range s {
		o.Leaving(n, why)
	}
}

func (s several) Started(n *Node) {
	for _, o := range s {
		o.Started(n)
	}
}

func (s several) Happened(at time.Duration, text string) {
	for _, o := range s {
		o.Happened(at, text)
	}
}

func (s several) Phase(p Phase) {
	for _, o := range s {
		o.Phase(p)
	}
}

func (s several) Broke(n *Node, what string) {
	for _, o := range s {
		o.Broke(n, what)
	}
}
