package simulate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// A Token names a run on one line, as in stormy.4711.9f86d081: where its
// scenario comes from, its seed, and the build that can draw it again.
type Token struct {
	Source string // a profile, a built-in scenario, or "file-" and a hash of its text
	Seed   uint64
	Build  string // see Build
}

// String writes a token as ParseToken reads it.
func (t Token) String() string { return fmt.Sprintf("%s.%d.%s", t.Source, t.Seed, t.Build) }

var tokenForm = regexp.MustCompile(`^([a-z0-9-]{1,100})\.([0-9]{1,20})\.([0-9a-f]{8})$`) // immutable: compiled once, and safe to share

// ParseToken reads a token.
func ParseToken(text string) (Token, error) {
	parts := tokenForm.FindStringSubmatch(text)
	if parts == nil {
		return Token{}, unknown("%q is no replay token; one looks like stormy.4711.9f86d081", text)
	}
	seed, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil {
		return Token{}, unknown("token %q: seed %s is too large", text, parts[2])
	}
	return Token{parts[1], seed, parts[3]}, nil
}

// fileSource names a scenario that is neither drawn nor built in.
func fileSource(sc *scenario.Scenario) string {
	return fmt.Sprintf("%s%08x", filePrefix, uint32(xxhash.Sum64(scenario.Marshal(sc))))
}

const filePrefix = "file-"

// canonical is what every build runs to tell whether it behaves as another.
const canonical = `
version: 1
name: canonical
config: {partitions: 4}
topology:
  regions: {us: 2, eu: 1}
  rtt: {us-eu: 40ms±10%}
load:
  - {ops: 20/s, mix: {get: 4, set: 4, del: 1, incr: 3, hset: 2, sadd: 2, zadd: 2, expire: 1}, keys: 5 uniform, value: 8B..64B, ttl: 3s, sessions: 2}
timeline:
  - {at: 2s, cut: us | eu, for: 4s}
  - {at: 3s, crash: us/1, restart: 2s}
phases: {warm-up: 1s, chaos: 7s, heal: 3s, quiesce: 5s}
`

// Build tells builds apart that would run a token differently: by the scenarios
// that they draw, and by the trace of a short run. A build that differs in
// nothing that a run can see has the same name.
func Build() (string, error) {
	digest := xxhash.New()
	for _, profile := range append(scenario.Profiles(), scenario.Dense) {
		for seed := range uint64(3) {
			_, _ = digest.Write(scenario.Marshal(scenario.Random(profile, seed, world.Simulates))) // a hash takes everything
		}
	}
	sc, err := scenario.Parse("canonical.yaml", []byte(canonical))
	if err != nil {
		return "", err
	}
	w, err := world.New(world.Config{Scenario: sc, Seed: 1})
	if err != nil {
		return "", err
	}
	for w.Step() {
	}
	_, _ = digest.WriteString(Hash(w.Hash()).String())
	return fmt.Sprintf("%08x", uint32(digest.Sum64())), nil
}

// drawn tells whether a source is a profile.
func drawn(source string) (scenario.Profile, bool) {
	for _, profile := range append(scenario.Profiles(), scenario.Dense) {
		if string(profile) == source {
			return profile, true
		}
	}
	return "", false
}

// looksLikeFile tells a path from the name of a scenario.
func looksLikeFile(name string) bool {
	return strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}
