package scenario

import "testing"

// A swarm draws tens of thousands of scenarios in an hour and reads none.

func BenchmarkRandom(b *testing.B) {
	seed := uint64(0)
	for b.Loop() {
		Random(Stormy, seed, every)
		seed++
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("cut.yaml", []byte(example)); err != nil {
			b.Fatal(err)
		}
	}
}
