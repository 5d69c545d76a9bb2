package antientropy

import (
	"cmp"
	"math/bits"
	"slices"
)

// A Round compares this replica with one peer, from the side that pulls. It
// asks by Next, is answered by Receive, and settles partitions one after the
// other, which Drain returns. It is not safe for concurrent use.
//
// A round whose messages get lost does not end; drop it and start another.
type Round struct {
	id    uint64
	scope Scope
	src   Source
	lim   Limits

	opened    bool
	seq       uint32
	inFlight  []Request
	unsettled int // partitions without a finding

	// What is still to be asked for.
	compare []uint16
	list    []Span

	// descents has the partitions that differ and are not settled yet.
	descents map[uint16]*descent

	// bytesEach is what a partition is expected to take in a reply to
	// Compare: at first a guess, then what it took in the last one.
	bytesEach int

	findings []Finding
	digests  []uint64
	versions []Version
}

// A Finding settles one partition. Hashes and Spans together hold every key
// that differed during the whole round. Spans are to be streamed as a whole:
// keys in them may be equal.
type Finding struct {
	Partition uint16

	// Equal says that nothing differs; Hashes and Spans are empty.
	Equal bool

	// Hashes that differ, ascending, outside of Spans.
	Hashes []uint64

	// Spans are ascending and do not touch one another.
	Spans []Span
}

// NewRound returns a round over the partitions of scope, which both sides must
// hold. The id must differ from that of other rounds with the same peer whose
// replies may still arrive.
func NewRound(id uint64, scope Scope, src Source, lim Limits) *Round {
	return &Round{
		id:        id,
		scope:     scope,
		src:       src,
		lim:       lim,
		unsettled: scope.Len(),
		descents:  make(map[uint16]*descent),
		findings:  make([]Finding, 0, scope.Len()),
	}
}

// Done reports whether every partition is settled.
func (r *Round) Done() bool {
	return r.unsettled == 0
}

// Drain returns the partitions that were settled since the last call.
func (r *Round) Drain() []Finding {
	findings := r.findings
	r.findings = nil
	return findings
}

// Next returns the next request to send, and false when there is none: the
// round is done, or what comes next depends on replies. It may be called again
// before the reply has come, to have several requests in flight.
func (r *Round) Next() (Request, bool) {
	var req Request
	switch {
	case r.Done():
		return Request{}, false
	case !r.opened:
		req = r.open()
	case len(r.list) > 0: // listings first: they settle partitions
		req = r.askListings()
	case len(r.compare) > 0:
		req = r.askBuckets()
	default:
		return Request{}, false
	}

	req.Round, req.Seq, req.MaxBytes = r.id, r.seq, uint32(r.lim.maxBytes())
	r.seq++
	r.inFlight = append(r.inFlight, req)
	return req, true
}

// Receive takes the reply to a request in flight. On an error nothing has
// changed.
func (r *Round) Receive(rep *Reply) error {
	i := slices.IndexFunc(r.inFlight, func(q Request) bool { return q.Seq == rep.Seq })
	if rep.Round != r.id || i < 0 {
		return ErrUnexpected
	}
	req := r.inFlight[i]
	if err := rep.check(&req); err != nil {
		return err
	}
	r.inFlight = slices.Delete(r.inFlight, i, i+1)

	switch {
	case len(req.Groups) > 0:
		r.takeRoots(rep)
	case len(req.Compare) > 0:
		r.takeBuckets(&req, rep)
	default:
		r.takeListings(&req, rep)
	}
	return nil
}

func (r *Round) open() Request {
	r.opened = true
	req := Request{Scope: r.scope}
	for _, members := range r.scope.groups() {
		req.Groups = append(req.Groups, groupSum(members, r.src))
	}
	return req
}

func (r *Round) takeRoots(rep *Reply) {
	roots, keys := rep.Roots, rep.Keys
	for g, members := range r.scope.groups() {
		differs := rep.Differ&(1<<g) != 0
		for i, p := range members {
			if !differs || roots[i] == r.src.Root(p) {
				r.settle(Finding{Partition: p})
				continue
			}
			r.descend(p, int(keys[i]))
		}
		if differs {
			roots, keys = roots[len(members):], keys[len(members):]
		}
	}
	r.bytesEach = guessBytesEach(r.scope.Len(), len(r.compare))
}

// guessBytesEach tells from the number of partitions that differ how many
// children differ in each: when differences fall at random, each one per
// partition leaves a 1/e of the partitions equal, so every halving of the equal
// ones is a sign of a bit less than another difference.
func guessBytesEach(partitions, differing int) int {
	equal := max(partitions-differing, 1)
	guess := min(1+bits.Len(uint(partitions/equal)), children)
	return partitionSize + guess*perChild*digestSize
}

func (r *Round) askBuckets() Request {
	limit := r.lim.maxBytes()
	room := min((limit-replyHeaderSize-countSize)/r.bytesEach, (limit-requestHeaderSize)/compareSize)
	n := min(max(room, 1), len(r.compare))

	req := Request{Compare: slices.Clone(r.compare[:n])}
	r.compare = r.compare[n:]
	for _, p := range req.Compare {
		r.digests = r.src.Buckets(p, r.digests[:0])
		sums := childSums(r.digests)
		req.Children = append(req.Children, sums[:]...)
	}
	return req
}

func (r *Round) takeBuckets(req *Request, rep *Reply) {
	theirs := rep.Buckets
	for i, mask := range rep.Children {
		p := req.Compare[i]
		r.digests = r.src.Buckets(p, r.digests[:0])

		var differing []int
		for child := range setBits(mask) {
			for b := child * perChild; b < (child+1)*perChild; b++ {
				if theirs[b%perChild] != r.digests[b] {
					differing = append(differing, b)
				}
			}
			theirs = theirs[perChild:]
		}
		r.listBuckets(p, differing)
	}

	answered := len(rep.Children)
	r.bytesEach = max(1, rep.Size()/answered)
	r.compare = append(r.compare, req.Compare[answered:]...)
	slices.Sort(r.compare)
}

func (r *Round) askListings() Request {
	slices.SortFunc(r.list, func(a, b Span) int { return cmp.Compare(a.From, b.From) })

	// A sixteenth is left free, as a listing that has to be cut or put off
	// costs a round trip.
	limit := r.lim.maxBytes() / 16 * 15
	asked, answered := requestHeaderSize, replyHeaderSize
	n := 0
	for n < len(r.list) && n < maxSpans {
		span := r.list[n]
		asked += spanSize
		answered += r.descents[span.Partition].listingSize(span)
		if n > 0 && max(asked, answered) > limit {
			break
		}
		n++
	}

	req := Request{List: slices.Clone(r.list[:n])}
	r.list = r.list[n:]
	return req
}

func (r *Round) takeListings(req *Request, rep *Reply) {
	theirs := rep.Versions
	for i, n := range rep.Counts {
		span, rest := req.List[i], Span{}
		if rep.Cut && i == len(rep.Counts)-1 {
			span, rest = splitBehind(span, theirs[n-1].Hash)
		}

		r.compareListing(span, theirs[:n])
		if rest.valid() {
			r.listRest(rest)
		}
		r.closeListing(span.Partition)
		theirs = theirs[n:]
	}
	r.list = append(r.list, req.List[len(rep.Counts):]...)
}

func (r *Round) settle(f Finding) {
	f.Equal = len(f.Hashes) == 0 && len(f.Spans) == 0
	r.findings = append(r.findings, f)
	r.unsettled--
	delete(r.descents, f.Partition)
}
