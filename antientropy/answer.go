package antientropy

import "math/bits"

// Answer serves one request of a peer's round from src. It keeps no state, so
// requests may come in any order, late, twice or never. An error means that the
// request is malformed or larger than lim allows for the reply.
func Answer(req *Request, src Source, lim Limits) (Reply, error) {
	if err := req.check(); err != nil {
		return Reply{}, err
	}

	rep := Reply{Round: req.Round, Seq: req.Seq}
	room := min(lim.maxBytes(), int(req.MaxBytes)) - rep.Size()
	switch {
	case len(req.Groups) > 0:
		rep.addRoots(req, src)
	case len(req.Compare) > 0:
		rep.addBuckets(req, src, room)
	default:
		rep.addListings(req, src, room)
	}
	return rep, nil
}

func (r *Reply) addRoots(req *Request, src Source) {
	for g, members := range req.Scope.groups() {
		if groupSum(members, src) == req.Groups[g] {
			continue
		}
		r.Differ |= 1 << g
		for _, p := range members {
			r.Roots = append(r.Roots, src.Root(p))
			r.Keys = append(r.Keys, uint32(src.Keys(p)))
		}
	}
}

func groupSum(members []uint16, src Source) (sum uint64) {
	for _, p := range members {
		sum += src.Root(p)
	}
	return sum
}

func (r *Reply) addBuckets(req *Request, src Source, room int) {
	digests := make([]uint64, 0, buckets)
	for i, p := range req.Compare {
		digests = src.Buckets(p, digests[:0])
		mask := differingChildren(digests, req.Children[i*children:])

		room -= partitionSize + bits.OnesCount16(mask)*perChild*digestSize
		if room < 0 {
			return
		}
		r.Children = append(r.Children, mask)
		for child := range setBits(mask) {
			r.Buckets = append(r.Buckets, digests[child*perChild:][:perChild]...)
		}
	}
}

func differingChildren(bucketDigests, theirs []uint64) (mask uint16) {
	for child, sum := range childSums(bucketDigests) {
		if sum != theirs[child] {
			mask |= 1 << child
		}
	}
	return mask
}

// setBits yields the numbers of the bits that are set, ascending.
func setBits(mask uint16) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for ; mask != 0; mask &= mask - 1 {
			if !yield(bits.TrailingZeros16(mask)) {
				return
			}
		}
	}
}

func (r *Reply) addListings(req *Request, src Source, room int) {
	for _, span := range req.List {
		room -= countSize
		if room < versionSize {
			return
		}

		// A listing that does not fit is cut behind a version; the puller
		// asks for the rest of the span.
		had := len(r.Versions)
		r.Versions = src.List(span, r.Versions)
		n := len(r.Versions) - had
		if fit := room / versionSize; n > fit {
			n, r.Cut = fit, true
			r.Versions = r.Versions[:had+n]
		}

		r.Counts = append(r.Counts, uint32(n))
		if r.Cut {
			return
		}
		room -= n * versionSize
	}
}
