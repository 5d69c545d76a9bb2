package server

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/atollcache/atoll/membership"
	"github.com/atollcache/atoll/region"
)

// meta is what a node tells the others of its region by gossip. A node that is still starting has no boot yet, and does
// not count.
type meta struct {
	_ struct{} `cbor:",toarray"`

	Version  uint8
	Instance uint64 // of the region; 0 while it is not known
	Boot     uint64
	Weight   uint16
	State    region.State
}

const metaVersion = 1

// strict is the CBOR that is read: it has one meaning and a bounded cost.
var strict = strictMode()

func strictMode() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 8, MaxArrayElements: 4096, MaxMapPairs: 4096,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}

func (m meta) encode() []byte {
	m.Version = metaVersion
	b, err := cbor.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("encode %+v: %v", m, err)) // five numbers always have a form
	}
	return b
}

func decodeMeta(b []byte) (meta, error) {
	var m meta
	if err := strict.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("read what a member says of itself: %w", err)
	}
	if m.Version != metaVersion {
		return m, fmt.Errorf("a member speaks version %d, this node %d: run the same release everywhere", m.Version, metaVersion)
	}
	if m.State > region.Draining {
		return m, fmt.Errorf("a member is in state %d, which does not exist", m.State)
	}
	return m, nil
}

// roster is what gossip says of a region: who serves or drains, and the lowest instance that anybody claims.
type roster struct {
	nodes    []region.Node
	instance uint64 // 0 if nobody knows one
}

// readRoster reads the metas of all members. One that cannot be read is left out, and told.
func readRoster(in string, members []membership.Member, unreadable func(name string, err error)) roster {
	var r roster
	for _, member := range members {
		m, err := decodeMeta(member.Meta)
		if err != nil {
			unreadable(member.Name, err)
			continue
		}
		if m.Instance != 0 && (r.instance == 0 || m.Instance < r.instance) {
			r.instance = m.Instance
		}
		if m.Boot != 0 {
			r.nodes = append(r.nodes, region.Node{
				Name: member.Name, ID: region.NodeID(in, member.Name), Boot: m.Boot, Weight: int(max(m.Weight, 1)), State: m.State,
			})
		}
	}
	return r
}
