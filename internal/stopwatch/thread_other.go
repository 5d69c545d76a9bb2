//go:build !linux

package stopwatch

import "syscall"

// thread is whose time Loop counts: elsewhere only that of the process can be told.
const thread = syscall.RUSAGE_SELF
