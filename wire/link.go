package wire

import "encoding/binary"

// Ack tells the sender of a link how far the receiver has come.
type Ack struct {
	Link    uint64
	Seq     uint64   // all batches up to it are applied
	Boot    uint64   // of the receiver
	Sent    int64    // of the newest batch received, for the round-trip time
	Wall    int64    // unix milliseconds by the receiver's clock; 0 if it does not say
	Want    []uint16 // partitions, ascending, that the receiver lacks a base for
	Missing bool     // the batch behind Seq did not come, a later one did
}

// Append appends the body to dst.
func (a *Ack) Append(dst []byte) []byte {
	dst = appendUint64(dst, a.Link)
	dst = appendUint64(dst, a.Boot)
	dst = appendUvarint(dst, a.Seq)
	dst = appendSigned(dst, a.Sent)
	flags := byte(0)
	if a.Missing {
		flags |= ackMissing
	}
	if a.Wall == 0 {
		return appendPartitions(append(dst, flags), a.Want)
	}
	dst = appendPartitions(append(dst, flags|ackWall), a.Want)
	return appendUvarint(dst, uint64(a.Wall))
}

// The flags of an Ack. Releases that did not send their clock know the first.
const (
	ackMissing = 1 << iota
	ackWall    // a clock follows
)

// maxWall is the highest clock reading that a stamp can hold.
const maxWall = 1<<48 - 1

// ReadAck reads the body of an Ack.
func ReadAck(body []byte) (Ack, error) {
	p := parser{src: body}
	var a Ack
	a.Link = p.uint64()
	a.Boot = p.uint64()
	a.Seq = p.uvarint()
	a.Sent = p.signed()
	flags := p.byte()
	if flags&^(ackMissing|ackWall) != 0 {
		p.fail("flags %x of an ack", flags)
	}
	a.Missing = flags&ackMissing != 0
	a.Want = p.partitions()
	if flags&ackWall != 0 {
		a.Wall = p.wall()
	}
	return ended(&p, a)
}

// wall reads a clock. One that shows nothing would have been left out.
func (p *parser) wall() int64 {
	v := p.uvarint()
	if v == 0 || v > maxWall {
		p.fail("%d is no clock", v)
		return 0
	}
	return int64(v)
}

// HandOff offers partitions to their new owner: what the old owner applied.
type HandOff struct {
	ID         uint64
	Partitions []PartitionContext // each partition once
}

// Append appends the body to dst.
func (h *HandOff) Append(dst []byte) []byte {
	var d dictionary
	var contexts list
	for i := range h.Partitions {
		contexts.bytes = d.appendPartitionContext(contexts.bytes, &h.Partitions[i])
		contexts.n++
	}
	dst = appendUint64(dst, h.ID)
	dst = d.append(dst)
	return contexts.append(dst)
}

// ReadHandOff reads the body of a HandOff.
func ReadHandOff(body []byte) (HandOff, error) {
	p := parser{src: body}
	var d dictionary
	h := HandOff{ID: p.uint64()}
	p.dictionary(&d)
	h.Partitions = p.partitionContexts(&d)
	return ended(&p, h)
}

// HandedOff names the partitions, ascending, that the new owner has.
type HandedOff struct {
	ID         uint64
	Partitions []uint16
}

// Append appends the body to dst.
func (h *HandedOff) Append(dst []byte) []byte {
	return appendPartitions(appendUint64(dst, h.ID), h.Partitions)
}

// ReadHandedOff reads the body of a HandedOff.
func ReadHandedOff(body []byte) (HandedOff, error) {
	p := parser{src: body}
	h := HandedOff{ID: p.uint64(), Partitions: p.partitions()}
	return ended(&p, h)
}

// Forward asks an owner to run a command.
type Forward struct {
	ID            uint64
	Args          [][]byte // the command's name first
	Level         uint8    // of acknowledgement
	Regions       uint8    // for the level that counts them
	Hops          uint8    // times it was forwarded, so that it ends; below 128
	TimeoutMillis uint32   // that are left
	Session       *Session // nil if the client keeps none
}

// flagSession stands beside the hops of a command of a session.
const flagSession = 1 << 7

// Session is what a client has seen, and how long a command may wait for it.
type Session struct {
	Token      []byte // as package replica encodes it
	WaitMillis uint32
}

// Append appends the body to dst. The lengths of the arguments have four bytes
// each, so that a message of empty ones takes bytes as they take memory.
func (f *Forward) Append(dst []byte) []byte {
	dst = appendUint64(dst, f.ID)
	hops := f.Hops
	if f.Session != nil {
		hops |= flagSession
	}
	dst = append(dst, f.Level, f.Regions, hops)
	dst = appendUvarint(dst, uint64(f.TimeoutMillis))
	dst = appendUvarint(dst, uint64(len(f.Args)))
	for _, arg := range f.Args {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(arg)))
		dst = append(dst, arg...)
	}
	if f.Session != nil {
		dst = appendUvarint(dst, uint64(f.Session.WaitMillis))
		dst = append(appendUvarint(dst, uint64(len(f.Session.Token))), f.Session.Token...)
	}
	return dst
}

// ReadForward reads the body of a Forward. Args and the token alias body.
func ReadForward(body []byte) (Forward, error) {
	p := parser{src: body}
	f := Forward{ID: p.uint64(), Level: p.byte(), Regions: p.byte(), Hops: p.byte(), TimeoutMillis: p.uvarint32()}
	if n := p.count(4); n > 0 {
		f.Args = make([][]byte, n)
	}
	for i := range f.Args {
		if length := p.take(4); length != nil {
			f.Args[i] = p.take(int(binary.LittleEndian.Uint32(length)))
		}
	}
	if f.Hops&flagSession != 0 {
		f.Hops &^= flagSession
		f.Session = &Session{WaitMillis: p.uvarint32()}
		f.Session.Token = p.take(p.count(1))
	}
	return ended(&p, f)
}

// Forwarded brings the reply to a Forward.
type Forwarded struct {
	ID    uint64
	Reply []byte // as package command encodes it
}

// Append appends the body to dst.
func (f *Forwarded) Append(dst []byte) []byte {
	return append(appendUint64(dst, f.ID), f.Reply...)
}

// ReadForwarded reads the body of a Forwarded. Reply aliases body.
func ReadForwarded(body []byte) (Forwarded, error) {
	p := parser{src: body}
	f := Forwarded{ID: p.uint64()}
	f.Reply = p.take(len(p.src))
	return ended(&p, f)
}

// ended gives what was read, if the body was exactly that.
func ended[M any](p *parser, m M) (M, error) {
	if err := p.end(); err != nil {
		var none M
		return none, err
	}
	return m, nil
}
