package natsdoor

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/atollcache/atoll/replica"
)

// event is what a watcher is sent. Its name stands in the subject, too.
type event struct {
	Kind           string  `json:"kind"`
	Key            *string `json:"key,omitempty"`
	KeyB64         string  `json:"key_b64,omitempty"`
	Type           string  `json:"type,omitempty"`
	Stamp          string  `json:"stamp,omitempty"` // milliseconds and counter
	Region         string  `json:"region,omitempty"`
	DeadlineMillis int64   `json:"deadline_ms,omitempty"`
	Value          *string `json:"value,omitempty"`
	ValueB64       *string `json:"value_b64,omitempty"`

	Node      string `json:"node"`
	Partition uint16 `json:"partition"`
	Epoch     string `json:"epoch"` // beyond what every reader of JSON keeps exact
	Seq       uint64 `json:"seq"`

	Session string `json:"session,omitempty"` // a token that has seen it
}

// Tell publishes what has changed: an event of a key on atoll.<region>.v1.changes.<key>, and when this node begins to
// tell a partition that on atoll.<region>.v1.leads.<partition>. It may wait for the connection.
func (d *Door) Tell(changes []replica.Change) error {
	for i := range changes {
		c := &changes[i]
		payload, err := json.Marshal(d.event(c))
		if err != nil {
			return fmt.Errorf("encode an event: %w", err)
		}
		subject := "atoll." + d.cfg.Region + ".v1.changes." + EscapeKey(c.Key)
		if c.Kind == replica.ChangeLead {
			subject = "atoll." + d.cfg.Region + ".v1.leads." + strconv.Itoa(int(c.Partition))
		} else if len(c.Key) == 0 {
			continue // an empty key has no subject; the gap is told by the next event
		}
		if err := d.cfg.Conn.Publish(subject, payload); err != nil {
			return fmt.Errorf("publish on %s: %w", subject, err)
		}
	}
	return nil
}

// tally is what a watcher is sent of how far events have come.
type tally struct {
	Kind    string       `json:"kind"`
	Node    string       `json:"node"`
	Tallies []tallyEntry `json:"tallies"`
}

type tallyEntry struct {
	Partition uint16 `json:"partition"`
	Epoch     string `json:"epoch"`
	Seq       uint64 `json:"seq"`
	AgeMillis int64  `json:"age_ms"`
}

// Tally publishes how far the node has told its partitions, on atoll.<region>.v1.tallies.<node>, after what was told.
func (d *Door) Tally(all []replica.Tally) error {
	if len(all) == 0 {
		return nil
	}
	t := tally{Kind: "tally", Node: d.cfg.Node, Tallies: make([]tallyEntry, len(all))}
	for i, one := range all {
		t.Tallies[i] = tallyEntry{one.Partition, strconv.FormatUint(one.Epoch, 10), one.Seq, one.Age.Milliseconds()}
	}
	payload, err := json.Marshal(&t)
	if err != nil {
		return fmt.Errorf("encode a tally: %w", err)
	}
	if err := d.cfg.Conn.Publish("atoll."+d.cfg.Region+".v1.tallies."+d.cfg.Node, payload); err != nil {
		return fmt.Errorf("publish a tally: %w", err)
	}
	return nil
}

func (d *Door) event(c *replica.Change) *event {
	e := &event{
		Kind: c.Kind.String(), Region: c.Region, DeadlineMillis: c.Deadline,
		Node: d.cfg.Node, Partition: c.Partition, Epoch: strconv.FormatUint(c.Epoch, 10), Seq: c.Seq,
	}
	if c.Dot.Stamp != 0 {
		e.Stamp = c.Dot.Stamp.String()
	}
	if token := c.Session(d.cfg.Cluster); token != nil {
		e.Session = base64.RawURLEncoding.EncodeToString(token)
	}
	if c.Kind == replica.ChangeLead {
		return e
	}
	e.Type = c.Type.String()
	if utf8.Valid(c.Key) {
		key := string(c.Key)
		e.Key = &key
	} else {
		e.KeyB64 = base64.StdEncoding.EncodeToString(c.Key)
	}
	switch {
	case c.Value == nil:
	case utf8.Valid(c.Value):
		value := string(c.Value)
		e.Value = &value
	default:
		value := base64.StdEncoding.EncodeToString(c.Value)
		e.ValueB64 = &value
	}
	return e
}
