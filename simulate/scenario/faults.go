package scenario

// The tables of faults. "For" is no parameter here: a fault that lasts takes it.

var chance = Param{Name: "chance", Default: "5%", About: "share of the messages"}

var netFaults = []Fault{ // immutable: nothing writes a row, and Faults hands out a copy
	{
		Kind: Cut, Group: Net, Shape: Sides, Lasts: true,
		About: "Parts the sides from one another; whoever is not named still reaches all of them.",
		Params: []Param{
			{Name: "mode", Default: "stop", About: "stop (messages are lost), slow (they come late), jam (they wait, then come all at once)"},
			{Name: "add", Default: "5s", About: "delay of each message in mode slow"},
		},
	},
	{
		Kind: CutOneWay, Group: Net, Shape: Arrow, Lasts: true,
		About: "Messages from the first side to the second are lost; membership stays green, the other direction works.",
	},
	{
		Kind: Bridge, Group: Net, Shape: Sides, Lasts: true,
		About:  "Parts the sides, but leaves a go-between that both reach.",
		Params: []Param{{Name: "via", Required: true, About: "the go-between"}},
	},
	{
		Kind: Isolate, Group: Net, Shape: Nodes, Lasts: true,
		About: "Cuts what is named, as one, off from everybody else.",
	},
	{
		Kind: Swizzle, Group: Net, Shape: Nodes, Lasts: true,
		About:  "Clogs the nodes one by one, then unclogs them in random order.",
		Params: []Param{{Name: "every", Default: "1s", About: "between two nodes"}},
	},
	{
		Kind: Drop, Group: Net, Shape: Links, Lasts: true, Params: []Param{chance},
		About: "Loses messages at random.",
	},
	{
		Kind: BurstLoss, Group: Net, Shape: Links, Lasts: true,
		About: "Loses messages in bursts.",
		Params: []Param{
			{Name: "chance", Default: "50%", About: "share lost within a burst"},
			{Name: "length", Default: "500ms", About: "of a burst, on average"},
			{Name: "every", Default: "5s", About: "between bursts, on average"},
		},
	},
	{
		Kind: Duplicate, Group: Net, Shape: Links, Lasts: true, Params: []Param{chance},
		About: "Delivers messages twice.",
	},
	{
		Kind: Reorder, Group: Net, Shape: Links, Lasts: true,
		About: "Holds messages back, so that later ones overtake them.",
		Params: []Param{
			{Name: "chance", Default: "10%", About: "share of the messages"},
			{Name: "within", Default: "200ms", About: "held back at most"},
		},
	},
	{
		Kind: Delayed, Group: Net, Shape: Links, Lasts: true,
		About:  "Makes messages later than the path does.",
		Params: []Param{{Name: "add", Default: "100ms", About: "a delay, written as an rtt"}},
	},
	{
		Kind: Throttle, Group: Net, Shape: Links, Lasts: true,
		About: "Limits what each direction between two regions carries; what does not fit waits, then the tail is dropped.",
		Params: []Param{
			{Name: "rate", Required: true, About: "bits per second"},
			{Name: "queue", Default: "256KiB", About: "that may wait"},
		},
	},
	{
		Kind: FrameLimit, Group: Net, Shape: Links, Lasts: true,
		About:  "Loses messages above a size.",
		Params: []Param{{Name: "size", Default: "16KiB", About: "of the largest that passes"}},
	},
	{
		Kind: Flap, Group: Net, Shape: Links, Lasts: true,
		About: "Cuts and mends by turns.",
		Params: []Param{
			{Name: "up", Default: "3s", About: "how long the links work"},
			{Name: "down", Default: "3s", About: "how long they do not"},
		},
	},
	{
		Kind: Gray, Group: Net, Shape: Links, Lasts: true,
		About: "Loses messages of one class or size only.",
		Params: []Param{
			{Name: "class", Default: "any", About: "batch, ack, ask, answer, forward, forwarded, announce, handoff, handedoff or any"},
			{Name: "size", Default: "1B", About: "of the smallest message that suffers"},
			{Name: "chance", Default: "100%", About: "share of those"},
		},
	},
	{
		Kind: Corrupt, Group: Net, Shape: Links, Lasts: true,
		About:  "Flips a bit of messages.",
		Params: []Param{{Name: "chance", Default: "1%", About: "share of the messages"}},
	},
	{
		Kind: BlackHole, Group: Net, Shape: Links, Lasts: true,
		About: "Sends succeed, membership is green, nothing arrives.",
	},
	{
		Kind: Away, Group: Net, Shape: Regions, Lasts: true,
		About: "The region is out of everybody's reach, and goes on by itself.",
	},
	{
		Kind: Apart, Group: Net, Shape: Sides, Lasts: true,
		About: "The sides start without knowing of each other, and meet when it ends; at is 0s.",
	},
}

