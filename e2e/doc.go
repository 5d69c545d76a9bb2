// Package e2e holds the tests of whole clusters, over real sockets, real NATS and real gossip. It has no code of its own.
//
//	go test -race ./e2e             # all of them
//	go test -race -short ./e2e      # without those that take long
//	go test -race -run TestConflicts/DEL ./e2e
//
// Most run nodes of several regions in the process of the test, joined by the switch of package wan, so that regions can
// be cut from each other and nodes can lose their memory. Those in which a process must die run "atoll serve".
//
// They judge from outside: by what clients are answered, and by the digests of every replica. What needs thousands of
// schedules is not tested here but in package replica, where time and the network are values.
package e2e
