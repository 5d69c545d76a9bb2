package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/crdt"
)

func TestEnvelopeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(0, 60, maxText)
		number := rapid.Uint64()
		want := Envelope{
			Cluster: name.Draw(t, "cluster"),
			Kind:    Kind(rapid.Uint8().Draw(t, "kind")),
			From: Sender{
				Region: name.Draw(t, "region"), Name: name.Draw(t, "name"),
				Node: number.Draw(t, "node"), Boot: number.Draw(t, "boot"),
			},
			Body: make([]byte, rapid.SampledFrom([]int{0, 1, 23, 24, 255, 256, 65535, 65536, 70000}).Draw(t, "body")),
		}
		for i := range want.Body {
			want.Body[i] = byte(i)
		}
		msg := Seal([]byte("before"), want.Cluster, want.From, want.Kind, want.Body)
		got, err := Open(msg[len("before"):])
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("opened %+v, want %+v", got, want)
		}

		// It is CBOR to everybody else, and in the deterministic encoding.
		var parts struct {
			_       struct{} `cbor:",toarray"`
			Version uint8
			Header  header
			Body    []byte
			Sum     []byte
		}
		if err := decoding.Unmarshal(msg[len("before"):], &parts); err != nil {
			t.Fatalf("not CBOR: %v", err)
		}
		if again, err := encoding.Marshal(&parts); err != nil || !bytes.Equal(again, msg[len("before"):]) {
			t.Fatalf("a CBOR encoder writes %x (%v), want %x", again, err, msg)
		}
	})
}

func TestBatchRoundTrip(t *testing.T) {
	var w BatchWriter // used again, as links do
	rapid.Check(t, func(t *rapid.T) {
		want := Batch{Enters: drawMarks(t), Raises: drawMarks(t), Watermark: drawMarks(t)}
		want.Link, want.Seq, want.Receiver, want.Sent = drawNumbers(t)
		keys, deltas, _ := drawStates(t)

		w.Reset(want.Link, want.Seq, want.Receiver, want.Sent)
		early := rapid.Bool().Draw(t, "marks first")
		if early {
			putMarks(&w, &want)
		}
		for i, d := range deltas {
			w.Delta(keys[i], d)
		}
		if !early {
			putMarks(&w, &want)
		}
		body := w.Append(nil)
		if w.Deltas() != len(deltas) || len(body) > w.Len() || len(body) < w.Len()-80-20*len(w.dict.actors.List()) {
			t.Fatalf("%d deltas in %d bytes, said %d in %d", len(deltas), len(body), w.Deltas(), w.Len())
		}

		r, err := ReadBatch(body, crdt.Limits{})
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if !reflect.DeepEqual(r.Batch, want) {
			t.Fatalf("read %+v, want %+v", r.Batch, want)
		}
		var key []byte
		var got crdt.Delta
		for i, d := range deltas {
			more, err := r.Next(&key, &got)
			if !more || err != nil {
				t.Fatalf("delta %d: %v, %v", i, more, err)
			}
			if !bytes.Equal(key, keys[i]) || show(&got.Entry) != show(&d.Entry) || !sameOps(got.Ops, d.Ops) {
				t.Fatalf("delta %d: %q %s %v, want %q %s %v", i, key, show(&got.Entry), got.Ops, keys[i], show(&d.Entry), d.Ops)
			}
		}
		if more, err := r.Next(&key, &got); more || err != nil {
			t.Fatalf("behind the last delta: %v, %v", more, err)
		}
	})
}

func putMarks(w *BatchWriter, b *Batch) {
	for _, m := range b.Enters {
		w.Enter(m)
	}
	for _, m := range b.Raises {
		w.Raise(m)
	}
	for _, m := range b.Watermark {
		w.Watermark(m)
	}
	w.Watermark(Mark{}) // says nothing, and is not sent
}

