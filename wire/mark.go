package wire

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// Mark is a context and the partitions it is about.
type Mark struct {
	Partitions []uint16 // ascending; a mark of none is not sent
	Context    crdt.Context
}

// maxMarked bounds the partitions that all marks of a message name together,
// as a range of many takes few bytes.
const maxMarked = 16 * antientropy.Partitions

// markSize is the size of the smallest mark: one run of partitions, no dots.
const markSize = 4

func (d *dictionary) appendMark(dst []byte, m *Mark) []byte {
	d.anchor(m.Context.Dots())
	dst = appendPartitions(dst, m.Partitions)
	return d.appendContext(dst, &m.Context)
}

// CloneMarks gives a copy that shares nothing with marks.
func CloneMarks(marks []Mark) []Mark { return AppendMarks(nil, marks) }

// AppendMarks appends copies of marks to dst, in the memory of what dst held
// before.
func AppendMarks(dst, marks []Mark) []Mark {
	for i := range marks {
		m := &marks[i]
		dst = nextMark(dst)
		last := &dst[len(dst)-1]
		last.Partitions = append(last.Partitions[:0], m.Partitions...)
		last.Context.Set(&m.Context)
	}
	return dst
}

// nextMark makes list longer by a mark whose memory may be used again.
func nextMark(list []Mark) []Mark {
	if len(list) < cap(list) {
		return list[:len(list)+1]
	}
	return append(list, Mark{})
}

// marks reads a list of marks into the memory of list, and takes their partitions
// from room.
func (p *parser) marks(list []Mark, d *dictionary, room *int) []Mark {
	n := p.count(markSize)
	list = slices.Grow(list[:0], n)
	for range n {
		scope := p.scope()
		size := scope.Len()
		if *room -= size; size == 0 || *room < 0 {
			p.fail("a mark of %d partitions, all of them of more than %d", size, maxMarked)
			return nil
		}
		list = nextMark(list)
		m := &list[len(list)-1]
		m.Partitions = appendMembers(m.Partitions[:0], &scope)
		p.contextInto(&m.Context, d)
		if p.err != nil {
			return nil
		}
	}
	return list
}

// A set of partitions is written as its runs, or as a bitmap where there are
// more than maxRuns, which would take more bytes.
const (
	maxRuns     = 63
	asBitmap    = 127
	bitmapBytes = antientropy.Partitions / 8
)

// appendPartitions appends the set of the partitions.
func appendPartitions(dst []byte, partitions []uint16) []byte {
	var scope antientropy.Scope
	for _, p := range partitions {
		scope.Add(p)
	}
	return appendScope(dst, &scope)
}

func appendScope(dst []byte, scope *antientropy.Scope) []byte {
	mark := len(dst)
	dst = append(dst, 0)
	runs, next := 0, 0
	for from, to := nextRun(scope, 0); from < to; from, to = nextRun(scope, to) {
		dst = appendUvarint(dst, uint64(from-next))
		dst = appendUvarint(dst, uint64(to-from-1))
		runs, next = runs+1, to
	}
	if runs <= maxRuns && len(dst)-mark <= bitmapBytes {
		dst[mark] = byte(runs)
		return dst
	}

	dst = append(dst[:mark], asBitmap)
	for _, word := range scope {
		dst = binary.LittleEndian.AppendUint64(dst, word)
	}
	return dst
}

// nextRun gives the first run of the set at or behind a partition; an empty one
// if there is none.
func nextRun(scope *antientropy.Scope, at int) (from, to int) {
	from = nextChange(scope, at, 0)
	return from, nextChange(scope, from, ^uint64(0))
}

// nextChange gives the first partition at or behind one whose bit is not that of
// like, word by word since most are the same.
func nextChange(scope *antientropy.Scope, at int, like uint64) int {
	for i := at / 64; i < len(scope); i++ {
		word := scope[i] ^ like
		if i == at/64 {
			word &= ^uint64(0) << (at % 64)
		}
		if word != 0 {
			return i*64 + bits.TrailingZeros64(word)
		}
	}
	return antientropy.Partitions
}

func (p *parser) scope() (scope antientropy.Scope) {
	runs := int(p.byte())
	if runs == asBitmap {
		for i := range scope {
			scope[i] = p.uint64()
		}
		return scope
	}
	if runs > maxRuns {
		p.fail("%d runs of partitions", runs)
	}
	next := uint64(0)
	for range runs {
		gap, more := p.uvarint(), p.uvarint()
		if left := antientropy.Partitions - next; gap >= left || more >= left-gap {
			p.fail("partition out of range")
		}
		if p.err != nil {
			return antientropy.Scope{}
		}
		next += gap
		for end := next + more + 1; next < end; next++ {
			scope.Add(uint16(next))
		}
	}
	return scope
}

// partitions reads a set as a list, ascending, nil if it is empty.
func (p *parser) partitions() []uint16 {
	scope := p.scope()
	return members(&scope)
}

func members(scope *antientropy.Scope) []uint16 {
	n := scope.Len()
	if n == 0 {
		return nil
	}
	return appendMembers(make([]uint16, 0, n), scope)
}

func appendMembers(list []uint16, scope *antientropy.Scope) []uint16 {
	for i, word := range scope {
		for ; word != 0; word &= word - 1 {
			list = append(list, uint16(i*64+bits.TrailingZeros64(word)))
		}
	}
	return list
}

// partition reads the number of one.
func (p *parser) partition() uint16 {
	n := p.uvarint()
	if n >= antientropy.Partitions {
		p.fail("partition %d", n)
		return 0
	}
	return uint16(n)
}

// PartitionContext is how far a replica of one partition reaches.
type PartitionContext struct {
	Partition uint16
	Tenure    uint64 // since when the node has the partition
	Ready     bool   // the replica has bootstrapped
	Waiting   uint32 // entries at the front of an answer: what waits there for the context, of the same moment
	Partial   bool   // more waits than fits: the context may not be joined
	Context   crdt.Context
}

// partitionContextSize is the size of the smallest: partition, tenure, no dots.
const partitionContextSize = 4

func (d *dictionary) appendPartitionContext(dst []byte, c *PartitionContext) []byte {
	d.anchor(c.Context.Dots())
	number := uint64(c.Partition) << 2
	if c.Ready {
		number |= 1
	}
	if c.Partial {
		number |= 2
	}
	dst = appendUvarint(dst, number)
	dst = appendUvarint(dst, c.Tenure)
	dst = appendUvarint(dst, uint64(c.Waiting))
	return d.appendContext(dst, &c.Context)
}

// partitionContexts reads a list in which no partition is named twice.
func (p *parser) partitionContexts(d *dictionary) []PartitionContext {
	n := p.count(partitionContextSize)
	if n == 0 {
		return nil
	}
	if n > antientropy.Partitions {
		p.fail("contexts of %d partitions", n)
		return nil
	}
	var named antientropy.Scope
	list := make([]PartitionContext, 0, n)
	for range n {
		number := p.uvarint()
		if number>>2 >= antientropy.Partitions || named.Has(uint16(number>>2)) {
			p.fail("partition %d out of range or twice", number>>2)
		}
		c := PartitionContext{
			Partition: uint16(number >> 2), Ready: number&1 == 1, Partial: number&2 == 2,
			Tenure: p.uvarint(), Waiting: p.uvarint32(),
		}
		c.Context = p.context(d)
		if p.err != nil {
			return nil
		}
		named.Add(c.Partition)
		list = append(list, c)
	}
	return list
}