var restart = Param{Name: "restart", Default: "30s", About: "after how long it is back, or never"}

var nodeFaults = []Fault{ // immutable: nothing writes a row, and Faults hands out a copy
	{
		Kind: Crash, Group: Node, Shape: Nodes, Life: true,
		About: "Kills nodes.",
		Params: []Param{
			{Name: "lose", Default: "memory", About: "memory (all of it), or nothing (what came after the last snapshot)"},
			restart,
			{Name: "between", Default: "no", About: "yes: between two effects of one step of the node"},
		},
	},
	{
		Kind: Restart, Group: Node, Shape: Nodes,
		About: "Starts nodes that a crash, wipe or drain took away for ever.",
	},
	{
		Kind: Pause, Group: Node, Shape: Nodes, Lasts: true, Life: true,
		About: "Stops nodes without their knowing; messages wait at their door.",
	},
	{
		Kind: SlowNode, Group: Node, Shape: Nodes, Lasts: true,
		About:  "Makes every step of a node take longer.",
		Params: []Param{{Name: "factor", Default: "10", About: "how many times as long"}},
	},
	{
		Kind: Twin, Group: Node, Shape: OneNode, Lasts: true, Life: true,
		About: "A second node lives under the name of the first.",
	},
	{
		Kind: Wipe, Group: Node, Shape: Nodes, Life: true,
		About:  "Nodes lose memory and disk, and join again under their old name.",
		Params: []Param{{Name: "restart", Default: "5s", About: restart.About}},
	},
	{
		Kind: Overload, Group: Node, Shape: Nodes, Lasts: true,
		About:  "Messages come faster than the node handles them; its inbox overflows.",
		Params: []Param{{Name: "ops", Default: "100/s", About: "messages that it handles"}},
	},
}

var clockFaults = []Fault{ // immutable: nothing writes a row, and Faults hands out a copy
	{
		Kind: ClockSkew, Group: Clock, Shape: Nodes, Lasts: true,
		About:  "The wall clock is off by a constant while it lasts.",
		Params: []Param{{Name: "skew", Required: true, About: "by how much, +900ms"}},
	},
	{
		Kind: ClockDrift, Group: Clock, Shape: Nodes, Lasts: true,
		About:  "The wall clock runs fast or slow.",
		Params: []Param{{Name: "drift", Required: true, About: "a share, +200ppm"}},
	},
	{
		Kind: ClockJump, Group: Clock, Shape: Nodes,
		About:  "The wall clock jumps once, and stays off until the heal.",
		Params: []Param{{Name: "jump", Required: true, About: "by how much, -1h"}},
	},
	{
		Kind: ClockStrobe, Group: Clock, Shape: Nodes, Lasts: true,
		About: "The wall clock jumps there and back.",
		Params: []Param{
			{Name: "strobe", Required: true, About: "by how much, +200ms"},
			{Name: "every", Default: "1s", About: "between jumps"},
		},
	},
	{
		Kind: ClockPoison, Group: Clock, Shape: Nodes, Lasts: true,
		About:  "The node stamps far in the future, and its own guard does not notice.",
		Params: []Param{{Name: "poison", Required: true, About: "how far, +24h"}},
	},
}

var membershipFaults = []Fault{ // immutable: nothing writes a row, and Faults hands out a copy
	{
		Kind: Join, Group: Membership, Shape: Regions,
		About:  "New nodes join, numbered on from the last one, and stay.",
		Params: []Param{{Name: "nodes", Default: "1", About: "how many in each region"}},
	},
	{
		Kind: JoinStorm, Group: Membership, Shape: Regions, Lasts: true,
		About: "New nodes join in quick succession, and leave when it ends.",
		Params: []Param{
			{Name: "nodes", Default: "3", About: "how many in each region"},
			{Name: "every", Default: "200ms", About: "between two of them"},
		},
	},
	{
		Kind: LeaveStorm, Group: Membership, Shape: Regions, Lasts: true, Life: true,
		About: "Nodes leave in quick succession, the last of the list first, and are back when it ends.",
		Params: []Param{
			{Name: "nodes", Default: "1", About: "how many of each region; one node stays"},
			{Name: "every", Default: "200ms", About: "between two of them"},
		},
	},
	{
		Kind: Drain, Group: Membership, Shape: Nodes, Life: true,
		About:  "Nodes hand over what they hold and leave.",
		Params: []Param{{Name: "restart", Default: "never", About: restart.About}},
	},
	{
		Kind: FalseDeath, Group: Membership, Shape: Nodes, Lasts: true,
		About: "The others of the region believe the nodes dead, though they live.",
	},
	{
		Kind: FlapSuspicion, Group: Membership, Shape: Nodes, Lasts: true,
		About:  "The nodes are believed dead and alive by turns.",
		Params: []Param{{Name: "every", Default: "3s", About: "between two changes of mind"}},
	},
	{
		Kind: SplitBrain, Group: Membership, Shape: Split, Lasts: true,
		About: "Membership of a region falls apart, each part believing itself alone; other messages pass.",
	},
	{
		Kind: RingDisagreement, Group: Membership, Shape: Nodes, Lasts: true,
		About: "The nodes keep the view of their region that they have, whatever changes.",
	},
}

