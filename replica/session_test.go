package replica

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

func drawDots(t *rapid.T) (c crdt.Context) {
	for range rapid.IntRange(0, 4).Draw(t, "origins") {
		c.Raise(crdt.Dot{
			Stamp:  crdt.StampAt(wallStart+rapid.Int64Range(0, 5000).Draw(t, "millis")) + crdt.Stamp(rapid.Uint16Range(0, 3).Draw(t, "counter")),
			Origin: crdt.Origin{Node: rapid.Uint64Range(1, 4).Draw(t, "node"), Epoch: rapid.Uint64Range(1, 3).Draw(t, "epoch")},
		})
	}
	return c
}

func drawSession(t *rapid.T, most int) (s session) {
	for range rapid.IntRange(0, most).Draw(t, "parts") {
		dots := drawDots(t)
		tenure := crdt.Origin{Node: rapid.Uint64Range(1, 4).Draw(t, "tenure"), Epoch: 1}
		s.see(rapid.SampledFrom([]uint16{0, 1, 7, 512, antientropy.Partitions - 1}).Draw(t, "partition"), tenure, &dots, rapid.Bool().Draw(t, "lagged"))
	}
	return s
}

// implies fails unless whoever covers stronger covers weaker.
func implies(t *rapid.T, what string, stronger, weaker *session, parts []uint16) {
	for _, part := range parts {
		ctx := drawDots(t)
		tenure := crdt.Origin{Node: rapid.Uint64Range(1, 5).Draw(t, "reader"), Epoch: 1}
		if stronger.covered(part, tenure, &ctx) && !weaker.covered(part, tenure, &ctx) {
			t.Fatalf("%s: partition %d counts as covered by %v at %v, and was not:\n%+v\n%+v", what, part, tenure, ctx.String(), stronger, weaker)
		}
	}
}

func (s *session) partitions() (all []uint16) {
	for i := range s.parts {
		all = append(all, s.parts[i].partition)
	}
	return all
}

// A token comes back as it was, and one that had to be made coarser never asks
// for less than before.
func TestTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSession(t, 20)
		parts := s.partitions()
		for range rapid.IntRange(0, 3).Draw(t, "coarser") {
			var before session
			before.join(&s)
			s.coarsen()
			implies(t, "coarsen", &s, &before, parts)
		}
		got, err := decodeSession(s.encode("shop"), "shop")
		if err != nil {
			t.Fatal(err)
		}
		if !s.blind && (len(got.parts) != len(s.parts) || len(got.coarse) != len(s.coarse)) || got.blind != s.blind {
			t.Fatalf("%+v came back as %+v", s, got)
		}
		for i := range got.parts {
			a, b := &got.parts[i], &s.parts[i]
			if a.partition != b.partition || a.shown != b.shown || !a.dots.Equal(&b.dots) {
				t.Fatalf("%+v came back as %+v", b, a)
			}
		}
		if len(s.coarse) > 0 && !reflect.DeepEqual(got.coarse, s.coarse) {
			t.Fatalf("%+v came back as %+v", s.coarse, got.coarse)
		}
	})
}

// What two parts of a session have seen, joined, asks for what each asks for.
func TestJoinOfSessions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSession(t, 6), drawSession(t, 6)
		if rapid.Bool().Draw(t, "coarse") {
			b.coarsen()
		}
		var both session
		both.join(&a)
		both.join(&b)
		parts := append(a.partitions(), b.partitions()...)
		implies(t, "join", &both, &a, parts)
		implies(t, "join", &both, &b, parts)
	})
}

// However much a session sees, its token fits into a cookie, and asks for all of
// it.
func TestTokensAreBounded(t *testing.T) {
	var s, all session
	for i := range 1000 {
		part := uint16(i * 7 % antientropy.Partitions)
		var dots crdt.Context
		for node := range uint64(6) {
			dots.Raise(crdt.Dot{Stamp: crdt.StampAt(wallStart + int64(i)), Origin: crdt.Origin{Node: 1<<63 + node, Epoch: wallStart}})
		}
		tenure := crdt.Origin{Node: 1 << 63, Epoch: wallStart}
		s.see(part, tenure, &dots, false)
		all.see(part, tenure, &dots, false)
		token := s.encode("shop")
		if len(token) > MaxSession {
			t.Fatalf("a token of %d bytes", len(token))
		}
		var err error
		if s, err = decodeSession(token, "shop"); err != nil {
			t.Fatal(err)
		}
	}
	if s.blind || len(s.parts) == 0 || len(s.coarse) != 6 {
		t.Fatalf("%d partitions are left, %d coarse dots, blind: %v", len(s.parts), len(s.coarse), s.blind)
	}
	for _, p := range all.parts {
		for _, short := range p.dots.Dots() {
			lagging := p.dots.Clone()
			lagging.Lower(short)
			if s.covered(p.partition, crdt.Origin{Node: 9}, &lagging) {
				t.Fatalf("partition %d need not reach %v", p.partition, short)
			}
		}
	}
}

