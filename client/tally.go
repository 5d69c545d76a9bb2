package client

import (
	"strconv"
	"time"
)

// Subjects are what a [Tracker] must hear of a region, below atoll.<region>.v1.
func Subjects() []string { return []string{"changes.>", "leads.*", "tallies.*"} }

// wireTally says how far a node has told a partition, and since when at least that stands.
type wireTally struct {
	Partition int    `json:"partition"`
	Epoch     string `json:"epoch"`
	Seq       uint64 `json:"seq"`
	AgeMillis int64  `json:"age_ms"`
}

// count compares what a node says that it has told with what was heard. What is missing at the end shows only here.
func (t *Tracker) count(w *wireEvent) error {
	listening := time.Since(t.began)
	for i := range w.Tallies {
		one := &w.Tallies[i]
		epoch, err := strconv.ParseUint(one.Epoch, 10, 64)
		if err != nil || one.Partition < 0 || one.Partition >= partitions {
			return errEvent
		}
		e := Event{Partition: one.Partition, Node: w.Node, Epoch: epoch, Seq: one.Seq}
		if t.lags(&e, time.Duration(one.AgeMillis)*time.Millisecond < listening) {
			t.gap(&e)
		}
	}
	return nil
}

// lags notes how far a node has come, and says whether something of that was not heard. Of a partition of which nothing
// was heard yet that is so if the node got there while this one listened.
func (t *Tracker) lags(e *Event, lately bool) bool {
	all := t.parts[e.Partition]
	for i := range all {
		if s := &all[i]; s.node == e.Node && s.epoch == e.Epoch {
			behind := s.seq < e.Seq
			s.seq = max(s.seq, e.Seq)
			return behind
		}
	}
	t.note(e)
	return len(all) > 0 || lately
}
