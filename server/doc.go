// Package server runs a node for real: it gives a replica time, messages and goroutines, and opens its doors.
//
//	node, err := server.Start(ctx, server.Config{Region: "eu", Name: "eu-1", HTTP: "127.0.0.1:8080"})
//	…
//	reply, err := node.Do(ctx, "set", "greeting", "hello")
//	…
//	err = node.Drain(ctx) // hand everything over, then stop
//
// A Config can also be loaded, by [Flags] and [Load], from flags, the environment and a file.
//
// # What Start does
//
//  1. Reads the secrets and the epoch of the last start, and opens the HTTP door, which says "joining".
//  2. Starts a NATS server, or finds the one it is to use, and connects to its two accounts: links and clients.
//  3. Joins the gossip of the region as a node that does not count yet.
//  4. Listens until those who are there have announced themselves, for some seconds at most. They know which epochs
//     this node has used.
//  5. Takes a new epoch, saves it, makes the replica, and counts from now on.
//  6. Waits until the partitions are fetched from those who have them, for a bounded time, and opens the NATS door.
//
// # Goroutines
//
// A node has these, and who ends each stands behind it. [Node.Stop] brings all of that about, and returns when they
// have ended, but for the last two, which themselves wait for it.
//
//	Node.tick       lets the replica act when time has passed or it has asked for it    Node.halt
//	Node.carry      hands what the replica wants to send to the transport, in order     Node.halt
//	Node.tell       publishes what has changed, if it is to                             Node.halt
//	natsdoor.Door   processors, and one goroutine of nats.go for each subscription      Door.Close
//	httpdoor.Door   one that accepts, and those of net/http for each connection         Door.Close
//	transport       two of nats.go, in which the replica receives messages              Transport.Close
//	membership      those of memberlist, one that reports and one that looks for peers  Gossip.Close
//	connections     those of nats.go                                                    wires.close
//	broker          those of the NATS server, unless it is shared                       wires.close
//	Node.watch      stops a node which has found that it must not go on                 Node.Stop
//	backend.Drain   drains a node that was asked to leave by its door                   Node.Drain
//
// # What it does not do
//
// It decides nothing about data; that is the replica's part, so that it can be simulated. It does not encrypt yet, and
// keeps nothing on disk but the epoch.
package server
