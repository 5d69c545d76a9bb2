package scenario

import "time"

// configFields are the settings of a node, in the order of the reference.
func configFields() []field[Config] {
	duration := func(name, about string, place func(*Config) *time.Duration) field[Config] {
		return bind(name, about, aDuration(), place)
	}
	size := func(name, about string, place func(*Config) *int64) field[Config] {
		return bind(name, about, aSize(), place)
	}
	number := func(name, about string, place func(*Config) *int) field[Config] {
		return bind(name, about, aNumber(), place)
	}

	return []field[Config]{
		duration("linger", "how long a delta waits for company under load", func(c *Config) *time.Duration { return &c.Linger }),
		duration("watermark", "between closed timestamps under load", func(c *Config) *time.Duration { return &c.Watermark }),
		duration("heartbeat", "between signs of life on an idle link", func(c *Config) *time.Duration { return &c.Heartbeat }),
		duration("resend", "least wait for an acknowledgement", func(c *Config) *time.Duration { return &c.Resend }),
		duration("hold-down", "before a node that went silent loses its partitions", func(c *Config) *time.Duration { return &c.HoldDown }),
		duration("announce", "between announcements of a region's view", func(c *Config) *time.Duration { return &c.Announce }),
		duration("round-every", "between checks of a healthy peer", func(c *Config) *time.Duration { return &c.RoundEvery }),
		duration("pull-timeout", "for one answer of a repair round", func(c *Config) *time.Duration { return &c.PullTimeout }),
		duration("hand-off", "between offers of a partition to its new owners", func(c *Config) *time.Duration { return &c.HandOff }),
		duration("forward", "for the answer of an owner", func(c *Config) *time.Duration { return &c.Forward }),
		duration("ack", "for the acknowledgements of a write", func(c *Config) *time.Duration { return &c.Ack }),
		duration("settle", "that a node alone waits for others at its start", func(c *Config) *time.Duration { return &c.Settle }),
		duration("foreign", "that a second claim to a region's name may last", func(c *Config) *time.Duration { return &c.Foreign }),
		duration("close-after", "without a change of views, before the gaps of dead origins are closed", func(c *Config) *time.Duration { return &c.CloseAfter }),
		duration("max-skew", "how far ahead a stamp may be", func(c *Config) *time.Duration { return &c.MaxSkew }),
		duration("session", "that a command waits for what its session has seen", func(c *Config) *time.Duration { return &c.Session }),
		size("outbox", "of one link", func(c *Config) *int64 { return &c.Outbox }),
		size("batch", "of one batch", func(c *Config) *int64 { return &c.Batch }),
		size("window", "sent and not acknowledged", func(c *Config) *int64 { return &c.Window }),
		size("ask", "of one answer in a repair round", func(c *Config) *int64 { return &c.Ask }),
		size("repair", "of repair answers in a second", func(c *Config) *int64 { return &c.Repair }),
		size("memory", "that a node may hold; without, no limit", func(c *Config) *int64 { return &c.Memory }),
		number("replicas", "owners of a partition in a region", func(c *Config) *int { return &c.Replicas }),
		number("partitions", "how many of the 1024 hold keys; without, chosen from the number of keys", func(c *Config) *int { return &c.Partitions }),
		bind("shrink", "buffers, batches and timeouts that are not given are made small at random", aSwitch(), func(c *Config) *bool { return &c.Shrink }),
	}
}

// totalPartitions is that of package ring; a test holds the two equal.
const totalPartitions = 1024

// Partitions is how many partitions hold keys: what the config says, or about
// 32 keys to each, so that a run with few keys spends nothing on empty ones
// and its keys meet in the same tree.
func (s *Scenario) Partitions() int {
	if s.Config.Partitions > 0 {
		return s.Config.Partitions
	}
	keys := int64(0)
	for _, load := range s.Load {
		keys += load.Keys.Count
	}
	n := 4
	for n < totalPartitions && int64(n)*32 < keys {
		n *= 2
	}
	return n
}
