package judge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/model"
)

// judgeEffect is O3 for writes: one changes something exactly when the model says
// so, and what its node observed was written by somebody.
func (j *Judge) judgeEffect(s *site, k *key, x *replica.Execution, changed bool, err error) {
	strange := j.model.Strange()
	switch {
	case err != nil:
		k.blind = true
		j.excuse("O3", excuseBlind)
	case k.blind:
		j.excuse("O3", excuseBlind)
	case len(strange) > 0:
		k.blind = true
		j.accuse("O3", s, k.name, strange, "%s observes what nobody wrote", x.Args[0])
	case changed != (x.Delta != nil):
		j.accuse("O3", s, k.name, []crdt.Dot{x.Op}, "%s: the model says that it changes something: %v, and the node: %v", x.Args[0], changed, x.Delta != nil)
	}
}

// judgeReply is O16, and O3 where it is simple: whether a key is there, and until
// when, follows from what its node observed and from the time.
func (j *Judge) judgeReply(s *site, k *key, x *replica.Execution) {
	if k.blind || k.known == nil {
		return
	}
	kind, until := j.model.Sees(k.name, x.Observed, x.Wall)
	if strange := j.model.Strange(); len(strange) > 0 {
		return // judged by the cells
	}
	there := kind != crdt.None
	left := int64(-1)
	if until != 0 {
		left = (until - x.Wall + 500) / 1000
	}
	name := strings.ToLower(string(x.Args[0]))
	switch r := &x.Reply; {
	case name == "exists" && (r.Int == 1) != there,
		name == "get" && (r.Type == command.Nil) == there,
		name == "ttl" && there != (r.Int != -2),
		name == "hgetall" && kind == crdt.None && len(r.List) > 0:
		j.accuse("O16", s, k.name, nil, "%s at %d says %s, the deadline is %d and the kind %v", name, x.Wall, replyText(r), until, kind)
	case name == "ttl" && there && r.Int != left:
		j.accuse("O16", s, k.name, nil, "ttl says %d, the model %d", r.Int, left)
	}
}

func replyText(r *command.Reply) string {
	switch r.Type {
	case command.Nil:
		return "that nothing is there"
	case command.Int:
		if r.Int <= 0 {
			return "that nothing is there"
		}
	}
	return "that the key is there"
}

// judgeWritten holds a value that a node shows to what was written under its dot.
func (j *Judge) judgeWritten(s *site, k *key, slot *crdt.Slot, w *model.Write) {
	if slot.Deadline != w.Until {
		j.accuse("O16", s, k.name, []crdt.Dot{w.Dot}, "the deadline of what was written at %v is %d here, and was %d", w.Dot.Stamp, slot.Deadline, w.Until)
	}
	if slot.Freed != 0 { // a stub: the value was given back
		if !j.due(w) {
			j.accuse("O16", s, k.name, []crdt.Dot{w.Dot}, "the value written at %v was given back, and had not expired", w.Dot.Stamp)
		}
		return
	}
	same := bytes.Equal(slot.Value, []byte(w.Text))
	if w.Cell.Kind == crdt.SortedSet {
		same = len(slot.Value) == 8 && math.Float64frombits(binary.BigEndian.Uint64(slot.Value)) == w.Score
	}
	if !same {
		j.accuse("O3", s, k.name, []crdt.Dot{w.Dot}, "the value written at %v to %q is %.20q… (%d bytes), and was %.20q… (%d bytes)", w.Dot.Stamp, w.Cell.Name, slot.Value, len(slot.Value), w.Text, len(w.Text))
	}
}

// brief writes what a reader sees in a line.
func brief(v model.Value) string {
	if v.Kind == crdt.None {
		return "nothing"
	}
	const most = 60
	text := fmt.Sprintf("a %v", v.Kind)
	for _, c := range v.Cells {
		if len(text) > most {
			text += " …"
			break
		}
		switch v.Kind {
		case crdt.SortedSet:
			text += fmt.Sprintf(" %.20q:%v", c.Name, c.Score)
		default:
			text += fmt.Sprintf(" %.20q:%.20q", c.Name, c.Text)
		}
	}
	if v.Until != 0 {
		text += fmt.Sprintf(" until %d", v.Until)
	}
	return text
}
