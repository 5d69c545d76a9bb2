// Package antientropy finds where two replicas differ by exchanging digests of
// hash ranges, never the values.
//
// Every key has a 64-bit hash, whose top bits name its partition, and a
// contribution: the wrapping sum of one digest per slot. A [Tree] keeps the
// sums of ranges of hashes up to date, one change at a time. Two ranges with
// equal sums hold equal keys, so a comparison descends only where sums differ
// and costs what differs, not what is stored.
//
// One side pulls: it drives a [Round] over the partitions that both sides hold.
// The other side serves: it calls [Answer] and remembers nothing. Both read
// their own replica through a [Source].
//
//	round := antientropy.NewRound(id, scope, local, antientropy.Limits{})
//	for !round.Done() {
//		request, ok := round.Next()   // ok: send it; else wait for a reply
//		err := round.Receive(&reply)  // antientropy.Answer(&request, remote, limits)
//		findings := round.Drain()     // partitions that are settled by now
//	}
//
// A round takes these steps; each is one request and its reply, or several that
// may be in flight together when one would be too large:
//
//  1. The sums of at most 32 groups of partitions go out. Back come the roots
//     of the partitions in groups that differ: none, and the round is over.
//  2. For each partition that differs, the digests of its sixteenths go out;
//     back come the bucket digests of those that differ.
//  3. The listings (key hash, digest) of the buckets that differ come back and
//     are compared with the own ones. Small partitions skip step 2.
//
// Where listing is no use, because one side is empty or most keys differ
// anyway, the round names a [Span] to be streamed instead of single hashes.
//
// Content may change while a round goes on: whatever differs during the whole
// round is reported, whatever changed meanwhile may or may not be. A round may
// be dropped at any message; it has changed nothing outside itself.
//
// The package does not fetch, stream or merge values, does not know contexts,
// and does not pace: the caller limits the requests in flight and their bytes
// per second, using the Size of the messages.
package antientropy
