package antientropy

import (
	"errors"
	"fmt"
	"math/bits"
)

// A Source is what a round reads of a replica, on either side.
//
//  1. Root(p) is the sum of Buckets(p), and each bucket is the sum of the
//     digests that List gives for its range, as far as nothing changes between
//     the calls. A hash whose digest is 0 is not there.
//  2. Keys may be a guess: it only chooses the cheaper way.
//  3. Each call sees one moment of one partition; the calls together need not.
type Source interface {
	// Root returns the sum of all contributions in the partition.
	Root(p uint16) uint64

	// Buckets appends the sums of the 256 equal ranges of the partition to
	// dst, in hash order. A [Tree] has them.
	Buckets(p uint16, dst []uint64) []uint64

	// Keys returns the number of keys in the partition.
	Keys(p uint16) int

	// List appends the versions of all hashes in the span to dst, in strictly
	// ascending order; keys with the same hash make one version.
	List(span Span, dst []Version) []Version
}

// Limits bounds what a round and its peer may cost. The zero value is good.
type Limits struct {
	// MaxBytes bounds one message, as Size counts it. What does not fit is
	// asked for in further messages. Default 128 KiB; it is kept between
	// 16 KiB and 16 MiB.
	MaxBytes int

	// MaxHashes bounds the hashes collected for one partition. What differs
	// beyond it is reported as spans. Default 16384.
	MaxHashes int
}

const (
	defaultMaxBytes  = 128 << 10
	defaultMaxHashes = 16 << 10

	// minBytes lets an opening reply over all partitions fit one message, so
	// that only listings and bucket digests need to be continued.
	minBytes = 16 << 10
	topBytes = 16 << 20
	maxSpans = 8192
)

func (l Limits) maxBytes() int {
	if l.MaxBytes <= 0 {
		return defaultMaxBytes
	}
	return min(max(l.MaxBytes, minBytes), topBytes)
}

func (l Limits) maxHashes() int {
	if l.MaxHashes <= 0 {
		return defaultMaxHashes
	}
	return l.MaxHashes
}

// Sizes of the parts of a message, in bytes.
const (
	requestHeaderSize = 16
	replyHeaderSize   = 13
	digestSize        = 8
	partitionSize     = 2
	countSize         = 4
	spanSize          = partitionSize + 8 + 8
	versionSize       = 16

	compareSize = partitionSize + children*digestSize
)

var (
	// ErrUnexpected tells of a reply that the round does not wait for: a
	// duplicate, a late one, or one of another round. Drop it and go on.
	ErrUnexpected = errors.New("antientropy: unexpected reply")

	// ErrMalformed tells of a message that no correct peer sends. Give the
	// round up; nothing was taken from the message.
	ErrMalformed = errors.New("antientropy: malformed message")
)

// A Request asks for one step of a round. Exactly one of Groups, Compare and
// List is filled. Its slices must not be changed.
type Request struct {
	// Round is the id that the puller gave to the round, Seq the number of
	// the request in it. A reply repeats both.
	Round uint64
	Seq   uint32

	// MaxBytes bounds the size of the reply.
	MaxBytes uint32

	// Scope is the set of partitions to be compared. Only an opening has it.
	Scope Scope

	// Groups are the sums of the roots of the groups that Scope is cut into:
	// at most 32, neighbours together, sizes equal but for one.
	Groups []uint64

	// Compare lists partitions that differ, ascending, and Children holds for
	// each of them the digests of its 16 equal ranges, one after the other.
	Compare  []uint16
	Children []uint64

	// List names ranges whose versions are wanted: ascending, disjoint.
	List []Span
}

// A Reply answers one Request. A reply to Compare or List may answer only the
// first few items, but at least one; the others are asked for again.
type Reply struct {
	// Round and Seq repeat those of the request.
	Round uint64
	Seq   uint32

	// Differ has bit g set when group g of the opening differs. Roots and
	// Keys hold, for the partitions of these groups in ascending order, the
	// root and the number of keys.
	Differ uint32
	Roots  []uint64
	Keys   []uint32

	// Children has, for each answered partition of Compare, a bit for each of
	// the 16 children that differ. Buckets holds the 16 bucket digests of
	// each of these children, one after the other.
	Children []uint16
	Buckets  []uint64

	// Counts has, for each answered span of List, the number of its versions,
	// which stand in Versions one span after the other, in ascending order.
	// Cut says that the last answered span goes on behind its last version.
	Counts   []uint32
	Versions []Version
	Cut      bool
}

// Size returns roughly the bytes of the encoded request.
func (q *Request) Size() int {
	size := requestHeaderSize + len(q.Compare)*partitionSize +
		(len(q.Groups)+len(q.Children))*digestSize + len(q.List)*spanSize
	if len(q.Groups) > 0 {
		size += q.Scope.size()
	}
	return size
}

// Size returns roughly the bytes of the encoded reply.
func (r *Reply) Size() int {
	return replyHeaderSize + countSize +
		(len(r.Roots)+len(r.Buckets))*digestSize + len(r.Children)*partitionSize +
		(len(r.Keys)+len(r.Counts))*countSize + len(r.Versions)*versionSize
}

