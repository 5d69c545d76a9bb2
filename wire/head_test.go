package wire

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// What the quick reader of headers takes, the decoder takes too, and reads the
// same from it.
func TestHeadsAreReadAsTheDecoderDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[a-z0-9-]{0,30}`), rapid.String(), rapid.Just(strings.Repeat("n", 255)))
		from := Sender{Region: name.Draw(t, "region"), Name: name.Draw(t, "name"), Node: rapid.Uint64().Draw(t, "node"), Boot: rapid.Uint64().Draw(t, "boot")}
		msg := Seal(nil, name.Draw(t, "cluster"), from, Kind(rapid.Uint8().Draw(t, "kind")), []byte("body"))
		for range rapid.IntRange(0, 3).Draw(t, "flips") {
			msg[rapid.IntRange(0, len(msg)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		compareHeads(t, msg[:rapid.IntRange(0, len(msg)).Draw(t, "length")])
	})
}

// encoding is the form that every message has.
var encoding = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// Heads are core deterministic CBOR, as the encoder makes it.
func TestHeadsAreWrittenAsTheEncoderDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := header{
			Cluster: rapid.StringN(0, 300, -1).Draw(t, "cluster"), Kind: Kind(rapid.Uint8().Draw(t, "kind")),
			Region: rapid.String().Draw(t, "region"), Name: rapid.String().Draw(t, "name"),
			Node: rapid.Uint64().Draw(t, "node"), Boot: rapid.Uint64().Draw(t, "boot") >> rapid.IntRange(0, 63).Draw(t, "shift"),
		}
		head, err := encoding.Marshal(&h)
		if err != nil {
			t.Fatal(err)
		}
		want := seal(slices.Concat([]byte{arrayOfFour, Version}, head, []byte{byteString}), 0)
		if got := Seal(nil, h.Cluster, Sender{Region: h.Region, Name: h.Name, Node: h.Node, Boot: h.Boot}, h.Kind, nil); !slices.Equal(got, want) {
			t.Fatalf("%+v is written as %x, by the encoder as %x", h, got, want)
		}
	})
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func compareHeads(t failer, msg []byte) {
	t.Helper()
	var quick, sure header
	rest, ok := readHead(msg, &quick, nil)
	if !ok {
		return
	}
	want, err := decodeHead(msg, &sure)
	if err != nil || quick != sure || !slices.Equal(rest, want) {
		t.Fatalf("%x is read as %+v and %x, by the decoder as %+v and %x, %v", msg, quick, rest, sure, want, err)
	}
}

// An ordinary message is never left to the decoder.
func TestOrdinaryHeadsAreReadQuickly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{1, 23, 24, 100, 255} {
		for range 50 {
			from := Sender{Region: strings.Repeat("r", size), Name: "n1", Node: random.Uint64() >> random.IntN(64), Boot: random.Uint64() >> random.IntN(64)}
			var h header
			if _, ok := readHead(Seal(nil, "cluster", from, KindAck, nil), &h, nil); !ok || h.Region != from.Region || h.Node != from.Node || h.Boot != from.Boot {
				t.Fatalf("%+v is read as %+v, %v", from, h, ok)
			}
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add(Seal(nil, "c", Sender{Region: "eu", Name: "n1", Node: 1 << 40, Boot: 300}, KindBatch, []byte("x")))
	f.Fuzz(func(t *testing.T, msg []byte) { compareHeads(t, msg) })
}

func BenchmarkOpen(b *testing.B) {
	msg := Seal(nil, "atoll", Sender{Region: "eu", Name: "n1", Node: 1 << 60, Boot: 1_700_000_000_000}, KindAck, make([]byte, 30))
	for b.Loop() {
		if _, err := Open(msg); err != nil {
			b.Fatal(err)
		}
	}
}
