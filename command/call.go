package command

import "github.com/atollcache/atoll/crdt"

// Call is one execution of a command on one key. It may be used again, with
// other arguments, once its reply and its delta are no longer needed.
type Call struct {
	Args    [][]byte      // what follows the name; of a command with keys, Args[0] is the key
	Entry   *crdt.Entry   // what the node holds of the key, empty if nothing; nil only without a key
	Context *crdt.Context // of the key's partition; for writes
	Now     int64         // unix milliseconds at which a read sees the key; a write goes by its stamp
	Op      crdt.Dot      // names this operation, above all that the entry shows; for writes
	Delta   *crdt.Delta   // what a write changes, filled by Exec; its values alias Args and the call
	Limits  Limits

	command *Command
	limits  Limits    // with the defaults filled in
	kind    crdt.Kind // what a reader sees of the key, None if it does not exist
	scratch []byte    // numbers in replies, scores in deltas
}

// Limits bound what a command may bring in. Zero fields have the defaults.
type Limits struct {
	MaxKey    int // bytes of a key; 512
	MaxValue  int // bytes of a value, or of any other argument; 1 MiB
	MaxName   int // bytes of a field or member; 64 KiB
	MaxFields int // fields or members of one key; 1 Mi
}

func (l Limits) orDefaults() Limits {
	if l.MaxKey == 0 {
		l.MaxKey = 512
	}
	if l.MaxValue == 0 {
		l.MaxValue = 1 << 20
	}
	if l.MaxName == 0 {
		l.MaxName = 64 << 10
	}
	if l.MaxFields == 0 {
		l.MaxFields = 1 << 20
	}
	return l
}

// Longest is how many bytes any one argument may have.
func (l Limits) Longest() int {
	l = l.orDefaults()
	return max(l.MaxKey, l.MaxValue)
}

// maxArgs is what filling the largest key needs: the key, some options, and two
// arguments for every field.
func (l Limits) maxArgs() int { return 16 + 2*l.MaxFields }

// maxScratch is what a call keeps for its next use.
const maxScratch = 64 << 10

// begin looks at the key once, for everything that follows.
func (c *Call) begin(command *Command) {
	c.command = command
	c.limits = c.Limits.orDefaults()
	c.kind = crdt.None
	c.scratch = c.scratch[:0]
	if cap(c.scratch) > maxScratch {
		c.scratch = nil
	}
	if command.Keys == NoKey {
		return
	}

	at := c.Now
	if command.Write {
		at = c.Op.Stamp.Millis()
	}
	if c.Entry.Alive(at) {
		c.kind = c.Entry.Type()
	}
}

// clash says whether the key exists and is of another kind.
func (c *Call) clash(kind crdt.Kind) bool { return c.kind != crdt.None && c.kind != kind }

// len gives the number of fields or members that the key shows.
func (c *Call) len(kind crdt.Kind) int {
	if c.kind != kind {
		return 0
	}
	return c.Entry.Len(kind)
}

// cell gives a cell that a reader sees, or nil.
func (c *Call) cell(kind crdt.Kind, name []byte) *crdt.Cell {
	if c.kind != kind {
		return nil
	}
	cell := c.Entry.Cell(kind, string(name))
	if cell == nil || !cell.Visible() {
		return nil
	}
	return cell
}

// settle makes the key ready for a write that does not replace it whole: what
// nobody sees is taken away, so that it cannot show through later.
func (c *Call) settle() {
	if c.kind == crdt.None {
		c.Delta.Clear(c.Entry, c.Context, c.Op)
		return
	}
	if len(c.Entry.Cells()) == 1 {
		return
	}
	c.Delta.ClearHidden(c.Entry, c.kind, c.Op)
	if c.kind == crdt.String && c.Entry.Cell(crdt.String, "").Value() != nil {
		// The register carries the deadline. One that is left from another
		// kind must not come to bear when only increments remain.
		c.Delta.Remove(c.Entry, crdt.Expiry, "", c.Op)
	}
}

// put writes the register of a cell. One call may put the same cell again: both
// have the same dot, of which the first would win, so the later goes in its place.
func (c *Call) put(kind crdt.Kind, name, value []byte) {
	if own := c.written(kind, name); own != nil {
		own.Value = value
		return
	}
	c.Delta.Put(c.Entry, kind, string(name), value, 0, c.Op)
}

// written gives the slot that this call has put, or nil.
func (c *Call) written(kind crdt.Kind, name []byte) *crdt.Slot {
	cell := c.Delta.Cell(kind, string(name))
	if cell == nil {
		return nil
	}
	if own := cell.Value(); own != nil && own.Dot == c.Op {
		return own
	}
	return nil
}
