package planted

// The bugs of values: how two states of a key become one.
const (
	LWWTie                  ID = "lww-tie"
	LWWArrivalOrder         ID = "lww-arrival-order"
	ContextWiderThanDelta   ID = "context-wider-than-delta"
	RemovalCoversUnseen     ID = "removal-covers-unseen"
	CounterLastNotMax       ID = "counter-last-instead-of-max"
	CounterWithoutBirth     ID = "counter-without-birth-stamp"
	CounterBaseDroppedEarly ID = "counter-base-dropped-early"
	DuplicateNotIdempotent  ID = "duplicate-not-idempotent"
	DeadlineRestarts        ID = "deadline-restarts-on-merge"
	DigestKeyOnly           ID = "digest-key-only"
	DigestMissesExpiry      ID = "digest-misses-expiry"
	CodecDropsUnknownField  ID = "codec-drops-unknown-field"
)

func values() []Bug {
	return []Bug{
		{
			ID: LWWTie, Breaks: "of two writes with equal stamps each replica keeps the one that it had first",
			Violates: "ties go by origin, never to whoever is here",
		},
		{
			ID: LWWArrivalOrder, Breaks: "a write that comes later replaces one with a higher stamp",
			Violates: "the last writer wins by stamp, in whatever order writes arrive",
		},
		{
			ID: ContextWiderThanDelta, Breaks: "the vector of a DEL speaks also for stamps above the context, and kills fields that were not seen yet",
			Violates: "a delta's context covers only what is inside it",
		},
		{
			ID: RemovalCoversUnseen, Breaks: "a DEL kills everything that its time covers, concurrent additions too",
			Violates: "adds win: a removal covers only what it observed",
		},
		{
			ID: CounterLastNotMax, Breaks: "of two sums of one origin the one that came last stays",
			Violates: "counters are exact: a newer stamp of an origin replaces its older slot",
		},
		{
			ID: CounterWithoutBirth, Breaks: "a count that starts anew after a reset is lessened by that reset again",
			Violates: "W6: a counter slot carries the stamp of its birth",
		},
		{
			ID: CounterBaseDroppedEarly, Breaks: "the base of a reset goes before every region has seen the reset",
			Violates: "counters are exact: a base is kept until it is stable everywhere",
			Waits:    "bases are kept for as long as a count needs them; nothing decides yet that one is stable",
		},
		{
			ID: DuplicateNotIdempotent, Breaks: "increments that are delivered twice count twice",
			Violates: "merging the same thing again changes nothing",
		},
		{
			ID: DeadlineRestarts, Breaks: "a value lives for its whole time again wherever it is merged",
			Violates: "a deadline is an absolute time inside the slot",
		},
		{
			ID: DigestKeyOnly, Breaks: "two versions of a key have one digest, so that no comparison finds them",
			Violates: "equal digests mean equal cells",
		},
		{
			ID: DigestMissesExpiry, Breaks: "an EXPIRE that got lost is never found by a comparison",
			Violates: "equal digests mean equal cells",
		},
		{
			ID: CodecDropsUnknownField, Breaks: "an older node passes a newer one's entry on without what it does not know",
			Violates: "old decoders and new frames: nothing is lost in a rolling upgrade",
			Waits:    "decoders refuse whatever they do not know, so nothing unknown is ever passed on",
		},
	}
}