var stormOps = Param{Name: "ops", Default: "100/s", About: "in each region"}

var workFaults = []Fault{ // immutable: nothing writes a row, and Faults hands out a copy
	{
		Kind: LoadBurst, Group: Work, Shape: Regions, Lasts: true,
		About:  "Multiplies the load of regions.",
		Params: []Param{{Name: "factor", Default: "10", About: "by how much"}},
	},
	{
		Kind: LoadHotKey, Group: Work, Shape: Regions, Lasts: true, Params: []Param{stormOps},
		About: "Everybody writes one key.",
	},
	{
		Kind: LoadStampede, Group: Work, Shape: Regions, Lasts: true,
		About: "Keys are written with one and the same deadline.",
		Params: []Param{
			stormOps,
			{Name: "keys", Default: "100", About: "how many"},
			{Name: "ttl", Default: "10s", About: "between two common deadlines"},
		},
	},
	{
		Kind: LoadCounterStorm, Group: Work, Shape: Regions, Lasts: true,
		About:  "A few counters are counted up, down and reset.",
		Params: []Param{stormOps, {Name: "keys", Default: "3", About: "how many"}},
	},
	{
		Kind: LoadRecreate, Group: Work, Shape: Regions, Lasts: true,
		About:  "Keys are deleted and written again at once, in every region.",
		Params: []Param{stormOps, {Name: "keys", Default: "20", About: "how many"}},
	},
	{
		Kind: LoadHugeValues, Group: Work, Shape: Regions, Lasts: true,
		About: "Large values are written.",
		Params: []Param{
			{Name: "ops", Default: "2/s", About: "in each region"},
			{Name: "keys", Default: "10", About: "how many"},
			{Name: "value", Default: "256KiB..1MiB", About: "of what size"},
		},
	},
	{
		Kind: LoadHugeMaps, Group: Work, Shape: Regions, Lasts: true,
		About: "Hashes, sets and sorted sets grow large.",
		Params: []Param{
			stormOps,
			{Name: "keys", Default: "3", About: "how many"},
			{Name: "fields", Default: "10000", About: "members of each at most"},
		},
	},
}

var settingsFaults = []Fault{ // immutable: nothing writes a row, and Faults hands out a copy
	{
		Kind: RollingUpgrade, Group: Settings, Shape: Regions, Lasts: true, Life: true,
		About:  "All nodes start with the codec of the release before; one by one they restart with the present one.",
		Params: []Param{{Name: "every", Default: "10s", About: "between two restarts"}},
	},
	{
		Kind: Unequal, Group: Settings, Shape: Nodes, Lasts: true,
		About:  "The nodes run with other settings than the rest.",
		Params: []Param{{Name: "set", Required: true, About: "settings, as under config"}},
	},
}

var diskFaults = []Fault{ // immutable: nothing writes a row, and Faults hands out a copy
	{Kind: TornWrite, Group: Disk, Shape: Nodes, About: "A snapshot is written in part. With snapshots only."},
	{Kind: BitFlip, Group: Disk, Shape: Nodes, About: "A bit of the snapshot turns. With snapshots only."},
	{Kind: Truncation, Group: Disk, Shape: Nodes, About: "The snapshot loses its end. With snapshots only."},
	{Kind: DiskFull, Group: Disk, Shape: Nodes, Lasts: true, About: "Snapshots cannot be written. With snapshots only."},
	{Kind: FsyncError, Group: Disk, Shape: Nodes, Lasts: true, About: "Flushing a snapshot fails. With snapshots only."},
	{Kind: DiskStall, Group: Disk, Shape: Nodes, Lasts: true, About: "Writing a snapshot hangs. With snapshots only."},
	{Kind: OldSnapshot, Group: Disk, Shape: Nodes, Life: true, About: "A node restarts with a snapshot of long ago. With snapshots only."},
}
