package report

import (
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/wire"
)

// carry notes the keys in a message, and says whether the one that matters is
// among them. What cannot be read has none: it was damaged.
func (x *message) carry(m *world.Message, matters string) (has bool) {
	envelope, err := wire.Open(m.Payload)
	if err != nil {
		return false
	}
	each(&envelope, func(key []byte) {
		name := string(key)
		mine := matters != "" && name == matters
		has = has || mine
		switch short := shorten(printable(name), 60); {
		case slices.Contains(x.Keys, short):
		case len(x.Keys) < maxKeys || mine:
			x.Keys = append(x.Keys, short)
		default:
			x.More++
		}
	})
	return has
}

// each gives the keys of a message.
func each(e *wire.Envelope, f func(key []byte)) {
	switch e.Kind {
	case wire.KindBatch:
		eachDelta(e.Body, f)
	case wire.KindAnswer:
		eachEntry(e.Body, f)
	case wire.KindForward:
		eachArgument(e.Body, f)
	}
}

func eachDelta(body []byte, f func(key []byte)) {
	r, err := wire.ReadBatch(body, crdt.Limits{})
	if err != nil {
		return
	}
	var key []byte
	var d crdt.Delta
	for {
		if more, err := r.Next(&key, &d); !more || err != nil {
			return
		}
		f(key)
	}
}

func eachEntry(body []byte, f func(key []byte)) {
	r, err := wire.ReadAnswer(body, crdt.Limits{})
	if err != nil {
		return
	}
	var key []byte
	var e crdt.Entry
	for {
		if more, err := r.Next(&key, &e); !more || err != nil {
			return
		}
		f(key)
	}
}

func eachArgument(body []byte, f func(key []byte)) {
	if r, err := wire.ReadForward(body); err == nil && len(r.Args) > 1 {
		f(r.Args[1])
	}
}
