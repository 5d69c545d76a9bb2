package e2e_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestManyKeysDivergeAndHeal has two regions write 50,000 keys each while they are cut from each other. After the heal
// all replicas are equal; how long that takes is told, and measured by "atoll bench heal".
func TestManyKeysDivergeAndHeal(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 keys")
	}
	const each = 50_000
	c := startCluster(t, 2, "eu", "us")
	c.cutAll(t)

	began := time.Now()
	var writing sync.WaitGroup
	for _, region := range c.regions {
		writing.Go(func() { c.fill(t, region, each) })
	}
	writing.Wait()
	t.Logf("%d keys written in %v", 2*each, time.Since(began))
	for _, node := range c.all() {
		s := node.Status()
		eventually(t, patience, func() string {
			return unless(node.Status().Keys == each, fmt.Sprintf("%s holds %d keys", s.Node, node.Status().Keys))
		})
	}

	c.wan.HealAll()
	t.Logf("100,000 keys that differed are equal %v after the heal", eventually(t, 2*patience, c.differ))
	for _, node := range c.all() {
		if s := node.Status(); s.Keys != 2*each {
			t.Errorf("%s holds %d keys, not %d", s.Node, s.Keys, 2*each)
		}
	}
	for _, region := range c.regions {
		for i := 0; i < each; i += each / 100 {
			for _, from := range c.regions {
				if got := c.clients[region].do(t, "get", fmt.Sprintf("%s-%d", from, i)); got != from {
					t.Errorf("%s-%d is %s in %s", from, i, got, region)
				}
			}
		}
	}
}

// fill writes keys of a region through its door, many at a time.
func (c *cluster) fill(t *testing.T, region string, keys int) {
	const inFlight = 32
	var writing sync.WaitGroup
	for first := range inFlight {
		writing.Go(func() {
			for i := first; i < keys; i += inFlight {
				if _, err := c.clients[region].ask("", 0, "set", fmt.Sprintf("%s-%d", region, i), region); err != nil {
					t.Errorf("key %d of %s: %v", i, region, err)
					return
				}
			}
		})
	}
	writing.Wait()
}