func TestAnswerRoundTrip(t *testing.T) {
	var w AnswerWriter
	rapid.Check(t, func(t *rapid.T) {
		want := Answer{
			Round: rapid.Uint64().Draw(t, "round"), Step: rapid.Uint32().Draw(t, "step"),
			Reply: drawReply(t), Contexts: drawPartitionContexts(t), Served: drawWants(t), Refused: drawPartitions(t), Large: drawLarge(t),
		}
		keys, _, entries := drawStates(t)

		w.Reset(want.Round, want.Step)
		if want.Reply != nil {
			w.Reply(want.Reply)
		}
		for i, e := range entries {
			w.Entry(keys[i], e)
		}
		for _, c := range want.Contexts {
			w.Context(c)
		}
		for _, s := range want.Served {
			n := rapid.Uint32().Draw(t, "entries")
			want.Counts = append(want.Counts, n)
			w.Served(s, int(n))
		}
		for _, p := range want.Refused {
			w.Refuse(p)
		}
		for _, l := range want.Large {
			w.Large(l)
		}
		for _, c := range drawPartitionContexts(t) {
			want.Applied = append(want.Applied, Applied{c.Partition, c.Context})
			w.Applied(c.Partition, &c.Context)
		}
		body := w.Append(nil)
		if w.Entries() != len(entries) || len(body) > w.Len() {
			t.Fatalf("%d entries in %d bytes, said %d in %d", len(entries), len(body), w.Entries(), w.Len())
		}

		r, err := ReadAnswer(body, crdt.Limits{})
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if !reflect.DeepEqual(r.Answer, want) {
			t.Fatalf("read %+v, want %+v", r.Answer, want)
		}
		var key []byte
		var got crdt.Entry
		for i, e := range entries {
			more, err := r.Next(&key, &got)
			if !more || err != nil {
				t.Fatalf("entry %d: %v, %v", i, more, err)
			}
			if !bytes.Equal(key, keys[i]) || show(&got) != show(e) {
				t.Fatalf("entry %d: %q %s, want %q %s", i, key, show(&got), keys[i], show(e))
			}
		}
		if more, err := r.Next(&key, &got); more || err != nil {
			t.Fatalf("behind the last entry: %v, %v", more, err)
		}
	})
}

func TestAckRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Ack{Want: drawPartitions(t), Missing: rapid.Bool().Draw(t, "missing"), Wall: rapid.Int64Range(0, maxWall).Draw(t, "wall")}
		a.Link, a.Seq, a.Boot, a.Sent = drawNumbers(t)
		survives(t, a, a.Append(nil), ReadAck)
	})
}

// An acknowledgement of a release that did not send its clock is read, and a
// clock that no stamp could hold is not.
func TestAckWithoutClock(t *testing.T) {
	old, err := hex.DecodeString("01000000000000000300000000000000ac0282b083c5986801020301ff0600")
	if err != nil {
		t.Fatal(err)
	}
	want := Ack{Link: 1, Seq: 300, Boot: 3, Sent: 1_790_000_000_001, Want: []uint16{3, 4, 900}, Missing: true}
	if got, err := ReadAck(old); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v (%v), want %+v", got, err, want)
	}
	for _, wall := range []int64{-1, maxWall + 1} {
		a := Ack{Link: 1, Wall: wall}
		if got, err := ReadAck(a.Append(nil)); !errors.Is(err, ErrMalformed) {
			t.Errorf("a clock of %d: %+v, error %v", wall, got, err)
		}
	}
	unknown := (&Ack{}).Append(nil)
	unknown[8+8+1+1] = 4
	if _, err := ReadAck(unknown); !errors.Is(err, ErrMalformed) {
		t.Errorf("an unknown flag: error %v", err)
	}
}

func TestAskRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Ask{
			Round: rapid.Uint64().Draw(t, "round"), Step: rapid.Uint32().Draw(t, "step"), MaxBytes: rapid.Uint32().Draw(t, "bytes"),
			Request: drawRequest(t), Wants: drawWants(t),
		}
		survives(t, a, a.Append(nil), ReadAsk)
	})
}

func TestForwardRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Forward{
			ID: rapid.Uint64().Draw(t, "id"), Level: rapid.Uint8().Draw(t, "level"), Regions: rapid.Uint8().Draw(t, "regions"),
			Hops: rapid.Uint8Max(127).Draw(t, "hops"), TimeoutMillis: rapid.Uint32().Draw(t, "timeout"),
		}
		for _, arg := range rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "args") {
			f.Args = append(f.Args, append([]byte{}, arg...))
		}
		if rapid.Bool().Draw(t, "in a session") {
			f.Session = &Session{Token: append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "token")...), WaitMillis: rapid.Uint32().Draw(t, "wait")}
		}
		survives(t, f, f.Append(nil), ReadForward)
	})
}

func TestForwardedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Forwarded{ID: rapid.Uint64().Draw(t, "id"), Reply: append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "reply")...)}
		survives(t, f, f.Append(nil), ReadForwarded)
	})
}

func TestAnnounceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Announce{Instance: rapid.Uint64().Draw(t, "instance"), Version: rapid.Uint64().Draw(t, "version")}
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			a.Members = append(a.Members, Member{
				Name: rapid.StringN(0, 60, maxText).Draw(t, "name"), Node: rapid.Uint64().Draw(t, "node"), Boot: rapid.Uint64().Draw(t, "boot"),
				Weight: rapid.Uint16().Draw(t, "weight"), State: rapid.Uint8().Draw(t, "state"),
			})
		}
		for range rapid.IntRange(0, 4).Draw(t, "epochs") {
			a.Epochs = append(a.Epochs, Epoch(drawOrigin(t)))
		}
		a.Dropped = rapid.Uint64().Draw(t, "dropped")
		for range rapid.IntRange(0, 4).Draw(t, "regions") {
			a.Regions = append(a.Regions, Known{rapid.StringN(0, 60, maxText).Draw(t, "region"), rapid.Uint64().Draw(t, "version"), rapid.Uint64().Draw(t, "sum")})
		}
		survives(t, a, a.Append(nil), ReadAnnounce)
	})
}

func TestHandOffRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := HandOff{ID: rapid.Uint64().Draw(t, "id"), Partitions: drawPartitionContexts(t)}
		survives(t, h, h.Append(nil), ReadHandOff)
	})
}

func TestHandedOffRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := HandedOff{ID: rapid.Uint64().Draw(t, "id"), Partitions: drawPartitions(t)}
		survives(t, h, h.Append(nil), ReadHandedOff)
	})
}

func survives[M any](t *rapid.T, want M, body []byte, read func([]byte) (M, error)) {
	got, err := read(body)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v, want %+v", got, want)
	}
	if _, err := read(append(slices.Clone(body), 0)); err == nil && reflect.TypeFor[M]() != reflect.TypeFor[Forwarded]() {
		t.Fatalf("a byte too many is not noticed")
	}
}

// A set takes the shorter of its two forms, and no more than its bitmap.
func TestPartitionSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawPartitions(t)
		if rapid.Bool().Draw(t, "scattered") {
			want = want[:0]
			step := rapid.IntRange(2, 20).Draw(t, "step")
			for p := 0; p < 1024; p += step {
				want = append(want, uint16(p))
			}
		}
		set := appendPartitions(nil, want)
		if len(set) > 1+bitmapBytes {
			t.Fatalf("%d bytes", len(set))
		}
		p := parser{src: set}
		if got := p.partitions(); p.end() != nil || !slices.Equal(got, want) {
			t.Fatalf("%v came back as %v (%v)", want, got, p.err)
		}
	})
	all := make([]uint16, 1024)
	for i := range all {
		all[i] = uint16(i)
	}
	if set := appendPartitions(nil, all); len(set) != 4 {
		t.Errorf("all partitions take %d bytes, want 4", len(set))
	}
}

