package membership

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// view is what memberlist has told: the members, and who is gone. memberlist
// calls it with its own lock held, so nothing here blocks or calls back, and all
// that stays is copied.
type view struct {
	self   string
	addr   string
	logger *slog.Logger

	changed chan struct{} // holds one signal that members have changed

	mu       sync.Mutex
	starting bool
	taken    error // a live node with our name was seen while starting
	meta     []byte
	members  map[string]Member
	gone     map[string]time.Time // since when, by address
}

func newView(config Config, addr string) *view {
	return &view{
		self:     config.Name,
		addr:     addr,
		logger:   config.Logger,
		changed:  make(chan struct{}, 1),
		starting: true,
		meta:     bytes.Clone(config.Meta),
		members:  make(map[string]Member),
		gone:     make(map[string]time.Time),
	}
}

// started ends the time in which a name can be found taken.
func (v *view) started() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.starting = false
	return v.taken
}

// list returns copies of all members, sorted by name.
func (v *view) list() []Member {
	v.mu.Lock()
	defer v.mu.Unlock()
	members := make([]Member, 0, len(v.members))
	for _, m := range v.members {
		members = append(members, m.clone())
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return members
}

func (m Member) clone() Member {
	m.Meta = bytes.Clone(m.Meta)
	return m
}

func (m Member) equal(o Member) bool {
	return m.Name == o.Name && m.Addr == o.Addr && bytes.Equal(m.Meta, o.Meta)
}

func cloneMembers(members []Member) []Member {
	clones := make([]Member, len(members))
	for i, m := range members {
		clones[i] = m.clone()
	}
	return clones
}

func (v *view) setMeta(meta []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.meta = bytes.Clone(meta)
}

// ownMeta returns what memberlist last published of this node.
func (v *view) ownMeta() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.members[v.self].Meta
}

// NotifyJoin is called when a node appears.
func (v *view) NotifyJoin(n *memberlist.Node) { v.put(n) }

// NotifyUpdate is called when the Meta of a node changes.
func (v *view) NotifyUpdate(n *memberlist.Node) { v.put(n) }

func (v *view) put(n *memberlist.Node) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := Member{Name: n.Name, Addr: n.Address(), Meta: n.Meta}
	v.members[n.Name] = m.clone()
	delete(v.gone, m.Addr)
	v.signal()
}

// NotifyLeave is called when a node is missed or leaves.
func (v *view) NotifyLeave(n *memberlist.Node) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gone[n.Address()] = time.Now()
	delete(v.members, n.Name)
	v.signal()
}

// signal wakes the reporter, once for all that happens before it looks.
func (v *view) signal() {
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// NotifyMerge sees all that a peer knows before any of it is merged. While the
// node starts, it refuses a peer that knows a live node of our name elsewhere.
// The same name at our own address is our former self.
func (v *view) NotifyMerge(peers []*memberlist.Node) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.starting {
		return nil
	}
	for _, p := range peers {
		alive := p.State == memberlist.StateAlive || p.State == memberlist.StateSuspect
		if p.Name == v.self && alive && p.Address() != v.addr {
			v.taken = fmt.Errorf("%w: it is at %s; choose another name, or wait some seconds if that node has just died",
				ErrNameTaken, p.Address())
			return v.taken
		}
	}
	return nil
}

// NotifyConflict is called when a name turns up at a second address. The first
// one stays.
func (v *view) NotifyConflict(existing, other *memberlist.Node) {
	v.logger.Error("two nodes have one name: stop one of them",
		"name", existing.Name, "addr", existing.Address(), "ignored", other.Address())
}

// NotifyAlive refuses nodes that none of ours would be.
func (v *view) NotifyAlive(n *memberlist.Node) error {
	if n.Name == "" || len(n.Name) > maxName {
		return fmt.Errorf("its name has %d bytes, at most %d are allowed", len(n.Name), maxName)
	}
	return checkMeta(n.Meta)
}

// NodeMeta returns what the others shall see of this node.
func (v *view) NodeMeta(int) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return bytes.Clone(v.meta)
}

// NotifyMsg, GetBroadcasts, LocalState and MergeRemoteState are for payload of
// users. There is none.
func (v *view) NotifyMsg([]byte) {}

// GetBroadcasts has nothing to send.
func (v *view) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState has nothing to send.
func (v *view) LocalState(bool) []byte { return nil }

// MergeRemoteState expects nothing.
func (v *view) MergeRemoteState([]byte, bool) {}
