package store

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// checkIndex holds the table against its invariants and a sorted list of its
// hashes.
func checkIndex(t *rapid.T, x *index, want []uint64) {
	var got []uint64
	for i, s := range x.slots {
		if s.empty() {
			continue
		}
		got = append(got, s.hash())
		home := x.home(s.hash())
		if home > i {
			t.Fatalf("slot %d is before its home %d", i, home)
		}
		for j := home; j < i; j++ {
			if x.slots[j].empty() {
				t.Fatalf("slot %d, home %d: slot %d between is empty", i, home, j)
			}
		}
	}
	if !slices.Equal(got, want) || x.used != len(want) {
		t.Fatalf("index of %d holds %x, want %x", x.used, got, want)
	}
	if x.used == 0 && x.slots != nil {
		t.Fatalf("an empty index keeps %d slots", len(x.slots))
	}
	if x.homes > minHomes && uint64(x.used)*3 < x.homes {
		t.Fatalf("%d of %d homes are used: not shrunk", x.used, x.homes)
	}
}

// TestIndexIsASortedList draws hashes that are spread, that crowd at few homes,
// and that crowd at the end.
func TestIndexIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		var model []uint64
		crowds := rapid.SliceOfN(rapid.Uint64Range(0, 1<<54-1), 1, 3).Draw(t, "crowds")
		crowds = append(crowds, 1<<54-1)
		draw := func() uint64 {
			if rapid.Bool().Draw(t, "spread") {
				return rapid.Uint64Range(0, 1<<54-1).Draw(t, "hash")
			}
			crowd := crowds[rapid.IntRange(0, len(crowds)-1).Draw(t, "crowd")]
			return crowd &^ rapid.Uint64Range(0, 1<<12-1).Draw(t, "low")
		}
		growth := rapid.IntRange(1, 9).Draw(t, "growth")
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			if rapid.IntRange(0, 10).Draw(t, "grow") <= growth {
				hash := draw()
				x.reserve()
				x.insert(x.seek(hash), hash, 1)
				i, _ := slices.BinarySearch(model, hash)
				model = slices.Insert(model, i, hash)
			} else if len(model) > 0 {
				i := rapid.IntRange(0, len(model)-1).Draw(t, "which")
				at := x.seek(model[i])
				if x.slots[at].hash() != model[i] {
					t.Fatalf("seek(%x) gives %x", model[i], x.slots[at].hash())
				}
				x.remove(at)
				model = slices.Delete(model, i, i+1)
			}

			hash := draw()
			want, _ := slices.BinarySearch(model, hash)
			at := x.next(x.seek(hash))
			if at < len(x.slots) != (want < len(model)) || want < len(model) && x.slots[at].hash() != model[want] {
				t.Fatalf("seek(%x) gives place %d", hash, at)
			}
		}
		checkIndex(t, &x, model)
	})
}
