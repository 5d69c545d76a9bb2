package ring_test

import (
	"fmt"

	"github.com/atollcache/atoll/ring"
)

func Example() {
	r, err := ring.New([]ring.Node{
		{Name: "eu-1", ID: 1},
		{Name: "eu-2", ID: 2},
		{Name: "eu-3", ID: 3, Weight: 2},
	}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}

	p := ring.Partition(0xc0ffee0000000000)
	for _, i := range r.Owners(p) {
		fmt.Println(p, r.Nodes()[i].Name)
	}
	// Output:
	// 771 eu-3
	// 771 eu-2
}
