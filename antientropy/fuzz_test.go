package antientropy_test

import (
	"encoding/binary"
	"testing"

	"github.com/atollcache/atoll/antientropy"
)

// script turns fuzzed bytes into numbers; it gives 0 when they are used up.
type script []byte

func (s *script) next() uint64 {
	var word [8]byte
	n := copy(word[:], *s)
	*s = (*s)[n:]
	return binary.LittleEndian.Uint64(word[:])
}

func (s *script) small(limit uint64) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(uint64(b) % limit)
}

func fill[T any](s *script, value func() T) []T {
	values := make([]T, s.small(40))
	for i := range values {
		values[i] = value()
	}
	return values
}

// reply makes a reply that follows the request in part and the script else.
func (s *script) reply(req *antientropy.Request, good antientropy.Reply) antientropy.Reply {
	rep, kind := good, s.small(64)
	if kind&1 != 0 {
		rep.Differ, rep.Roots = uint32(s.next()), fill(s, s.next)
		rep.Keys = fill(s, func() uint32 { return uint32(s.next()) })
	}
	if kind&2 != 0 {
		rep.Children = fill(s, func() uint16 { return uint16(s.next()) })
	}
	if kind&4 != 0 {
		rep.Buckets = fill(s, s.next)
	}
	if kind&8 != 0 && len(req.List) > 0 {
		start := req.List[0].From
		rep.Versions = fill(s, func() antientropy.Version {
			start += uint64(s.small(200))
			return antientropy.Version{Hash: start, Digest: s.next()}
		})
		rep.Counts, rep.Cut = []uint32{uint32(len(rep.Versions))}, true
	}
	if kind&16 != 0 {
		for i := range rep.Keys {
			rep.Keys[i] = uint32(s.next())
		}
	}
	if kind&32 != 0 {
		rep.Seq = uint32(s.small(8))
	}
	return rep
}

// FuzzReceive feeds a round with replies that are partly right. Whatever comes,
// it must neither panic nor collect more hashes than the limit allows, and end
// in a bounded number of messages when the peer begins to behave.
func FuzzReceive(f *testing.F) {
	for _, seed := range []string{"", "\x01\xff\xff\xff\xff", "\x08\x20abcdefgh", "\x10\xff\xff\xff\xff\xff\xff\xff\xff", "\x20\x01\x02\x08\x08"} {
		f.Add([]byte(seed))
	}
	a, b := fuzzPair()
	f.Fuzz(func(t *testing.T, data []byte) {
		s := script(data)
		limits := antientropy.Limits{MaxHashes: 50, MaxBytes: 1}
		round := antientropy.NewRound(1, everything(), a, limits)
		messages := 0
		for ; !round.Done(); messages++ {
			req, ok := round.Next()
			if !ok {
				t.Fatal("round is not done, but asks for nothing")
			}
			good, err := antientropy.Answer(&req, b, limits)
			if err != nil {
				t.Fatal(err)
			}
			bad := s.reply(&req, good)
			if round.Receive(&bad) == nil && bad.Seq == req.Seq {
				continue
			}
			if err := round.Receive(&good); err != nil {
				t.Fatal(err)
			}
		}

		found := round.Drain()
		checkShape(t, everything(), found)
		for _, finding := range found {
			if len(finding.Hashes) > limits.MaxHashes {
				t.Fatalf("%d hashes for one partition, limit %d", len(finding.Hashes), limits.MaxHashes)
			}
		}
		if messages > 100+len(data) {
			t.Fatalf("took %d messages", messages)
		}
	})
}

// fuzzPair is small, and reaches all stages: listed at once, compared, streamed.
func fuzzPair() (a, b *replica) {
	a, b = new(replica), new(replica)
	for i := range uint64(600) {
		hash := i%8<<54 | i*0x9e3779b97f4a7c15>>10
		a.add(hash, i+1)
		b.add(hash, i+1+i%5/4)
	}
	for i := range uint64(30) {
		a.add(i<<54|i<<30, i+1)
	}
	return a, b
}

// FuzzAnswer serves any request, from a small replica, within the limit.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x01\x03"))
	f.Add([]byte("\x02\x01\x03\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x04\x01\x00\x00\x00\x00\x00\x00\xc0\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	a, _ := fuzzPair()
	f.Fuzz(func(t *testing.T, data []byte) {
		s := script(data)
		kind := s.small(8)
		req := antientropy.Request{MaxBytes: 1 << 14}
		if kind&1 != 0 {
			for range s.small(100) {
				req.Scope.Add(uint16(s.next() % antientropy.Partitions))
			}
			req.Groups = make([]uint64, s.small(40))
		}
		if kind&2 != 0 {
			req.Compare = fill(&s, func() uint16 { return uint16(s.next()) })
			req.Children = make([]uint64, 16*len(req.Compare))
		}
		if kind&4 != 0 {
			req.List = fill(&s, func() antientropy.Span {
				from := s.next()
				return antientropy.Span{Partition: antientropy.PartitionOf(from), From: from, To: s.next()}
			})
		}

		rep, err := antientropy.Answer(&req, a, antientropy.Limits{})
		if err == nil && rep.Size() > int(req.MaxBytes) {
			t.Fatalf("reply of %d bytes, allowed are %d", rep.Size(), req.MaxBytes)
		}
		req.Partitions()
	})
}
