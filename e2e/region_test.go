package e2e_test

import (
	"fmt"
	"testing"
	"time"
)

// TestARegionForgetsEverything stops all nodes of a region and starts them with empty memory. The region gets all of it
// back from the others, what was removed stays away, and what it writes then is new.
func TestARegionForgetsEverything(t *testing.T) {
	const keys = 200
	c := startCluster(t, 2, "eu", "us")
	for i := range keys {
		c.play(t, "eu", fmt.Sprintf("set key-%d v; incr counter; sadd set m-%d; set gone-%d v", i, i, i), "")
	}
	eventually(t, patience, c.differ)
	for i := range keys {
		c.play(t, "us", fmt.Sprintf("del gone-%d", i), "")
	}
	eventually(t, patience, c.differ)
	before := c.boots()

	c.stopRegion(t, "eu")
	c.play(t, "us", "set meanwhile v; incr counter", "")
	c.startRegion(t, "eu", 2)
	if t.Failed() {
		t.FailNow()
	}
	took := eventually(t, patience, c.differ)
	t.Logf("equal %v after the region was back", took)
	for name, boot := range c.boots() {
		if name[:2] == "eu" && boot <= before[name] {
			t.Errorf("%s has taken epoch %d after %d", name, boot, before[name])
		}
	}

	eventually(t, patience, func() string { return c.strangers(2) })
	c.play(t, "eu", "incr counter", "")
	eventually(t, patience, c.differ)
	for _, region := range c.regions {
		ask := func(want string, args ...string) {
			t.Helper()
			if got := c.clients[region].do(t, args...); got != want {
				t.Errorf("%v in %s is %s, want %s", args, region, got, want)
			}
		}
		ask(fmt.Sprint(keys+2), "get", "counter")
		ask(fmt.Sprint(keys), "scard", "set")
		ask("v", "get", "meanwhile")
		for i := range keys {
			ask("v", "get", fmt.Sprintf("key-%d", i))
			ask("nil", "get", fmt.Sprintf("gone-%d", i))
		}
	}
}

func (c *cluster) boots() map[string]uint64 {
	boots := map[string]uint64{}
	for _, node := range c.all() {
		s := node.Status()
		boots[s.Node] = s.Boot
	}
	return boots
}

// TestLevels asks for every level, while all regions are there and while they are not.
func TestLevels(t *testing.T) {
	c := startCluster(t, 2, "eu", "us", "ap")
	ask := func(ack string, timeout time.Duration, wantAck string, wantShort bool, args ...string) {
		t.Helper()
		reply, err := c.clients["eu"].ask(ack, timeout, args...)
		if err != nil || reply.Ack != wantAck || reply.Short != wantShort {
			t.Errorf("%v at %q gave %+v, %v; want level %q, short %v", args, ack, reply, err, wantAck, wantShort)
		}
	}

	ask("", 0, "", false, "set", "key", "v")
	ask("local", 0, "", false, "set", "key", "v")
	ask("region", patience, "region", false, "set", "key", "v")
	ask("regions:1", patience, "regions:1", false, "set", "key", "v")
	ask("regions:2", patience, "regions:2", false, "incr", "counter")
	ask("regions:3", patience, "regions:3", false, "incr", "counter")

	// A level counts as soon as it is answered: the other regions must have it now, not soon.
	key := "read-at-once"
	ask("regions:3", patience, "regions:3", false, "set", key, "v")
	for _, region := range c.regions {
		held := 0
		for _, node := range c.nodes[region] {
			reply, err := node.Do(t.Context(), "get", key)
			if err == nil && textOf(reply) == "v" {
				held++
			}
		}
		if held == 0 {
			t.Errorf("no owner in %s has what was acknowledged in three regions", region)
		}
	}

	c.cutAll(t)
	const short = 500 * time.Millisecond
	ask("", 0, "", false, "set", "key", "cut")
	ask("region", patience, "region", false, "set", "key", "cut")
	ask("regions:2", short, "region", true, "incr", "counter")
	ask("regions:3", short, "region", true, "incr", "counter")
	ask("regions:1", patience, "regions:1", false, "set", "key", "cut")

	if err := c.wan.Heal("eu", "us"); err != nil {
		t.Fatal(err)
	}
	ask("regions:2", patience, "regions:2", false, "incr", "counter")
	ask("regions:3", short, "region", true, "incr", "counter")

	c.wan.HealAll()
	eventually(t, patience, c.differ)
	for _, region := range c.regions { // what fell short stays
		if got := c.clients[region].do(t, "get", "counter"); got != "6" {
			t.Errorf("the counter is %s in %s", got, region)
		}
	}
}
