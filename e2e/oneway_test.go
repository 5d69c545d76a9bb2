package e2e_test

import (
	"fmt"
	"testing"
	"time"
)

// TestOneWayCut stops what eu says to us, and nothing else. NATS sees nothing of it, and us hears of eu from ap: all
// replicas are equal while the cut lasts.
func TestOneWayCut(t *testing.T) {
	c := startCluster(t, 1, "eu", "us", "ap")
	if err := c.wan.CutOneWay("eu", "us"); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		for _, region := range c.regions {
			c.clients[region].do(t, "set", fmt.Sprintf("%s-%d", region, i), region)
			c.clients[region].do(t, "incr", "counter")
		}
	}
	const figure = 15 * time.Second
	t.Logf("equal %v after the last write, while eu cannot speak to us", eventually(t, figure, c.differ))

	for _, region := range c.regions {
		if got := c.clients[region].do(t, "get", "counter"); got != "300" {
			t.Errorf("the counter is %s in %s", got, region)
		}
		for i := range 100 {
			for _, from := range c.regions {
				if got := c.clients[region].do(t, "get", fmt.Sprintf("%s-%d", from, i)); got != from {
					t.Fatalf("%s-%d is %s in %s", from, i, got, region)
				}
			}
		}
	}
	cut := false
	for _, path := range c.wan.Status() {
		cut = cut || path.From == "eu" && path.To == "us" && path.State.String() != "up"
	}
	if !cut {
		t.Error("the path from eu to us is up; nothing was tested")
	}
}
