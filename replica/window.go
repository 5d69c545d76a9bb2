package replica

// windows remember which forwarded commands have come from each peer: a message
// that a network repeats must not run twice.
type windows map[uint64]*window

// window holds the last numbers of one sender, which counts up.
type window struct {
	top  uint64
	seen [windowSize / 64]uint64 // a ring of bits, those above top-windowSize
}

const windowSize = 4096

// fresh notes a number, and says whether it is new. One that is too old to tell
// is not: its sender has given it up long ago.
func (ws windows) fresh(from, id uint64) bool {
	w := ws[from]
	if w == nil {
		w = &window{top: id}
		ws[from] = w
	}
	if id+windowSize <= w.top {
		return false
	}
	if id > w.top+windowSize {
		w.seen = [windowSize / 64]uint64{}
		w.top = id
	}
	for w.top < id {
		w.top++
		w.seen[w.top/64%uint64(len(w.seen))] &^= 1 << (w.top % 64)
	}
	word, bit := &w.seen[id/64%uint64(len(w.seen))], uint64(1)<<(id%64)
	was := *word&bit != 0
	*word |= bit
	return !was
}

// forget drops the windows of senders that are not known any more.
func (ws windows) forget(known func(id uint64) bool) {
	for _, id := range sortedKeys(ws) {
		if !known(id) {
			delete(ws, id)
		}
	}
}
