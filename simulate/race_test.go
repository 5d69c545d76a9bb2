//go:build race

package simulate

// racing says that the race detector looks on, which makes a run ten times as
// long and has nothing to look for in it: a world lives in one goroutine.
const racing = true
