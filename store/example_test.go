package store_test

import (
	"fmt"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/store"
)

// One node writes, another merges what it is sent.
func Example() {
	london, tokyo := store.New(store.Config{}), store.New(store.Config{})
	key := []byte("greeting")
	hash := store.Hash(key)
	partition := antientropy.PartitionOf(hash)
	op := crdt.Dot{Stamp: crdt.StampAt(1_790_000_000_000), Origin: crdt.Origin{Node: 1, Epoch: 1}}

	var delta crdt.Delta
	p := london.Partition(partition)
	p.Lock()
	delta.Put(new(crdt.Entry), crdt.String, "", []byte("hello"), 0, op)
	p.Write(hash, key, &delta)
	p.Unlock()

	p = tokyo.Partition(partition)
	p.Lock()
	p.Merge(hash, key, &delta)
	fmt.Printf("%s\n", p.Get(hash, key).Cell(crdt.String, "").Value().Value)
	p.Unlock()
	fmt.Println(london.Root(partition) == tokyo.Root(partition))

	// Output:
	// hello
	// true
}
