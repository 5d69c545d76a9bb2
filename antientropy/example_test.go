package antientropy_test

import (
	"fmt"

	"github.com/atollcache/atoll/antientropy"
)

// Two replicas hold the same keys, but for one.
func Example() {
	var ours, theirs replica
	for key := range uint64(1000) {
		hash := key * 0x9e3779b97f4a7c15
		ours.add(hash, key+1)
		theirs.add(hash, key+1)
	}
	ours.add(0x1234_0000_0000_0000, 42)

	var scope antientropy.Scope
	for p := range uint16(antientropy.Partitions) {
		scope.Add(p)
	}
	round := antientropy.NewRound(1, scope, &ours, antientropy.Limits{})
	for !round.Done() {
		request, _ := round.Next()
		reply, err := antientropy.Answer(&request, &theirs, antientropy.Limits{})
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := round.Receive(&reply); err != nil {
			fmt.Println(err)
			return
		}
		for _, finding := range round.Drain() {
			if !finding.Equal {
				fmt.Printf("partition %d: %x\n", finding.Partition, finding.Hashes)
			}
		}
	}
	// Output: partition 72: [1234000000000000]
}
