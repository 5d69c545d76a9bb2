package antientropy

import (
	"cmp"
	"slices"
)

// descent is what a round has found out about one partition that differs.
type descent struct {
	keys int // the larger number of keys of both sides

	outstanding int    // spans to be listed or in flight
	held        []Span // spans that wait for what the others show

	// Of the hashes listed so far on either side, how many differ.
	listed  int
	differs int

	hashes []uint64
	spans  []Span
}

const (
	// smallPartition is the number of keys up to which listing a whole
	// partition is cheaper than comparing its children first.
	smallPartition = 16

	// sampleKeys is how many hashes must have been seen before they say
	// something about the others.
	sampleKeys = 32

	// largePartition is the number of keys from which a sample is worth a
	// round trip: a sixteenth of it holds sampleKeys.
	largePartition = sampleKeys * children
)

// mostDiffer reports whether so many keys differ that streaming them all is
// better than listing them first. At seven eighths it wastes an eighth of the
// values, while listing a key and asking for it takes 24 bytes: even at values
// of 192 bytes.
func mostDiffer(differs, all int) bool {
	return all >= sampleKeys && differs >= all-all/8
}

// hopeless reports whether listing more of the partition is not worth it.
func (d *descent) hopeless() bool {
	return mostDiffer(d.differs, d.listed)
}

// listingSize returns what the listing of a span is expected to take. A bucket
// is more likely to differ the more keys it has, on average one more than all
// buckets have.
func (d *descent) listingSize(span Span) int {
	width := int((span.To-span.From-1)>>bucketShift) + 1
	return countSize + min((d.keys+buckets)*width*versionSize/buckets, d.keys*versionSize)
}

// descend chooses how to find the differences of a partition.
func (r *Round) descend(p uint16, theirKeys int) {
	ourKeys := r.src.Keys(p)
	few, many := min(ourKeys, theirKeys), max(ourKeys, theirKeys)
	d := &descent{keys: many}
	r.descents[p] = d

	switch {
	case few <= 0 || mostDiffer(many-few, many):
		d.spans = append(d.spans, whole(p))
		r.settleIfListed(p)
	case many <= smallPartition:
		r.ask(d, whole(p))
	default:
		r.compare = append(r.compare, p)
	}
}

// listBuckets asks for the listings of the buckets that differ. When they are
// most of a large partition, the first ones are a sample of the others.
func (r *Round) listBuckets(p uint16, differing []int) {
	d := r.descents[p]
	sample := len(differing)
	if sample > buckets/2 && d.keys >= largePartition {
		sample /= children
		d.held = r.spansOf(p, differing[sample:])
	}
	for _, span := range r.spansOf(p, differing[:sample]) {
		r.ask(d, span)
	}
	r.settleIfListed(p)
}

// spansOf joins neighbouring buckets to spans, as long as their listings are
// small beside a message.
func (r *Round) spansOf(p uint16, differing []int) []Span {
	keysFit := r.lim.maxBytes() / versionSize / 8
	longest := max(1, keysFit*buckets/(r.descents[p].keys+1))

	var spans []Span
	for from := 0; from < len(differing); {
		to := from + 1
		for to < len(differing) && differing[to] == differing[to-1]+1 && to-from < longest {
			to++
		}
		spans = append(spans, bucketSpan(p, differing[from], differing[to-1]+1))
		from = to
	}
	return spans
}

func (r *Round) ask(d *descent, span Span) {
	d.outstanding++
	r.list = append(r.list, span)
}

// splitBehind splits a span behind a hash in it. The rest may be empty.
func splitBehind(span Span, hash uint64) (listed, rest Span) {
	listed, rest = span, span
	listed.To = hash + 1
	rest.From = listed.To
	return listed, rest
}

// compareListing compares the peer's listing of a span with the own one.
func (r *Round) compareListing(span Span, theirs []Version) {
	d := r.descents[span.Partition]
	r.versions = r.src.List(span, r.versions[:0])

	had := len(d.hashes)
	d.hashes = appendDiffering(d.hashes, r.versions, theirs)
	found := len(d.hashes) - had
	d.differs += found
	d.listed += max(len(r.versions), len(theirs), found)

	if len(d.hashes) > r.lim.maxHashes() {
		d.hashes = d.hashes[:had]
		d.spans = append(d.spans, span)
	}
}

// listRest asks for the rest of a listing that was cut, unless what is known of
// the partition by now tells to stream it.
func (r *Round) listRest(rest Span) {
	d := r.descents[rest.Partition]
	if d.hopeless() {
		d.spans = append(d.spans, rest)
		return
	}
	r.ask(d, rest)
}

// closeListing ends one of the listings that ask began.
func (r *Round) closeListing(p uint16) {
	r.descents[p].outstanding--
	r.settleIfListed(p)
}

// settleIfListed settles a partition when none of its listings is outstanding.
func (r *Round) settleIfListed(p uint16) {
	d := r.descents[p]
	if d.outstanding > 0 {
		return
	}

	if len(d.held) > 0 && !d.hopeless() {
		for _, span := range d.held {
			r.ask(d, span)
		}
		d.held = nil
		return
	}

	slices.Sort(d.hashes)
	r.settle(Finding{
		Partition: p,
		Hashes:    d.hashes,
		Spans:     joinSpans(append(d.spans, d.held...)),
	})
}

// appendDiffering appends the hashes whose versions are not in both listings.
func appendDiffering(dst []uint64, a, b []Version) []uint64 {
	for len(a) > 0 && len(b) > 0 {
		switch order := cmp.Compare(a[0].Hash, b[0].Hash); {
		case order < 0:
			dst, a = append(dst, a[0].Hash), a[1:]
		case order > 0:
			dst, b = append(dst, b[0].Hash), b[1:]
		default:
			if a[0].Digest != b[0].Digest {
				dst = append(dst, a[0].Hash)
			}
			a, b = a[1:], b[1:]
		}
	}
	for _, v := range a {
		dst = append(dst, v.Hash)
	}
	for _, v := range b {
		dst = append(dst, v.Hash)
	}
	return dst
}

// joinSpans sorts the spans and joins those that touch.
func joinSpans(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	joined := spans[:0]
	for _, span := range spans {
		if n := len(joined); n > 0 && joined[n-1].To == span.From {
			joined[n-1].To = span.To
			continue
		}
		joined = append(joined, span)
	}
	return joined
}
