package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// body is a kind of message as bytes: a sample, its pinned bytes, and how it is
// read and written again.
type body struct {
	kind   Kind
	sample func() []byte
	golden string
	again  func(src []byte) (out []byte, cells int, err error)
}

func bodies() []body {
	return []body{
		{KindBatch, sampleBatch, goldenBatch, batchAgain},
		{KindAck, sampleAck, goldenAck, rewrite(ReadAck)},
		{KindAsk, sampleAsk, goldenAsk, rewrite(ReadAsk)},
		{KindAnswer, sampleAnswer, goldenAnswer, answerAgain},
		{KindForward, sampleForward, goldenForward, rewrite(ReadForward)},
		{KindForwarded, sampleForwarded, goldenForwarded, rewrite(ReadForwarded)},
		{KindAnnounce, sampleAnnounce, goldenAnnounce, rewrite(ReadAnnounce)},
		{KindHandOff, sampleHandOff, goldenHandOff, rewrite(ReadHandOff)},
		{KindHandedOff, sampleHandedOff, goldenHandedOff, rewrite(ReadHandedOff)},
	}
}

// rewrite makes a reader of bodies one that writes them again.
func rewrite[M any, P interface {
	*M
	Append([]byte) []byte
}](read func([]byte) (M, error)) func([]byte) ([]byte, int, error) {
	return func(src []byte) ([]byte, int, error) {
		m, err := read(src)
		if err != nil {
			return nil, 0, err
		}
		return P(&m).Append(nil), 0, nil
	}
}

func batchAgain(src []byte) (out []byte, cells int, err error) {
	r, err := ReadBatch(src, crdt.Limits{})
	if err != nil {
		return nil, 0, err
	}
	var w BatchWriter
	w.Reset(r.Link, r.Seq, r.Receiver, r.Sent)
	putMarks(&w, &r.Batch)
	var key []byte
	var d crdt.Delta
	for {
		more, err := r.Next(&key, &d)
		if !more {
			return w.Append(nil), cells, err
		}
		cells += len(d.Cells())
		w.Delta(key, &d)
	}
}

func answerAgain(src []byte) (out []byte, cells int, err error) {
	r, err := ReadAnswer(src, crdt.Limits{})
	if err != nil {
		return nil, 0, err
	}
	var w AnswerWriter
	w.Reset(r.Round, r.Step)
	if r.Answer.Reply != nil {
		w.Reply(r.Answer.Reply)
	}
	for _, c := range r.Contexts {
		w.Context(c)
	}
	for i, s := range r.Served {
		w.Served(s, int(r.Counts[i]))
	}
	for _, p := range r.Refused {
		w.Refuse(p)
	}
	for _, l := range r.Answer.Large {
		w.Large(l)
	}
	for i := range r.Applied {
		w.Applied(r.Applied[i].Partition, &r.Applied[i].Context)
	}
	var key []byte
	var e crdt.Entry
	for {
		more, err := r.Next(&key, &e)
		if !more {
			return w.Append(nil), cells, err
		}
		cells += len(e.Cells())
		w.Entry(key, &e)
	}
}

// The bytes are pinned: a change of any is a change of the protocol.
func TestGoldenBytes(t *testing.T) {
	for _, b := range bodies() {
		sample := b.sample()
		if got := hex.EncodeToString(sample); got != b.golden {
			t.Errorf("%v: bytes\n%s, want\n%s", b.kind, got, b.golden)
		}
		if again, _, err := b.again(sample); err != nil || !bytes.Equal(again, sample) {
			t.Errorf("%v: written again %x (%v), want %x", b.kind, again, err, sample)
		}
	}
	msg := Seal(nil, "shop", Sender{Region: "eu", Name: "n1", Node: 7, Boot: 9}, KindAck, []byte{1, 2, 3})
	if got := hex.EncodeToString(msg); got != goldenEnvelope {
		t.Errorf("envelope: bytes %s, want %s", got, goldenEnvelope)
	}
}

