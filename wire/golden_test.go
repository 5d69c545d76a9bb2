package wire

import (
	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// One message of each kind, with all of its fields in use, and its bytes.

func sampleDot(after int, node uint64) crdt.Dot {
	return crdt.Dot{
		Stamp:  crdt.StampAt(1_790_000_000_000) + crdt.Stamp(after),
		Origin: crdt.Origin{Node: node, Epoch: 1_789_999_999_000},
	}
}

func sampleContext(dots ...crdt.Dot) (c crdt.Context) {
	for _, d := range dots {
		c.Raise(d)
	}
	return c
}

func sampleBatch() []byte {
	var empty, seen crdt.Entry
	var plain, field, count, del crdt.Delta
	var t crdt.Tally
	plain.Put(&empty, crdt.String, "", []byte("value"), 0, sampleDot(5, 7))
	field.Put(&empty, crdt.Hash, "field", []byte("v"), 1_790_000_060_000, sampleDot(6, 7))
	count.Add(&empty, crdt.String, "", crdt.Sum{Int: -3, Float: 1.5}, sampleDot(7, 8))
	seen.Merge(&plain.Entry, nil, &t)
	seen.Merge(&count.Entry, nil, &t)
	ctx := sampleContext(sampleDot(5, 7))
	del.Clear(&seen, &ctx, sampleDot(9, 9))

	var w BatchWriter
	w.Reset(1, 2, 3, 1_790_000_000_001)
	w.Enter(Mark{Partitions: []uint16{0, 1, 2, 1023}, Context: ctx})
	w.Raise(Mark{Partitions: []uint16{5}, Context: sampleContext(sampleDot(1, 7), sampleDot(2, 8))})
	w.Watermark(Mark{Partitions: []uint16{0}, Context: sampleContext(sampleDot(9, 7))})
	w.Delta([]byte("plain"), &plain)
	w.Delta([]byte("hash"), &field)
	w.Delta([]byte("count"), &count)
	w.Delta([]byte("plain"), &del)
	return w.Append(nil)
}

func sampleAck() []byte {
	a := Ack{Link: 1, Seq: 300, Boot: 3, Sent: 1_790_000_000_001, Want: []uint16{3, 4, 900}, Missing: true, Wall: 1_790_000_000_123}
	return a.Append(nil)
}

func sampleWants() []Want {
	const p = uint64(3) << 54
	return []Want{
		{Partition: 3, Tenure: 9, From: p + 1234, To: p + 1235},
		{Partition: 3, Tenure: 9, From: p + 1236, To: p + 1237},
		{Partition: 3, Tenure: 9, From: p, To: p + 1<<54},
		{Partition: 1023, Tenure: 1, From: 1023 << 54, To: 0},
		{Partition: 3, Tenure: 9, From: p + 1234, To: p + 1235, Part: 299, Parts: 300},
	}
}

func sampleAsk() []byte {
	opening := antientropy.Request{
		Round: 1, Seq: 2, MaxBytes: 131072, Groups: []uint64{17, 18},
		Compare: []uint16{7}, Children: []uint64{19},
		List: []antientropy.Span{{Partition: 2, From: 2 << 54, To: 2<<54 + 3<<46}},
	}
	opening.Scope.Add(1)
	opening.Scope.Add(2)
	a := Ask{Round: 1, Step: 4, Request: &opening, Wants: sampleWants(), MaxBytes: 65536}
	return a.Append(nil)
}

func sampleAnswer() []byte {
	var e crdt.Entry
	var d crdt.Delta
	var t crdt.Tally
	d.Put(&e, crdt.Set, "member", nil, 0, sampleDot(5, 7))
	d.Extend(&e, 1_790_000_060_000, sampleDot(6, 7))
	e.Merge(&d.Entry, nil, &t)

	var w AnswerWriter
	w.Reset(1, 4)
	w.Reply(&antientropy.Reply{
		Round: 1, Seq: 2, Differ: 3, Roots: []uint64{17}, Keys: []uint32{1000}, Children: []uint16{0x8001},
		Buckets: []uint64{18}, Counts: []uint32{1}, Versions: []antientropy.Version{{Hash: 19, Digest: 20}}, Cut: true,
	})
	w.Context(PartitionContext{Partition: 3, Tenure: 9, Ready: true, Context: sampleContext(sampleDot(6, 7)), Waiting: 300})
	w.Context(PartitionContext{Partition: 9, Tenure: 8, Partial: true})
	for _, want := range sampleWants() {
		w.Served(want, 1)
	}
	w.Refuse(77)
	w.Large(Large{Hash: 21, Parts: 300})
	applied := sampleContext(sampleDot(4, 7), sampleDot(3, 8))
	w.Applied(3, &applied)
	w.Entry([]byte("key"), &e)
	return w.Append(nil)
}

func sampleForward() []byte {
	f := Forward{
		ID: 5, Args: [][]byte{[]byte("SET"), []byte("key"), {}}, Level: 2, Regions: 3, Hops: 1, TimeoutMillis: 1500,
		Session: &Session{Token: []byte("token"), WaitMillis: 500},
	}
	return f.Append(nil)
}

func sampleForwarded() []byte {
	f := Forwarded{ID: 5, Reply: []byte("reply")}
	return f.Append(nil)
}

func sampleAnnounce() []byte {
	a := Announce{
		Instance: 11, Version: 300,
		Members: []Member{{Name: "n1", Node: 7, Boot: 9, Weight: 500, State: 2}},
		Epochs:  []Epoch{{Node: 7, Epoch: 1_789_999_999_000}},
		Dropped: 1_780_000_000_000,
		Regions: []Known{{"ap", 300, 5}, {"eu", 2, 6}},
	}
	return a.Append(nil)
}

func sampleHandOff() []byte {
	h := HandOff{ID: 5, Partitions: []PartitionContext{
		{Partition: 3, Tenure: 9, Ready: true, Context: sampleContext(sampleDot(6, 7), sampleDot(2, 8))},
		{Partition: 4, Tenure: 10},
	}}
	return h.Append(nil)
}

func sampleHandedOff() []byte {
	h := HandedOff{ID: 5, Partitions: []uint16{3, 4, 1023}}
	return h.Append(nil)
}

const (
	goldenEnvelope = "8401866473686f7002626575626e31070943010203440baf718a"
	goldenBatch    = "00010000000000000003000000000000000282b083c59868858080e0868ab1d00103070000000000000098d0c1a28c340800" +
		"00000000000098d0c1a28c34090000000000000098d0c1a28c3401020002fc07000100000101050002000701020101000001" +
		"00080405706c61696e3100000576616c756504686173685d056669656c640002c0a907017605636f756e7400014101080104" +
		"05000000000000f83f05706c61696e04010000018101080104020405000000000000f83f"
	goldenAck = "01000000000000000300000000000000ac0282b083c5986803020301ff0600fbd8c1a28c34"
	goldenAsk = "0100000000000000048080040101000000000000000280800801010102110000000000000012000000000000000107000113" +
		"00000000000000018004030005030909d20400000000c000d40400000000c00003090480068002ff07010480fe0f80020309" +
		"06d20400000000c000ab02ac02"
	goldenAnswer = "02010000000000000004010100000000000000020301110000000000000001e8070101800112000000000000000101011300" +
		"000000000000140000000000000001868080e0868ab1d00102070000000000000098d0c1a28c34080000000000000098d0c1" +
		"a28c34020d09ac020100002608000005030909d20400000000c000d40400000000c00003090480068002ff07010480fe0f80" +
		"02030906d20400000000c000ab02ac02050101010101014d00011500000000000000ac020103020003010101036b65790002" +
		"1b066d656d626572010000011501020002c0a907"
	goldenForward   = "0500000000000000020381dc0b0303000000534554030000006b657900000000f40305746f6b656e"
	goldenForwarded = "05000000000000007265706c79"
	goldenAnnounce  = "0b00000000000000ac0201026e3107000000000000000900000000000000f4030201070000000000000098d0c1a28c348090" +
		"9282e73302026170ac020500000000000000026575020600000000000000"
	goldenHandOff = "0500000000000000868080e0868ab1d00102070000000000000098d0c1a28c34080000000000000098d0c1a28c34020d0900" +
		"0200000107100a0000"
	goldenHandedOff = "0500000000000000020301fa0700"
)
