// Package wire is the bytes of every message between nodes.
//
// A message is an envelope around a body. Who sends packs a body and seals it,
// who receives opens it, checks the cluster and reads the body by its kind:
//
//	body := ack.Append(nil)
//	msg := wire.Seal(nil, "shop", self, wire.KindAck, body)
//
//	envelope, err := wire.Open(msg)
//	err = envelope.Check("shop")
//	ack, err := wire.ReadAck(envelope.Body)
//
// The bodies that carry values, [Batch] and [Answer], have a writer and a reader
// of their own, which pack and unpack item by item and allocate nothing per
// item. What is read aliases the message. A body is refused as a whole or read
// as a whole; everything that is read from it has its length checked against
// what is there before memory is taken for it, so that a hostile message costs
// at most a small multiple of its size. The package knows no keys, signs and
// encrypts nothing, and does not judge what a well-formed message says.
//
// # Envelope
//
// CBOR (RFC 8949, core deterministic encoding; on reading: no indefinite
// lengths, no tags):
//
//	envelope = [version: uint, header, body: bstr, checksum: bstr .size 4]
//	header   = [cluster: tstr, kind: uint, region: tstr, name: tstr, node: uint, boot: uint]
//
// The version is 1. Kinds are numbered from 1: batch, ack, ask, answer, forward,
// forwarded, announce, handoff, handedoff. Names have at most 255 bytes.
//
// The checksum is the CRC-32C (Castagnoli, as in RFC 3720) of all bytes before
// it, the head of its own byte string included, little endian. Most bits of a body
// can be flipped and it is still a body: TCP's sum lets damage pass now and then,
// which would be a write that nobody made, merged by all. It protects against
// accidents, not against malice. A damaged message is refused, and so as good as
// lost.
//
// # Bodies
//
// A body is packed by hand, for it is CBOR that would take most of the time and
// a third of the bytes of a small delta. Its parts follow each other without
// padding. In the layouts below
//
//	u8, u64     little endian
//	uint        varint: seven bits a byte, lowest first, in its shortest form
//	int         uint in zigzag form
//	bit         u8, 0 or 1
//	bytes       uint, and as many bytes
//	n*(x)       uint, and as many x
//
//	batch     = flags:u8 link:u64 receiver:u64 seq:uint sent:int dictionary
//	            enters raises watermark:n*(mark) deltas:block
//	ack       = link:u64 boot:u64 seq:uint sent:int flags:u8 want:set, and if
//	            bit 1 of the flags is set wall:uint; bit 0 is missing
//	ask       = round:u64 step:uint maxBytes:uint (0:u8 / 1:u8 request) wants
//	answer    = flags:u8 round:u64 step:uint (0:u8 / 1:u8 reply) dictionary
//	            contexts served:wants refused:set large:n*(hash:u64 parts:uint), if
//	            bit 1 of the flags is set n*(partition:uint context), and
//	            entries:block
//	forward   = id:u64 level:u8 regions:u8 hops:u8 timeoutMillis:uint
//	            n*(length of four bytes, little endian, and as many bytes), and if
//	            bit 7 of the hops is set waitMillis:uint token:bytes
//	forwarded = id:u64, and the reply to the end
//	announce  = instance:u64 version:uint
//	            n*(name:bytes node:u64 boot:u64 weight:uint state:u8)
//	            n*(node:u64 epoch:uint)
//	handoff   = id:u64 dictionary contexts
//	handedoff = id:u64 set
//
//	block      = number:uint, and as many key:bytes delta, or key:bytes entry
//	dictionary = base:uint n*(node:u64 epoch:uint)
//	context    = n*(dot)
//	mark       = set context
//	contexts   = n*(partition times two, plus one if ready:uint tenure:uint context)
//
//	set        = 127:u8 and 128 bytes, bit p%8 of byte p/8 is partition p;
//	             or runs:u8, at most 63, each: gap behind the last:uint, length less one:uint
//
//	request    = round:u64 seq:uint maxBytes:uint scope:set groups:n*(u64)
//	             compare:set children:n*(u64) n*(range)
//	reply      = round:u64 seq:uint differ:uint roots:n*(u64) keys:n*(uint)
//	             children:n*(two bytes, little endian) buckets:n*(u64) counts:n*(uint)
//	             n*(hash:u64 digest:u64) cut:bit
//	range      = from, rotated left by 18 bits:uint; to - from, likewise:uint
//	wants      = number of all:uint, and runs until they are complete, each:
//	             partition:uint tenure:uint (count of the run times two, plus one
//	             if single:uint) and per item, if single, hash:u64, else range
//
// Bit 0 of the flags says that the block behind its number is one block of S2
// (which extends Snappy's block format), at most 8 times as large unpacked; the
// other flags are 0. Dots, deltas, entries and the lists of dots that contexts are
// have the encoding of package crdt; they take their origins from the
// dictionary, and every delta, entry and context differs from its base. The
// base may be any stamp.
package wire