// Every shorter part of a message is refused.
func TestTruncated(t *testing.T) {
	for _, b := range bodies() {
		if b.kind == KindForwarded {
			continue // the reply goes to the end, wherever that is
		}
		sample := b.sample()
		for n := range sample {
			if _, _, err := b.again(sample[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%v: %d of %d bytes: error %v, want ErrMalformed", b.kind, n, len(sample), err)
			}
		}
	}
	msg := Seal(nil, "shop", Sender{Region: "eu", Name: "n1"}, KindAck, make([]byte, 300))
	for n := range msg {
		if _, err := Open(msg[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("envelope: %d of %d bytes: error %v, want ErrMalformed", n, len(msg), err)
		}
	}
}

// Every flipped bit is refused, or makes another message that is read and
// written without loss.
func TestFlippedBits(t *testing.T) {
	for _, b := range bodies() {
		sample := b.sample()
		for bit := range 8 * len(sample) {
			flipped := slices.Clone(sample)
			flipped[bit/8] ^= 1 << (bit % 8)
			checkHostile(t, &b, flipped)
		}
	}
	content := Seal(nil, "shop", Sender{Region: "eu", Name: "n1"}, KindAck, make([]byte, 30))
	content = content[:len(content)-checksumSize-1]
	for bit := range 8 * len(content) {
		flipped := slices.Clone(content)
		flipped[bit/8] ^= 1 << (bit % 8)
		flipped = seal(flipped, 0)
		if e, err := Open(flipped); err == nil && !bytes.Equal(Seal(nil, e.Cluster, e.From, e.Kind, e.Body), flipped) {
			t.Errorf("bit %d: opens to %+v, which seals otherwise", bit, e)
		}
	}
}

// A message of any kind, damaged in any one or two neighbouring bits, or in a burst
// of up to 32, is refused, and with the version intact it is said why.
func TestDamageIsRefused(t *testing.T) {
	from := Sender{Region: "eu", Name: "n1", Node: 7, Boot: 9}
	for _, b := range bodies() {
		msg := Seal(nil, "shop", from, b.kind, b.sample())
		for bit := range 8 * len(msg) {
			for _, burst := range []uint64{1, 0b11, 0b101, 0xdeadbeef, 0xffffffff} {
				damaged := slices.Clone(msg)
				for i := range 32 {
					if at := bit + i; burst>>i&1 != 0 && at < 8*len(msg) {
						damaged[at/8] ^= 1 << (at % 8)
					}
				}
				_, err := Open(damaged)
				if err == nil || bit >= 16 && !errors.Is(err, ErrDamaged) {
					t.Fatalf("%v: bits %b from %d on: error %v, want ErrDamaged", b.kind, burst, bit, err)
				}
				if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
					t.Fatalf("%v: bits %b from %d on: error %v", b.kind, burst, bit, err)
				}
			}
		}
	}
}

// checkHostile holds a reader against bytes of any sort.
func checkHostile(t interface{ Fatalf(string, ...any) }, b *body, src []byte) {
	out, _, err := b.again(src)
	if err != nil {
		if !errors.Is(err, ErrMalformed) {
			t.Fatalf("%v: error %v, want ErrMalformed", b.kind, err)
		}
		return
	}
	again, _, err := b.again(out)
	if err != nil {
		t.Fatalf("%v: %x becomes %x, which is refused: %v", b.kind, src, out, err)
	}
	if !bytes.Equal(again, out) {
		t.Fatalf("%v: %x becomes %x, which becomes %x", b.kind, src, out, again)
	}
}

// checkCost holds what reading allocates against the size of what is read.
func checkCost(t *testing.T, b *body, src []byte, read func([]byte) error) {
	_, cells, _ := b.again(src)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_ = read(src) // refused or not, it must not cost more
	runtime.ReadMemStats(&after)

	// A cell in memory is larger than its few bytes, however it is stored.
	const constant, perCell = 96 << 10, 512
	size := len(src)
	if (b.kind == KindBatch || b.kind == KindAnswer) && size > 0 && src[0]&flagCompressed != 0 {
		size *= maxExpansion + 1
	}
	spent, bound := after.TotalAlloc-before.TotalAlloc, uint64(16*size+constant+perCell*cells)
	if spent > bound {
		t.Fatalf("%v: %d bytes allocated for %d bytes of input", b.kind, spent, len(src))
	}
}

// Lengths that nothing stands behind are refused before memory is taken.
func TestLengthsThatLie(t *testing.T) {
	huge := binary.AppendUvarint(nil, math.MaxUint64)
	large := binary.AppendUvarint(nil, 1<<30)
	for _, b := range bodies() {
		sample := b.sample()
		for at := range sample {
			for _, lie := range [][]byte{huge, large} {
				src := slices.Replace(slices.Clone(sample), at, at+1, lie...)
				checkHostile(t, &b, src)
				checkCost(t, &b, src, reader(b.kind))
			}
		}
	}
}

func TestMarksThatNameTooMuch(t *testing.T) {
	all := make([]uint16, antientropy.Partitions)
	for i := range all {
		all[i] = uint16(i)
	}
	var w BatchWriter
	w.Reset(1, 2, 3, 4)
	for range maxMarked / antientropy.Partitions {
		w.Raise(Mark{Partitions: all})
	}
	if _, err := ReadBatch(w.Append(nil), crdt.Limits{}); err != nil {
		t.Errorf("as much as is allowed: %v", err)
	}
	w.Watermark(Mark{Partitions: []uint16{5}})
	if _, err := ReadBatch(w.Append(nil), crdt.Limits{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("one more: error %v, want ErrMalformed", err)
	}
}

func TestLimitsOfDeltas(t *testing.T) {
	var w BatchWriter
	var d crdt.Delta
	d.Put(new(crdt.Entry), crdt.String, "", []byte("eight by"), 0, crdt.Dot{Stamp: 5, Origin: crdt.Origin{Node: 1, Epoch: 1}})
	w.Reset(1, 2, 3, 4)
	w.Delta([]byte("the key"), &d)
	for _, c := range []struct {
		lim  crdt.Limits
		fits bool
	}{
		{crdt.Limits{}, true},
		{crdt.Limits{MaxKey: 7, MaxValue: 8}, true},
		{crdt.Limits{MaxKey: 6}, false},
		{crdt.Limits{MaxValue: 7}, false},
	} {
		r, err := ReadBatch(w.Append(nil), c.lim)
		if err != nil {
			t.Fatal(err)
		}
		var key []byte
		more, err := r.Next(&key, &d)
		if more != c.fits || !c.fits && !(errors.Is(err, crdt.ErrLimit) && errors.Is(err, ErrMalformed)) {
			t.Errorf("limits %+v: %v, %v, want %v", c.lim, more, err, c.fits)
		}
		if !c.fits {
			if _, again := r.Next(&key, &d); again == nil {
				t.Errorf("limits %+v: the error is forgotten", c.lim)
			}
		}
	}
}

// Random states, cut or bent anywhere.
func TestHostileBatches(t *testing.T) {
	b := bodies()[0]
	rapid.Check(t, func(t *rapid.T) {
		var w BatchWriter
		w.Reset(1, 2, 3, 4)
		putMarks(&w, &Batch{Enters: drawMarks(t), Watermark: drawMarks(t)})
		keys, deltas, _ := drawStates(t)
		for i, d := range deltas {
			w.Delta(keys[i], d)
		}
		src := w.Append(nil)
		at := rapid.IntRange(0, len(src)-1).Draw(t, "at")
		if rapid.Bool().Draw(t, "cut") {
			src = src[:at]
		} else {
			src[at] = rapid.Byte().Draw(t, "byte")
		}
		checkHostile(t, &b, src)
	})
}

// reader gives what reads a body to its end.
func reader(k Kind) func([]byte) error {
	switch k {
	case KindBatch:
		return func(src []byte) error {
			r, err := ReadBatch(src, crdt.Limits{})
			var key []byte
			var d crdt.Delta
			for more := err == nil; more; {
				more, err = r.Next(&key, &d)
			}
			return err
		}
	case KindAnswer:
		return func(src []byte) error {
			r, err := ReadAnswer(src, crdt.Limits{})
			var key []byte
			var e crdt.Entry
			for more := err == nil; more; {
				more, err = r.Next(&key, &e)
			}
			return err
		}
	case KindAck:
		return reading(ReadAck)
	case KindAsk:
		return reading(ReadAsk)
	case KindForward:
		return reading(ReadForward)
	case KindForwarded:
		return reading(ReadForwarded)
	case KindAnnounce:
		return reading(ReadAnnounce)
	case KindHandOff:
		return reading(ReadHandOff)
	default:
		return reading(ReadHandedOff)
	}
}

func reading[M any](read func([]byte) (M, error)) func([]byte) error {
	return func(src []byte) error {
		_, err := read(src)
		return err
	}
}

func FuzzReadBatch(f *testing.F)     { fuzz(f, KindBatch) }
func FuzzReadAck(f *testing.F)       { fuzz(f, KindAck) }
func FuzzReadAsk(f *testing.F)       { fuzz(f, KindAsk) }
func FuzzReadAnswer(f *testing.F)    { fuzz(f, KindAnswer) }
func FuzzReadForward(f *testing.F)   { fuzz(f, KindForward) }
func FuzzReadForwarded(f *testing.F) { fuzz(f, KindForwarded) }
func FuzzReadAnnounce(f *testing.F)  { fuzz(f, KindAnnounce) }
func FuzzReadHandOff(f *testing.F)   { fuzz(f, KindHandOff) }
func FuzzReadHandedOff(f *testing.F) { fuzz(f, KindHandedOff) }

func fuzz(f *testing.F, k Kind) {
	b := bodies()[k-KindBatch]
	sample := b.sample()
	f.Add(sample)
	f.Add(sample[:len(sample)/2])
	if k == KindBatch {
		f.Add(compressible(20).AppendCompressed(nil))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		checkHostile(t, &b, src)
		checkCost(t, &b, src, reader(k))
	})
}

func FuzzOpen(f *testing.F) {
	from := Sender{Region: "eu", Name: "n1", Node: 7, Boot: 9}
	for _, n := range []int{0, 30, 300} {
		msg := Seal(nil, "shop", from, KindAck, make([]byte, n))
		f.Add(msg)
		f.Add(msg[:len(msg)-checksumSize-1])
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		openAgain(t, msg)
		openAgain(t, seal(slices.Clone(msg), 0)) // or hardly any gets past the checksum
	})
}

func openAgain(t *testing.T, msg []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e, err := Open(msg)
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > uint64(16*len(msg)+16<<10) {
		t.Fatalf("%d bytes allocated for %d bytes of input", spent, len(msg))
	}
	if err != nil {
		return
	}
	again, err := Open(Seal(nil, e.Cluster, e.From, e.Kind, e.Body))
	if err != nil || again.From != e.From || again.Cluster != e.Cluster || again.Kind != e.Kind || !bytes.Equal(again.Body, e.Body) {
		t.Fatalf("opens to %+v, then %+v (%v)", e, again, err)
	}
}
