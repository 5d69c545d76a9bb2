package crdt

import (
	"fmt"
	"math"
)

// operation is one call of mutators and what it means.
type operation struct {
	*world
	replica     *replica
	shown       events
	op          Dot
	adds, kills events
}

func (o *operation) draw(d *Delta) {
	e := o.replica.entry
	kind, name := o.cell()
	if o.expiring && !e.Alive(o.op.Stamp.Millis()) {
		o.kill(func(v event) bool { return v.sort != extension })
		d.Clear(e, &o.replica.context, o.op)
		o.put(d, kind, name)
		return
	}
	switch o.dice.Intn(9) {
	case 0, 1:
		o.put(d, kind, name)
	case 2, 3:
		o.add(d, kind, name)
	case 4:
		o.killCell(kind, name)
		d.Remove(e, kind, name, o.op)
	case 5: // DEL, and perhaps a write behind it, as on a key that expired
		o.kill(func(v event) bool { return v.sort != extension })
		d.Clear(e, o.clearContext(), o.op)
		switch o.dice.Intn(4) {
		case 0:
			o.put(d, kind, name)
		case 1:
			o.add(d, kind, name)
		}
	case 6, 7:
		o.extend(d)
	case 8:
		o.kill(func(v event) bool { return v.sort != extension && v.kind != kind && v.kind != Expiry })
		d.ClearHidden(e, kind, o.op)
		o.put(d, kind, name)
	}
}

func (o *operation) clearContext() *Context {
	if !o.bugs.vectorTooHigh {
		return &o.replica.context
	}
	all := &Context{}
	for v := range o.shown {
		all.Raise(Dot{math.MaxUint64, v.dot.Origin})
	}
	return all
}

func (o *operation) kill(when func(event) bool) {
	for v := range o.shown {
		if when(v) {
			o.kills[v] = true
		}
	}
}

func (o *operation) killCell(kind Kind, name string) {
	o.kill(func(v event) bool { return v.sort != extension && v.kind == kind && v.name == name })
}

func (o *operation) note(v event, f fact) {
	o.oracle.facts[v] = &f
	o.adds[v] = true
}

func (o *operation) put(d *Delta, kind Kind, name string) {
	f := fact{value: fmt.Sprint(o.op), deadline: o.soon()}
	o.killCell(kind, name)
	d.Put(o.replica.entry, kind, name, []byte(f.value), f.deadline, o.op)
	o.note(event{sort: register, kind: kind, name: name, dot: o.op}, f)
}

// add increments by a bit of its own. A count is a running sum, so its delta
// also tells the origin's increments before it.
func (o *operation) add(d *Delta, kind Kind, name string) {
	n := cellName{kind, name}
	bit := len(o.oracle.bits[n])
	if bit > 60 || o.expiring {
		return
	}
	v := event{sort: increment, kind: kind, name: name, dot: o.op}
	for _, before := range o.oracle.bits[n] {
		if before.dot.Origin == o.op.Origin {
			o.adds[before] = true
		}
	}
	o.oracle.bits[n] = append(o.oracle.bits[n], v)
	o.note(v, fact{bit: bit})

	d.Add(o.replica.entry, kind, name, Sum{Int: 1 << bit, Float: 0.1 * float64(bit+1)}, o.op)
	if o.bugs.noBirth {
		d.Cell(kind, name).count(o.op.Origin).Birth = 0
	}
}

func (o *operation) extend(d *Delta) {
	deadline := o.soon()
	d.Extend(o.replica.entry, deadline, o.op)

	top, ok := newest(o.shown, cellName{String, ""})
	if o.oracle.view(o.shown, nil).kind != String || !ok {
		o.killCell(Expiry, "")
		o.note(event{sort: register, kind: Expiry, dot: o.op}, fact{deadline: deadline})
		return
	}
	o.kill(func(v event) bool { return v.sort == extension && v.of == top.dot })
	o.note(event{sort: extension, kind: String, dot: o.op, of: top.dot}, fact{deadline: deadline})
}
