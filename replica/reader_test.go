package replica

import (
	"testing"

	"github.com/atollcache/atoll/wire"
)

// What a node announces again need not be read again; what is another's, or is
// damaged, is.
func TestAnnouncementsAreReadOnce(t *testing.T) {
	var rs readers
	body := func(version uint64) []byte {
		m := wire.Announce{Instance: 1, Version: version, Members: []wire.Member{{Name: "1", Node: 7, Boot: 3, Weight: 1}}}
		return m.Append(nil)
	}
	read := func(from uint64, body []byte) *wire.Announce {
		t.Helper()
		m, err := rs.read(from, body)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}

	message := body(1)
	read(1, message)
	kept := read(1, body(1))
	clear(message) // is its sender's
	if again := read(1, body(1)); again != kept || again.Version != 1 || again.Members[0].Node != 7 {
		t.Errorf("%+v was read again", again)
	}
	if other := read(2, body(2)); other.Version != 2 || read(1, body(1)).Version != 1 {
		t.Error("two nodes are taken for one")
	}
	if newer := read(1, body(3)); newer.Version != 3 {
		t.Errorf("version %d was read, want 3", newer.Version)
	}
	if _, err := rs.read(1, body(3)[:5]); err == nil {
		t.Error("a part of an announcement is read")
	}
	for from := range uint64(3 * maxMembers) {
		read(from, body(from))
	}
	if len(rs) > maxMembers {
		t.Errorf("%d announcements are kept", len(rs))
	}
}
