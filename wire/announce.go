package wire

// Announce is the directory of a region, as one of its nodes sees it.
type Announce struct {
	Instance uint64 // id of the region, drawn when it was set up: two regions of one name differ in it
	Version  uint64 // the higher one of an instance is newer
	Members  []Member
	Epochs   []Epoch
	Dropped  uint64  // the highest epoch of those that are not among them any more
	Regions  []Known // whose views the node has
}

// Known is what a node knows of a region.
type Known struct {
	Region  string
	Version uint64 // of its view
	Sum     uint64 // of what the view says
}

// Member is a node of the region.
type Member struct {
	Name   string
	Node   uint64
	Boot   uint64
	Weight uint16
	State  uint8 // as package region defines it
}

// Epoch is the highest epoch that is known of a node, anywhere. Those of nodes
// that have been gone for long are dropped.
type Epoch struct {
	Node  uint64
	Epoch uint64
}

// The sizes of the smallest member, epoch and known region.
const (
	memberSize = 1 + 8 + 8 + 1 + 1
	epochSize  = 8 + 1
	knownSize  = 1 + 1 + 8
)

// Append appends the body to dst.
func (a *Announce) Append(dst []byte) []byte {
	dst = appendUint64(dst, a.Instance)
	dst = appendUvarint(dst, a.Version)
	dst = appendUvarint(dst, uint64(len(a.Members)))
	for _, m := range a.Members {
		dst = appendText(dst, m.Name)
		dst = appendUint64(dst, m.Node)
		dst = appendUint64(dst, m.Boot)
		dst = appendUvarint(dst, uint64(m.Weight))
		dst = append(dst, m.State)
	}
	dst = appendUvarint(dst, uint64(len(a.Epochs)))
	for _, e := range a.Epochs {
		dst = appendUint64(dst, e.Node)
		dst = appendUvarint(dst, e.Epoch)
	}
	dst = appendUvarint(dst, a.Dropped)
	dst = appendUvarint(dst, uint64(len(a.Regions)))
	for _, k := range a.Regions {
		dst = appendText(dst, k.Region)
		dst = appendUvarint(dst, k.Version)
		dst = appendUint64(dst, k.Sum)
	}
	return dst
}

// ReadAnnounce reads the body of an Announce.
func ReadAnnounce(body []byte) (Announce, error) {
	p := parser{src: body}
	a := Announce{Instance: p.uint64(), Version: p.uvarint()}
	if n := p.count(memberSize); n > 0 {
		a.Members = make([]Member, n)
	}
	for i := range a.Members {
		m := &a.Members[i]
		m.Name = p.text(maxText)
		m.Node = p.uint64()
		m.Boot = p.uint64()
		m.Weight = p.weight()
		m.State = p.byte()
	}
	if n := p.count(epochSize); n > 0 {
		a.Epochs = make([]Epoch, n)
	}
	for i := range a.Epochs {
		a.Epochs[i] = Epoch{Node: p.uint64(), Epoch: p.uvarint()}
	}
	a.Dropped = p.uvarint()
	if n := p.count(knownSize); n > 0 {
		a.Regions = make([]Known, n)
	}
	for i := range a.Regions {
		a.Regions[i] = Known{Region: p.text(maxText), Version: p.uvarint(), Sum: p.uint64()}
	}
	return ended(&p, a)
}

func (p *parser) weight() uint16 {
	v := p.uvarint()
	if v > 1<<16-1 {
		p.fail("weight %d", v)
		return 0
	}
	return uint16(v)
}
