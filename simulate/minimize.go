package simulate

// minimize gives a part of the items that still fails, by delta debugging
// (Zeller and Hildebrandt, 2002): of what it gives no single item can be taken
// away, unless out said that it must end. The items themselves are known to fail.
func minimize[T any](items []T, fails func([]T) bool, out func() bool) []T {
	if len(items) > 0 && fails(nil) {
		return nil
	}
	chunks := 2
	for len(items) > 1 && !out() {
		rest, ok := without(items, min(chunks, len(items)), fails, out)
		switch {
		case ok:
			items, chunks = rest, max(chunks-1, 2)
		case chunks >= len(items):
			return items
		default:
			chunks *= 2
		}
	}
	return items
}

// without looks for one of so many chunks that need not be there.
func without[T any](items []T, chunks int, fails func([]T) bool, out func() bool) ([]T, bool) {
	for i := chunks - 1; i >= 0 && !out(); i-- { // from the end: what comes late depends on what came before
		from, to := i*len(items)/chunks, (i+1)*len(items)/chunks
		rest := append(append(make([]T, 0, len(items)), items[:from]...), items[to:]...)
		if fails(rest) {
			return rest, true
		}
	}
	return nil, false
}