// Partitions returns, in ascending order, those whose content the request
// touches for the first time below the root. The serving side captures their
// contexts before it calls Answer and sends them along with the reply; the
// first context received for a partition is the one that counts. Those that
// the reply leaves out are named again by a later request.
func (q *Request) Partitions() []uint16 {
	if len(q.Compare) > 0 {
		return q.Compare
	}
	var first []uint16
	for _, span := range q.List {
		if span == whole(span.Partition) {
			first = append(first, span.Partition)
		}
	}
	return first
}

// check returns an error unless the request is one that a round can send.
func (q *Request) check() error {
	filled := 0
	for _, n := range []int{len(q.Groups), len(q.Compare), len(q.List)} {
		if n > 0 {
			filled++
		}
	}

	switch {
	case filled != 1:
		return malformed("request asks for %d things instead of one", filled)
	case q.MaxBytes < minBytes:
		return malformed("request allows %d bytes, need at least %d", q.MaxBytes, minBytes)
	case len(q.Groups) > 0 && len(q.Groups) != min(maxGroups, q.Scope.Len()):
		return malformed("%d groups for %d partitions", len(q.Groups), q.Scope.Len())
	case len(q.Children) != children*len(q.Compare):
		return malformed("%d child digests for %d partitions", len(q.Children), len(q.Compare))
	case len(q.List) > maxSpans:
		return malformed("%d spans, at most %d are allowed", len(q.List), maxSpans)
	}
	return q.checkOrder()
}

func (q *Request) checkOrder() error {
	for i, p := range q.Compare {
		if p >= Partitions || i > 0 && p <= q.Compare[i-1] {
			return malformed("partition %d is out of range or order", p)
		}
	}
	for i, span := range q.List {
		if !span.valid() || i > 0 && span.From <= q.List[i-1].To-1 {
			return malformed("span %x-%x is out of range or order", span.From, span.To)
		}
	}
	return nil
}

// check returns an error unless the reply can be an answer to the request.
func (r *Reply) check(q *Request) error {
	if size := r.Size(); size > int(q.MaxBytes) {
		return malformed("reply of %d bytes, at most %d were allowed", size, q.MaxBytes)
	}

	roots, masks, counts := 0, 0, 0
	var err error
	switch {
	case len(q.Groups) > 0:
		roots, err = r.checkOpening(q)
	case len(q.Compare) > 0:
		masks, err = r.checkBuckets(q)
	default:
		counts, err = r.checkListings(q)
	}
	if err != nil {
		return err
	}

	// Each answer brings its own fields and no others.
	if len(r.Roots) != roots || len(r.Keys) != roots || roots == 0 && r.Differ != 0 ||
		len(r.Children) != masks || masks == 0 && len(r.Buckets) != 0 ||
		len(r.Counts) != counts || counts == 0 && (len(r.Versions) != 0 || r.Cut) {
		return malformed("reply does not fit its request")
	}
	return nil
}

// checkOpening returns how many roots the reply must hold.
func (r *Reply) checkOpening(q *Request) (roots int, err error) {
	if bits.Len32(r.Differ) > len(q.Groups) {
		return 0, malformed("groups %b differ of %d", r.Differ, len(q.Groups))
	}
	for g, members := range q.Scope.groups() {
		if r.Differ&(1<<g) != 0 {
			roots += len(members)
		}
	}
	return roots, nil
}

// checkBuckets returns how many partitions the reply answers.
func (r *Reply) checkBuckets(q *Request) (masks int, err error) {
	if len(r.Children) == 0 || len(r.Children) > len(q.Compare) {
		return 0, malformed("%d partitions answered of %d", len(r.Children), len(q.Compare))
	}
	digests := 0
	for _, mask := range r.Children {
		digests += bits.OnesCount16(mask) * perChild
	}
	if len(r.Buckets) != digests {
		return 0, malformed("%d bucket digests instead of %d", len(r.Buckets), digests)
	}
	return len(r.Children), nil
}

// checkListings returns how many spans the reply answers.
func (r *Reply) checkListings(q *Request) (counts int, err error) {
	if len(r.Counts) == 0 || len(r.Counts) > len(q.List) {
		return 0, malformed("%d spans answered of %d", len(r.Counts), len(q.List))
	}

	rest := r.Versions
	for i, n := range r.Counts {
		if int64(n) > int64(len(rest)) {
			return 0, malformed("count %d exceeds the %d versions left", n, len(rest))
		}
		for j, v := range rest[:n] {
			if !q.List[i].Contains(v.Hash) || j > 0 && v.Hash <= rest[j-1].Hash {
				return 0, malformed("hash %x is out of range or order", v.Hash)
			}
		}
		rest = rest[n:]
	}

	if len(rest) != 0 || r.Cut && r.Counts[len(r.Counts)-1] == 0 {
		return 0, malformed("%d versions too many, or a listing cut before its first", len(rest))
	}
	return len(r.Counts), nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
