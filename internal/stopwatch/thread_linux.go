package stopwatch

import "syscall"

// thread is whose time Loop counts.
const thread = syscall.RUSAGE_THREAD