// Origins without end make a session blind: it says so with every answer.
func TestBlindSession(t *testing.T) {
	var s session
	for node := range uint64(200) {
		var dots crdt.Context
		dots.Raise(crdt.Dot{Stamp: crdt.StampAt(wallStart), Origin: crdt.Origin{Node: node + 1, Epoch: wallStart}})
		s.see(uint16(node), crdt.Origin{}, &dots, false)
	}
	got, err := decodeSession(s.encode("shop"), "shop")
	if err != nil || !got.blind || got.covered(1000, crdt.Origin{}, &crdt.Context{}) {
		t.Errorf("%v, blind: %v", err, got.blind)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	var s session
	dots := crdt.Context{}
	dots.Raise(crdt.Dot{Stamp: crdt.StampAt(wallStart), Origin: crdt.Origin{Node: 1, Epoch: 2}})
	s.see(3, crdt.Origin{Node: 1, Epoch: 2}, &dots, false)
	good := s.encode("shop")
	for n := 1; n < len(good); n++ {
		if _, err := decodeSession(good[:n], "shop"); !errors.Is(err, ErrSession) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for name, token := range map[string][]byte{
		"another cluster": s.encode("other"),
		"another version": append([]byte{9}, good[1:]...),
		"too long":        append(good[:len(good):len(good)], 0),
		"far too long":    make([]byte, MaxSession+1),
	} {
		if _, err := decodeSession(token, "shop"); !errors.Is(err, ErrSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newWorld(t, 1, 1, 1).few(8).settled()
	a := w.ask(w.nodes[0], Request{Session: good}, "set", w.keys("k", 1)[0], "v")
	want(t, a, "SESSION bad session token: it is of another cluster; begin a new session")
	want(t, w.do(w.nodes[0], "get", w.keys("k", 1)[0]), "(nil)")
}

func FuzzDecodeSession(f *testing.F) {
	var s session
	dots := crdt.Context{}
	dots.Raise(crdt.Dot{Stamp: crdt.StampAt(wallStart) + 7, Origin: crdt.Origin{Node: 1, Epoch: 2}})
	s.see(3, crdt.Origin{Node: 1, Epoch: 2}, &dots, false)
	s.see(900, crdt.Origin{}, &dots, true)
	f.Add(s.encode("shop"))
	s.coarsen()
	f.Add(s.encode("shop"))
	f.Fuzz(func(t *testing.T, token []byte) {
		s, err := decodeSession(token, "shop")
		if err != nil {
			return
		}
		again, err := decodeSession(s.encode("shop"), "shop")
		if err != nil {
			t.Fatalf("%x is read, and %x is not: %v", token, s.encode("shop"), err)
		}
		if !bytes.Equal(again.encode("shop"), s.encode("shop")) {
			t.Errorf("%x changes when it is written again", token)
		}
	})
}

// A session that goes to another region reads what it wrote, once it is there;
// while the regions are cut it is told that what it reads may be older.
func TestSessionGoesToAnotherRegion(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8).settled()
	k := w.keys("k", 1)[0]
	wrote := w.ask(w.at("a1"), Request{Session: []byte{}}, "set", k, "v1")
	if len(wrote.Session) == 0 || len(wrote.Session) > 60 || wrote.Stale {
		t.Fatalf("a token of %d bytes, stale: %v", len(wrote.Session), wrote.Stale)
	}
	c := w.call(w.at("b1"), Request{Session: wrote.Session}, "get", k)
	took := c.wait()
	want(t, *c.answer, "v1")
	if c.answer.Stale || took > 200*time.Millisecond {
		t.Errorf("stale: %v after %v", c.answer.Stale, took)
	}

	w.sever("a", "b")
	wrote = w.ask(w.at("a1"), Request{Session: c.answer.Session}, "set", k, "v2")
	c = w.call(w.at("b2"), Request{Session: wrote.Session}, "get", k)
	took = c.wait()
	want(t, *c.answer, "v1")
	if !c.answer.Stale || took < 500*time.Millisecond || took > 600*time.Millisecond {
		t.Errorf("stale: %v after %v", c.answer.Stale, took)
	}
	c = w.call(w.at("b2"), Request{Session: c.answer.Session, Wait: -1}, "get", k)
	if took = c.wait(); !c.answer.Stale || took > 50*time.Millisecond {
		t.Errorf("without waiting: stale: %v after %v", c.answer.Stale, took)
	}

	later := w.ask(w.at("b2"), Request{Session: wrote.Session}, "set", k, "v3")
	if !later.Stale {
		t.Error("a write that could not see the one before does not say so")
	}
	w.heal()
	w.settle(10 * time.Second)
	w.everywhere("v3", "get", k)
	if a := w.ask(w.at("a2"), Request{Session: later.Session}, "get", k); a.Stale || text(a) != "v3" {
		t.Errorf("after the heal: %q, stale: %v", text(a), a.Stale)
	}
}

// Within a region a session does not wait: whoever lacks what it has seen passes
// the command to the node that has shown it.
func TestSessionBetweenOwners(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8).settled()
	k := w.keys("k", 1)[0]
	token := []byte{}
	for i := range 50 {
		w.do(w.at("b1"), "set", k, fmt.Sprint(i)) // what a1 shows next its context does not cover yet
		w.run(45 * time.Millisecond)
		for _, name := range []string{"a1", "a2"} {
			c := w.call(w.at(name), Request{Session: token}, "get", k)
			if took := c.wait(); took > 20*time.Millisecond || c.answer.Stale {
				t.Fatalf("read %d at %s took %v, stale: %v", i, name, took, c.answer.Stale)
			}
			token = c.answer.Session
		}
	}
	if w.marks[MarkSessionMoved] == 0 {
		t.Error("no command went to the other owner: nothing was tested")
	}
}

// A command of several keys has one token, which knows of all of them.
func TestSessionOfSeveralKeys(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(8).settled()
	keys := w.keys("k", 3)
	token := []byte{}
	for _, k := range keys {
		token = w.ask(w.at("a1"), Request{Session: token}, "set", k, "v").Session
	}
	a := w.ask(w.at("a2"), Request{Session: token}, append([]string{"del"}, keys...)...)
	want(t, a, "3")
	a = w.ask(w.at("b3"), Request{Session: a.Session}, append([]string{"exists"}, keys...)...)
	want(t, a, "0")
	if a.Stale || a.Session == nil {
		t.Errorf("stale: %v, token of %d bytes", a.Stale, len(a.Session))
	}
	if a = w.ask(w.at("b1"), Request{Session: a.Session}, "scan", fmt.Sprint(uint64(partOf(keys[0]))<<partitionShift)); a.Stale || a.Session == nil {
		t.Errorf("scan: stale: %v, token of %d bytes", a.Stale, len(a.Session))
	}
	if a = w.ask(w.at("b1"), Request{Session: a.Session}, "ping"); a.Session != nil {
		t.Error("a command that sees nothing changes the token")
	}
}

// Commands that would wait while too many do are run at once, and say so.
func TestTooManyPatients(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(8)
	w.replicas = 1
	w.settled()
	k := w.keys("k", 1)[0]
	w.sever("a", "b")
	token := w.ask(w.at("a1"), Request{Session: []byte{}}, "set", k, "v").Session
	var last *call
	for range maxPatients {
		last = w.call(w.at("b1"), Request{Session: token}, "get", k)
	}
	if last.answer != nil || len(w.at("b1").r.patience.waiting) != maxPatients {
		t.Fatalf("%d wait", len(w.at("b1").r.patience.waiting))
	}
	if over := w.call(w.at("b1"), Request{Session: token}, "get", k); over.answer == nil || !over.answer.Stale {
		t.Error("one too many waits")
	}
	last.wait()
	if !last.answer.Stale || len(w.at("b1").r.patience.waiting) != 0 {
		t.Error("the waiting does not end")
	}
}
