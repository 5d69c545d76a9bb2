package client

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// EventKind says what has become of a key.
type EventKind uint8

// The kinds of events.
const (
	Gap     EventKind = iota // something may have been missed: read again what is of interest
	Changed                  // the key shows another value or type, or is new
	Removed                  // the key is gone
	Expiry                   // only the deadline is another
	Expired                  // the deadline has passed
	lead                     // a node begins to tell the changes of a partition
	deaf                     // nothing is heard until the next gap
)

// String names the kind.
func (k EventKind) String() string {
	return [...]string{"gap", "changed", "removed", "expiry", "expired", "lead", "deaf"}[k]
}

// Event is something that readers of a region see otherwise from now on, whichever region it came from.
type Event struct {
	Kind     EventKind
	Key      string
	Type     string    // of what is there now: string, hash, set or zset
	Origin   string    // the region where it was written, if that is known
	Deadline time.Time // zero for none
	Value    []byte    // of a string, if the nodes send small values along; else nil
	Region   string    // that told it

	// Session is the token of a session that has seen what the event tells; nil if there is nothing to wait for. A read
	// with it, see [SessionOptions], shows nothing older, whichever node answers.
	Session []byte

	// Partition is where the keys are that a gap concerns, -1 for all keys; of other events, where the key is. Node,
	// Epoch and Seq tell where in what a node has told of the partition the event stands.
	Partition int
	Node      string
	Epoch     uint64
	Seq       uint64
}

// Concerns says whether an event, be it a gap, may be about a key.
func (e *Event) Concerns(key string) bool {
	if e.Kind != Gap {
		return e.Key == key
	}
	return e.Partition < 0 || e.Partition == int(partitionOf([]byte(key)))
}

// wireEvent is an event as nodes publish it.
type wireEvent struct {
	Kind     string  `json:"kind"`
	Key      string  `json:"key"`
	KeyB64   *string `json:"key_b64"`
	Type     string  `json:"type"`
	Region   string  `json:"region"`
	Deadline int64   `json:"deadline_ms"`
	Value    *string `json:"value"`
	ValueB64 *string `json:"value_b64"`

	Node      string `json:"node"`
	Partition int    `json:"partition"`
	Epoch     string `json:"epoch"`
	Seq       uint64 `json:"seq"`

	Session string `json:"session"`

	Tallies []wireTally `json:"tallies"`
}

// eventKinds are the names of kinds in events.
var eventKinds = map[string]EventKind{ // immutable: nothing writes it
	"lead": lead, "set": Changed, "del": Removed, "expire": Expiry, "expired": Expired,
}

var errEvent = errors.New("the event cannot be read")

// readEvent gives an event of a region.
func readEvent(region string, w *wireEvent) (Event, error) {
	kind, known := eventKinds[w.Kind]
	epoch, err := strconv.ParseUint(w.Epoch, 10, 64)
	if !known || err != nil || w.Partition < 0 || w.Partition >= partitions {
		return Event{}, errEvent
	}
	e := Event{
		Kind: kind, Key: w.Key, Type: w.Type, Origin: w.Region, Region: region,
		Partition: w.Partition, Node: w.Node, Epoch: epoch, Seq: w.Seq,
	}
	if w.Session != "" {
		if e.Session, err = base64.RawURLEncoding.DecodeString(w.Session); err != nil {
			return Event{}, errEvent
		}
	}
	if w.Deadline > 0 {
		e.Deadline = time.UnixMilli(w.Deadline)
	}
	if w.Value != nil {
		e.Value = []byte(*w.Value)
	}
	for text, set := range map[*string]func([]byte){ // order-free: each sets its own field
		w.KeyB64: func(b []byte) { e.Key = string(b) }, w.ValueB64: func(b []byte) { e.Value = b },
	} {
		if text == nil {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(*text)
		if err != nil {
			return Event{}, errEvent
		}
		set(raw)
	}
	return e, nil
}

// A Tracker finds the gaps in what the nodes of a region tell of changes. It is for a [Backend]; others use
// [Client.Watch].
type Tracker struct {
	region string
	hear   func(Event)
	began  time.Time // of listening
	parts  [partitions][]stream
}

// stream is what one node has told of a partition in one epoch.
type stream struct {
	node  string
	epoch uint64
	seq   uint64
}

// maxStreams bounds those that are remembered of a partition: of two nodes that disagree on who lives, and of one that
// was restarted meanwhile.
const maxStreams = 3

// NewTracker gives a tracker that calls hear, from within its own methods.
func NewTracker(region string, hear func(Event)) *Tracker {
	return &Tracker{region: region, hear: hear, began: time.Now()}
}

// Deaf tells that nothing will be heard until Reset.
func (t *Tracker) Deaf() { t.hear(Event{Kind: deaf, Region: t.region, Partition: -1}) }

// Reset forgets what was heard, and tells a gap of all keys.
func (t *Tracker) Reset() {
	t.parts, t.began = [partitions][]stream{}, time.Now()
	t.hear(Event{Kind: Gap, Region: t.region, Partition: -1})
}

// Take takes a message of one of the [Subjects]. One that cannot be read is a gap.
func (t *Tracker) Take(payload []byte) {
	var w wireEvent
	if json.Unmarshal(payload, &w) != nil {
		t.Reset()
		return
	}
	if w.Kind == "tally" {
		if t.count(&w) != nil {
			t.Reset()
		}
		return
	}
	e, err := readEvent(t.region, &w)
	if err != nil {
		t.Reset()
		return
	}
	if t.follows(&e) {
		t.gap(&e)
	}
	if e.Kind != lead {
		t.hear(e)
	}
}

func (t *Tracker) gap(e *Event) {
	t.hear(Event{Kind: Gap, Region: t.region, Partition: e.Partition, Node: e.Node, Epoch: e.Epoch, Seq: e.Seq, Session: e.Session})
}

// follows notes an event, and says whether something is missing before it. The first of a partition is where listening
// began; a stream that begins later than that is one that was taken over.
func (t *Tracker) follows(e *Event) (missing bool) {
	all := t.parts[e.Partition]
	for i := range all {
		if s := &all[i]; s.node == e.Node && s.epoch == e.Epoch {
			missing = e.Seq > s.seq+1
			s.seq = max(s.seq, e.Seq)
			return missing
		}
	}
	t.note(e)
	return len(all) > 0 || e.Kind == lead
}

// note remembers a stream, in place of the oldest if there are many.
func (t *Tracker) note(e *Event) {
	all := t.parts[e.Partition]
	if len(all) == maxStreams {
		all = all[1:]
	}
	t.parts[e.Partition] = append(all[:len(all):len(all)], stream{e.Node, e.Epoch, e.Seq})
}