func TestOpenRefuses(t *testing.T) {
	from := Sender{Region: "eu", Name: "n1", Node: 7, Boot: 9}
	msg := Seal(nil, "shop", from, KindAck, []byte{1, 2, 3})

	envelope, err := Open(msg)
	if err != nil {
		t.Fatal(err)
	}
	if err := envelope.Check("shop"); err != nil {
		t.Errorf("own cluster: %v", err)
	}
	if err := envelope.Check("other"); !errors.Is(err, ErrCluster) {
		t.Errorf("foreign cluster: error %v, want ErrCluster", err)
	}

	newer := slices.Clone(msg)
	newer[1] = Version + 1
	if _, err := Open(newer); !errors.Is(err, ErrVersion) {
		t.Errorf("newer version: error %v, want ErrVersion", err)
	}
	// Another version may look different, all but its number.
	for elements := range byte(length8) {
		if _, err := Open([]byte{array | elements, Version + 1, 0xff}); !errors.Is(err, ErrVersion) {
			t.Errorf("newer version of %d elements: error %v, want ErrVersion", elements, err)
		}
	}

	long := string(make([]byte, maxText+1))
	content := msg[:len(msg)-checksumSize-1]
	head := content[:len(content)-4]
	for what, msg := range map[string][]byte{
		"nothing":           nil,
		"text":              []byte("hello"),
		"a byte less":       msg[:len(msg)-1],
		"a byte more":       append(slices.Clone(msg), 0),
		"without checksum":  content,
		"nothing but a sum": {0, 0, 0, 0},
		"long cluster":      Seal(nil, long, from, KindAck, nil),
		"long name":         Seal(nil, "shop", Sender{Name: long}, KindAck, nil),

		// These have the right checksum.
		"a long version":     seal(slices.Replace(slices.Clone(content), 1, 2, 0x18, Version), 0),
		"five elements":      seal(slices.Replace(slices.Clone(content), 0, 1, array|5), 0),
		"three elements":     seal(slices.Replace(slices.Clone(content), 0, 1, array|3), 0),
		"indefinite length":  seal(slices.Replace(slices.Clone(content), 2, 3, 0x9f), 0),
		"body that is text":  seal(append(slices.Clone(head), 0x63, 'a', 'b', 'c'), 0),
		"body of 4 GB":       seal(append(slices.Clone(head), 0x5a, 0xff, 0xff, 0xff, 0xff), 0),
		"body of no size":    seal(append(slices.Clone(head), 0x5f, 0xff), 0),
		"body without a end": seal(slices.Clone(head), 0),
		"checksum as a text": resum(msg, textString|checksumSize),
		"checksum of three":  resum(msg, byteString|3),
	} {
		if _, err := Open(msg); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", what, err)
		}
	}
}

// resum gives a message whose checksum is right and has another head.
func resum(msg []byte, head byte) []byte {
	msg = slices.Clone(msg[:len(msg)-checksumSize])
	msg[len(msg)-1] = head
	return binary.LittleEndian.AppendUint32(msg, crc32.Checksum(msg, crc32.MakeTable(crc32.Castagnoli)))
}

// The checksum is what everybody else calls CRC-32C.
func TestChecksumIsCastagnoli(t *testing.T) {
	if got, want := crc32.Checksum([]byte("123456789"), castagnoli), uint32(0xe3069283); got != want {
		t.Errorf("the checksum of the digits is %08x, in the catalogue of CRCs it is %08x", got, want)
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for k := KindBatch; k <= KindHandedOff; k++ {
		seen[k.String()] = true
	}
	if len(seen) != int(KindHandedOff) || seen[fmt.Sprintf("kind %d", KindHandedOff)] {
		t.Errorf("names %v", seen)
	}
	if got := Kind(200).String(); got != "kind 200" {
		t.Errorf("an unknown kind is %q", got)
	}
}

// show gives all that an entry holds.
func show(e *crdt.Entry) string {
	var b bytes.Buffer
	for _, c := range e.Cells() {
		fmt.Fprintf(&b, "%v %q %v %v %v %v; ", c.Kind, c.Name, c.Slots, c.Extensions, c.Counts, c.Bases)
	}
	fmt.Fprint(&b, e.Cleared())
	return b.String()
}

func sameOps(a, b []crdt.Dot) bool {
	order := func(a, b crdt.Dot) int { return a.Origin.Compare(b.Origin) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}
